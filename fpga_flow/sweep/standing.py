"""Which trials of a sweep are the best ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpga_flow.sweep import pareto
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import Trial


def front(trials: Sequence[Trial], objectives: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the feasible trials that no other one is better than, the best by the first objective first."""
    able = [trial for trial in trials if trial.state == "done" and trial.feasible]
    if not able:
        return ()
    rows = points(able, objectives)
    chosen = sorted(pareto.front(rows), key=lambda number: tuple(rows[number]))
    return tuple(able[number].number for number in chosen)


def points(trials: Sequence[Trial], objectives: Sequence[str]) -> NDArray[np.float64]:
    """The objectives (trials, objectives) of trials that are done, so that less is better."""
    signs = [-1.0 if MEASURES[name].direction == "maximize" else 1.0 for name in objectives]
    rows = [
        [sign * float(trial.measures[name] or 0) for name, sign in zip(objectives, signs, strict=True)]
        for trial in trials
    ]
    return np.array(rows, np.float64)
