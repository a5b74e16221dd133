"""A network's layers, one after the other, as one combinational logic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from da4ml.trace import HWConfig, comb_trace
from da4ml.trace.fixed_variable import FixedVariable
from da4ml.types import CombLogic

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.rtl.arithmetic import Numbers
from fpga_flow.rtl.layers import compute
from fpga_flow.rtl.matrix import Matrices

#: Every addition counts as one step of the logic, whatever its width, and as a LUT a bit (da4ml's `adder_size`,
#: `carry_size`); where registers cut the logic is decided afterwards.
HARDWARE = HWConfig(1, -1, -1)


def trace(layers: Sequence[HlsLayer]) -> CombLogic:
    """The logic of lowered layers with which `check` found nothing wrong; values are in the order of their shapes."""
    matrices = Matrices()
    first = layers[0]
    inputs = _inputs(first.input_type, first.input_shape)
    tensors = {"inputs": inputs}
    for layer in layers:
        tensors[layer.name] = compute(layer, [tensors[name] for name in layer.inputs], matrices)
    return comb_trace(list(inputs.ravel()), list(tensors[layers[-1].name].ravel()), keep_dead_inputs=True)


def _inputs(type_: FixedPoint, shape: tuple[int, ...]) -> Numbers:
    made = np.empty(shape, object)
    made.ravel()[:] = [
        FixedVariable(type_.min, type_.max, type_.step, latency=0.0, hwconf=HARDWARE) for _ in range(made.size)
    ]
    return made
