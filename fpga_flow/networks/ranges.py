"""Fixed-point types for a float network from the ranges of its numbers on given samples.

The rule: of each layer the least and the greatest weight, bias and result are taken, and each gets the type of the
asked number of bits with the fewest integer bits that holds both; the greatest may be rounded down by half a step, as
any other value may be rounded by it. It is signed only where there are negative values. What reaches a function that is
looked up is rounded, too: into two bits more than its results, or as many as its table can have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.quantize import averaged, find_sites, prepare
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.lower.activation import MAX_TABLE_BITS
from fpga_flow.keras import keras

#: Samples that are run through the network at a time.
_BATCH = 1024
#: The integer bits that are tried, fewest first.
_INTEGERS = range(-20, 33)


@dataclass(frozen=True)
class Bits:
    """Total bits of weights and biases, of activations, and of the input."""

    weight: int = 8
    activation: int = 8
    input: int = 8


def profile(model: Any, x: NDArray[np.floating], bits: Bits) -> tuple[FixedPoint, dict[str, dict[str, FixedPoint]]]:
    """The type of the input, and for each layer that needs types (see `quantize.find_sites`) its own.

    Args:
        x: samples (n, *input_shape).

    Raises:
        FieldError: the network has a layer that can't be quantized.
    """
    prepared = prepare(model)
    sites = find_sites(prepared)
    active = [site.layer for site in sites if "activation" in site.keys]
    ranges = _ranges(prepared, active, x, "get_output_at")
    inputs = _ranges(prepared, [site.layer for site in sites if "input" in site.optional], x, "get_input_at")
    types: dict[str, dict[str, FixedPoint]] = {}
    for site in sites:
        name = site.layer.name
        if "activation" in site.keys:
            signed = bool(site.signed)
            types[name] = {"activation": holding(*ranges[name], bits.activation, signed=signed)}
            if "input" in site.optional:
                types[name]["input"] = holding(*inputs[name], _input_bits(site.layer, bits), signed=signed)
        else:
            kernels = [getattr(site.layer, key, None) for key in ("kernel", "depthwise_kernel", "pointwise_kernel")]
            given = {"weight": [np.ravel(each.numpy()) for each in kernels if each is not None]}
            if "bias" in site.keys:
                given["bias"] = [site.layer.bias.numpy()]
            types[name] = {
                key: holding(*_extremes(np.concatenate(values)), bits.weight, signed=True)
                for key, values in given.items()
            }
    return holding(*_extremes(x), bits.input), types


def holding(low: float, high: float, width: int, *, signed: bool = False) -> FixedPoint:
    """The type of `width` bits with the fewest integer bits that holds all from `low` to `high` (see the rule above).

    Args:
        signed: whether it is signed in any case.
    """
    signed = signed or low < 0
    if low == high == 0:
        return FixedPoint(width, 1, signed)
    for integer in _INTEGERS:
        type_ = FixedPoint(width, integer, signed)
        if type_.min - type_.step / 2 <= low and high <= type_.max + type_.step / 2:
            return type_
    return FixedPoint(width, _INTEGERS[-1], signed)


def _input_bits(layer: Any, bits: Bits) -> int:
    """The bits of what a function or an average gets: sums for an average have the more bits, the more values."""
    if count := averaged(layer):
        return max(2, min(bits.activation, MAX_TABLE_BITS - (count - 1).bit_length()))
    return min(bits.activation + 2, MAX_TABLE_BITS)


def _ranges(model: Any, layers: list[Any], x: NDArray[np.floating], which: str) -> dict[str, tuple[float, float]]:
    """The least and the greatest value that each layer gives (or gets), in all of its uses.

    Args:
        which: the name of Keras' method for the tensors, `get_output_at` or `get_input_at`.
    """
    results = [(layer.name, getattr(layer, which)(use)) for layer in layers for use in range(len(layer.inbound_nodes))]
    found: dict[str, tuple[float, float]] = {}
    if not results:
        return found
    inside = keras.Model(model.inputs, [tensor for _, tensor in results])
    for start in range(0, len(x), _BATCH):
        values = inside.predict(x[start : start + _BATCH], verbose=0)
        for (name, _), each in zip(results, values if isinstance(values, list) else [values], strict=True):
            low, high = _extremes(each)
            least, greatest = found.get(name, (low, high))
            found[name] = (min(least, low), max(greatest, high))
    return found


def _extremes(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values.min()), float(values.max())
