"""The exact values of a layer's weights, as its quantizers make them, and the type that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.networks.network import quantizer_of, weight_type
from fpga_flow.networks.quantizers import is_stochastic

#: Wider weights are not meant to be in hardware: they come from a scale that is no power of two, or from float weights.
MAX_WIDTH = 24


def exact(layer: Any, name: str) -> tuple[NDArray[np.int64], FixedPoint]:
    """The weight `name` of a layer in whole steps of its type, see `quantized`.

    Raises:
        FieldError: see `quantized`.
    """
    return quantized(layer, name, getattr(layer, name))


def quantized(layer: Any, name: str, values: Any) -> tuple[NDArray[np.int64], FixedPoint]:
    """Values as a layer quantizes its weight `name`, in whole steps of their type: the one that the quantizer rounds
    into, or, where that is none (binary, powers of two, scaled, no quantizer at all), the narrowest that holds the
    results.

    Raises:
        FieldError: the results are random, not finite, or need more than `MAX_WIDTH` bits.
    """
    quantizer = quantizer_of(layer, name)
    if not np.isfinite(np.asarray(values)).all():
        raise _refused(layer, name, "expected finite values, got some that are not")
    type_ = weight_type(layer, name)
    if type_ is not None:
        results = type_.quantize(np.asarray(values))
    else:
        if quantizer is not None and is_stochastic(quantizer):
            raise _refused(layer, name, f"its quantizer {type(quantizer).__name__} is random: use one that is not")
        results = np.asarray(values if quantizer is None else quantizer(values), np.float64)
        type_ = _holding(layer, name, results)
    return np.round(results / type_.step).astype(np.int64), type_


def _holding(layer: Any, name: str, values: NDArray[np.float64]) -> FixedPoint:
    wanted = f"expected values that at most {MAX_WIDTH} bits hold"
    way_out = "give it a quantizer with alpha=1 or a power of two"
    try:
        type_ = FixedPoint.holding(values)
    except ValueError as error:
        raise _refused(layer, name, f"{wanted}, got {error}: {way_out}") from error
    if type_.width > MAX_WIDTH:
        raise _refused(layer, name, f"{wanted}, got some that need {type_.width}: {way_out}")
    return type_


def _refused(layer: Any, name: str, why: str) -> FieldError:
    return FieldError(("precision", "layers"), f'layer "{layer.name}", {name}: {why}')
