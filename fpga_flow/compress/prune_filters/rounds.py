"""Rounds of removing filters and retraining."""

from __future__ import annotations

from typing import Any

from fpga_flow import training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.compress.prune_filters import choice, reconstruction, scores
from fpga_flow.compress.prune_filters.plan import Plan, filters
from fpga_flow.compress.rounds import SMALLER_STEPS, SavedRounds
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed, FieldError
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.network import Network


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
    saved = SavedRounds(context.checkpoint)
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
        told["rounds"].append({**channel_cut.size(smaller.model), "accuracy": accuracy, "kept": kept})
        if kept:
            network, told["progress"] = smaller, progress
        else:
            told["step"], told["failed"] = told["step"] / 2, told["failed"] + 1
        saved.save(network, told, len(told["rounds"]))
        context.forget_training(number)
    end = filters(network.model, plan.counts)
    return network, {
        "history": told["history"],
        "rounds": told["rounds"],
        "filters": {name: {"before": count, "after": end[name]} for name, count in plan.counts.items()},
        "before": {"parameters": plan.parameters, "macs": plan.macs},
        "after": channel_cut.size(network.model),
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
