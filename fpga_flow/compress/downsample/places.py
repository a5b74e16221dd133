"""Where a network makes its feature maps smaller, and where else it could.

Only what all data pass through counts: a row of single layers and of parts with branches, which an addition or a
concatenation ends. In this row a place is each convolution with a kernel above 1x1, or part with such ones, up to the
next convolution: a pooling can go to its end, strides can go into the convolution; in a part with branches, into one of
each branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fpga_flow.keras import keras
from fpga_flow.networks.graph import Call, calls

_CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
_POOLINGS = ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")
#: Layers that take each value by itself.
EACH = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "BatchNormalization", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization",
)  # fmt: skip
#: Parts of more branches than this are left alone.
_BRANCHES = 64


@dataclass(frozen=True)
class Place:
    """One place.

    names    of its convolutions, the first one names it
    strided  the layers into which strides can go; empty where they can't
    why      and why not
    end      the layer behind which a pooling can go
    """

    names: tuple[str, ...]
    strided: tuple[str, ...]
    why: str
    end: str


@dataclass(frozen=True)
class Step:
    """One downsampling: a pooling, or the strides of one convolution or of a part with branches.

    place   the number of the place where it is
    layers  the pooling, or the layers that have the strides
    """

    place: int
    layers: tuple[str, ...]
    strides: tuple[int, ...]
    pooling: bool


@dataclass(frozen=True)
class Layout:
    """The places of a network in their order, and its downsamplings in theirs."""

    places: tuple[Place, ...]
    steps: tuple[Step, ...]

    def able(self) -> list[int]:
        """The numbers of the places where any of the downsamplings can be."""
        pooling = all(step.pooling for step in self.steps)
        return [number for number, place in enumerate(self.places) if pooling or place.strided]

    def present(self) -> tuple[int, ...]:
        """For each downsampling the number of the place where it is."""
        return tuple(step.place for step in self.steps)

    def placed(self, placement: str) -> tuple[int, ...]:
        """For each downsampling the number of the place where it goes: at the first places, at the last ones, or in
        the middle of equal parts of all. There must be as many places as downsamplings.
        """
        able, count = self.able(), len(self.steps)
        if placement == "early":
            return tuple(able[:count])
        if placement == "late":
            return tuple(able[len(able) - count :])
        return tuple(able[(2 * number + 1) * len(able) // (2 * count)] for number in range(count))


def find(model: Any) -> Layout:
    """The layout of a flat model with one input."""
    every = calls(model)
    times: dict[int, int] = {}
    for call in every:
        times[id(call.layer)] = times.get(id(call.layer), 0) + 1
    shared = {call.layer.name for call in every if times[id(call.layer)] > 1}
    places: list[Place] = []
    steps: list[Step] = []
    open_end = False
    for part in _parts(every):
        last = part[-1]
        if len(last.shape) < 2 or _takes_all(last):
            break
        convolutions = [call for call in part if _class(call) in _CONVOLUTIONS]
        place = any(_reaches(call) for call in convolutions) or (convolutions and not places)
        if place and last.layer.name not in shared:
            strided, why = _able(part, shared)
            names = tuple(call.layer.name for call in _largest_first(convolutions))
            places.append(Place(names, strided, why, last.layer.name))
            open_end = True
        elif convolutions or (len(part) == 1 and _class(last) not in (*EACH, *_POOLINGS)):
            open_end = False
        if not places:
            continue
        if open_end and last.layer.name not in shared and len(last.shape) == len(every[0].shape):
            places[-1] = replace(places[-1], end=last.layer.name)
        step = _step(part, len(places) - 1, shared)
        if step is not None:
            steps.append(step)
    return Layout(tuple(places), tuple(steps))


def _class(call: Call) -> str:
    return type(call.layer).__name__.removeprefix("Q")


def strides_of(layer: Any) -> tuple[int, ...]:
    """The strides of a convolution or pooling, 1 for other layers."""
    found = getattr(layer, "strides", 1)
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def _reaches(call: Call) -> bool:
    return max(call.layer.kernel_size) > 1 or max(strides_of(call.layer)) > 1


def _takes_all(call: Call) -> bool:
    """Whether a layer makes a single position of whole maps, as a global pooling."""
    return "Global" in _class(call) or (_class(call) in _POOLINGS and set(call.shape[:-1]) == {1})


def _largest_first(found: Sequence[Call]) -> list[Call]:
    """Layers with windows, those of larger ones first: shortcuts of 1x1 give a part no name."""
    return sorted(found, key=lambda call: -max(getattr(call.layer, "kernel_size", (0,))))


def _parts(every: Sequence[Call]) -> Iterator[list[Call]]:
    """The calls between one through which all data pass and the next such, the latter included."""
    index = {call.name: number for number, call in enumerate(every)}
    reach = list(range(len(every)))  # the last call that reads a call
    for number, call in enumerate(every):
        for name in call.inputs:
            reach[index[name]] = max(reach[index[name]], number)
    part: list[Call] = []
    furthest = 0
    for number, call in enumerate(every):
        if isinstance(call.layer, keras.layers.InputLayer):
            furthest = max(furthest, reach[number])
            continue
        part.append(call)
        if furthest <= number:
            yield part
            part = []
        furthest = max(furthest, reach[number])


def _paths(part: Sequence[Call]) -> list[list[Call]] | None:
    """All ways through a part, each from its first layer to its last; None where there are too many."""
    inside = {call.name: call for call in part}
    ways: list[list[Call]] = [[part[-1]]]
    done: list[list[Call]] = []
    while ways:
        way = ways.pop()
        for name in way[0].inputs:
            (ways if name in inside else done).append([inside[name], *way] if name in inside else way)
        if len(ways) + len(done) > _BRANCHES:
            return None
    return done


def _able(part: Sequence[Call], shared: set[str]) -> tuple[tuple[str, ...], str]:
    """The layers of a part that can have strides, one in each branch, or why there are none."""
    if found := _step(part, 0, shared):
        return found.layers, ""
    ways = _paths(part)
    if ways is None:
        return (), "it has too many branches"
    chosen: list[Call] = []
    for way in ways:
        if any("Global" in _class(call) for call in way):  # it tells of all positions
            continue
        inside = [call for call in way if _class(call) in _CONVOLUTIONS]
        picked = next((call for call in inside if _reaches(call)), inside[0] if inside else None)
        if picked is None:
            return (), f'the branch straight to "{part[-1].layer.name}" would no longer match the others'
        if picked not in chosen:
            chosen.append(picked)
    if any(sum(call in way for call in chosen) > 1 for way in ways):
        return (), "its branches cross"
    for call in chosen:
        if call.layer.name in shared:
            return (), f'"{call.layer.name}" is used several times'
        rates = call.layer.dilation_rate
        if max(rates if isinstance(rates, tuple | list) else (rates,)) > 1:
            return (), f'"{call.layer.name}" is dilated'
    return tuple(call.layer.name for call in _largest_first(chosen)), ""


def _step(part: Sequence[Call], place: int, shared: set[str]) -> Step | None:
    """The downsampling of a part; None if it has none, or not the same in each branch."""
    found = [call for call in part if _class(call) in (*_CONVOLUTIONS, *_POOLINGS) and max(strides_of(call.layer)) > 1]
    found = _largest_first(found)
    names = tuple(call.layer.name for call in found)
    if not found or shared.intersection(names):
        return None
    ways = _paths(part)
    if ways is None or len({strides_of(call.layer) for call in found}) > 1:
        return None
    if any(sum(call in way for call in found) != 1 for way in ways):
        return None
    pooling = len(part) == 1 and _class(part[0]) in _POOLINGS
    return Step(place, names, strides_of(found[0].layer), pooling)
