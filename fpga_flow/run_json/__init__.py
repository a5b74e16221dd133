"""run.json, what a run leaves for other programs to read.

schema.py       what it holds, key by key
contents.py     its contents, made of what the stages told
reading.py      reading it back
"""
