"""An estimate of what an hls4ml project needs, at the stage of the HLS tool's own report (csynth).

The estimate is a documented formula, not a synthesis. Each number is a sum of structural terms (additions times their
width, multipliers, registers on a pipeline cut, ...) that are computed from the quantised weights and the types,
times a constant for each term. What the tools decide by a rule is counted as they do (multipliers, DSP, BRAM of weights
and FIFOs, cycles of a loop, and the cycles and registers that follow from the delays of operations); the constants are
a robust least-squares fit to published synthesis reports of unchanged hls4ml projects. `benchmarks/resource_estimate.py
--fit` prints the constants, and without `--fit` their error.

Where to look, in the order in which the files use each other:

constants.py    the fitted constants, by formula and term
formula.py      what every formula is made of: `Formula`, `Target`, `Cost`
hardware.py     what the tools build of bits: adders, multipliers, block RAMs (exact rules)
timing.py       how long that takes, and where the clock cuts a chain of it
matrix.py       the multiplication of vector and matrix, in latency and resource strategy
dense.py        a dense layer with io_stream (with io_parallel it is its matrix)
window.py       conv2d and pool
sampling.py     the sampling of a deformable convolution
activation.py   relu, linear and softmax
elementwise.py  merges, tables, and layers that only move data
between.py      what is between layers: FIFOs (io_stream), registers of the top function (io_parallel)
layers.py       reads the statistics of those parts from the layers of a network
network.py      `estimate`: the sum of the parts, latency and initiation interval of the whole
calibration.py  how sure the numbers are, and what logic synthesis leaves of them, from published reports
interval.py     80 % intervals by these margins
stages.py       `estimates`: the estimates of csynth and of post-synthesis with their intervals

The parts (`Matrix`, `StreamDense`, `Conv2d`, `Pool`, `Activation`, `Softmax`, `Fifos`, `Top`) hold plain statistics.
layers.py fills them from a converted network, the benchmark from the rows of published reports.

The structure that is counted is that of hls4ml's Vivado and Vitis backends (Duarte et al., "Fast inference of deep
neural networks in FPGAs for particle physics", JINST 13 P07027, 2018, for latency strategy and reuse factor; the
resource strategy as in hls4ml's `nnet_dense_resource.h`).

Not calibrated, because no published report has them with their weights and types: the strategies resource_unrolled and
distributed_arithmetic, which have the constants of resource and latency; conv2d and pool with io_parallel, samplings,
merges, and tables, which are built from the same parts (adder, multiplexer) without a fitted constant; average pooling
with io_stream, which counts as maximum pooling. For a function of very many additions (7,000 in the published reports,
not 4,000) Vitis HLS 2021.1 adds values one after the other and not in a tree; that is not modelled.
"""

from fpga_flow.resources.estimate.network import estimate

__all__ = ["LUT_KIND", "estimate", "tool_of"]

#: What the LUTs of the estimate are (`Board.lut_kind`); boards with others can't be compared with it.
LUT_KIND = "lut6"


def tool_of(backend: str) -> str:
    """The HLS tool whose formulas count for a project of a backend. Other vendors' have none: Vitis HLS stands in."""
    return "Vivado HLS" if backend.startswith("vivado") else "Vitis HLS"
