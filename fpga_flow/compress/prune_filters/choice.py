"""Which units go: those of the lowest scores, as far as each layer's floor and the goal allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks import channel_cut
from fpga_flow.networks.channel_cut import Kept
from fpga_flow.networks.channels import Channels, Group


@dataclass(frozen=True)
class Goal:
    """How far to go: until a model has at most so many parameters and multiplications; without either, all units go
    that may.
    """

    parameters: int | None = None
    macs: int | None = None

    def __str__(self) -> str:
        numbers = {"parameters": self.parameters, "multiplications": self.macs}
        return "at most " + " and ".join(f"{number} {what}" for what, number in numbers.items() if number is not None)


def choose(
    model: Any, channels: Channels, scores: NDArray[np.floating], floors: Mapping[str, int], goal: Goal
) -> tuple[Kept, bool]:
    """Which units are kept (count,), and whether the goal is reached.

    Units go in the order of their scores, whatever layer they are of, until one of the two numbers of the goal is
    reached; after that those go first that hold a larger share of the other number than of this one.

    Args:
        scores: of each unit (count,), comparable between layers.
        floors: for each layer (of those in groups), how many channels must stay.
    """
    ranked = np.concatenate([np.zeros(0, int), *(_free(channels, each, scores, floors) for each in channels.groups)])
    order = ranked[np.argsort(scores[ranked], kind="stable")]
    limits: dict[str, tuple[int | None, Callable[[Kept], int]]] = {
        "parameters": (goal.parameters, partial(channel_cut.parameters, model, channels)),
        "macs": (goal.macs, partial(channel_cut.macs, channels)),
    }
    unmet = {key: (limit, measure) for key, (limit, measure) in limits.items() if limit is not None}
    if not unmet:
        return _without(channels, order), True
    gone = min(_enough(channels, order, measure, limit) for limit, measure in unmet.values())
    left = {key: each for key, each in unmet.items() if each[1](_without(channels, order[:gone])) > each[0]}
    if not left:
        return _without(channels, order[:gone]), True
    if gone == len(order):
        return _without(channels, order), False
    ((key, (limit, measure)),) = left.items()
    shares = [cost / max(cost.sum(), 1) for cost in channel_cut.costs(channels)]
    wanted, other = shares if key == "parameters" else reversed(shares)
    rest = order[gone:]
    first = wanted[rest] > other[rest]
    order = np.concatenate([order[:gone], rest[first], rest[~first]])
    gone = _enough(channels, order, measure, limit)
    kept = _without(channels, order[:gone])
    return kept, measure(kept) <= limit


def known_beforehand(channels: Channels) -> bool:
    """Whether the floors alone say how many channels of each layer stay if all go that may: each layer of a group has
    the same of its units, equally often.
    """
    return all(
        np.array_equal(np.unique(made := channels.layers[name].made), group.units)
        and len(set(np.bincount(made)[group.units])) == 1
        and len(made) == len(channels.layers[group.layers[0]].made)
        for group in channels.groups
        for name in group.layers
    )


def _free(
    channels: Channels, group: Group, scores: NDArray[np.floating], floors: Mapping[str, int]
) -> NDArray[np.int64]:
    """The units of a group without the best of each layer, which fill its floor."""
    stay = np.zeros(channels.count, bool)
    for name in group.layers:
        units, sizes = np.unique(channels.layers[name].made, return_counts=True)
        best = np.argsort(-np.where(units > 0, scores[units], np.inf), kind="stable")
        before = np.cumsum(sizes[best]) - sizes[best]
        stay[units[best[before < floors[name]]]] = True
    return group.units[~stay[group.units]]


def _without(channels: Channels, units: NDArray[np.int64]) -> Kept:
    kept = np.ones(channels.count, bool)
    kept[units] = False
    return kept


def _enough(channels: Channels, order: NDArray[np.int64], measure: Callable[[Kept], int], limit: int) -> int:
    """How many units of the order must go (all, if they are not enough) for a measure to be at most `limit`."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if measure(_without(channels, order[:middle])) <= limit:
            high = middle
        else:
            low = middle + 1
    return low
