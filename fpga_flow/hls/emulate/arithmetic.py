"""Conversions of whole numbers held in floats, and how many bits a layer's arithmetic needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer

#: Any of float32 and float64.
Reals = NDArray[Any]


@dataclass(frozen=True)
class Range:
    """Whole numbers from `least` to `most`, in steps with `fraction` bits behind the binary point."""

    least: float
    most: float
    fraction: int

    @classmethod
    def of(cls, type_: FixedPoint) -> Range:
        """All values of a type."""
        return cls(type_.min / type_.step, type_.max / type_.step, type_.fraction)

    def fits(self, type_: FixedPoint) -> bool:
        """Whether all of them are values of a type, but for bits behind its step."""
        scale = 2.0 ** (type_.fraction - self.fraction)
        least, most = math.floor(self.least * scale), math.floor(self.most * scale)
        return least >= type_.min / type_.step and most <= type_.max / type_.step

    def exactly(self, type_: FixedPoint) -> bool:
        """Whether all of them are values of a type."""
        return self.fits(type_) and self.fraction <= type_.fraction


def shift(raw: Reals, bits: int) -> Reals:
    """Times a power of two, in place."""
    if bits:
        raw *= raw.dtype.type(2.0**bits)
    return raw


def convert(raw: Reals, range_: Range, type_: FixedPoint) -> Reals:
    """Into a type as `ap_fixed` does by default, in place: bits behind the step are cut off, those in front wrap
    around.

    Args:
        range_: what the numbers can be.
    """
    shift(raw, type_.fraction - range_.fraction)
    if type_.fraction < range_.fraction:
        np.floor(raw, out=raw)
    if not range_.fits(type_):
        span = raw.dtype.type(2.0**type_.width)
        np.mod(raw, span, out=raw)  # first of all: a sum of two of these numbers may need a bit more than there is
        np.subtract(raw, span, out=raw, where=raw > type_.max / type_.step)
    return raw


def sum_fraction(layer: HlsLayer) -> int:
    """The fractional bits of a layer's products and bias.

    Raises:
        ValueError: the accumulator has fewer; then it would cut off each product by itself.
    """
    if layer.weight_type is None or layer.accum_type is None:
        raise ValueError(f'layer "{layer.name}": expected types of weights and accumulator')
    fraction = layer.input_type.fraction + layer.weight_type.fraction
    if layer.bias_type is not None:
        fraction = max(fraction, layer.bias_type.fraction)
    if layer.accum_type.fraction < fraction:
        raise ValueError(f'layer "{layer.name}": expected an accumulator of {fraction} fractional bits or more')
    return fraction


def needed_bits(layer: HlsLayer) -> int:
    """Bits of the largest whole number that can appear in a layer's computation, before anything wraps around."""
    types = [type_ for type_ in (layer.input_type, layer.second_type, layer.result_type) if type_ is not None]
    widest = max(type_.width for type_ in types)
    if layer.weights is not None and layer.weight_type is not None:
        axes = tuple(range(layer.weights.ndim - (2 if layer.kind.startswith("depthwise") else 1)))
        sums = float(np.abs(layer.weights).sum(axis=axes).max(initial=0)) * 2.0**layer.input_type.width
        fraction = sum_fraction(layer)
        total = math.ldexp(sums, fraction - layer.input_type.fraction - layer.weight_type.fraction)
        if layer.biases is not None and layer.bias_type is not None:
            total += math.ldexp(float(np.abs(layer.biases).max(initial=0)), fraction - layer.bias_type.fraction)
        return max(widest, math.frexp(total)[1])
    if layer.kind in ("pool", "global_pool", "merge"):
        if layer.function == "multiply":
            return sum(type_.width for type_ in types[:2])
        fraction, integer = max(type_.fraction for type_ in types), max(type_.integer for type_ in types)
        count = math.prod(layer.window) if layer.function == "average" and layer.kind != "merge" else 2
        return fraction + integer + math.ceil(math.log2(count))
    return widest
