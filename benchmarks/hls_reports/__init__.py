"""Published synthesis reports of unchanged hls4ml projects, against which the resource estimate is fitted and judged.

read.py             the rows of layers.csv and projects.csv as the parts that the estimate's formulas know
fit.py              the constants of the formulas that agree best with the reports
errors.py           how far an estimate is from the reports
left_out.py         estimates with constants that have not seen the reports' sources
margins.py          margins of the intervals from these, and how many true numbers are inside
synthesis.py        what logic synthesis leaves: factors, and their margins
calibration.py      the file of margins and factors
rivals.py           what others predict for the same reports; rule4ml_predict.py asks one of them
comparison.py       our errors beside theirs, against the bars
speed.py            how long an estimate takes
plots.py            a page with estimates against reports
"""
