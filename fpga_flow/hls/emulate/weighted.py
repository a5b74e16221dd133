"""Dense layers and convolutions: products of matrices. Tensors are (*shape, n)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate.arithmetic import Range, Reals, convert, shift, sum_fraction
from fpga_flow.hls.layer import HlsLayer


def weighted(layer: HlsLayer, dtype: type[np.floating], unit: int) -> Callable[[Reals], Reals]:
    """What computes a layer with weights.

    Args:
        unit: the fractional bits in which the result is wanted; other than those of its type only if `exact(layer)`.
    """
    if layer.weights is None or layer.weight_type is None or layer.accum_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their types')
    fraction = sum_fraction(layer)
    plain = exact(layer)
    # a power of two that all sums are to be multiplied by is as well multiplied into the weights
    scaled = unit if plain else fraction
    weights = shift(layer.weights.astype(dtype), scaled - layer.input_type.fraction - layer.weight_type.fraction)
    bias = None
    if layer.biases is not None and layer.bias_type is not None and layer.biases.any():
        bias = shift(layer.biases.astype(dtype), scaled - layer.bias_type.fraction)[:, None]
    sums = {"dense": _dense, "conv1d": _conv, "conv2d": _conv}.get(layer.kind, _depthwise)(layer, weights)
    accum, result, range_ = layer.accum_type, layer.result_type, sum_range(layer)

    def compute(x: Reals) -> Reals:
        total = sums(x)
        if bias is not None:
            total += bias
        if plain:
            return total
        convert(total, range_, accum)
        return total if accum == result else convert(total, _within(range_, accum), result)

    return compute


def exact(layer: HlsLayer) -> bool:
    """Whether every sum of a layer with weights is a value of its accumulator's and its result's type."""
    if layer.weights is None or layer.accum_type is None:
        return False
    range_ = sum_range(layer)
    return range_.exactly(layer.accum_type) and range_.exactly(layer.result_type)


def sum_range(layer: HlsLayer) -> Range:
    """What the sums of a layer with weights can be, of all values of its input's type."""
    if layer.weights is None or layer.weight_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their types')
    depthwise = layer.kind.startswith("depthwise")
    weights = layer.weights.reshape(-1, layer.n_out).astype(np.float64)
    fraction = sum_fraction(layer)
    input_ = Range.of(layer.input_type)
    outside = layer.padding == "same"  # zeros, which are values of every type
    positive, negative = (np.where(chosen, weights, 0).sum(axis=0) for chosen in (weights > 0, weights < 0))
    least = positive * (min(input_.least, 0) if outside else input_.least) + negative * input_.most
    most = positive * input_.most + negative * (min(input_.least, 0) if outside else input_.least)
    scale = 2.0 ** (fraction - layer.input_type.fraction - layer.weight_type.fraction)
    bias: Reals = np.zeros(1)
    if layer.biases is not None and layer.bias_type is not None:
        bias = layer.biases * 2.0 ** (fraction - layer.bias_type.fraction)
    if depthwise and layer.weights.shape[-1] != 1:
        raise ValueError(f'layer "{layer.name}": expected a depthwise kernel with one filter a channel')
    return Range(float((least * scale + bias).min()), float((most * scale + bias).max()), fraction)


def _within(range_: Range, type_: FixedPoint) -> Range:
    """A range after conversion into a type."""
    if range_.exactly(type_):
        scale = 2.0 ** (type_.fraction - range_.fraction)
        return Range(range_.least * scale, range_.most * scale, type_.fraction)
    return Range.of(type_)


def _dense(layer: HlsLayer, weights: Reals) -> Callable[[Reals], Reals]:
    kernel = np.ascontiguousarray(weights.T)
    return lambda x: np.asarray(kernel @ x)


def _conv(layer: HlsLayer, weights: Reals) -> Callable[[Reals], Reals]:
    """For each output pixel, and each group, the matrix of the kernel times that of the window, for all samples."""
    rank, groups = len(layer.window), layer.groups
    strided = tuple(slice(None, None, stride) for stride in layer.strides)
    taken: Any = (*strided, ..., *(slice(None, None, rate) for rate in layer.dilation))
    # (window and channels of a group, filters) as (groups, filters of a group, window and channels of a group)
    kernel = np.ascontiguousarray(weights.reshape(layer.n_in, groups, -1).transpose(1, 2, 0))

    def sums(x: Reals) -> Reals:
        x = padded(x, layer, 0.0)
        x = x.reshape(*x.shape[:rank], groups, -1, x.shape[-1])
        if layer.window == (1,) * rank:
            columns = x[strided]
        else:
            windows = np.lib.stride_tricks.sliding_window_view(x, layer.reach, axis=tuple(range(rank)))
            windows = windows[taken]
            # (*positions, groups, channels, n, *window) as (*positions, groups, window and channels, n)
            order = (*range(rank + 1), *range(rank + 3, 2 * rank + 3), rank + 1, rank + 2)
            columns = windows.transpose(order).reshape(*windows.shape[: rank + 1], -1, x.shape[-1])
        total = np.asarray(kernel @ columns)
        return total.reshape(*total.shape[:rank], -1, total.shape[-1])

    return sums


def _depthwise(layer: HlsLayer, weights: Reals) -> Callable[[Reals], Reals]:
    def sums(x: Reals) -> Reals:
        total = np.zeros((*layer.output_shape, x.shape[-1]), weights.dtype)
        product = np.empty_like(total)
        for place, image in places(x, layer, 0.0):
            np.multiply(image, weights[place], out=product)
            total += product
        return total

    return sums


def padded(x: Reals, layer: HlsLayer, outside: float) -> Reals:
    """An image with what stands around it for a window with padding `same`."""
    if layer.padding != "same":
        return x
    pads = []
    for size, width, stride, out in zip(x.shape, layer.window, layer.strides, layer.output_shape, strict=False):
        total = max((out - 1) * stride + width - size, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(x, (*pads, (0, 0), (0, 0)), constant_values=outside)


def places(x: Reals, layer: HlsLayer, outside: float) -> Iterator[tuple[tuple[int, ...], Reals]]:
    """For each place in a layer's window, the values that stand there, as images of the size of the output."""
    strides, outs = layer.strides, layer.output_shape[: len(layer.window)]
    x = padded(x, layer, outside)
    for place in np.ndindex(*layer.window):
        steps = zip(place, strides, outs, strict=True)
        yield place, x[tuple(slice(at, at + stride * (out - 1) + 1, stride) for at, stride, out in steps)]
