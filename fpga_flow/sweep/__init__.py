"""Sweeps: any field of a spec against accuracy and FPGA resources, on one machine or many.

Where to look, in the order in which a sweep uses them:

options.py       the section `sweep` of a spec
space.py         what is varied, and a point's spec
plan.py          the sweep as it is to be done: `make`
engine.py        the whole of it: `run_sweep`
strategies.py    which point comes next; `descend.py` has a strategy of its own
descend.py       layers narrowed one after the other
probe.py         what is known of a point without training it
sampling.py      points drawn by Optuna
study.py         the record of all trials
database.py      where that is kept
executors.py     in which processes points are worked on
dask_cluster.py  those of a Dask cluster
work.py          the work on one point
measures.py      what is measured of it
floor.py         when its training is broken off
standing.py      which trials are the best ones
pareto.py        the front of them
result.py        what was found, as plain values
outputs.py       the files that it leaves
watching.py      who is told how it stands
show.py          that on the terminal
"""
