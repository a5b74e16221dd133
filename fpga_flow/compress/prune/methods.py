"""The methods of pruning: how pruning and training take turns. Each returns what there is to tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fpga_flow import doing
from fpga_flow.compress.base import following
from fpga_flow.compress.prune.pruner import Pruner
from fpga_flow.compress.rounds import SMALLER_STEPS, Rounds

Method = Literal["gradual", "one_shot", "iterative"]

#: How far the method `iterative` goes where only accuracy limits it.
_MOST = 0.999


def gradual(pruner: Pruner) -> dict[str, Any]:
    """Sparsity rises at the beginning of each epoch of the schedule's share."""
    return _trained(pruner, round(pruner.options.epochs * pruner.options.schedule.share))


def one_shot(pruner: Pruner) -> dict[str, Any]:
    """All weights that are to go, go before the first epoch."""
    return _trained(pruner, 0)


def iterative(pruner: Pruner) -> dict[str, Any]:
    """Rounds of pruning and retraining; what the last good one left is what stays. After a round that cost too much,
    the next one prunes less.
    """
    options, ends = pruner.options, pruner.ends()
    limit = max(_MOST if end is None else end for end in ends.values())
    start = {"sparsity": 0.0, "step": options.step, "failed": 0, "least": -1.0, "rows": [], "history": []}
    if options.max_accuracy_drop is not None:
        start["least"] = pruner.accuracy() - options.max_accuracy_drop
    rounds = Rounds(pruner.context, pruner.variables, start)
    told = rounds.told
    while told["sparsity"] < limit and told["failed"] <= SMALLER_STEPS:
        target = min(limit, 1 - (1 - told["sparsity"]) * (1 - told["step"]))
        pruner.prune(pruner.shares(ends, target))
        number = len(told["rows"])
        with doing.within(f"round {number + 1}"):
            history = pruner.retrain(context=pruner.context.of_training(number))
        accuracy = pruner.accuracy()
        good = accuracy >= told["least"]
        told["history"] += following(history, len(told["history"]), kept=good)
        told["rows"].append({"sparsity": pruner.sparsity(), "accuracy": accuracy, "kept": good})
        if good:
            told["sparsity"] = target
            rounds.keep()
        else:
            told["step"], told["failed"] = told["step"] / 2, told["failed"] + 1
            rounds.go_back()
        rounds.save()
        pruner.context.forget_training(number)
    rounds.go_back()
    return {"history": told["history"], "curve": told["rows"], **_sensitivity(pruner)}


METHODS: dict[Method, Callable[[Pruner], dict[str, Any]]] = {
    "gradual": gradual,
    "one_shot": one_shot,
    "iterative": iterative,
}


def _trained(pruner: Pruner, ramp: int) -> dict[str, Any]:
    """Train while sparsity rises for `ramp` epochs."""
    epochs, ends, schedule = pruner.options.epochs, pruner.ends(), pruner.options.schedule

    def raise_sparsity(epoch: int) -> None:
        if epoch > ramp:
            return
        left = (1 - epoch / ramp if ramp else 0.0) ** schedule.power
        pruner.prune({key: end + (min(schedule.initial, end) - end) * left for key, end in ends.items()})

    if not epochs:
        raise_sparsity(ramp)
    history = pruner.retrain(before_epoch=raise_sparsity, ready_epoch=min(ramp, max(epochs - 1, 0)))
    if epochs <= ramp:
        raise_sparsity(ramp)
        pruner.snap()
    curve = [
        {"sparsity": row["sparsity"], "accuracy": row["val_accuracy"], "kept": row["epoch"] > ramp}
        for row in history
        if row["val_accuracy"] is not None
    ]
    return {"history": history, "curve": curve, **_sensitivity(pruner)}


def _sensitivity(pruner: Pruner) -> dict[str, Any]:
    return {"sensitivity": pruner.losses} if pruner.losses else {}
