"""What the options mean for a network: how many filters each layer must keep, and how small the network is to be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fpga_flow.compress.prune_filters.choice import Goal
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.channels import Channels
from fpga_flow.patterns import matching

#: Where nothing else is said, at most this share of a layer's filters goes, so that no layer is emptied.
MOST = 0.9
#: Where nothing but accuracy says how far to go: to this share of the parameters, in so many rounds.
_SMALLEST, _STEPS = 0.1, 10


@dataclass(frozen=True)
class Plan:
    """Where pruning starts and where it is to end.

    amounts  for each layer in a group, the share of its filters that goes, or with `parameters` or `macs` as a goal may
    counts   how many filters each layer has at the start
    parameters, macs  of the network at the start
    shares   what is to be left of parameters and multiplications; None where that is open
    least    how many filters stay in any layer
    steps    in how many rounds
    by_accuracy  whether accuracy alone says how far to go
    """

    amounts: Mapping[str, float]
    counts: Mapping[str, int]
    parameters: int
    macs: int
    shares: tuple[float | None, float | None]
    least: int
    steps: int
    by_accuracy: bool

    @classmethod
    def of(cls, options: Any, model: Any) -> Plan:
        """The plan for a flat model."""
        found = channels.find(model)
        open_end = options.amount is None and not options.layers
        by_accuracy = open_end and options.parameters is None and options.macs is None
        return cls(
            amounts(options, found),
            filters(model, (name for group in found.groups for name in group.layers)),
            channel_cut.parameters(model, found),
            channel_cut.macs(found),
            (_SMALLEST, None) if by_accuracy else (options.parameters, options.macs),
            options.least,
            options.steps or (1 if options.max_accuracy_drop is None else _STEPS),
            by_accuracy,
        )

    @property
    def has_goal(self) -> bool:
        """Whether there is a size to reach; else all filters go that may."""
        return any(share is not None for share in self.shares)

    def floors(self, progress: float) -> dict[str, int]:
        """How many filters each layer in a group must keep; `progress` goes from 0 to 1."""
        reached = 1.0 if self.has_goal else progress
        return {
            name: max(self.least, count - math.floor((1 - (1 - self.amounts[name]) ** reached) * count + 1e-9))
            for name, count in self.counts.items()
        }

    def goal(self, progress: float) -> Goal:
        """How small the network is to be; in equal steps each removes the same share of what is left."""
        starts = (self.parameters, self.macs)
        limits = [
            None if share is None else math.floor(start * share**progress)
            for start, share in zip(starts, self.shares, strict=True)
        ]
        return Goal(*limits)


def filters(model: Any, names: Iterable[str]) -> dict[str, int]:
    """How many filters or neurons layers have."""
    layers = ((name, model.get_layer(name)) for name in names)
    return {name: layer.units if hasattr(layer, "units") else layer.filters for name, layer in layers}


def explicit(options: Any, layers: tuple[str, ...]) -> dict[float, str]:
    """The amounts that patterns give layers of a group, and a layer for each."""
    found = {name: matching(options.layers, name) for name in layers}
    return {amounts[0]: name for name, amounts in found.items() if amounts}


def amounts(options: Any, found: Channels) -> dict[str, float]:
    """For each layer in a group the share of its filters that goes, or may: those of a group have the same."""
    bounded = options.parameters is not None or options.macs is not None
    other = options.amount
    if other is None:
        other = MOST if bounded or not options.layers else 0.0
    return {name: next(iter(explicit(options, group.layers)), other) for group in found.groups for name in group.layers}
