"""Activation functions: native where hls4ml's code is exact, else a table of every value, which is exact by
construction.

A function of one fixed-point number is known by its values. They are computed by the network's own layer, so the table
is the network, whatever the function. Where rounding the input first changes nothing (a clipped ReLU, say), the table
is of the rounded input, and small.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower.signal import Signal, Unrounded
from fpga_flow.keras import keras, tf
from fpga_flow.networks import quantizers
from fpga_flow.networks.graph import Call

#: Of more values of its input than this no function is tabulated; a larger table is no small network's.
MAX_INPUT_BITS, MAX_TABLE_BITS = 20, 12
#: Of values that no quantizer rounds: fewer than the float32 numbers have that Keras computes with.
MAX_RESULT_BITS = 20


def quantizing(call: Call, source: Signal | Unrounded) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """QActivation: rounding into a type, or any other quantizer."""
    quantizer = call.layer.quantizer
    if quantizers.is_stochastic(quantizer):
        raise _refused(call.name, f"its quantizer {type(quantizer).__name__} is random: use one that is not")
    type_ = quantizers.type_of(quantizer)
    relu = type(quantizer).__name__ in quantizers.RELUS
    if type_ is None and quantizers.symmetric_type_of(quantizer) is None:
        return tabulated(call, _composed(call.name, source, quantizer))
    if isinstance(source, Unrounded):
        return tabulated(call, _composed(call.name, source, quantizer), type_)
    symmetric = type_ is None
    type_ = type_ or quantizers.symmetric_type_of(quantizer)
    assert type_ is not None  # noqa: S101  (one of them is there, see above)
    return _rounded(call, source, type_, "relu" if relu else "linear", symmetric=symmetric)


def function(call: Call, source: Signal | Unrounded) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """Activation, ReLU, LeakyReLU, ELU, ThresholdedReLU, Clamp: real numbers, unless they are exact as they are."""
    layer = call.layer
    if _is_linear(layer):
        return [], source
    if isinstance(source, Signal) and _is_plain_relu(layer):
        return _rounded(call, source, source.type.relu(), "relu")
    if getattr(layer, "activation", None) is keras.activations.softmax:
        raise _refused(call.name, "softmax is computed by the host, or at the network's end with hls.softmax: true")
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    if name not in ("", *ELEMENTWISE):
        raise _refused(call.name, f"its function {name or layer.activation} is not known to act on single values")
    return [], _composed(call.name, source, layer.call)


#: Activation functions that act on each value by itself.
ELEMENTWISE = (
    "relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "swish", "gelu", "exponential",
    "mish",
)  # fmt: skip


def _is_linear(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Activation) and layer.activation in (None, keras.activations.linear)


def _is_plain_relu(layer: Any) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.negative_slope and not layer.threshold
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu


def per_channel(call: Call, source: Signal | Unrounded) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """BatchNormalization, QBatchNormalization, PReLU: a function of its own for each channel."""
    layer, *_, channels = call.layer, *call.shape
    sizes = [math.prod(weight.shape) for weight in layer.weights]
    if any(size != channels for size in sizes):
        raise _refused(call.name, f"expected weights for each of its {channels} channels (last axis), got {sizes}")
    pixels = (1,) * (len(call.shape) - 1)

    def function(x: Any) -> Any:  # as images, where it is for images: Keras computes those by other code
        return tf.reshape(layer(tf.reshape(x, (-1, *pixels, channels))), (-1, channels))

    return [], _composed(call.name, source, function, channels)


def _composed(name: str, source: Signal | Unrounded, then: Any, channels: int = 1) -> Unrounded:
    """The function behind what comes in."""
    if isinstance(source, Signal):
        return Unrounded(source, lambda x: then(tf.constant(x)), name, channels)
    return Unrounded(source.source, lambda x: then(source.function(x)), name, max(channels, source.channels))


def _rounded(
    call: Call, source: Signal, type_: FixedPoint, kind: str, *, symmetric: bool = False
) -> tuple[list[HlsLayer], Signal]:
    """Rounding half to even and saturation into a type, behind a comparison with zero if it is a ReLU."""
    if kind == "linear" and type_ == source.type and not symmetric:
        return [], source
    lowered = _layer(call.name, kind, source, type_, symmetric=symmetric)
    least = type_.min + type_.step if symmetric else type_.min
    low, high = (np.maximum(type_.quantize(each), least) for each in (source.low, source.high))
    return [lowered], Signal(call.name, source.shape, type_, low, high)


def _layer(name: str, kind: str, source: Signal, type_: FixedPoint, **options: Any) -> HlsLayer:
    return HlsLayer(name, "activation", kind, (source.name,), source.shape, source.shape, source.type, type_, **options)


def tabulated(call: Call, unrounded: Unrounded, type_: FixedPoint | None = None) -> tuple[list[HlsLayer], Signal]:
    """A function as a table, behind rounding of its input where that changes nothing.

    Args:
        type_: what the values are rounded into; None where the function gives quantized values.
    """
    source = unrounded.source
    if source.type.width > MAX_INPUT_BITS:
        raise _refused(
            call.name,
            f"expected an input of at most {MAX_INPUT_BITS} bits for a function that is looked up, "
            f"got {source.type}: quantize it to fewer bits before",
        )

    def values(of: FixedPoint) -> NDArray[np.float64]:
        computed = np.asarray(unrounded.function(_batch(_grid(of), unrounded.channels)), np.float64)
        return computed if type_ is None else type_.quantize(computed)

    lowered = []
    of_all = values(source.type)
    if not np.isfinite(of_all).all():
        raise _refused(call.name, "expected a function with finite values, got some that are not")
    _check_elementwise(call.name, unrounded, source.type)
    coarse = _coarsest(source.type, of_all)
    if coarse.width > MAX_TABLE_BITS:
        raise _refused(
            call.name,
            f"expected a function that a table of at most {2**MAX_TABLE_BITS:,} values holds, "
            f"got one of {coarse}: quantize its input to fewer bits before",
        )
    if coarse != source.type:
        name = f"{call.name}_input"
        lowered.append(_layer(name, "linear", source, coarse))
        source = Signal(name, source.shape, coarse, coarse.quantize(source.low), coarse.quantize(source.high))
    table = values(coarse)
    try:
        result = FixedPoint.holding(table)
    except ValueError as error:
        raise _refused(call.name, f"its values have no fixed-point type: {error}") from error
    if type_ is None and (bits := _significant_bits(table)) > MAX_RESULT_BITS:
        raise _refused(
            call.name,
            f"expected a function whose values have at most {MAX_RESULT_BITS} significant bits, got {bits}, of which "
            "the last differ from machine to machine: use a quantizer whose values are multiples of a step",
        )
    # as the bits of an index count, negative values come last
    order = np.roll(table, -np.searchsorted(_grid(coarse), 0.0), axis=0)
    steps = np.ascontiguousarray(np.round(order / result.step).astype(np.int64).T)
    lowered.append(_layer(call.name, "lookup", source, result, table=steps))
    channels = np.broadcast_to(table, (len(table), source.shape[-1])).T
    grid, bounds = _grid(coarse), zip(channels, source.low, source.high, strict=True)
    attained = [results[(grid >= low) & (grid <= high)] for results, low, high in bounds]
    low, high = (np.array([extreme(each) for each in attained]) for extreme in (np.min, np.max))
    return lowered, Signal(call.name, source.shape, result, low, high)


def _significant_bits(values: NDArray[np.float64]) -> int:
    """The most bits that a value has, from its highest 1 to its lowest."""
    mantissas, _ = np.frexp(values[values != 0])
    whole = np.abs(mantissas * 2.0**53).astype(np.int64)
    return 53 - int(np.log2((whole & -whole).astype(np.float64)).min(initial=53))


def _check_elementwise(name: str, unrounded: Unrounded, type_: FixedPoint) -> None:
    """Refuse a function whose values depend on what else it is given, for example on the greatest value of a batch."""
    grid = _batch(_grid(type_), unrounded.channels)
    together = np.asarray(unrounded.function(grid))
    zero = int(np.searchsorted(_grid(type_), 0.0))
    distances = [0, *(sign * 2**power for power in range(type_.width) for sign in (1, -1))]
    for place in (zero + distance for distance in distances if 0 <= zero + distance < len(grid)):
        if not np.array_equal(np.asarray(unrounded.function(grid[place : place + 1])), together[place : place + 1]):
            raise _refused(
                name,
                "what it makes of a value depends on the other values of the batch: use a fixed scale (alpha=1) and a "
                "fixed threshold",
            )


def _batch(values: NDArray[np.float64], channels: int) -> NDArray[np.float32]:
    """Values (n,) for each of the channels (n, channels)."""
    return np.repeat(values.astype(np.float32)[:, None], channels, axis=1)


def _grid(type_: FixedPoint) -> NDArray[np.float64]:
    """All values of a type, in their order."""
    grid: NDArray[np.float64] = type_.min + type_.step * np.arange(2**type_.width)
    return grid


def _coarsest(type_: FixedPoint, values: NDArray[np.float64]) -> FixedPoint:
    """The coarsest type into which the input can be rounded without changing the function's `values` of the whole type,
    found by taking away one bit after the other, first behind the point, then before it.
    """
    grid, coarse = _grid(type_), type_
    for integer_bits in (0, 1):  # that go with the bit
        while coarse.width > 2:
            candidate = FixedPoint(coarse.width - 1, coarse.integer - integer_bits, coarse.signed)
            if not np.array_equal(values[np.searchsorted(grid, candidate.quantize(grid))], values):
                break
            coarse = candidate
    return coarse


def _refused(name: str, why: str) -> FieldError:
    return FieldError(("network",), f'activation "{name}": {why}')
