"""Which channels of a network's layers are tied to each other, so that they stay or are removed together.

Each filter of a convolution, neuron of a dense layer, ... makes one channel of the layer's result. The channels are
followed through the network: through an addition, for example, channels of the same place are tied to each other;
behind `Flatten` one channel is many inputs of the next dense layer. Channels that are tied, directly or through others,
are one `unit`. Where a layer is not understood, and at the network's inputs and outputs, all channels stay: that is
unit 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.graph import Call, calls_and_outputs

#: Numbers of channels, or of units: 0 for one that stays.
Numbers = NDArray[np.int64]


def none(count: int | None) -> Numbers:
    """Numbers of channels that stay."""
    return np.zeros(count or 0, np.int64)


@dataclass(frozen=True)
class Tensor:
    """The channels of a tensor of `shape` (without the batch): their numbers (shape[axis],) along one axis."""

    shape: tuple[int, ...]
    axis: int
    channels: Numbers


@dataclass(frozen=True)
class Layer:
    """Where the units are in a layer.

    weights    for each weight (by the attribute's name), and each of its axes along which units are, their numbers
    sizes      for each configuration key that counts channels, the numbers of those that it counts
    shape      for Reshape: its target, as a tensor
    made       the units of its own filters or neurons; empty for a layer that hands on those of its input
    kernels    the names of the weights that are multiplied with what comes in
    positions  how often they are for one sample
    inputs     the weight, and its axis, along which the channels are that its filters read (of a convolution of several
               groups those of the first group); no name for a layer that has none of its own
    """

    layer: Any
    weights: dict[str, dict[int, Numbers]]
    sizes: dict[str, Numbers] = field(default_factory=dict)
    shape: Tensor | None = None
    made: Numbers = field(default_factory=lambda: none(0))
    kernels: tuple[str, ...] = ()
    positions: int = 0
    inputs: tuple[str, int] = ("", 0)

    def arrays(self) -> Iterator[Numbers]:
        """All arrays of numbers, in a fixed order."""
        for axes in self.weights.values():
            yield from axes.values()
        yield from self.sizes.values()
        if self.shape is not None:
            yield self.shape.channels

    def places(self) -> list[Any]:
        """What `arrays` are arrays of: their axes, and how long they are."""
        axes = [(name, axis) for name, each in self.weights.items() for axis in each]
        return [*axes, *self.sizes, self.shape and self.shape.axis, *(len(each) for each in self.arrays())]

    def renumbered(self, new: Numbers) -> Layer:
        """The same with number `n` replaced by `new[n]`."""
        return replace(
            self,
            weights={name: {axis: new[each] for axis, each in axes.items()} for name, axes in self.weights.items()},
            sizes={key: new[each] for key, each in self.sizes.items()},
            shape=self.shape and replace(self.shape, channels=new[self.shape.channels]),
            made=new[self.made],
        )


@dataclass(frozen=True)
class Group:
    """Layers whose filters are tied to each other, and the units (n,) that can be removed from all of them at once."""

    layers: tuple[str, ...]
    units: Numbers


@dataclass(frozen=True)
class Channels:
    """What can be removed from a network.

    layers  by their names, the layers in which there are units
    count   how many units there are, unit 0 (what stays) included
    groups  in the order of the layers
    stay    for each layer none of whose filters can be removed: why
    """

    layers: dict[str, Layer]
    count: int
    groups: tuple[Group, ...]
    stay: dict[str, str]


def find(model: Any) -> Channels:
    """Follow the channels through a flat model (see `rebuild.opened`)."""
    from fpga_flow.networks.channel_rules import rule

    every, outputs = calls_and_outputs(model)
    trace = Trace()
    for call in every:
        inputs = [trace.tensors[name] for name in call.inputs]
        trace.tensors[call.name] = rule(call.layer)(trace, call, inputs)
    for name in outputs:
        trace.stay(trace.tensors[name].channels, "they are the network's outputs")
    return trace.result()


class Trace:
    """The channels found so far; the rules of `channel_rules` add to it, layer by layer."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.layers: dict[str, Layer] = {}
        self._count = 1
        self._ties: list[tuple[Numbers, Numbers]] = []
        self._stays: list[tuple[Numbers, str]] = []

    def new(self, layer: Any, count: int) -> Numbers:
        """New channels, those of a layer's filters; at another use of the layer, the same."""
        known = self.layers.get(layer.name)
        if known is not None:
            return known.made
        self._count += count
        return np.arange(self._count - count, self._count)

    def stay(self, channels: Numbers, why: str) -> None:
        """Channels can't be removed."""
        self._stays.append((channels[channels > 0], why))

    def tie(self, one: Numbers, other: Numbers, why: str) -> None:
        """Channels of two arrays of the same shape are removed together, or, where one of them stays, stay."""
        both, differ = (one > 0) & (other > 0), one != other
        self.stay(np.concatenate([one[~both & differ], other[~both & differ]]), why)
        self._ties.append((one[both & differ], other[both & differ]))

    def last(self, tensor: Tensor, call: Call) -> Numbers:
        """The channels along the last axis; those along another one stay."""
        if tensor.axis == len(tensor.shape) - 1:
            return tensor.channels
        self.stay(tensor.channels, f'"{call.layer.name}" does not have them along its last axis')
        return none(tensor.shape[-1])

    def add(self, layer: Layer) -> None:
        """Note where the channels are in a layer; if it is used several times, what it reads is tied."""
        known = self.layers.get(layer.layer.name)
        if known is None:
            self.layers[layer.layer.name] = layer
            return
        why = f'"{layer.layer.name}" is used several times, for others, too'
        if known.places() == layer.places():
            for one, other in zip(known.arrays(), layer.arrays(), strict=True):
                self.tie(one, other, why)
        else:
            for each in (*known.arrays(), *layer.arrays()):
                self.stay(each, why)
        self.layers[layer.layer.name] = replace(known, positions=known.positions + layer.positions)

    def result(self) -> Channels:
        """Ties followed to their ends."""
        roots = _connected(self._count, self._ties)
        why: dict[int, str] = {0: "they do not come from it"}
        for channels, reason in self._stays:
            for root in np.unique(roots[channels]):
                why.setdefault(int(root), reason)
        free = np.setdiff1d(np.unique(roots), list(why))
        units = np.zeros(self._count, np.int64)
        units[free] = np.arange(1, len(free) + 1)
        layers = {name: layer.renumbered(units[roots]) for name, layer in self.layers.items()}
        made = {name: layer.made for name, layer in layers.items() if len(layer.made)}
        stay = {name: why[int(roots[self.layers[name].made[0]])] for name, units in made.items() if not units.any()}
        return Channels(layers, len(free) + 1, tuple(_groups(made, len(free) + 1)), stay)


def _connected(count: int, ties: Sequence[tuple[Numbers, Numbers]]) -> Numbers:
    """For each number below `count` the least one that ties connect it with."""
    roots = np.arange(count)
    pairs = [np.concatenate(side) for side in zip(*ties, strict=True)] if ties else [none(0), none(0)]
    while True:
        least = np.minimum(roots[pairs[0]], roots[pairs[1]])
        before = roots.copy()
        for side in pairs:
            np.minimum.at(roots, before[side], least)
            np.minimum.at(roots, side, least)
        roots = roots[roots]
        if np.array_equal(roots, before):
            return roots


def _groups(made: dict[str, Numbers], count: int) -> Iterator[Group]:
    """Layers that have a unit in common are of one group."""
    owner = np.full(count, -1)
    ties = []
    for number, units in enumerate(made.values()):
        free = units[units > 0]
        met = owner[free]
        ties.append((met[met >= 0], np.full(int((met >= 0).sum()), number)))
        owner[free] = number
    roots = _connected(len(made), ties)
    names = list(made)
    for root in np.unique(roots):
        members = tuple(names[number] for number in np.flatnonzero(roots == root))
        units = np.unique(np.concatenate([made[name] for name in members]))
        if len(units := units[units > 0]):
            yield Group(members, units)
