"""Results of sweeps that were never run, for tests of their report."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow.sweep import pareto
from fpga_flow.sweep.result import Parameter, Sensitivity, SweepResult, Trial

WEIGHT = Parameter("weight", ("precision.layers.*.weight",), (2, 4, 6, 8))
ACTIVATION = Parameter("activation", ("precision.layers.*.activation",), (4, 6, 8))
SPARSITY = Parameter("sparsity", ("compress.prune.sparsity",), (0.0, 0.5, 0.75))
PARAMETERS = (WEIGHT, ACTIVATION, SPARSITY)
#: Of the trials of a grid that can't be made, weights of 2 bits without pruning.
REFUSED = "precision.layers.output.weight: fixed<2,2> can't hold 1.3"


def trial(number: int, values: dict[str, Any]) -> Trial:
    """A trial with measures that follow from its values, done or refused."""
    weight, activation, sparsity = (values[each.name] for each in PARAMETERS)
    when = {"finished": f"2026-01-02T03:{number // 60 % 60:02}:{number % 60:02}", "seconds": 2.5}
    if weight == 2 and not sparsity:
        return Trial(number, "refused", values, error=REFUSED, **when)
    lut = round(1000 * weight * activation * (1 - 0.8 * sparsity))
    measures = {
        "accuracy": 1 - 0.5 / weight**2 - 0.2 / activation - 0.05 * sparsity, "test_accuracy": 0.9 - 0.5 / weight**2,
        "lut": lut, "dsp": 10 * max(0, weight - 4), "latency_cycles": None if activation == 6 else 20 + weight,
    }  # fmt: skip
    report = f"../{number:016x}/report.html" if number % 2 else None
    return Trial(number, "done", values, measures, lut <= 40_000, report=report, simulated=64, **when)


def swept(trials: list[Trial], parameters: tuple[Parameter, ...] = PARAMETERS, **more: Any) -> SweepResult:
    """A result of trials, with their front by accuracy and LUT."""
    good = [each for each in trials if each.feasible]
    points = np.array([[-(each.measures["accuracy"] or 0), each.measures["lut"]] for each in good], dtype=float)
    front = [good[place] for place in pareto.front(points)] if good else []
    front.sort(key=lambda each: -(each.measures["accuracy"] or 0))
    given = {
        "constraints": {"fits": True, "lut": {"at_most": 40_000}, "accuracy": {"at_least": 0.5}},
        "hypervolume": tuple((each.number, (place + 1) / len(good)) for place, each in enumerate(good)),
        "importances": {"accuracy": {"weight": 0.7, "activation": 0.2, "sparsity": 0.1}} if good else {},
        "spec": "name: small_net\n",
    }
    return SweepResult(
        "small_net", "0123456789abcdef", "grid", "pynq-z2", parameters, ("accuracy", "lut"),
        trials=tuple(trials), front=tuple(each.number for each in front), **{**given, **more},
    )  # fmt: skip


def grid(**more: Any) -> SweepResult:
    """A whole grid of 36 trials, with sensitivities."""
    combinations = product(*(each.values or () for each in PARAMETERS))
    names = [each.name for each in PARAMETERS]
    trials = [trial(number, dict(zip(names, each, strict=True))) for number, each in enumerate(combinations)]
    sensitivities = (
        Sensitivity("weight hidden", 4, {"accuracy": -0.01, "lut": -500}),
        Sensitivity("weight hidden", 2, {"accuracy": -0.2, "lut": -900}),
        Sensitivity("weight output", 4, {"accuracy": 0.005, "lut": -100}),
    )
    return swept(trials, **{"sensitivities": sensitivities, **more})


def many(count: int) -> SweepResult:
    """A random sweep of so many trials, of three parameters of the grid and twenty that do nothing."""
    rng = np.random.default_rng(0)
    idle = tuple(
        Parameter(f"width layer_{number}", (f"a.layer_{number}",), tuple(range(2, 17))) for number in range(20)
    )
    parameters = PARAMETERS + idle
    choices = [rng.integers(len(each.values or ()), size=count) for each in parameters]
    rows = [
        {each.name: (each.values or ())[column[row]] for each, column in zip(parameters, choices, strict=True)}
        for row in range(count)
    ]
    return swept([trial(number, values) for number, values in enumerate(rows)], parameters)


if __name__ == "__main__":  # python -m tests.report.sweeps COUNT FILE: the report of many trials
    from fpga_flow.report import sweep

    Path(sys.argv[2]).write_text(sweep.render(many(int(sys.argv[1]))), encoding="utf-8")
