"""What low rank makes of a layer: the factors that take its place one after the other, their costs, their Keras layers.

A dense layer is seen as a convolution over single positions, a Conv1D as a Conv2D over images of width 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fpga_flow.keras import keras

Pair = tuple[int, int]
Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Factor:
    """A layer of a chain of them, without an activation function between.

    suffix   what its name has behind that of the layer whose place it takes; empty for the last one, which keeps the
             name, the bias and the activation function
    window   height and width; `strides` likewise
    inputs, outputs  numbers of channels
    kind     whole: each output reads all inputs; depthwise: each its own; separable: depthwise, then whole over single
             positions
    """

    suffix: str
    window: Pair
    strides: Pair
    inputs: int
    outputs: int
    kind: Literal["whole", "depthwise", "separable"] = "whole"

    @property
    def parameters(self) -> int:
        """How many weights it has; each is multiplied once for each position of the output."""
        window = math.prod(self.window) * self.inputs
        return {"whole": window * self.outputs, "depthwise": window, "separable": window + self.inputs * self.outputs}[
            self.kind
        ]


@dataclass(frozen=True)
class Geometry:
    """A layer's kernel and how it moves over its input.

    shape    of the kernel: height, width, channels in, channels out
    axes     how many axes its window has: 0 for a dense layer, 1 or 2
    strides, dilation  along height and width
    padding  valid, same or causal
    sizes    height and width of the input, for each use of the layer
    """

    shape: Shape
    axes: int
    strides: Pair
    dilation: Pair
    padding: str
    sizes: tuple[Pair, ...]

    @property
    def window(self) -> Pair:
        """Height and width of the kernel."""
        return self.shape[:2]

    @property
    def whole(self) -> tuple[Factor, ...]:
        """The layer as it is."""
        return (Factor("", self.window, self.strides, *self.shape[2:]),)

    def macs(self, factors: Sequence[Factor]) -> int:
        """Multiplications for one sample of a chain of factors in the layer's place."""
        total = 0
        for size in self.sizes:
            for factor in factors:
                size = self._after(size, factor)
                total += math.prod(size) * factor.parameters
        return total

    def saves(self, factors: Sequence[Factor]) -> bool:
        """Whether they have fewer weights than the layer, and multiply less."""
        weights = sum(factor.parameters for factor in factors)
        return weights < math.prod(self.shape) and self.macs(factors) < self.macs(self.whole)

    def _after(self, size: Pair, factor: Factor) -> Pair:
        height, width = (
            -(-(length - (window - 1) * rate * (self.padding == "valid")) // stride)
            for length, window, rate, stride in zip(size, factor.window, self.dilation, factor.strides, strict=True)
        )
        return height, width


def layers(layer: Any, geometry: Geometry, factors: Sequence[Factor], names: Sequence[str]) -> list[Any]:
    """New Keras layers of these names for the factors of a Dense, Conv1D or Conv2D layer, in its place."""
    own = {key: value for key, value in layer.get_config().items() if key != "batch_input_shape"}
    made = []
    for factor, name in zip(factors, names, strict=True):
        if factor.suffix:
            kept = {key: own[key] for key in ("trainable", "dtype")}
            settings = {**kept, "use_bias": False}
        else:
            settings = {key: value for key, value in own.items() if not key.startswith("kernel_") and key != "groups"}
        settings |= {"name": name, **_configuration(geometry, factor)}
        for kernel in _KERNELS[factor.kind]:
            settings |= {f"{kernel}_{key}": own[f"kernel_{key}"] for key in ("initializer", "regularizer")}
        made.append(_class(geometry.axes, factor).from_config(settings))
    return made


_KERNELS = {"whole": ("kernel",), "depthwise": ("depthwise",), "separable": ("depthwise", "pointwise")}


def _class(axes: int, factor: Factor) -> Any:
    known = {
        "whole": (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D),
        "depthwise": (None, None, keras.layers.DepthwiseConv2D),
        "separable": (None, keras.layers.SeparableConv1D, None),
    }
    return known[factor.kind][axes]


def _configuration(geometry: Geometry, factor: Factor) -> dict[str, Any]:
    axes = geometry.axes
    if not axes:
        return {"units": factor.outputs}
    single = factor.window == (1, 1)
    moves = {
        "kernel_size": factor.window[:axes],
        "strides": factor.strides[:axes],
        "dilation_rate": (1, 1)[:axes] if single else geometry.dilation[:axes],
        "padding": "valid" if single else geometry.padding,
    }
    return moves if factor.kind == "depthwise" else {**moves, "filters": factor.outputs}
