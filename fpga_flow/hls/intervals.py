"""What numbers can reach in each layer, by interval analysis: bounds of every accumulator and result, and of what is
converted into their types.

The bounds are sound: no input gives a number outside of them. They are exact for a first layer that sums its inputs;
deeper ones may be wider than any input can reach, as the values that come in are taken for independent. A sum that
leaves its accumulator wraps around, and then may be any number of the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin
from fpga_flow.hls.linear import Doubles, ideal, kernel, look_up, weigh


@dataclass(frozen=True)
class Interval:
    """Bounds (low, high) of numbers, one for each output value of a layer: (*output_shape)."""

    low: Doubles
    high: Doubles


@dataclass(frozen=True)
class Conversion:
    """The numbers that a layer converts into a type.

    part        `accumulator` or `result`
    rounds      it rounds half to even and saturates; else it cuts bits off and wraps around
    value       the whole sum, or whatever is converted
    partial     of an accumulator: whatever part of the sum, in any order of summation. Only a whole sum that leaves the
                type changes a result; but a part that does counts as an overflow where overflows are counted.
    """

    layer: str
    part: str
    type: FixedPoint
    rounds: bool
    symmetric: bool
    value: Interval
    partial: Interval

    @property
    def least(self) -> float:
        """The smallest number that the conversion gives."""
        return -self.type.max if self.symmetric else self.type.min

    @property
    def exceeds(self) -> NDArray[np.bool_]:
        """For each output value, whether it can leave the type; (*output_shape)."""
        return self._outside(self.value)

    @property
    def exceeds_partially(self) -> NDArray[np.bool_]:
        """For each output value, whether a part of its sum can leave the type; (*output_shape)."""
        return self._outside(self.partial)

    @property
    def reach(self) -> Doubles:
        """For each output value, the share of the type's range that it can use, above 1 if it can leave it."""
        above = self.value.high / max(self.type.max, self.type.step)
        # an unsigned type has no range below 0, where a single step is beyond it
        below = self.value.low / self.least if self.least < 0 else -self.value.low / self.type.step
        return np.maximum(above, below)

    @property
    def result(self) -> Interval:
        """What the conversion gives."""
        low, high = self._rounded(self.value.low), self._rounded(self.value.high)
        if self.rounds:
            return Interval(np.clip(low, self.least, self.type.max), np.clip(high, self.least, self.type.max))
        outside = self.exceeds
        return Interval(np.where(outside, self.type.min, low), np.where(outside, self.type.max, high))

    def _outside(self, values: Interval) -> NDArray[np.bool_]:
        outside: NDArray[np.bool_] = (self._rounded(values.low) < self.least) | (
            self._rounded(values.high) > self.type.max
        )
        return outside

    def _rounded(self, values: Doubles) -> Doubles:
        steps = values / self.type.step
        return np.asarray(np.rint(steps) if self.rounds else np.floor(steps)) * self.type.step


@dataclass(frozen=True)
class Bounds:
    """A layer's output, and the conversions on the way to it."""

    output: Interval
    conversions: tuple[Conversion, ...]


def analyse(layers: Sequence[HlsLayer]) -> dict[str, Bounds]:
    """Bounds of every layer, by name, for all inputs that the first layer's input type holds.

    Raises:
        ValueError: a layer is none that the emulator knows.
    """
    first = layers[0]
    whole = Interval(*(np.full(first.input_shape, bound) for bound in (first.input_type.min, first.input_type.max)))
    tensors, found = {"inputs": whole}, {}
    for layer in layers:
        bounds = _bounds(layer, *(tensors[name] for name in layer.inputs))
        tensors[layer.name], found[layer.name] = bounds.output, bounds
    return found


def _bounds(layer: HlsLayer, *inputs: Interval) -> Bounds:
    if layer.weights is not None or (layer.accum_type is not None and "pool" in layer.kind):
        return _summed(layer, inputs[0])
    if layer.kind == "activation":
        return _activated(layer, inputs[0])
    if layer.kind == "deformable":
        return Bounds(_sampled(layer, inputs[0]), ())
    if layer.kind in plugin.LAYERS:
        return Bounds(Interval(*plugin.bounds(layer, inputs[0].low, inputs[0].high)), ())
    if layer.kind == "merge":
        value = _joined(layer, *inputs)
    else:  # each value of these rises with the one that it is made of, or falls
        ends = _of(layer, inputs[0].low), _of(layer, inputs[0].high)
        value = Interval(np.minimum(*ends), np.maximum(*ends))
    if layer.kind == "merge" or layer.function == "average":
        return _converted(layer, "result", layer.result_type, value)
    return Bounds(value, ())


def _of(layer: HlsLayer, *inputs: Doubles) -> Doubles:
    """What a layer makes of one sample."""
    return np.asarray(ideal(layer, *(value[None] for value in inputs))[0])


def _converted(
    layer: HlsLayer, part: str, type_: FixedPoint, value: Interval, partial: Interval | None = None
) -> Bounds:
    rounds = layer.kind == "activation"
    conversion = Conversion(layer.name, part, type_, rounds, rounds and layer.symmetric, value, partial or value)
    return Bounds(conversion.result, (conversion,))


def _summed(layer: HlsLayer, x: Interval) -> Bounds:
    """Layers with weights, and averages: into the accumulator, then into the result."""
    around_zero = Interval(np.minimum(x.low, 0), np.maximum(x.high, 0))
    type_ = layer.accum_type or layer.result_type
    if layer.weights is None:
        count = round(layer.input_size / layer.output_size) if layer.kind == "global_pool" else np.prod(layer.window)
        value, partial = (
            Interval(_of(layer, each.low) * count, _of(layer, each.high) * count) for each in (x, around_zero)
        )
        in_accum = _converted(layer, "accumulator", type_, value, partial)
        mean = Interval(in_accum.output.low / count, in_accum.output.high / count)
        result = _converted(layer, "result", layer.result_type, mean)
        return Bounds(result.output, in_accum.conversions + result.conversions)
    bias: Doubles = np.zeros(1)
    if layer.biases is not None and layer.bias_type is not None:
        bias = np.asarray(layer.biases * layer.bias_type.step, np.float64)
    value, partial = _weighed(layer, x), _weighed(layer, around_zero)
    value = Interval(value.low + bias, value.high + bias)
    partial = Interval(partial.low + np.minimum(bias, 0), partial.high + np.maximum(bias, 0))
    in_accum = _converted(layer, "accumulator", type_, value, partial)
    if type_ == layer.result_type:
        return in_accum
    result = _converted(layer, "result", layer.result_type, in_accum.output)
    return Bounds(result.output, in_accum.conversions + result.conversions)


def _weighed(layer: HlsLayer, x: Interval) -> Interval:
    """The bounds of the sums without bias: a negative weight takes the other bound of its input."""
    weights = kernel(layer)
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    low, high = x.low[None], x.high[None]
    return Interval(
        (weigh(layer, low, up) + weigh(layer, high, down))[0], (weigh(layer, high, up) + weigh(layer, low, down))[0]
    )


def _activated(layer: HlsLayer, x: Interval) -> Bounds:
    if layer.function == "softmax":
        return Bounds(Interval(np.zeros(layer.output_shape), np.ones(layer.output_shape)), ())
    if layer.function == "lookup":
        return Bounds(_looked_up(layer, x), ())
    value = Interval(_of(layer, x.low), _of(layer, x.high))
    return _converted(layer, "result", layer.result_type, value)


def _looked_up(layer: HlsLayer, x: Interval) -> Interval:
    """The least and the greatest value in the part of the table that can be looked up."""
    type_, channels = layer.input_type, layer.output_shape[-1]
    values = type_.min + type_.step * np.arange(2**type_.width)  # in order, the bits of negative ones come last
    table = look_up(layer, np.repeat(values[:, None], channels, axis=1))
    ends = [np.rint((bound - type_.min) / type_.step).astype(np.int64).ravel() for bound in (x.low, x.high)]
    each = np.broadcast_to(np.arange(channels), x.low.shape).ravel()
    cases, which = np.unique(np.stack([each, *ends], axis=1), axis=0, return_inverse=True)
    parts = [table[first : last + 1, channel] for channel, first, last in cases]
    low, high = (np.array([bound(part) for part in parts])[which.ravel()] for bound in (np.min, np.max))
    return Interval(low.reshape(x.low.shape), high.reshape(x.low.shape))


def _sampled(layer: HlsLayer, x: Interval) -> Interval:
    """A sample lies between values of its channel, of whatever pixels."""
    taps = layer.output_shape[-1] // layer.input_shape[-1]
    low, high = np.tile(x.low.min(axis=(0, 1)), taps), np.tile(x.high.max(axis=(0, 1)), taps)
    return Interval(np.broadcast_to(low, layer.output_shape), np.broadcast_to(high, layer.output_shape))


def _joined(layer: HlsLayer, x: Interval, y: Interval) -> Interval:
    if layer.function == "subtract":
        return Interval(x.low - y.high, x.high - y.low)
    if layer.function == "multiply":
        products = [one * other for one in (x.low, x.high) for other in (y.low, y.high)]
        return Interval(np.minimum.reduce(products), np.maximum.reduce(products))
    return Interval(_of(layer, x.low, y.low), _of(layer, x.high, y.high))
