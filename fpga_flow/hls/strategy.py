"""The strategies by which a layer with weights becomes hardware: which layers can have which, and with which reuse
factors.

latency                 all weights are constants of the logic; multiplications share multipliers `reuse_factor` times
resource                weights are in memories; each multiplier serves `reuse_factor` of them, one after the other
resource_unrolled       the same, written out, so that multiplications by zero weights are left out
distributed_arithmetic  no multipliers: shared additions and shifts (da4ml; Sun et al., "da4ml: Distributed Arithmetic
                        for Real-time Neural Networks on FPGAs", 2025)

hls4ml silently takes another strategy or reuse factor where it has no code for the one that was asked for.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from fpga_flow.hls.backends import Backend
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.written import written

#: Fractional bits of constants, beyond which da4ml cuts them off.
_DA4ML_FRACTION = 32

Strategy = Literal["latency", "resource", "resource_unrolled", "distributed_arithmetic"]


def possible(layer: HlsLayer, io_type: str, backend: Backend) -> dict[str, list[int]]:
    """For each of a backend's strategies that there is code of for a layer, the reuse factors that it computes
    rightly.
    """
    factors = {}
    for strategy in backend.strategies:
        if _has_code(layer, strategy, io_type):
            in_cpp = written(layer, strategy, backend)
            valid = valid_reuse_factors(in_cpp.n_in, in_cpp.n_out, strategy)
            # hls4ml's convolutions of arrays, and dense layers that become such, compute others wrongly
            own, arrays = in_cpp.grouped_or_dilated, io_type == "io_parallel" and len(layer.input_shape) > 1
            limited = strategy == "resource" and arrays and not own and backend.types == "ap"
            factors[strategy] = [factor for factor in valid if factor <= in_cpp.n_in or not limited]
    return {strategy: valid for strategy, valid in factors.items() if valid}


def _has_code(layer: HlsLayer, strategy: str, io_type: str) -> bool:
    depthwise = layer.kind.startswith("depthwise")
    convolution = layer.kind != "dense" or len(layer.input_shape) > 1
    if strategy == "resource":
        return not depthwise or io_type == "io_stream"
    if strategy == "resource_unrolled":
        return not depthwise and (not convolution or io_type == "io_stream")
    if strategy == "distributed_arithmetic":
        return not depthwise and (layer.bias_type is None or layer.bias_type.fraction <= _DA4ML_FRACTION)
    return True


def valid_reuse_factors(n_in: int, n_out: int, strategy: str) -> list[int]:
    """The reuse factors with which hls4ml computes a layer of `n_in` inputs and `n_out` outputs rightly.

    All divide n_in * n_out. In the resource strategies those below n_in must also leave whole columns to the
    multipliers, and those above must be multiples of n_in (hls4ml, `FPGABackend._validate_reuse_factor`); written out,
    with one multiplication at a time or all of them at once, is another strategy.
    """
    size = n_in * n_out
    if strategy == "distributed_arithmetic":
        return [1]
    small = np.arange(1, math.isqrt(size) + 1)
    small = small[size % small == 0]
    factors = np.unique([*small, *(size // small)])
    if strategy.startswith("resource"):
        limit = size // np.minimum(n_in, factors) + (size % np.minimum(n_in, factors) != 0)
        factors = factors[((limit % n_out == 0) | (factors >= n_in)) & ((factors % n_in == 0) | (factors < n_in))]
    if strategy == "resource_unrolled":
        factors = factors[(factors > 1) & (factors < size)]
    return [int(factor) for factor in factors]
