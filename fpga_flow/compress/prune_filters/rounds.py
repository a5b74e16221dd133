"""Rounds of removing filters and retraining."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fpga_flow import training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.compress.prune_filters import choice, reconstruction, scores
from fpga_flow.compress.prune_filters.plan import Plan, filters
from fpga_flow.compress.rounds import SMALLER_STEPS
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed, FieldError, InputError
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.network import Network
from fpga_flow.saved import UNREADABLE


def run(network: Network, dataset: Dataset, options: Any, context: Context) -> tuple[Network, dict[str, Any]]:
    """Prune a network whose model is flat, in rounds; the smaller network, and what there is to tell.

    Raises:
        FieldError: accuracy limits the pruning, and there are no validation samples.
        CheckFailed: the network can't be made as small as asked for.
    """
    plan = Plan.of(options, network.model)
    if options.max_accuracy_drop is not None and not len(dataset.validation.x):
        raise FieldError(("data", "split", "validation"), "expected a share for max_accuracy_drop to look at, got 0")
    told: dict[str, Any] = {
        "progress": 0.0,
        "step": 1 / plan.steps,
        "failed": 0,
        "baseline": _accuracy(network, dataset),
        "rounds": [],
        "history": [],
    }
    saved = _Saved(context.checkpoint)
    network, told = saved.load(network, told)
    while told["progress"] < 1 - 1e-9 and told["failed"] <= SMALLER_STEPS:
        progress = min(told["progress"] + told["step"], 1.0)
        smaller = _smaller(network, dataset, options, context, plan, progress)
        if smaller is None:
            told["progress"] = progress
            continue
        number = len(told["rounds"])
        history = retrain(smaller, dataset, options, context.of_training(number))
        accuracy, drop = _accuracy(smaller, dataset), options.max_accuracy_drop
        kept = drop is None or (accuracy is not None and accuracy >= told["baseline"] - drop - 1e-9)
        told["history"] += following(history, len(told["history"]), kept=kept)
        told["rounds"].append({**_size(smaller), "accuracy": accuracy, "kept": kept})
        if kept:
            network, told["progress"] = smaller, progress
        else:
            told["step"], told["failed"] = told["step"] / 2, told["failed"] + 1
        saved.save(network, told)
        context.forget_training(number)
    end = filters(network.model, plan.counts)
    return network, {
        "history": told["history"],
        "rounds": told["rounds"],
        "filters": {name: {"before": count, "after": end[name]} for name, count in plan.counts.items()},
        "before": {"parameters": plan.parameters, "macs": plan.macs},
        "after": _size(network),
    }


def _smaller(
    network: Network, dataset: Dataset, options: Any, context: Context, plan: Plan, progress: float
) -> Network | None:
    """One round's pruning, without retraining; None if there is nothing to remove."""
    found = channels.find(network.model)
    readers: list[reconstruction.Reader] = []
    if options.criterion == "thinet":
        readers = reconstruction.readers(network.model, found, dataset.train.x, context.seed)
        scored = reconstruction.scores(found, readers)
    elif options.criterion == "batch_norm":
        scored = scores.scales(found)
    else:
        scored = scores.norms(found, 1 if options.criterion == "l1" else 2)
    goal = plan.goal(progress)
    kept, reached = choice.choose(network.model, found, scored, plan.floors(progress), goal)
    if not reached and not plan.by_accuracy:
        raise CheckFailed(f"prune_filters: expected a network of {goal}, got one that has more at its smallest")
    if kept.all():
        return None
    smaller = channel_cut.cut(network, found, kept)
    reconstruction.rescale(smaller, readers, kept)
    return smaller


def _accuracy(network: Network, dataset: Dataset) -> float | None:
    """The accuracy on the validation samples, if there are any."""
    return training.evaluate(network.model, dataset.validation) if len(dataset.validation.x) else None


def _size(network: Network) -> dict[str, int]:
    found = channels.find(network.model)
    return {"parameters": channel_cut.parameters(network.model, found), "macs": channel_cut.macs(found)}


class _Saved:
    """The last good network and what there is to tell, beside the checkpoint, so that a killed pass goes on: after each
    round in a folder of its own, which replaces the one before.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self._parent = None if checkpoint is None else checkpoint.parent

    def load(self, network: Network, told: dict[str, Any]) -> tuple[Network, dict[str, Any]]:
        """What the last `save` wrote whole; where there is nothing, or only damaged ones, what it gets."""
        for folder in reversed(self._folders()):
            try:
                found = json.loads((folder / "told.json").read_text(encoding="utf-8"))
                if found.keys() == told.keys():
                    return Network.load(folder), found
            except (*UNREADABLE, InputError):
                pass
        return network, told

    def save(self, network: Network, told: dict[str, Any]) -> None:
        """Write, whole or not at all."""
        if self._parent is None:
            return
        before = self._folders()
        folder = self._parent / f"rounds-{len(told['rounds'])}"
        partial = self._parent / f".{folder.name}.partial"
        for left in (partial, folder):  # by a killed pass, or damaged
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        network.save(partial)
        (partial / "told.json").write_text(json.dumps(told), encoding="utf-8")
        partial.rename(folder)
        for each in before:
            if each != folder:
                shutil.rmtree(each, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """The folders of rounds, the last one last."""
        found = [] if self._parent is None else self._parent.glob("rounds-*")
        return sorted(found, key=lambda folder: int(folder.name.removeprefix("rounds-")))
