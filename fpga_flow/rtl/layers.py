"""What each kind of layer computes, in symbolic numbers: the counterpart of `hls/emulate`. Tensors are (*shape)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fpga_flow.hls.emulate.elementwise import shuffled
from fpga_flow.hls.emulate.weighted import padded
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.rtl.arithmetic import Number, Numbers, constant, converted, elementwise, greatest, rounded, total
from fpga_flow.rtl.matrix import Matrices

_JOINS: dict[str, Callable[[Number, Number], Number]] = {
    "add": lambda one, other: one + other,
    "subtract": lambda one, other: one - other,
    "average": lambda one, other: (one + other) * 0.5,
    "multiply": lambda one, other: one * other,
    "maximum": lambda one, other: one.max_of(other),
    "minimum": lambda one, other: one.min_of(other),
}


def compute(layer: HlsLayer, inputs: list[Numbers], matrices: Matrices) -> Numbers:
    """The layer's output (*output_shape)."""
    if layer.weights is not None:
        return _weighted(layer, inputs[0], matrices)
    if layer.kind == "activation":
        return _activation(layer, inputs[0])
    if layer.kind in ("pool", "global_pool"):
        return _pool(layer, inputs[0])
    if layer.kind == "merge":
        return _merge(layer, *inputs)
    return _moved(layer, inputs[0])


def _weighted(layer: HlsLayer, x: Numbers, matrices: Matrices) -> Numbers:
    if layer.weights is None or layer.weight_type is None or layer.accum_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their types')
    kernel = layer.weights * layer.weight_type.step
    if layer.kind == "dense":
        sums = np.empty(layer.output_shape, object)
        for position in np.ndindex(*layer.output_shape[:-1]):
            sums[position] = matrices.product(x[position], kernel)
    elif layer.kind.startswith("depthwise"):
        sums = _depthwise(layer, x, kernel, matrices)
    else:
        sums = _conv(layer, x, kernel, matrices)
    if layer.biases is not None and layer.bias_type is not None:
        sums = sums + np.broadcast_to(layer.biases * layer.bias_type.step, sums.shape)
    accum, result = layer.accum_type, layer.result_type
    return elementwise(lambda number: converted(converted(number, accum), result), sums)


def _conv(layer: HlsLayer, x: Numbers, kernel: Any, matrices: Matrices) -> Numbers:
    groups = layer.groups
    filters = kernel.reshape(layer.n_in, groups, -1)
    sums = np.empty(layer.output_shape, object)
    for position, window in _windows(x, layer, constant(0, x.flat[0])):
        parts = np.split(window.reshape(-1, window.shape[-1]), groups, axis=-1)
        made = [matrices.product(part.ravel(), filters[:, group]) for group, part in enumerate(parts)]
        sums[position] = np.concatenate(made)
    return sums


def _depthwise(layer: HlsLayer, x: Numbers, kernel: Any, matrices: Matrices) -> Numbers:
    columns = kernel.reshape(-1, layer.output_shape[-1])
    sums = np.empty(layer.output_shape, object)
    for position, window in _windows(x, layer, constant(0, x.flat[0])):
        values = window.reshape(columns.shape)
        sums[position] = [matrices.product(values[:, i], columns[:, i : i + 1])[0] for i in range(columns.shape[1])]
    return sums


def _activation(layer: HlsLayer, x: Numbers) -> Numbers:
    if layer.function == "lookup":
        return _looked_up(layer, x)
    if layer.function == "relu":
        x = elementwise(lambda number: number.relu(), x)
    return elementwise(lambda number: rounded(number, layer.result_type, symmetric=layer.symmetric), x)


def _looked_up(layer: HlsLayer, x: Numbers) -> Numbers:
    if layer.table is None:
        raise ValueError(f'layer "{layer.name}": expected a table')
    tables = np.broadcast_to(layer.table * layer.result_type.step, (layer.output_shape[-1], layer.table.shape[1]))
    which = np.broadcast_to(np.arange(layer.output_shape[-1]), x.shape)
    size = 2**layer.input_type.width

    def look_up(number: Number, channel: int) -> Number:
        first, last, step = (round(float(each) / layer.input_type.step) for each in
                             (number.low, number.high, number.step))  # fmt: skip
        values = tables[channel][np.arange(first, last + 1, step) % size]
        if (values == values[0]).all():
            return constant(values[0], number)
        return number.lookup(values)

    return elementwise(look_up, x, which)


def _pool(layer: HlsLayer, x: Numbers) -> Numbers:
    if layer.kind == "global_pool":
        return _pooled(layer, x)
    made = np.empty(layer.output_shape, object)
    for position, window in _windows(x, layer, None):
        made[position] = _pooled(layer, window)
    return made


def _pooled(layer: HlsLayer, window: Numbers) -> Numbers:
    """The greatest or the average of each channel of a window (*window, channels), in which None is outside."""
    made = np.empty(window.shape[-1], object)
    places = window.reshape(-1, window.shape[-1])
    for channel, values in enumerate(places.T):
        inside = [number for number in values if number is not None]
        if layer.function == "max":
            made[channel] = greatest(inside)
        else:  # what is outside counts as 0
            made[channel] = converted(total(inside) * (1.0 / len(places)), layer.result_type)
    return made


def _merge(layer: HlsLayer, x: Numbers, y: Numbers) -> Numbers:
    if layer.function == "concatenate":
        joined = np.concatenate([x, y], axis=layer.axis)
    else:
        joined = elementwise(_JOINS[layer.function], x, y)
    return elementwise(lambda number: converted(number, layer.result_type), joined)


def _windows(x: Numbers, layer: HlsLayer, outside: Number) -> Iterator[tuple[tuple[int, ...], Numbers]]:
    """Each position of the output, and what stands in its window (*window, channels)."""
    x = padded(x[..., None], layer, outside)[..., 0]
    rates = layer.dilation or (1,) * len(layer.window)
    for position in np.ndindex(*layer.output_shape[:-1]):
        steps = zip(position, layer.strides, layer.reach, rates, strict=True)
        yield position, x[tuple(slice(at * stride, at * stride + reach, rate) for at, stride, reach, rate in steps)]


def _moved(layer: HlsLayer, x: Numbers) -> Numbers:
    if layer.kind == "reshape":
        return x.reshape(layer.output_shape)
    if layer.kind == "permute":
        return x.transpose(layer.order)
    if layer.kind == "zero_pad":
        return np.pad(x, (*layer.pads, (0, 0)), constant_values=constant(0, x.flat[0]))
    if layer.kind == "crop":
        sizes = zip(layer.pads, layer.input_shape, strict=False)
        return x[tuple(slice(before, size - after) for (before, after), size in sizes)]
    if layer.kind == "upsample":
        for axis, factor in enumerate(layer.window):
            x = x.repeat(factor, axis=axis)
        return x
    if layer.kind == "shuffle":
        return x[..., shuffled(layer)]
    if layer.kind == "crelu":
        halves = x, elementwise(lambda number: -number, x)
        return np.concatenate([elementwise(lambda number: number.relu(), half) for half in halves], axis=-1)
    raise ValueError(f'layer "{layer.name}": no kind "{layer.kind}" is known')
