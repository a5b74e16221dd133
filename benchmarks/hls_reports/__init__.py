"""Published synthesis reports of unchanged hls4ml projects, against which the resource estimate is fitted and judged.

read.py      the rows of layers.csv and projects.csv as the parts that the estimate's formulas know
fit.py       the constants of the formulas that agree best with the reports
errors.py    how far an estimate is from the reports
"""
