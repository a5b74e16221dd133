"""Reports of the vendor's tools, one module per kind: text -> value, without looking at anything else.

A parser takes the report's text and the file's name for messages, and gives a frozen value with what the report says:
None for what the tool leaves out or marks as unknown (`-`, `?`, `undef`, `NA`). What is missing or cut off raises
InputError with the file, the line, what was expected and where the report ends; it is never read as 0. A report that is
cut off anywhere is either refused or, where only what is not read is missing, read as the same value.

`convert` turns the values into `ResourceReport`s, `project` finds and reads the reports in an HLS project's folder.
"""
