"""The criterion `thinet`: how badly the next layers' sums can be made again without a unit.

Source: Luo et al. 2017, "ThiNet: A filter level pruning method for deep neural network compression". At sampled
positions and filters of the layers that read a group's channels, each unit's part x_c of a sum y = x_1 + x_2 + ... is
found. Units go one after the other, always the one with which the sum of those that are gone, squared and summed over
the samples, is smallest (section 3.2, algorithm 1). Then what is left is scaled, one factor a unit, by least
squares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.keras import keras
from fpga_flow.networks.channel_cut import Kept
from fpga_flow.networks.channels import Channels, Layer
from fpga_flow.networks.network import Network, quantizer_of
from fpga_flow.networks.promises import Sharing

#: At most so many samples, positions and filters of a layer are looked at, and so many values are held at a time.
_SAMPLES, _POSITIONS, _FILTERS, _VALUES = 256, 1024, 16, 1 << 26
#: What the least squares add to the squares, relative to their mean, to keep the factors near 1.
_RIDGE = 1e-3

Array = NDArray[Any]


@dataclass(frozen=True)
class Reader:
    """A layer that reads channels: the units that they are, and the sums over samples of the products of their parts
    (units, units), relative to the sum of y * y.
    """

    layer: Layer
    units: NDArray[np.int64]
    products: NDArray[np.float64]


def unread(channels: Channels, units: NDArray[np.int64]) -> bool:
    """Whether some of these units are read by no layer whose sums can be looked at."""
    read = np.zeros(channels.count, bool)
    for layer in _readers(channels):
        read[_inputs(layer)] = True
    return not read[units].all()


def readers(model: Any, channels: Channels, samples: Array, seed: int) -> list[Reader]:
    """Look at what each layer reads of some samples (n, *shape), drawn with `seed`."""
    layers = list(_readers(channels))
    if not layers:
        return []
    rng = np.random.default_rng(seed)
    tensors = [each.layer.get_input_at(0) for each in layers]
    size = sum(math.prod(side or 1 for side in tensor.shape[1:]) for tensor in tensors)
    count = min(max(_VALUES // size, 1), _SAMPLES, len(samples))
    chosen = samples[rng.choice(len(samples), count, replace=False)]
    read = keras.Model(model.inputs, tensors).predict(chosen, batch_size=32, verbose=0)
    values = read if isinstance(read, list) else [read]
    pairs = list(zip(layers, values, strict=True))
    return [_look(layer, each, rng) for layer, each in doing.each(pairs, "layers, whose inputs are looked at")]


def scores(channels: Channels, found: list[Reader]) -> NDArray[np.float64]:
    """The error at which each unit goes (count,), relative to the mean of its group."""
    scored = np.zeros(channels.count)
    for group in channels.groups:
        place = np.full(channels.count, -1)
        place[group.units] = np.arange(len(group.units))
        products = np.zeros((len(group.units), len(group.units)))
        for reader in found:
            mine = place[reader.units] >= 0
            places = place[reader.units[mine]]
            products[np.ix_(places, places)] += reader.products[np.ix_(mine, mine)]
        errors = _greedy(products)
        mean = errors.mean()
        scored[group.units] = errors / mean if mean > 0 else errors
    return scored


def rescale(smaller: Network, found: list[Reader], kept: Kept) -> None:
    """Scale what the readers in the smaller network still read to make up for what is gone. Weights of a fixed type or
    with shared values stay as they are.
    """
    for reader in found:
        weight, axis = reader.layer.inputs
        stays = kept[reader.units]
        new = smaller.model.get_layer(reader.layer.layer.name)
        shared = any(isinstance(each, Sharing) for each in smaller.of(new.name, weight))
        if stays.all() or not stays.any() or shared or quantizer_of(new, weight) is not None:
            continue
        factors = np.ones(len(kept))
        factors[reader.units[stays]] = _least_squares(reader.products, stays)
        units = _inputs(reader.layer)
        shape = [1] * len(getattr(new, weight).shape)
        shape[axis] = -1
        variable = getattr(new, weight)
        variable.assign(variable.numpy() * factors[units[kept[units]]].astype(np.float32).reshape(shape))


def _readers(channels: Channels) -> Iterator[Layer]:
    for layer in channels.layers.values():
        if layer.inputs[0] and "Transpose" not in type(layer.layer).__name__ and _inputs(layer).any():
            yield layer


def _inputs(layer: Layer) -> NDArray[np.int64]:
    weight, axis = layer.inputs
    return layer.weights[weight][axis]


def _greedy(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """The error at which each unit goes, if that with the least error always goes next."""
    count, error = len(products), 0.0
    sums, cost = np.zeros(count), np.diag(products).copy()
    errors = np.zeros(count)
    for _ in range(count):
        number = int(np.argmin(cost + 2 * sums))
        error = max(error, error + cost[number] + 2 * sums[number])
        errors[number] = error
        sums += products[number]
        cost[number] = np.inf
    return errors


def _least_squares(products: NDArray[np.float64], stays: Kept) -> NDArray[np.float64]:
    """Factors for the units that stay with which their sum is nearest to that of all."""
    square = products[np.ix_(stays, stays)]
    gone = products[np.ix_(stays, ~stays)].sum(axis=1)
    ridge = _RIDGE * np.trace(square) / len(square) + np.finfo(float).tiny
    return 1 + np.linalg.solve(square + ridge * np.eye(len(square)), gone)


def _look(layer: Layer, values: Array, rng: np.random.Generator) -> Reader:
    weight, _ = layer.inputs
    kernel = getattr(layer.layer, weight).numpy()
    units, place = np.unique(_inputs(layer), return_inverse=True)
    inside = _sampled(layer.layer, values, rng)
    filters = kernel.shape[-1]
    chosen = rng.choice(filters, min(filters, _FILTERS), replace=False)
    groups, width = getattr(layer.layer, "groups", 1), kernel.shape[-2]
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    products, energy = np.zeros((len(units), len(units))), 0.0
    for number in chosen:
        first = number // (filters // groups) * width
        taps = inside[..., first : first + width] * kernel[..., number]
        parts = taps.reshape(len(taps), -1, width).sum(axis=1)
        parts = np.add.reduceat(parts[:, order], starts, axis=1)
        products += parts.T @ parts
        energy += float(np.sum(parts.sum(axis=1) ** 2))
    free = units > 0
    return Reader(layer, units[free], products[np.ix_(free, free)] / (energy or 1.0))


def _sampled(layer: Any, values: Array, rng: np.random.Generator) -> Array:
    """What a layer multiplies with its kernel at sampled positions (n, *window, channels)."""
    if not hasattr(layer, "kernel_size"):
        every = values.reshape(-1, values.shape[-1])
        return every[rng.choice(len(every), min(len(every), _POSITIONS), replace=False)]
    windows = _windows(layer, values, rng)
    depthwise = getattr(layer, "depthwise_kernel", None)
    if depthwise is None:
        return windows
    axes = tuple(range(1, windows.ndim - 1))
    summed = (windows[..., None] * depthwise.numpy()).sum(axis=axes)
    rows: Array = summed.reshape(len(summed), *(1 for _ in axes), -1)
    return rows  # as the pointwise kernel of size 1 reads it


def _windows(layer: Any, values: Array, rng: np.random.Generator) -> Array:
    """Windows of a convolution over values (samples, *image, channels) at random positions."""
    image = values.shape[1:-1]
    samples = rng.integers(len(values), size=_POSITIONS)
    index: list[Array] = [samples.reshape(-1, *(1 for _ in image))]
    inside: Array = np.ones((1,) * (len(image) + 1), bool)
    for axis, size in enumerate(image):
        taps, stride, dilation = (each[axis] for each in (layer.kernel_size, layer.strides, layer.dilation_rate))
        reach = (taps - 1) * dilation
        count = -(-size // stride) if layer.padding != "valid" else (size - reach - 1) // stride + 1
        before = {"valid": 0, "causal": reach, "same": max((count - 1) * stride + reach + 1 - size, 0) // 2}
        starts = rng.integers(count, size=_POSITIONS) * stride - before[layer.padding]
        places = starts[:, None] + np.arange(taps) * dilation
        places = places.reshape(len(places), *(taps if each == axis else 1 for each in range(len(image))))
        inside = inside & (places >= 0) & (places < size)
        index.append(np.clip(places, 0, size - 1))
    windows: Array = np.where(inside[..., None], values[tuple(index)], 0)
    return windows
