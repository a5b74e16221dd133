"""Activations, poolings, merges, samplings, and layers that move values. Tensors are (*shape, n)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fpga_flow.hls import bilinear
from fpga_flow.hls.emulate.arithmetic import Range, Reals, convert, shift
from fpga_flow.hls.emulate.weighted import places
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin

_JOINS: dict[str, Callable[[Reals, Reals], Reals]] = {
    "add": np.add,
    "average": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def activation(layer: HlsLayer, dtype: type[np.floating], unit: int) -> Callable[[Reals], Reals]:
    """What computes an activation.

    Args:
        unit: the fractional bits in which its input comes.
    """
    type_ = layer.result_type
    if layer.function == "lookup":
        return _lookup(layer, dtype)
    if layer.function == "softmax":
        return lambda x: softmax(x * layer.input_type.step, axis=-2) / type_.step
    least, most = type_.min / type_.step, type_.max / type_.step
    least = -most if layer.symmetric else least
    least = max(least, 0.0) if layer.function == "relu" else least

    def compute(x: Reals) -> Reals:
        x = shift(x, type_.fraction - unit)
        if type_.fraction < layer.input_type.fraction:
            np.rint(x, out=x)
        return np.clip(x, dtype(least), dtype(most), out=x)

    return compute


def _lookup(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    if layer.table is None:
        raise ValueError(f'layer "{layer.name}": expected a table')
    table, mask = layer.table.astype(dtype), 2**layer.input_type.width - 1
    channels = np.arange(layer.output_shape[-1])[:, None]

    def compute(x: Reals) -> Reals:
        index = x.astype(np.int64) & mask
        found: Reals = table[0][index] if len(table) == 1 else table[channels, index]
        return found

    return compute


def softmax(logits: Reals, axis: int = -1) -> NDArray[np.float64]:
    """exp(x) / sum(exp(x)) over an axis, in double."""
    powers = np.exp(np.asarray(logits, np.float64) - logits.max(axis=axis, keepdims=True))
    normal: NDArray[np.float64] = powers / powers.sum(axis=axis, keepdims=True)
    return normal


def pool(layer: HlsLayer) -> Callable[[Reals], Reals]:
    """What computes a pooling over windows."""
    join = np.maximum if layer.function == "max" else np.add

    def compute(x: Reals) -> Reals:
        images = (image for _, image in places(x, layer, -np.inf if layer.function == "max" else 0.0))
        made = next(images).copy()
        for image in images:
            join(made, image, out=made)
        return made if layer.function == "max" else _average(made, math.prod(layer.window), layer)

    return compute


def global_pool(layer: HlsLayer) -> Callable[[Reals], Reals]:
    """What computes a pooling over whole images."""

    def compute(x: Reals) -> Reals:
        axes = tuple(range(x.ndim - 2))
        if layer.function == "max":
            return np.asarray(x.max(axis=axes))
        return _average(x.sum(axis=axes), math.prod(x.shape[:-2]), layer)

    return compute


def _average(total: Reals, count: int, layer: HlsLayer) -> Reals:
    """A sum, in steps of the input's type, over a power of two of values."""
    one = Range.of(layer.input_type)
    range_ = Range(one.least * count, one.most * count, one.fraction + count.bit_length() - 1)
    return convert(total, range_, layer.result_type)


def merge(layer: HlsLayer) -> Callable[[Reals, Reals], Reals]:
    """What joins two tensors."""
    if layer.second_type is None:
        raise ValueError(f'layer "{layer.name}": expected the type of its second input')
    one, other = Range.of(layer.input_type), Range.of(layer.second_type)
    if layer.function == "multiply":
        fraction = one.fraction + other.fraction
        corners = [a * b for a in (one.least, one.most) for b in (other.least, other.most)]
        range_ = Range(min(corners), max(corners), fraction)
        return lambda x, y: convert(x * y, range_, layer.result_type)
    fraction = max(one.fraction, other.fraction)
    size = max(abs(each) * 2.0 ** (fraction - r.fraction) for r in (one, other) for each in (r.least, r.most))
    range_ = Range(-2 * size, 2 * size, fraction + (layer.function == "average"))

    def compute(x: Reals, y: Reals) -> Reals:
        x, y = shift(x.copy(), fraction - one.fraction), shift(y.copy(), fraction - other.fraction)
        if layer.function == "concatenate":
            return convert(np.concatenate([x, y], axis=layer.axis), range_, layer.result_type)
        return convert(_JOINS[layer.function](x, y), range_, layer.result_type)

    return compute


def deformable(layer: HlsLayer) -> Callable[[Reals, Reals], Reals]:
    """What samples an image for a deformable convolution."""
    if layer.second_type is None:
        raise ValueError(f'layer "{layer.name}": expected the type of its offsets')
    step, bits = layer.second_type.step, layer.result_type.fraction - layer.input_type.fraction

    def compute(x: Reals, offsets: Reals) -> Reals:
        image, offsets = (np.moveaxis(each, -1, 0) for each in (x, offsets))
        sampled = bilinear.sample(image, *bilinear.axes(layer, offsets * offsets.dtype.type(step)))
        return shift(np.moveaxis(sampled.reshape(-1, *layer.output_shape), 0, -1), bits)

    return compute


def moved(layer: HlsLayer) -> Callable[[Reals], Reals]:
    """What moves values, copies or parts them."""
    if layer.kind == "reshape":
        return lambda x: x.reshape(*layer.output_shape, x.shape[-1])
    if layer.kind == "permute":
        return lambda x: x.transpose(*layer.order, len(layer.order))
    if layer.kind == "zero_pad":
        return lambda x: np.pad(x, (*layer.pads, (0, 0), (0, 0)))
    if layer.kind == "crop":
        sizes = zip(layer.pads, layer.input_shape, strict=False)
        kept = tuple(slice(before, size - after) for (before, after), size in sizes)
        return lambda x: x[kept]
    if layer.kind == "upsample":
        return lambda x: _repeated(x, layer.window)
    if layer.kind == "shuffle":
        return lambda x: x[..., shuffled(layer), :]
    if layer.kind == "crelu":
        return lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-2)
    if layer.kind in plugin.LAYERS:
        return partial(_of_plugin, layer)
    raise ValueError(f'layer "{layer.name}": no kind "{layer.kind}" is known')


def _of_plugin(layer: HlsLayer, x: Reals) -> Reals:
    """A plugin's layer, of steps and in steps."""
    values = plugin.compute(layer, np.moveaxis(x, -1, 0) * layer.input_type.step)
    return np.asarray(np.moveaxis(values, 0, -1) / layer.result_type.step, x.dtype)


def shuffled(layer: HlsLayer) -> NDArray[np.int64]:
    """For each channel behind a shuffle the one before it that it is (Zhang et al., ShuffleNet, 2018, section 3.1)."""
    return np.arange(layer.output_shape[-1]).reshape(layer.groups, -1).T.ravel()


def _repeated(x: Reals, factors: tuple[int, ...]) -> Reals:
    for axis, factor in enumerate(factors):
        x = x.repeat(factor, axis=axis)
    return x
