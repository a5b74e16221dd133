"""Layers that only move values: reshape, flatten, permute, pad, crop, repeat, shuffle; or part them by their sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower.signal import Doubles, Signal
from fpga_flow.networks.graph import Call


def reshape(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """Reshape, Flatten."""
    return _moved(call, source, "reshape", lambda values: values.reshape(call.shape))


def permute(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """Permute."""
    order = tuple(axis - 1 for axis in call.layer.dims)
    return _moved(call, source, "permute", lambda values: values.transpose(order), order=order)


def zero_pad(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """ZeroPadding1D, ZeroPadding2D."""
    lowered, signal = pad(call.name, source, _pairs(call.layer.padding))
    return [lowered], signal


def pad(name: str, source: Signal, pads: tuple[tuple[int, int], ...]) -> tuple[HlsLayer, Signal]:
    """Zeros before and after each axis of the image."""
    *sizes, channels = source.shape
    shape = (*(size + before + after for size, (before, after) in zip(sizes, pads, strict=True)), channels)
    lowered = HlsLayer(name, "zero_pad", "", (source.name,), source.shape, shape, source.type, source.type, pads=pads)
    return lowered, Signal(name, shape, source.type, np.minimum(source.low, 0), np.maximum(source.high, 0))


def crop(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """Cropping1D, Cropping2D."""
    pads = _pairs(call.layer.cropping)
    kept = tuple(slice(before, size - after) for (before, after), size in zip(pads, source.shape, strict=False))
    return _moved(call, source, "crop", lambda values: values[kept], pads=pads)


def upsample(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """UpSampling1D, UpSampling2D, to the nearest neighbour."""
    layer = call.layer
    if (mode := getattr(layer, "interpolation", "nearest")) != "nearest":
        raise FieldError(
            ("network",), f'layer "{call.name}": expected interpolation nearest, got {mode}, which hls4ml gets wrong'
        )
    factors = tuple(layer.size) if isinstance(layer.size, tuple) else (layer.size,)

    def repeated(values: Doubles) -> Doubles:
        for axis, factor in enumerate(factors):
            values = values.repeat(factor, axis=axis)
        return values

    return _moved(call, source, "upsample", repeated, window=factors)


def repeat(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """RepeatVector: a sequence of one vector, repeated."""
    name, shape = f"{call.name}_vector", (1, *source.shape)
    vector = HlsLayer(name, "reshape", "", (source.name,), source.shape, shape, source.type, source.type)
    times = call.shape[0]
    repeated = HlsLayer(
        call.name, "upsample", "", (name,), shape, call.shape, source.type, source.type, window=(times,)
    )
    return [vector, repeated], Signal(call.name, call.shape, source.type, source.low, source.high)


def shuffle(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """ChannelShuffle."""
    groups = call.layer.groups

    def shuffled(values: Doubles) -> Doubles:
        return values.reshape(*values.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(values.shape)

    return _moved(call, source, "shuffle", shuffled, groups=groups)


def crelu(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """CReLU: the type holds the least value's magnitude, too, which a signed type of the same width does not."""
    low = np.maximum(np.concatenate([source.low, -source.high]), 0)
    high = np.maximum(np.concatenate([source.high, -source.low]), 0)
    type_ = FixedPoint.covering(0.0, float(high.max()), source.type.fraction)
    lowered = HlsLayer(call.name, "crelu", "", (source.name,), source.shape, call.shape, source.type, type_)
    return [lowered], Signal(call.name, call.shape, type_, low, high)


def _moved(
    call: Call, source: Signal, kind: str, move: Callable[[Doubles], Doubles], **options: Any
) -> tuple[list[HlsLayer], Signal]:
    """The layer; the bounds move as the values do."""
    low, high = (
        move(np.broadcast_to(each, source.shape)).reshape(-1, call.shape[-1]) for each in (source.low, source.high)
    )
    lowered = HlsLayer(
        call.name, kind, "", (source.name,), source.shape, call.shape, source.type, source.type, **options
    )
    return [lowered], Signal(call.name, call.shape, source.type, low.min(axis=0), high.max(axis=0))


def _pairs(padding: Any) -> tuple[tuple[int, int], ...]:
    """Padding as Keras keeps it, (before, after) or a pair of these, as pairs."""
    pairs = padding if isinstance(padding[0], tuple) else (padding,)
    return tuple((int(before), int(after)) for before, after in pairs)
