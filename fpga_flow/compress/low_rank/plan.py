"""Which layers low rank may factor, by which method and into which ranks, and why others are left as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.low_rank.geometry import Factor, Geometry, Pair
from fpga_flow.compress.low_rank.methods import METHODS, Method, Name, Ranks
from fpga_flow.keras import keras
from fpga_flow.networks.graph import calls
from fpga_flow.patterns import matching


@dataclass(frozen=True)
class Target:
    """A layer that may be factored.

    given   its ranks, if the spec says them
    """

    layer: Any
    geometry: Geometry
    name: Name
    given: Ranks | None

    @property
    def method(self) -> Method:
        """What is done with it."""
        return METHODS[self.name]

    @property
    def kernel(self) -> NDArray[np.float32]:
        """Its weights, as those of a convolution over images."""
        values: NDArray[np.float32] = self.layer.kernel.numpy().reshape(self.geometry.shape)
        return values

    def factors(self, ranks: Ranks) -> tuple[Factor, ...]:
        """The layers in its place."""
        return self.method.factors(self.geometry, ranks)

    def macs(self, ranks: Ranks | None = None) -> int:
        """Multiplications of these layers for one sample, or of the layer as it is."""
        return self.geometry.macs(self.geometry.whole if ranks is None else self.factors(ranks))

    def saves(self, ranks: Ranks) -> bool:
        """Whether they are smaller than the layer."""
        return self.geometry.saves(self.factors(ranks))

    def largest(self) -> Ranks | None:
        """The largest ranks, of about the same share of the full ones, that save something; None if none do."""
        full = self.method.full(self.geometry.shape)
        for step in range(max(full), 0, -1):
            ranks = tuple(-(-step * each // max(full)) for each in full)
            if self.saves(ranks):
                return ranks
        return None


@dataclass(frozen=True)
class Plan:
    """The layers of a network that may be factored by their names, and of others with weights: why they are left."""

    targets: Mapping[str, Target]
    left: Mapping[str, str]

    @classmethod
    def of(cls, options: Any, model: Any) -> Plan:
        """The plan for a flat model."""
        targets, left = {}, {}
        for layer, sizes in uses_of(model).items():
            why = untouchable(layer)
            name = method_of(options, layer) if why is None else None
            if why is not None or name is None:
                left[layer.name] = why or "the options leave it out"
                continue
            target = Target(layer, _geometry(layer, sizes), name, rank_of(options, layer.name))
            if target.given is None and not options.has_rule:
                left[layer.name] = "no rank is given for it"
            elif target.given is None and target.largest() is None:
                left[layer.name] = "no rank makes it smaller"
            else:
                targets[layer.name] = target
        return cls(targets, left)


def rank_of(options: Any, layer: str) -> Ranks | None:
    """The ranks that the most specific pattern gives a layer."""
    given = next((each.rank for each in matching(options.layers, layer) if each.rank is not None), None)
    if given is None:
        return None
    return tuple(given) if isinstance(given, list) else (given,)


def method_of(options: Any, layer: Any) -> Name | None:
    """By what a layer is factored; None if the options leave it out. A matrix (that of a dense layer, or of a
    convolution over single positions) has but one method.
    """
    given = (each.method for each in matching(options.layers, layer.name) if each.method is not None)
    name: Name | Literal["none"] = next(given, options.method)
    if name == "none":
        return None
    return "svd" if is_matrix(layer) else name


def is_matrix(layer: Any) -> bool:
    """Whether the weights of a dense layer or a convolution are a matrix."""
    return all(length == 1 for length in layer.kernel.shape[:-2])


def uses_of(model: Any) -> dict[Any, tuple[Pair, ...]]:
    """The layers of a model that have matrices or larger kernels, with the height and width of what they read."""
    shapes: dict[str, tuple[int, ...]] = {}
    uses: dict[Any, tuple[Pair, ...]] = {}
    for call in calls(model):
        shapes[call.name] = call.shape
        if call.inputs and _rank_two(call.layer):
            shape = tuple(length or 1 for length in shapes[call.inputs[0]][:-1])  # None where any size will do
            size = (shape[0], shape[1]) if len(shape) == 2 and _axes(call.layer) == 2 else (math.prod(shape), 1)
            uses[call.layer] = (*uses.get(call.layer, ()), size)
    return uses


def _rank_two(layer: Any) -> bool:
    return any(len(weight.shape) > 1 for weight in layer.weights)


def _axes(layer: Any) -> int:
    return len(getattr(layer, "kernel_size", ()))


def untouchable(layer: Any) -> str | None:
    """Why a layer with weights can't be factored, whatever the options say."""
    if type(layer).__module__.split(".")[0] == "qkeras":
        return "it is quantized already"
    if type(layer) not in (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D):
        return f"there is no method for {type(layer).__name__}"
    if getattr(layer, "groups", 1) > 1:
        return f"its channels are in {layer.groups} groups"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "its channels come first"
    if layer.kernel_constraint is not None:
        return f"its weights have the constraint {type(layer.kernel_constraint).__name__}"
    return None


def _geometry(layer: Any, sizes: tuple[Pair, ...]) -> Geometry:
    axes = _axes(layer)
    *window, inputs, outputs = layer.kernel.shape
    height, width = (*window, 1, 1)[:2]
    strides, dilation = ((*getattr(layer, key, ()), 1, 1)[:2] for key in ("strides", "dilation_rate"))
    padding = getattr(layer, "padding", "valid")
    return Geometry((height, width, inputs, outputs), axes, strides, dilation, padding, sizes)
