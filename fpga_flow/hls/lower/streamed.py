"""What io_stream needs instead: hls4ml's streaming pooling takes windows side by side only.

The maximum over windows that overlap is taken along one axis after the other. Along an axis it is the maximum of
shifted images, one for each place in the window, and such an image is a depthwise convolution with a single 1 in its
kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer


def streamed(layers: Sequence[HlsLayer]) -> list[HlsLayer]:
    """The layers, those in other form that hls4ml can't stream as they are."""
    return [each for layer in layers for each in (_axis_by_axis(layer) if _overlaps(layer) else [layer])]


def _overlaps(layer: HlsLayer) -> bool:
    valid_max = layer.kind == "pool" and layer.function == "max" and layer.padding == "valid"
    return valid_max and layer.strides != layer.window


def _axis_by_axis(layer: HlsLayer) -> list[HlsLayer]:
    """Pooling along each axis whose window is more than a value; the last one has the layer's name."""
    rank = len(layer.window)
    axes = [axis for axis in range(rank) if (layer.window[axis], layer.strides[axis]) != (1, 1)]
    made: list[HlsLayer] = []
    source, shape = layer.inputs, layer.input_shape
    for axis in axes:
        window, strides = ([1] * rank for _ in range(2))
        window[axis], strides[axis] = layer.window[axis], layer.strides[axis]
        out = (*shape[:axis], layer.output_shape[axis], *shape[axis + 1 :])
        name = layer.name if axis == axes[-1] else f"{layer.name}_axis_{axis}"
        pool = replace(
            layer, name=name, inputs=source, input_shape=shape, output_shape=out, window=tuple(window),
            strides=tuple(strides),
        )  # fmt: skip
        made += _shifted_maxima(pool, axis)
        source, shape = (name,), out
    return made


def _shifted_maxima(pool: HlsLayer, axis: int) -> list[HlsLayer]:
    """The shifted images, then their maxima, pair after pair."""
    channels, type_, one = pool.input_shape[-1], pool.input_type, FixedPoint(2, 2)
    shifted: list[HlsLayer] = []
    for place in range(pool.window[axis]):
        kernel = np.zeros((*pool.window, channels, 1), np.int64)
        kernel[(slice(None),) * axis + (place,)] = 1
        kind, name = f"depthwise{len(pool.window)}d", f"{pool.name}_at_{place}"
        image = replace(
            pool, name=name, kind=kind, function="", weight_type=one, accum_type=type_, weights=kernel,
            strategy="latency",
        )  # fmt: skip
        shifted.append(image)
    maxima: list[HlsLayer] = []
    so_far, shape = shifted[0].name, pool.output_shape
    for number, image in enumerate(shifted[1:], 1):
        name = pool.name if number == len(shifted) - 1 else f"{pool.name}_{number}"
        maxima.append(HlsLayer(name, "merge", "maximum", (so_far, image.name), shape, shape, type_, type_, type_))
        so_far = name
    if not maxima:  # a window of one value, with strides
        return [replace(shifted[0], name=pool.name)]
    return [*shifted, *maxima]
