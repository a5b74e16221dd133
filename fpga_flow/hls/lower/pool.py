"""Pooling: maxima, and averages over any number of values.

An average over a power of two of values is a fixed-point number, and stays one. Over another number it is not: then the
sum is kept, and the division goes into the table of the quantizer that must follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower.shape import pad
from fpga_flow.hls.lower.signal import Signal, Unrounded
from fpga_flow.keras import tf
from fpga_flow.networks.graph import Call

#: Positions for which an average is computed at a time.
_CHUNK = 4096


def pool(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """MaxPooling and AveragePooling, 1D and 2D, and QAveragePooling2D."""
    layer = call.layer
    rank = len(source.shape) - 1
    window, strides = (tuple(each)[:rank] for each in (layer.pool_size, layer.strides))
    if "Max" in type(layer).__name__:
        before, source = _padded(call, source, window, strides)
        lowered = _layer(call.name, "pool", "max", source, call.shape, source.type, window, strides, "valid")
        return [*before, lowered], Signal(call.name, call.shape, source.type, source.low, source.high)
    if layer.padding != "valid":
        raise FieldError(
            ("network",),
            f'pooling "{call.name}": expected padding valid for averages, got {layer.padding}: '
            "pad with zeros before, or leave the padding out",
        )
    return _average(call, source, window, strides, call.shape, "pool")


def global_pool(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """GlobalMaxPooling and GlobalAveragePooling, 1D and 2D, and QGlobalAveragePooling2D."""
    if getattr(call.layer, "keepdims", False):
        raise FieldError(("network",), f'pooling "{call.name}": expected keepdims false, got true: reshape behind it')
    window = source.shape[:-1]
    if "Max" in type(call.layer).__name__:
        lowered = _layer(call.name, "global_pool", "max", source, call.shape, source.type, window, window, "valid")
        return [lowered], Signal(call.name, call.shape, source.type, source.low, source.high)
    return _average(call, source, window, window, call.shape, "global_pool")


def _average(
    call: Call, source: Signal, window: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...], kind: str
) -> tuple[list[HlsLayer], Signal | Unrounded]:
    count = math.prod(window)
    bits = count.bit_length() - 1
    of_qkeras = getattr(call.layer, "average_quantizer", None) or getattr(call.layer, "activation", None)
    if count == 2**bits and not of_qkeras:
        result = FixedPoint(source.type.width + bits, source.type.integer, source.type.signed)
        accum = FixedPoint(source.type.width + 2 * bits, source.type.integer + bits, source.type.signed)
        lowered = _layer(call.name, kind, "average", source, shape, result, window, strides, "valid", accum_type=accum)
        return [lowered], Signal(call.name, shape, result, source.low, source.high)
    low, high = count * source.low, count * source.high
    type_ = FixedPoint.covering(float(low.min()), float(high.max()), source.type.fraction)
    channels = source.shape[-1]
    pixels = (1,) * len(window) if kind == "global_pool" else shape[:-1]
    one = FixedPoint(2, 2)
    name = f"{call.name}_sum"
    sums = HlsLayer(
        name, f"depthwise{len(window)}d", "", (source.name,), source.shape, (*pixels, channels), source.type, type_,
        weight_type=one, accum_type=type_, weights=np.ones((*window, channels, 1), np.int64), window=window,
        strides=strides, padding="valid",
    )  # fmt: skip
    signal = Signal(name, (*pixels, channels), type_, low, high)
    lowered_layers = [sums]
    if kind == "global_pool":
        flat = HlsLayer(f"{name}_flat", "reshape", "", (name,), signal.shape, shape, type_, type_)
        lowered_layers.append(flat)
        signal = Signal(flat.name, shape, type_, low, high)
    return lowered_layers, Unrounded(signal, _division(call.layer, window), call.name)


def _division(layer: Any, window: tuple[int, ...]) -> Callable[[NDArray[np.float32]], Any]:
    """What a pooling layer makes of windows with these sums (n,): by itself, on windows of which one value is not 0."""
    own = layer.__class__.from_config(layer.get_config())

    def divide(sums: NDArray[np.float32]) -> Any:
        results = []
        for start in range(0, len(sums), _CHUNK):
            chunk = sums[start : start + _CHUNK]
            windows = np.zeros((len(chunk), math.prod(window), 1), np.float32)
            windows[:, 0, 0] = chunk
            results.append(tf.reshape(own(windows.reshape(-1, *window, 1)), (-1,)))
        return tf.concat(results, axis=0)

    return divide


def _padded(
    call: Call, source: Signal, window: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[list[HlsLayer], Signal]:
    """With padding `same`, a layer that pads with zeros, which are no greater than any value there is."""
    if call.layer.padding == "valid":
        return [], source
    if source.low.min() < 0:
        raise FieldError(
            ("network",),
            f'pooling "{call.name}": expected padding valid where values can be negative, got same: '
            "put a ReLU before it, or leave the padding out",
        )
    pads = []
    for size, width, stride, out in zip(source.shape, window, strides, call.shape, strict=False):
        total = max((out - 1) * stride + width - size, 0)
        pads.append((total // 2, total - total // 2))
    if not any(map(any, pads)):
        return [], source
    padded, source = pad(f"{call.name}_padding", source, tuple(pads))
    return [padded], source


def _layer(
    name: str,
    kind: str,
    function: str,
    source: Signal,
    shape: tuple[int, ...],
    result: FixedPoint,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    accum_type: FixedPoint | None = None,
) -> HlsLayer:
    return HlsLayer(
        name, kind, function, (source.name,), source.shape, shape, source.type, result,
        accum_type=accum_type, window=window, strides=strides, padding=padding,
    )  # fmt: skip
