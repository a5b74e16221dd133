"""Layers that join tensors: sums, products, maxima, concatenations. Of more than two, pair after pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower.signal import Doubles, Signal, Unrounded
from fpga_flow.keras import tf
from fpga_flow.networks.graph import Call

Bounds = tuple[Doubles, Doubles]


def merge(call: Call, *sources: Signal) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """Add, Subtract, Multiply, Average, Maximum, Minimum."""
    function, count = type(call.layer).__name__.lower(), len(sources)
    if len({source.shape for source in sources}) > 1:
        shapes = ", ".join(str(source.shape) for source in sources)
        raise FieldError(("network",), f'layer "{call.name}": expected inputs of one shape, got {shapes}')
    if function != "average" or count == 2:
        return _pairwise(call, function, sources)
    layers, total = _pairwise(replace(call, name=f"{call.name}_sum"), "add", sources)
    return layers, Unrounded(total, lambda x: call.layer([x, *[tf.zeros_like(x)] * (count - 1)]), call.name)


def _pairwise(call: Call, function: str, sources: Sequence[Signal]) -> tuple[list[HlsLayer], Signal]:
    def pair(name: str, one: Signal, other: Signal) -> Signal:
        fraction, (low, high) = _RULES[function](one, other)
        return Signal(name, one.shape, _covering(call.name, low, high, fraction), low, high)

    return _chain(call, function, sources, pair)


def concatenate(call: Call, *sources: Signal) -> tuple[list[HlsLayer], Signal]:
    """Concatenate, along any axis."""
    rank = len(call.shape)
    axis = call.layer.axis - 1 if call.layer.axis > 0 else rank + call.layer.axis

    def pair(name: str, one: Signal, other: Signal) -> Signal:
        shape = (*one.shape[:axis], one.shape[axis] + other.shape[axis], *one.shape[axis + 1 :])
        if axis == rank - 1:
            low, high = np.concatenate([one.low, other.low]), np.concatenate([one.high, other.high])
        else:
            low, high = np.minimum(one.low, other.low), np.maximum(one.high, other.high)
        fraction = max(one.type.fraction, other.type.fraction)
        return Signal(name, shape, _covering(call.name, low, high, fraction), low, high)

    return _chain(call, "concatenate", sources, pair, axis=axis)


def _chain(
    call: Call, function: str, sources: Sequence[Signal], pair: Callable[[str, Signal, Signal], Signal], axis: int = 0
) -> tuple[list[HlsLayer], Signal]:
    """The first two sources joined, then each further one with what there is."""
    lowered = []
    joined = sources[0]
    for number, source in enumerate(sources[1:], 1):
        name = call.name if number == len(sources) - 1 else f"{call.name}_{number}"
        result = pair(name, joined, source)
        shapes, types = (joined.shape, result.shape), (joined.type, result.type)
        lowered.append(
            HlsLayer(name, "merge", function, (joined.name, source.name), *shapes, *types, source.type, axis=axis)
        )
        joined = result
    return lowered, joined


def _covering(name: str, low: Doubles, high: Doubles, fraction: int) -> FixedPoint:
    try:
        return FixedPoint.covering(float(low.min()), float(high.max()), fraction)
    except ValueError as error:
        raise FieldError(("network",), f'layer "{name}": {error}: quantize its inputs to fewer bits') from error


def _add(one: Signal, other: Signal) -> tuple[int, Bounds]:
    return max(one.type.fraction, other.type.fraction), (one.low + other.low, one.high + other.high)


def _subtract(one: Signal, other: Signal) -> tuple[int, Bounds]:
    return max(one.type.fraction, other.type.fraction), (one.low - other.high, one.high - other.low)


def _average(one: Signal, other: Signal) -> tuple[int, Bounds]:
    fraction, (low, high) = _add(one, other)
    return fraction + 1, (low / 2, high / 2)


def _multiply(one: Signal, other: Signal) -> tuple[int, Bounds]:
    corners = [a * b for a in (one.low, one.high) for b in (other.low, other.high)]
    return one.type.fraction + other.type.fraction, (np.min(corners, axis=0), np.max(corners, axis=0))


def _maximum(one: Signal, other: Signal) -> tuple[int, Bounds]:
    bounds = np.maximum(one.low, other.low), np.maximum(one.high, other.high)
    return max(one.type.fraction, other.type.fraction), bounds


def _minimum(one: Signal, other: Signal) -> tuple[int, Bounds]:
    bounds = np.minimum(one.low, other.low), np.minimum(one.high, other.high)
    return max(one.type.fraction, other.type.fraction), bounds


_RULES: dict[str, Callable[[Signal, Signal], tuple[int, Bounds]]] = {
    "add": _add,
    "subtract": _subtract,
    "average": _average,
    "multiply": _multiply,
    "maximum": _maximum,
    "minimum": _minimum,
}
