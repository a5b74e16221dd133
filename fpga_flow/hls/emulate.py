"""The converted network in numpy: every layer as its C++ computes it, bit for bit, for many samples at a time.

Values are whole multiples of the steps of their types, held in float32 where no number that can appear needs more than
24 bits, else in float64 (53 bits); so all sums are exact, in any order, and BLAS does them. Conversions round, saturate
and wrap around as the C++ types do. Only softmax, which the C++ looks up in tables, is computed in double instead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer

#: Any of float32 and float64.
Reals = NDArray[Any]
#: Bits of whole numbers that the types hold exactly.
FLOAT32_BITS, FLOAT64_BITS = 24, 53
#: Values of the largest tensor (for convolutions, of the matrix of its windows) for one batch: as fit into caches.
_BATCH_VALUES = 2**19


class Emulator:
    """Computes lowered layers. It holds no state between samples."""

    def __init__(self, layers: Sequence[HlsLayer]) -> None:
        """Prepare the layers, in the order of computation.

        Raises:
            ValueError: a layer needs more bits than a double holds.
        """
        self.layers = tuple(layers)
        self._steps = [_prepared(layer) for layer in layers]
        largest = max(_work(layer) for layer in layers)
        self._batch = max(1, _BATCH_VALUES // largest)

    def predict(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """The network's outputs (n, *output_shape) for samples (n, *input_shape), rounded into the input's type."""
        last = self.layers[-1]
        outputs = np.empty((len(x), *last.output_shape))
        for rows, values in self._batches(x):
            for name, value in values:
                if name == last.name:
                    outputs[rows] = value * last.result_type.step
        return outputs

    def predict_layers(self, x: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
        """The outputs of every layer for samples (n, *input_shape), by layer name: (n, *output_shape)."""
        outputs = {layer.name: np.empty((len(x), *layer.output_shape)) for layer in self.layers}
        steps = {layer.name: layer.result_type.step for layer in self.layers}
        for rows, values in self._batches(x):
            for name, value in values:
                outputs[name][rows] = value * steps[name]
        return outputs

    def _batches(self, x: NDArray[np.floating]) -> Iterator[tuple[slice, Iterator[tuple[str, Reals]]]]:
        for start in range(0, len(x), self._batch):
            rows = slice(start, start + self._batch)
            yield rows, self._run(np.asarray(x[rows], np.float64))

    def _run(self, x: NDArray[np.float64]) -> Iterator[tuple[str, Reals]]:
        """Each layer's name and output, in steps of its type; a tensor is dropped behind its last reader."""
        type_ = self.layers[0].input_type
        readers = Counter(name for layer in self.layers for name in layer.inputs)
        tensors: dict[str, Reals] = {"inputs": type_.quantize(x) / type_.step}
        for layer, step in zip(self.layers, self._steps, strict=True):
            made = step.function(*(tensors[name].astype(step.dtype, copy=False) for name in layer.inputs))
            tensors[layer.name] = made
            for name in layer.inputs:
                readers[name] -= 1
                if not readers[name]:
                    tensors.pop(name, None)
            yield layer.name, made


@dataclass(frozen=True)
class _Step:
    """What computes a layer, and the type of float that it computes in."""

    function: Callable[..., Reals]
    dtype: type[np.floating]


def _prepared(layer: HlsLayer) -> _Step:
    bits = _bits(layer)
    if bits > FLOAT64_BITS:
        raise ValueError(f'layer "{layer.name}": expected numbers of at most {FLOAT64_BITS} bits, got {bits}')
    dtype = np.float32 if bits <= FLOAT32_BITS else np.float64
    return _Step(_MAKERS[layer.kind](layer, dtype), dtype)


def _bits(layer: HlsLayer) -> int:
    """Bits of the largest whole number that can appear in a layer's computation, before anything wraps around."""
    types = [type_ for type_ in (layer.input_type, layer.second_type, layer.result_type) if type_ is not None]
    widest = max(type_.width for type_ in types)
    if layer.weights is not None and layer.weight_type is not None:
        axes = tuple(range(layer.weights.ndim - (2 if layer.kind.startswith("depthwise") else 1)))
        sums = float(np.abs(layer.weights).sum(axis=axes).max(initial=0)) * 2.0**layer.input_type.width
        fraction = _sum_fraction(layer)
        total = math.ldexp(sums, fraction - layer.input_type.fraction - layer.weight_type.fraction)
        if layer.biases is not None and layer.bias_type is not None:
            total += math.ldexp(float(np.abs(layer.biases).max(initial=0)), fraction - layer.bias_type.fraction)
        return max(widest, math.frexp(total)[1])
    if layer.kind in ("pool", "global_pool", "merge"):
        if layer.function == "multiply":
            return sum(type_.width for type_ in types[:2])
        fraction, integer = max(type_.fraction for type_ in types), max(type_.integer for type_ in types)
        count = math.prod(layer.window) if layer.function == "average" and layer.kind != "merge" else 2
        return fraction + integer + math.ceil(math.log2(count))
    return widest


def _work(layer: HlsLayer) -> int:
    """Values of the largest tensor that a sample needs in a layer."""
    columns = layer.n_in * layer.positions if layer.kind.startswith("conv") else 0
    return max(layer.input_size, layer.output_size, columns)


def _convert(raw: Reals, fraction: int, type_: FixedPoint) -> Reals:
    """Into a type as `ap_fixed` does by default: bits behind the step are cut off, those in front wrap around."""
    scaled = _shift(raw, type_.fraction - fraction)
    if type_.fraction < fraction:
        scaled = np.floor(scaled)
    least, greatest = type_.min / type_.step, type_.max / type_.step
    if scaled.size and (scaled.min() < least or scaled.max() > greatest):
        scaled = np.mod(scaled - least, 2.0**type_.width) + least
    return scaled


def _shift(raw: Reals, bits: int) -> Reals:
    """Times a power of two."""
    return raw * raw.dtype.type(2.0**bits) if bits else raw


def _sum_fraction(layer: HlsLayer) -> int:
    """The fractional bits of a layer's products and bias.

    Raises:
        ValueError: the accumulator has fewer; then it would cut off each product by itself.
    """
    if layer.weight_type is None or layer.accum_type is None:
        raise ValueError(f'layer "{layer.name}": expected types of weights and accumulator')
    fraction = layer.input_type.fraction + layer.weight_type.fraction
    if layer.bias_type is not None:
        fraction = max(fraction, layer.bias_type.fraction)
    if layer.accum_type.fraction < fraction:
        raise ValueError(f'layer "{layer.name}": expected an accumulator of {fraction} fractional bits or more')
    return fraction


def _weighted(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    """Dense layers and convolutions: a product of matrices, of each window and the kernel."""
    if layer.weights is None or layer.weight_type is None or layer.accum_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their types')
    fraction, accum = _sum_fraction(layer), layer.accum_type
    to_sum = fraction - layer.input_type.fraction - layer.weight_type.fraction
    weights = _shift(layer.weights.astype(dtype), to_sum)
    bias = None
    if layer.biases is not None and layer.bias_type is not None:
        bias = _shift(layer.biases.astype(dtype), fraction - layer.bias_type.fraction)
    depthwise = layer.kind.startswith("depthwise")
    kernel = weights.reshape(-1, weights.shape[-1])

    def sums(x: Reals) -> Reals:
        if layer.kind == "dense":
            return x @ kernel
        places = _places(x, layer, 0.0)
        if depthwise:
            total = np.zeros((len(x), *layer.output_shape), dtype)
            for place, image in places:
                total += image * weights[place][:, 0]
            return total
        columns = np.empty((len(x), *layer.output_shape[:-1], *layer.window, x.shape[-1]), dtype)
        rank = len(layer.window)
        for place, image in places:
            columns[(slice(None),) * (rank + 1) + place] = image
        return (columns.reshape(-1, len(kernel)) @ kernel).reshape(len(x), *layer.output_shape)

    def compute(x: Reals) -> Reals:
        total = sums(x)
        if bias is not None:
            total += bias
        in_accum = _convert(total, fraction, accum)
        return in_accum if accum == layer.result_type else _convert(in_accum, accum.fraction, layer.result_type)

    return compute


def _places(x: Reals, layer: HlsLayer, outside: float) -> Iterator[tuple[tuple[int, ...], Reals]]:
    """For each place in a layer's window, the values that stand there, as images of the size of the output."""
    window, strides, outs = layer.window, layer.strides, layer.output_shape[: len(layer.window)]
    if layer.padding == "same":
        pads = []
        for size, width, stride, out in zip(x.shape[1:], window, strides, outs, strict=False):
            total = max((out - 1) * stride + width - size, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=outside)
    for place in np.ndindex(*window):
        steps = zip(place, strides, outs, strict=True)
        yield place, x[(slice(None), *(slice(at, at + stride * (out - 1) + 1, stride) for at, stride, out in steps))]


def _activation(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    type_, fraction = layer.result_type, layer.input_type.fraction
    if layer.function == "lookup":
        return _lookup(layer, dtype)
    if layer.function == "softmax":
        return lambda x: softmax(x * layer.input_type.step) / type_.step
    greatest = type_.max / type_.step
    least = -greatest if layer.symmetric else type_.min / type_.step

    def compute(x: Reals) -> Reals:
        if layer.function == "relu":
            x = np.maximum(x, 0)
        scaled = _shift(x, type_.fraction - fraction)
        return np.clip(np.rint(scaled) if type_.fraction < fraction else scaled, least, greatest)

    return compute


def _lookup(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    if layer.table is None:
        raise ValueError(f'layer "{layer.name}": expected a table')
    table, mask = layer.table.astype(dtype), 2**layer.input_type.width - 1
    channels = np.arange(layer.output_shape[-1])

    def compute(x: Reals) -> Reals:
        index = x.astype(np.int64) & mask
        found: Reals = table[0][index] if len(table) == 1 else table[channels, index]
        return found

    return compute


def softmax(logits: Reals) -> NDArray[np.float64]:
    """exp(x) / sum(exp(x)) over the last axis, in double."""
    powers = np.exp(np.asarray(logits, np.float64) - logits.max(axis=-1, keepdims=True))
    normal: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return normal


def _pool(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    def compute(x: Reals) -> Reals:
        if layer.function == "max":
            images = (image for _, image in _places(x, layer, -np.inf))
            greatest = next(images).copy()
            for image in images:
                np.maximum(greatest, image, out=greatest)
            return greatest
        total = sum(image for _, image in _places(x, layer, 0.0))
        return _average(np.asarray(total), math.prod(layer.window), layer)

    return compute


def _global_pool(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    def compute(x: Reals) -> Reals:
        axes = tuple(range(1, x.ndim - 1))
        if layer.function == "max":
            return np.asarray(x.max(axis=axes))
        return _average(x.sum(axis=axes), math.prod(x.shape[1:-1]), layer)

    return compute


def _average(total: Reals, count: int, layer: HlsLayer) -> Reals:
    """A sum, in steps of the input's type, over a power of two of values."""
    return _convert(total, layer.input_type.fraction + count.bit_length() - 1, layer.result_type)


_JOINS: dict[str, Callable[[Reals, Reals], Reals]] = {
    "add": np.add,
    "average": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def _merge(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals, Reals], Reals]:
    if layer.second_type is None:
        raise ValueError(f'layer "{layer.name}": expected the type of its second input')
    one, other = layer.input_type.fraction, layer.second_type.fraction
    if layer.function == "multiply":
        return lambda x, y: _convert(x * y, one + other, layer.result_type)
    fraction = max(one, other)
    halved = fraction + (layer.function == "average")

    def compute(x: Reals, y: Reals) -> Reals:
        x, y = _shift(x, fraction - one), _shift(y, fraction - other)
        if layer.function == "concatenate":
            return _convert(np.concatenate([x, y], axis=layer.axis + 1), fraction, layer.result_type)
        return _convert(_JOINS[layer.function](x, y), halved, layer.result_type)

    return compute


def _reshape(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    return lambda x: x.reshape(len(x), *layer.output_shape)


def _permute(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    return lambda x: x.transpose(0, *(axis + 1 for axis in layer.order))


def _zero_pad(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    return lambda x: np.pad(x, ((0, 0), *layer.pads, (0, 0)))


def _crop(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    kept = tuple(
        slice(before, size - after)
        for (before, after), size in zip(layer.pads, layer.input_shape, strict=False)
    )  # fmt: skip
    return lambda x: x[(slice(None), *kept)]


def _upsample(layer: HlsLayer, dtype: type[np.floating]) -> Callable[[Reals], Reals]:
    def compute(x: Reals) -> Reals:
        for axis, factor in enumerate(layer.window, 1):
            x = x.repeat(factor, axis=axis)
        return x

    return compute


_MAKERS: dict[str, Callable[[HlsLayer, type[np.floating]], Callable[..., Reals]]] = {
    "dense": _weighted,
    "conv1d": _weighted,
    "conv2d": _weighted,
    "depthwise1d": _weighted,
    "depthwise2d": _weighted,
    "activation": _activation,
    "pool": _pool,
    "global_pool": _global_pool,
    "merge": _merge,
    "reshape": _reshape,
    "permute": _permute,
    "zero_pad": _zero_pad,
    "crop": _crop,
    "upsample": _upsample,
}
