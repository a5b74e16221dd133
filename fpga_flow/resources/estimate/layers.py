"""The statistics that the formulas need, from the layers of a converted network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import InputError
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin
from fpga_flow.hls.strategy import Strategy
from fpga_flow.hls.written import OWN_STRATEGIES, with_zeros
from fpga_flow.resources.estimate.activation import Activation, Softmax
from fpga_flow.resources.estimate.dense import StreamDense
from fpga_flow.resources.estimate.elementwise import ConcatenatedRelu, Declared, Lookup, Merge, Move
from fpga_flow.resources.estimate.formula import Part
from fpga_flow.resources.estimate.hardware import shared_additions
from fpga_flow.resources.estimate.matrix import Matrix, mean_weight_bits
from fpga_flow.resources.estimate.sampling import Sampling
from fpga_flow.resources.estimate.window import Conv2d, Pool, Window

_MOVES = ("permute", "zero_pad", "crop", "upsample", "shuffle")


def layer_part(layer: HlsLayer, words: Mapping[str, int], *, stream: bool) -> Part:
    """The part of the design that a layer is; a reshape is none.

    Args:
        layer: the layer.
        words: values in a word of the stream behind each layer, see `stream_words`.
        stream: whether data moves in streams (io_stream).

    Raises:
        InputError: no formula covers the layer.
    """
    if layer.kind == "dense" and len(layer.input_shape) == 1:
        matrix = matrix_of(layer)
        return StreamDense(matrix, _input_beats(layer, words)) if stream else matrix
    if layer.weights is not None:
        return Conv2d(matrix_of(layer), window_of(layer))
    if layer.kind in ("pool", "global_pool"):
        return Pool(window_of(layer), layer.input_type.width, layer.function == "average")
    if layer.kind in _MOVES:
        return Move(words[layer.name], layer.output_size // words[layer.name])
    if layer.kind == "crelu":
        channels = layer.input_shape[-1] if stream else layer.input_size
        return ConcatenatedRelu(channels, layer.input_size // channels, layer.input_type.width, layer.result_type.width)
    if layer.kind == "merge":
        elements = words[layer.name] if stream else layer.output_size
        widths = layer.input_type.width, (layer.second_type or layer.input_type).width
        return Merge(layer.function, elements, layer.output_size // elements, *widths, layer.result_type.width)
    if layer.kind == "deformable" and not stream:
        return sampling_of(layer)
    if layer.kind == "activation" and layer.function == "lookup":
        elements = words[layer.name] if stream else layer.output_size
        beats = layer.output_size // elements
        return Lookup(elements, beats, layer.input_type.width, layer.result_type.width)
    if layer.kind == "activation" and layer.function == "softmax":
        elements = layer.output_shape[-1]
        beats = math.prod(layer.output_shape[:-1])
        return Softmax(elements, beats, layer.input_type.width, max(1, layer.reuse_factor))
    if layer.kind == "activation" and layer.function in ("relu", "linear"):
        elements = words[layer.name] if stream else layer.output_size
        return Activation(
            elements=elements,
            beats=layer.output_size // elements,
            input_width=layer.input_type.width,
            output_width=layer.result_type.width,
            rounds=_rounds(layer),
            relu=layer.function == "relu",
            signed=layer.result_type.signed,
        )
    if layer.kind in plugin.LAYERS:
        return Declared(plugin.LAYERS[layer.kind].cost(layer, stream))
    what = " ".join(word for word in (layer.function, layer.kind) if word)
    raise InputError.at("", f'expected a layer that a formula covers, got "{what}"', field=layer.name)


def sampling_of(layer: HlsLayer) -> Sampling:
    """The geometry of the sampling of a deformable convolution."""
    offsets = layer.second_type or layer.input_type
    height, width, channels = layer.input_shape
    rows, columns, values = layer.output_shape
    fraction = max(offsets.fraction, 0)
    return Sampling(
        height * width, channels, layer.input_type.width, values // channels, rows * columns, offsets.width, fraction
    )


def matrix_of(layer: HlsLayer) -> Matrix:
    """The matrix of a dense layer or convolution; of a convolution with groups, that of the weights that there are. In
    distributed arithmetic its non-zero weights are additions.

    Raises:
        InputError: the layer has no weights, or an unknown strategy.
    """
    if layer.weights is None or layer.weight_type is None or layer.strategy not in get_args(Strategy):
        expected = ", ".join(get_args(Strategy))
        raise InputError.at(
            "", f'expected weights and one of the strategies {expected}, got "{layer.strategy}"', field=layer.name
        )
    if layer.grouped_or_dilated and layer.strategy not in OWN_STRATEGIES:
        layer = with_zeros(layer)
    if layer.weights is None or layer.weight_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their type')
    n_in, n_out, groups = layer.n_in, layer.n_out, layer.groups
    if layer.kind.startswith("depthwise"):  # a sum over the window for each channel
        n_in //= n_out
    weights = layer.weights.reshape(n_in, n_out)
    digits = csd_digits(weights)
    nonzero = int(np.count_nonzero(weights))
    shared = layer.strategy == "distributed_arithmetic"
    # a row for each input: those of a group are read by its filters only
    rows = np.where(digits >= 3, weights, 0).reshape(n_in, groups, -1).swapaxes(0, 1).reshape(groups * n_in, -1)
    return Matrix(
        n_in=n_in,
        n_out=n_out,
        nonzero=shared_additions(digits) if shared else nonzero,
        powers=0 if shared else int(np.count_nonzero(digits == 1)),
        two_digits=0 if shared else int(np.count_nonzero(digits == 2)),
        constants=0 if shared else _distinct_per_row(rows),
        weight_bits=mean_weight_bits(int(digits.sum()), nonzero, layer.weight_type.width),
        input_type=layer.input_type,
        weight_type=layer.weight_type,
        accum_type=layer.accum_type or layer.result_type,
        result_width=layer.result_type.width,
        strategy=layer.strategy,
        reuse_factor=max(1, layer.reuse_factor),
        idle=_idle(weights, layer.reuse_factor) if layer.strategy == "resource_unrolled" else 0,
        groups=groups,
    )


def _idle(weights: NDArray[np.int64], reuse_factor: int) -> int:
    """Multipliers all of whose `reuse_factor` weights are zero (hls4ml, `GenerateUnrolledDenseResource`)."""
    padded = np.pad(weights.T.ravel(), (0, -weights.size % reuse_factor))
    return int(np.count_nonzero(~padded.reshape(-1, reuse_factor).any(axis=1)))


def csd_digits(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-zero digits of each value in canonical signed digit form: the bits in which x and 3x differ (Reitwiesner)."""
    magnitude = np.abs(values)
    digits: NDArray[np.int64] = np.bitwise_count(magnitude ^ (3 * magnitude)).astype(np.int64)
    return digits


def _distinct_per_row(values: NDArray[np.int64]) -> int:
    """Distinct values other than zero, counted in each row and added up."""
    ordered = np.sort(values, axis=1)
    return int(np.count_nonzero((np.diff(ordered, axis=1, prepend=0) != 0) & (ordered != 0)))


def window_of(layer: HlsLayer) -> Window:
    """The geometry of a convolution or pool; with padding the image that the window slides over is the padded one.

    A sequence is an image of one row. A dense layer on more than one dimension has a window of a single pixel.
    """
    *sizes, channels = layer.input_shape
    window, strides = layer.reach or (1,) * len(sizes), layer.strides or (1,) * len(sizes)
    outs = (1,) * len(sizes) if layer.kind == "global_pool" else layer.output_shape[:-1]
    if layer.padding == "same":
        steps = zip(sizes, outs, strides, window, strict=True)
        sizes = [max(size, (out - 1) * stride + width) for size, out, stride, width in steps]
    *more, rows, columns = 1, *window
    *other, height, width = 1, *sizes
    return Window(math.prod(other) * height, width, math.prod(more) * rows, columns, channels, math.prod(outs))


def stream_words(layers: Sequence[HlsLayer]) -> dict[str, int]:
    """Values in one word of the stream behind each layer: its channels.

    A reshape leaves the stream as it is, and so does an activation behind it.
    """
    words: dict[str, int] = {}
    for layer in layers:
        if layer.kind in ("reshape", "activation"):
            words[layer.name] = _input_words(layer, words) or layer.input_shape[-1]
        else:
            words[layer.name] = layer.output_shape[-1]
    return words


def _input_words(layer: HlsLayer, words: Mapping[str, int]) -> int | None:
    """Values in one word of the stream that a layer reads; None if no layer is before it."""
    return words.get(layer.inputs[0]) if layer.inputs else None


def _input_beats(layer: HlsLayer, words: Mapping[str, int]) -> int:
    """Words of the stream that bring all inputs of a layer."""
    return math.ceil(layer.n_in / (_input_words(layer, words) or layer.n_in))


def _rounds(layer: HlsLayer) -> bool:
    """Whether the result of an activation must be rounded or saturated: its type does not hold all that comes in."""
    low = 0.0 if layer.function == "relu" else layer.input_type.min
    result = layer.result_type
    return result.fraction < layer.input_type.fraction or result.max < layer.input_type.max or result.min > low
