"""Rounds of removing filters and retraining."""

from __future__ import annotations

from typing import Any

from fpga_flow.compress.base import Context
from fpga_flow.compress.prune_filters import choice, reconstruction, scores
from fpga_flow.compress.prune_filters.plan import Plan, filters
from fpga_flow.compress.rounds import in_rounds
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.network import Network


def run(network: Network, dataset: Dataset, options: Any, context: Context) -> tuple[Network, dict[str, Any]]:
    """Prune a network whose model is flat, in rounds; the smaller network, and what there is to tell.

    Raises:
        FieldError: accuracy limits the pruning, and there are no validation samples.
        CheckFailed: the network can't be made as small as asked for.
    """
    plan = Plan.of(options, network.model)

    def smaller(network: Network, progress: float) -> tuple[Network, dict[str, Any]] | None:
        made = _smaller(network, dataset, options, context, plan, progress)
        return None if made is None else (made, {})

    network, told = in_rounds(network, dataset, options, context, plan.steps, smaller)
    end = filters(network.model, plan.counts)
    return network, {
        **told,
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
