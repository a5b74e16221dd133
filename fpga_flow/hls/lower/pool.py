"""Pooling: maxima, and averages over any number of values.

An average over a power of two of values is a fixed-point number, and stays one. Over another number it is not: then the
sum is kept, and the division goes into the table of the quantizer that must follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import activation
from fpga_flow.hls.lower.shape import pad
from fpga_flow.hls.lower.signal import Signal, Unrounded
from fpga_flow.keras import qkeras, tf
from fpga_flow.networks.graph import Call

#: Positions for which an average is computed at a time.
_CHUNK = 4096


def pool(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """MaxPooling and AveragePooling, 1D and 2D, and QAveragePooling2D."""
    layer = call.layer
    rank = len(source.shape) - 1
    window, strides = (tuple(each)[:rank] for each in (layer.pool_size, layer.strides))
    pads = _pads(call, source, window, strides)
    if "Max" in type(layer).__name__:
        before, source, padding = _padded(call, source, pads)
        lowered = _layer(call.name, "pool", "max", source, call.shape, source.type, window, strides, padding)
        return [*before, lowered], Signal(call.name, call.shape, source.type, source.low, source.high)
    if any(map(any, pads)):
        raise FieldError(
            ("network",),
            f'pooling "{call.name}": expected averages over windows that need no padding, got padding {layer.padding} '
            f"for windows {window} with strides {strides} over {source.shape}: pad with zeros before, or leave the "
            "padding out",
        )
    return _average(call, source, window, strides, call.shape, "pool")


def global_pool(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """GlobalMaxPooling and GlobalAveragePooling, 1D and 2D, and QGlobalAveragePooling2D."""
    window, shape = source.shape[:-1], source.shape[-1:]
    kept = getattr(call.layer, "keepdims", False)
    name = f"{call.name}_flat" if kept else call.name
    lowered: list[HlsLayer]
    if "Max" in type(call.layer).__name__:
        lowered = [_layer(name, "global_pool", "max", source, shape, source.type, window, window, "valid")]
        signal: Signal | Unrounded = Signal(name, shape, source.type, source.low, source.high)
    else:
        lowered, signal = _average(replace(call, name=name), source, window, window, shape, "global_pool")
    if not kept:
        return lowered, signal
    if isinstance(signal, Unrounded):
        raise FieldError(
            ("network",), f'pooling "{call.name}": expected keepdims false, got true: reshape behind its quantizer'
        )
    reshaped = HlsLayer(call.name, "reshape", "", (name,), shape, call.shape, signal.type, signal.type)
    return [*lowered, reshaped], replace(signal, name=call.name, shape=call.shape)


def _average(
    call: Call, source: Signal, window: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...], kind: str
) -> tuple[list[HlsLayer], Signal | Unrounded]:
    count = math.prod(window)
    bits = count.bit_length() - 1
    of_qkeras = getattr(call.layer, "average_quantizer", None) or getattr(call.layer, "activation", None)
    if count == 2**bits and not of_qkeras and strides != window:  # hls4ml's pooling, streaming, wants them side by side
        return _weighted_sum(call.name, source, FixedPoint(2, 2 - bits), window, strides, shape)
    if count == 2**bits and not of_qkeras:
        result = FixedPoint(source.type.width + bits, source.type.integer, source.type.signed)
        accum = FixedPoint(source.type.width + 2 * bits, source.type.integer + bits, source.type.signed)
        lowered = _layer(call.name, kind, "average", source, shape, result, window, strides, "valid", accum_type=accum)
        return [lowered], Signal(call.name, shape, result, source.low, source.high)
    pixels = (1,) * len(window) if kind == "global_pool" else shape[:-1]
    name = f"{call.name}_sum"
    lowered_layers, signal = _weighted_sum(name, source, FixedPoint(2, 2), window, strides, (*pixels, shape[-1]))
    if kind == "global_pool":
        flat = HlsLayer(f"{name}_flat", "reshape", "", (name,), signal.shape, shape, signal.type, signal.type)
        lowered_layers.append(flat)
        signal = replace(signal, name=flat.name, shape=shape)
    unrounded = Unrounded(signal, _division(call.layer, window), call.name)
    if isinstance(getattr(call.layer, "activation", None), qkeras.BaseQuantizer):
        tables, tabulated = activation.tabulated(call, unrounded)
        return [*lowered_layers, *tables], tabulated
    return lowered_layers, unrounded


def _weighted_sum(
    name: str,
    source: Signal,
    one: FixedPoint,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    shape: tuple[int, ...],
) -> tuple[list[HlsLayer], Signal]:
    """The sum over each window of each channel, times the step of the type `one`."""
    scale = math.prod(window) * one.step
    low, high = scale * source.low, scale * source.high
    type_ = FixedPoint.covering(
        float(np.minimum(low, 0).min()), float(np.maximum(high, 0).max()), source.type.fraction + one.fraction
    )
    lowered = HlsLayer(
        name, f"depthwise{len(window)}d", "", (source.name,), source.shape, shape, source.type, type_,
        weight_type=one, accum_type=type_, weights=np.ones((*window, shape[-1], 1), np.int64), window=window,
        strides=strides, padding="valid", strategy="latency",
    )  # fmt: skip
    return [lowered], Signal(name, shape, type_, low, high)


def _division(layer: Any, window: tuple[int, ...]) -> Callable[[NDArray[np.float32]], Any]:
    """What a pooling layer itself makes of windows with these sums (n, channels), all values but one of them 0."""
    own = layer.__class__.from_config(layer.get_config())

    def divide(sums: NDArray[np.float32]) -> Any:
        results, flat = [], np.asarray(sums).ravel()
        for start in range(0, len(flat), _CHUNK):
            chunk = flat[start : start + _CHUNK]
            windows = np.zeros((len(chunk), math.prod(window), 1), np.float32)
            windows[:, 0, 0] = chunk
            results.append(tf.reshape(own(windows.reshape(-1, *window, 1)), (-1,)))
        return tf.reshape(tf.concat(results, axis=0), np.shape(sums))

    return divide


def _pads(call: Call, source: Signal, window: tuple[int, ...], strides: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """What padding `same` puts before and behind each axis of an image; nothing with padding `valid`."""
    if call.layer.padding == "valid":
        return ()
    pads = []
    for size, width, stride, out in zip(source.shape, window, strides, call.shape, strict=False):
        total = max((out - 1) * stride + width - size, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def _padded(call: Call, source: Signal, pads: tuple[tuple[int, int], ...]) -> tuple[list[HlsLayer], Signal, str]:
    """With padding that is needed, a layer that pads with zeros where those are no greater than any value; else the
    padding is left to the pooling itself.
    """
    if not any(map(any, pads)):
        return [], source, "valid"
    if source.type.signed:
        return [], source, "same"
    padded, source = pad(f"{call.name}_padding", source, pads)
    return [padded], source, "valid"


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
