"""Lowered layers as real functions, before anything is rounded, saturates or wraps around, and their slopes.

All arrays are float64 values (not steps), (n, *shape). `ideal` is exact for numbers that double holds. `backward`
carries the slope of a number behind a layer to in front of it, for a search that wants the number to rise: exact where
the layer is linear; where it is flat (a ReLU below zero, a saturated activation) it gives the slope next to the flat
part, and a small share of it where the way leads further into the flat part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fpga_flow.hls import bilinear
from fpga_flow.hls.emulate import softmax
from fpga_flow.hls.emulate.elementwise import shuffled
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin

Doubles = NDArray[np.float64]

#: The share of a slope that leads further into what is flat.
_FLAT = 0.01


def ideal(layer: HlsLayer, *inputs: Doubles) -> Doubles:
    """A layer's output (n, *output_shape) for its inputs, as if its types held every number.

    Of lookups it is the table's value: there `inputs` must be values of the input's type.
    """
    x = inputs[0]
    if layer.weights is not None:
        total = weigh(layer, x, kernel(layer))
        return total if layer.biases is None or layer.bias_type is None else total + layer.biases * layer.bias_type.step
    if layer.kind == "activation":
        if layer.function == "lookup":
            return look_up(layer, x)
        return softmax(x) if layer.function == "softmax" else np.maximum(x, 0) if layer.function == "relu" else x
    if layer.kind in ("pool", "global_pool"):
        images = np.stack([image for _, image in _places(x, layer, -np.inf if layer.function == "max" else 0.0)])
        return np.asarray(images.max(axis=0) if layer.function == "max" else images.sum(axis=0) / len(images))
    if layer.kind == "merge":
        return _joined(layer, *inputs)
    if layer.kind == "crelu":
        return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1)
    if layer.kind == "deformable":
        samples = bilinear.sample(x, *bilinear.axes(layer, inputs[1]))
        return np.asarray(samples.reshape(len(x), *layer.output_shape), np.float64)
    if layer.kind in plugin.LAYERS:
        return plugin.compute(layer, x)
    return _moved(layer, x)


def kernel(layer: HlsLayer) -> Doubles:
    """The weights' values.

    Raises:
        ValueError: the layer has none.
    """
    if layer.weights is None or layer.weight_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their type')
    return np.asarray(layer.weights * layer.weight_type.step, np.float64)


def weigh(layer: HlsLayer, x: Doubles, weights: Doubles) -> Doubles:
    """The sums of a layer with other weights of the same shape, without bias."""
    if layer.kind == "dense":
        return x @ weights
    total = np.zeros((len(x), *layer.output_shape))
    for place, image in _places(x, layer, 0.0):
        depthwise = layer.kind.startswith("depthwise")
        total += image * weights[place][:, 0] if depthwise else _times(image, weights[place], layer.groups)
    return total


def _times(image: Doubles, matrix: Doubles, groups: int, *, back: bool = False) -> Doubles:
    """The values at each pixel (..., channels) times a matrix (channels of a group, filters); `back` from filters to
    channels.
    """
    if groups == 1:
        return image @ (matrix.T if back else matrix)
    parts = matrix.reshape(len(matrix), groups, -1).swapaxes(0, 1)  # (groups, channels, filters) of a group
    parts = parts.swapaxes(1, 2) if back else parts
    return np.asarray(image.reshape(*image.shape[:-1], groups, 1, -1) @ parts).reshape(*image.shape[:-1], -1)


def look_up(layer: HlsLayer, x: Doubles) -> Doubles:
    """The table's value for each value of the input's type."""
    if layer.table is None:
        raise ValueError(f'layer "{layer.name}": expected a table')
    index = np.rint(x / layer.input_type.step).astype(np.int64) & (2**layer.input_type.width - 1)
    table = layer.table * layer.result_type.step
    return np.asarray(table[0][index] if len(table) == 1 else table[np.arange(x.shape[-1]), index])


def backward(layer: HlsLayer, slope: Doubles, inputs: tuple[Doubles, ...]) -> tuple[Doubles, ...]:
    """The slopes of a number towards each of a layer's inputs, given those towards its output, at `inputs`."""
    x = inputs[0]
    if layer.weights is not None:
        return (_weigh_back(layer, slope, x.shape),)
    if layer.kind == "activation":
        return (_activate_back(layer, slope, x),)
    if layer.kind in ("pool", "global_pool"):
        return (_pool_back(layer, slope, x),)
    if layer.kind == "merge":
        return _join_back(layer, slope, *inputs)
    if layer.kind == "crelu":
        up, down = np.split(slope, 2, axis=-1)
        return (up * np.where((x <= 0) & (up < 0), _FLAT, 1.0) - down * np.where((x >= 0) & (down < 0), _FLAT, 1.0),)
    if layer.kind == "deformable":
        return _sample_back(layer, slope, *inputs)
    if layer.kind in plugin.LAYERS:
        return (plugin.slope(layer, slope, x),)
    # what moves values moves their numbers, too; 0 stands for padding
    source = _moved(layer, 1.0 + np.arange(x[0].size).reshape(1, *x.shape[1:]))[0].ravel().astype(np.int64)
    back = np.zeros((x[0].size + 1, len(x)))
    np.add.at(back, source, slope.reshape(len(x), -1).T)
    return (back[1:].T.reshape(x.shape),)


def _window(layer: HlsLayer, shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[tuple[int, int]], tuple[int, ...]]:
    """Window, padding and strides for an image of a shape (height, width) or (length,)."""
    if layer.kind == "global_pool":
        return shape, [(0, 0)] * len(shape), (1,) * len(shape)
    pads = [(0, 0)] * len(shape)
    if layer.padding == "same":
        outs = layer.output_shape[: len(shape)]
        totals = [
            max((out - 1) * stride + width - size, 0)
            for size, width, stride, out in zip(shape, layer.window, layer.strides, outs, strict=True)
        ]
        pads = [(total // 2, total - total // 2) for total in totals]
    return layer.window, pads, layer.strides


def _slices(layer: HlsLayer, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """For each place in the window the values of the padded image that stand there, for all positions of the window."""
    window, _, strides = _window(layer, shape)
    outs = (1,) * len(shape) if layer.kind == "global_pool" else layer.output_shape[: len(shape)]
    for place in np.ndindex(*window):
        starts = tuple(at * rate for at, rate in zip(place, layer.dilation or (1,) * len(place), strict=True))
        steps = zip(starts, strides, outs, strict=True)
        yield place, tuple(slice(at, at + stride * (out - 1) + 1, stride) for at, stride, out in steps)


def _padded(x: Doubles, layer: HlsLayer, outside: float) -> Doubles:
    _, pads, _ = _window(layer, x.shape[1:-1])
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=outside)


def _places(x: Doubles, layer: HlsLayer, outside: float) -> Iterator[tuple[tuple[int, ...], Doubles]]:
    padded = _padded(x, layer, outside)
    for place, slices in _slices(layer, x.shape[1:-1]):
        image = padded[(slice(None), *slices)]
        yield place, image.reshape(len(x), *layer.output_shape) if layer.kind == "global_pool" else image


def _scatter(layer: HlsLayer, shape: tuple[int, ...], parts: Iterator[tuple[tuple[slice, ...], Doubles]]) -> Doubles:
    """The sum of what goes back to each place of an image of a shape (n, ..., channels)."""
    _, pads, _ = _window(layer, shape[1:-1])
    sizes = [size + sum(pad) for size, pad in zip(shape[1:-1], pads, strict=True)]
    whole = np.zeros((shape[0], *sizes, shape[-1]))
    for slices, part in parts:
        view = whole[(slice(None), *slices)]
        view += part.reshape(view.shape)
    kept = tuple(slice(before, before + size) for (before, _), size in zip(pads, shape[1:-1], strict=True))
    return whole[(slice(None), *kept)]


def _weigh_back(layer: HlsLayer, slope: Doubles, shape: tuple[int, ...]) -> Doubles:
    weights = kernel(layer)
    if layer.kind == "dense":
        return slope @ weights.T
    depthwise = layer.kind.startswith("depthwise")
    return _scatter(
        layer,
        shape,
        (
            (
                slices,
                slope * weights[place][:, 0] if depthwise else _times(slope, weights[place], layer.groups, back=True),
            )
            for place, slices in _slices(layer, shape[1:-1])
        ),
    )


def _activate_back(layer: HlsLayer, slope: Doubles, x: Doubles) -> Doubles:
    if layer.function == "softmax":
        shares = softmax(x)
        return np.asarray(shares * (slope - (shares * slope).sum(axis=-1, keepdims=True)))
    type_ = layer.input_type
    if layer.function == "lookup":  # tables are full of steps: the slope over a part of the range
        reach = max(type_.step, (type_.max - type_.min) / 16)
        rise = look_up(layer, _snapped(layer, x + reach)) - look_up(layer, _snapped(layer, x - reach))
        whole = look_up(layer, np.full_like(x, type_.max)) - look_up(layer, np.full_like(x, type_.min))
        return np.asarray(slope * (rise / (2 * reach) + _FLAT * whole / (type_.max - type_.min + type_.step)))
    # where it is flat, a change towards the other end comes through in the end, one away from it never
    below = x <= (0.0 if layer.function == "relu" else layer.result_type.min)
    above = x >= layer.result_type.max
    return slope * np.where((below & (slope < 0)) | (above & (slope > 0)), _FLAT, 1.0)


def _snapped(layer: HlsLayer, x: Doubles) -> Doubles:
    return layer.input_type.quantize(x)


def _pool_back(layer: HlsLayer, slope: Doubles, x: Doubles) -> Doubles:
    if layer.function != "max":
        count = math.prod(_window(layer, x.shape[1:-1])[0])
        return _scatter(layer, x.shape, ((slices, slope / count) for _, slices in _slices(layer, x.shape[1:-1])))
    greatest, padded = ideal(layer, x), _padded(x, layer, -np.inf)

    def parts() -> Iterator[tuple[tuple[slice, ...], Doubles]]:
        free = np.ones(slope.shape, bool)  # of equal values, the first
        for _, slices in _slices(layer, x.shape[1:-1]):
            here = free & (padded[(slice(None), *slices)].reshape(slope.shape) == greatest)
            free &= ~here
            yield slices, slope * here

    return _scatter(layer, x.shape, parts())


def _joined(layer: HlsLayer, x: Doubles, y: Doubles) -> Doubles:
    if layer.function == "concatenate":
        return np.concatenate([x, y], axis=layer.axis + 1)
    if layer.function == "average":
        return (x + y) / 2
    join = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum}
    return np.asarray(join.get(layer.function, np.minimum)(x, y))


def _join_back(layer: HlsLayer, slope: Doubles, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    if layer.function == "concatenate":
        one, other = np.split(slope, [x.shape[layer.axis + 1]], axis=layer.axis + 1)
        return one, other
    if layer.function == "multiply":
        return slope * y, slope * x
    if layer.function in ("maximum", "minimum"):
        first = x >= y if layer.function == "maximum" else x <= y
        return slope * np.where(first, 1.0, _FLAT), slope * np.where(first, _FLAT, 1.0)
    share = 0.5 if layer.function == "average" else 1.0
    return slope * share, slope * (-share if layer.function == "subtract" else share)


def _sample_back(layer: HlsLayer, slope: Doubles, image: Doubles, offsets: Doubles) -> tuple[Doubles, Doubles]:
    down, right = bilinear.axes(layer, offsets)
    of_samples = slope.reshape(*down.before.shape, image.shape[-1])
    back, of_offsets = bilinear.slopes(image, down, right, of_samples)
    return np.asarray(back), np.asarray(of_offsets.reshape(offsets.shape))


def _moved(layer: HlsLayer, x: Doubles) -> Doubles:
    """Layers that only move values."""
    if layer.kind == "reshape":
        return x.reshape(len(x), *layer.output_shape)
    if layer.kind == "permute":
        return x.transpose(0, *(axis + 1 for axis in layer.order))
    if layer.kind == "zero_pad":
        return np.pad(x, ((0, 0), *layer.pads, (0, 0)))
    if layer.kind == "crop":
        kept = (slice(a, size - b) for (a, b), size in zip(layer.pads, layer.input_shape, strict=False))
        return x[(slice(None), *kept)]
    if layer.kind == "upsample":
        for axis, factor in enumerate(layer.window, 1):
            x = x.repeat(factor, axis=axis)
        return x
    if layer.kind == "shuffle":
        return x[..., shuffled(layer)]
    raise ValueError(f'layer "{layer.name}": expected a kind of layer that is known here, got "{layer.kind}"')
