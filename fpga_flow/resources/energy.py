"""How much energy the arithmetic of a network takes: a figure to compare networks by, not to choose a power supply.

It is what one inference would take in a chip of 45 nm, by what M. Horowitz, "Computing's energy problem (and what we
can do about it)", ISSCC 2014, figure 1.1.9, tells of single operations; QKeras' QTools counts on the same basis. An
FPGA draws another power: its logic, routing and DSP blocks are not such a chip's, and clocks, leakage, inputs and
outputs are not in the figure at all. It tells which of two networks computes less.

Counted for one sample, with widths in bits:

    multiplication  of an input and a weight that is not zero: 3.1 pJ (32 by 32 bits) times both widths over 32 squared.
                    A weight that is a power of two (binary, ternary, po2) is a shift, which is free; where multipliers
                    read their weights (strategies resource and resource_unrolled) only if all of the layer's are
    addition        of each product, and of each bias that is not zero: 0.1 pJ (32 bits) times the width of the
                    accumulator over 32. With distributed arithmetic there are no multiplications, and as many additions
                    as the resource estimate counts
    memory          10 pJ for 64 bits (SRAM of 8 KB): each weight that a multiplier reads (strategy resource; in
                    resource_unrolled those that are not zero), entries of tables, and each value that a layer takes
                    from the one before, in a memory or in registers; activations take them as they come out

Comparisons (maximum, pooling) count as additions. Reshaping is free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin
from fpga_flow.resources.estimate.hardware import shared_additions
from fpga_flow.resources.estimate.layers import csd_digits, sampling_of
from fpga_flow.resources.estimate.sampling import CORNERS

#: Energies in pJ: of an addition per bit, of a multiplication per bit of one operand and bit of the other, of a bit
#: that is read.
ADDITION = 0.1 / 32
MULTIPLICATION = 3.1 / 32**2
MEMORY = 10 / 64

#: Layers that work on values as they come out of the layer before.
_IN_PLACE = ("reshape", "activation", "crelu")
#: Layers that only move values.
_MOVES = ("permute", "zero_pad", "crop", "upsample", "shuffle")


def energy(layers: Sequence[HlsLayer]) -> float:
    """What the arithmetic and memories of a converted network take for one sample, in nJ; see the module's docstring.

    Raises:
        InputError: a layer that is not covered.
    """
    return sum(_passing(layer) + _computing(layer) for layer in layers) / 1000


def _passing(layer: HlsLayer) -> float:
    """Of passing a layer's inputs on to it, in pJ."""
    if layer.kind in _IN_PLACE:
        return 0.0
    bits = layer.input_size * layer.input_type.width
    if layer.kind == "merge":
        second = layer.output_size - layer.input_size if layer.function == "concatenate" else layer.output_size
        bits += second * _second_type(layer).width
    return MEMORY * bits


def _computing(layer: HlsLayer) -> float:
    """Of what a layer computes, in pJ."""
    width = layer.input_type.width
    if layer.weights is not None:
        return _matrix(layer)
    if layer.kind in ("pool", "global_pool"):
        operations = layer.input_size if layer.kind == "global_pool" else layer.output_size * math.prod(layer.window)
        sum_type = layer.accum_type or layer.result_type
        return (operations - layer.output_size) * ADDITION * (width if layer.function == "max" else sum_type.width)
    if layer.kind == "merge":
        return layer.output_size * _pair(layer)
    if layer.kind == "deformable":
        return _sampling(layer)
    if layer.kind == "crelu":
        return layer.input_size * ADDITION * width  # negations
    if layer.kind == "activation" and layer.function == "lookup":
        return layer.output_size * MEMORY * layer.result_type.width
    if layer.kind == "activation" and layer.function == "softmax":
        return _softmax(layer)
    if layer.kind in ("reshape", *_MOVES) or (layer.kind == "activation" and layer.function in ("relu", "linear")):
        return 0.0
    if layer.kind in plugin.LAYERS:
        return float(plugin.LAYERS[layer.kind].energy(layer))
    what = " ".join(word for word in (layer.function, layer.kind) if word)
    raise InputError.at("", f'expected a layer whose energy is known, got "{what}"', field=layer.name)


def _matrix(layer: HlsLayer) -> float:
    """Of a layer with weights, in pJ."""
    weights, weight_type = layer.weights, layer.weight_type
    if weights is None or weight_type is None:
        raise ValueError(f'layer "{layer.name}": expected weights and their type')
    biases = 0 if layer.biases is None else int(np.count_nonzero(layer.biases))
    digits = csd_digits(weights)
    products, additions, read = int(np.count_nonzero(digits > 1)), int(np.count_nonzero(digits)), 0
    if layer.strategy == "distributed_arithmetic":
        products, additions = 0, shared_additions(digits.reshape(layer.n_in, layer.n_out))
    elif layer.strategy.startswith("resource"):
        products = additions if products else 0
        read = weights.size if layer.strategy == "resource" else additions
    each = (
        products * MULTIPLICATION * layer.input_type.width * weight_type.width
        + (additions + biases) * ADDITION * (layer.accum_type or layer.result_type).width
        + read * MEMORY * weight_type.width
    )
    return layer.positions * each


def _pair(layer: HlsLayer) -> float:
    """Of one result of a merge, in pJ."""
    one, other = layer.input_type.width, _second_type(layer).width
    if layer.function == "concatenate":
        return 0.0
    if layer.function == "multiply":
        return MULTIPLICATION * one * other
    return ADDITION * (max(one, other) if layer.function in ("maximum", "minimum") else layer.result_type.width)


def _second_type(layer: HlsLayer) -> FixedPoint:
    return layer.second_type or layer.input_type


def _softmax(layer: HlsLayer) -> float:
    """Of a softmax, in pJ: for each value comparison, difference, exponential by table, sum, and product with the
    inverse of the sum, which comes from a table, too.
    """
    width, table = layer.input_type.width, layer.result_type.width
    each = ADDITION * (2 * width + table) + MEMORY * table + MULTIPLICATION * table * table
    return layer.output_size * each + math.prod(layer.output_shape[:-1]) * MEMORY * table


def _sampling(layer: HlsLayer) -> float:
    """Of the samples of an image, in pJ: positions along two axes from offsets, pixels, interpolations."""
    sampling = sampling_of(layer)
    position = 2 * sampling.offset_width * (MEMORY + ADDITION)
    sample = CORNERS * MEMORY * sampling.width
    for count, width in sampling.interpolations:
        sums = ADDITION * (width + 1 + width + sampling.fraction)
        sample += count * (sums + MULTIPLICATION * (width + 1) * sampling.fraction)
    return sampling.positions * sampling.taps * (position + sampling.channels * sample)
