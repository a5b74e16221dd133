"""A first estimate of what an hls4ml project needs, at the stage of the HLS tool's own report (csynth).

The estimate is a documented formula, not a synthesis. Each number is a sum of structural terms (additions times their
width, multipliers, registers on a pipeline cut, ...) that are computed from the quantised weights and the types,
times a constant for each term. Terms that the tools decide by a rule are exact counts (multipliers, DSP, BRAM of
weights, cycles of a loop); the other constants are a robust least-squares fit to published synthesis reports of
unchanged hls4ml projects. `benchmarks/resource_estimate.py --fit` prints the constants below, and without `--fit`
their error.

The structure that is counted is that of hls4ml's Vivado and Vitis backends (Duarte et al., "Fast inference of deep
neural networks in FPGAs for particle physics", JINST 13 P07027, 2018, for latency strategy and reuse factor; the
resource strategy as in hls4ml's `nnet_dense_resource.h`):

matrix, latency strategy (dense, and each position of a conv2d): weights are constants in the logic. A zero costs
    nothing, a power of two is wiring, two non-zero signed digits (canonical signed digit form) are one addition, three
    or more are a multiplier, shared by the outputs that use the same weight of the same input. Products are summed by
    adders of at most the accumulator's width.
matrix, resource strategy: `ceil(n_in * n_out / reuse factor)` multipliers, weights in block RAM, one accumulator adder
    per multiplier, multiplexers at inputs and accumulators. With reuse factor 1 there is no memory, the weights become
    constants, and the tools build what the latency strategy builds.
conv2d: io_stream slides one window over the image (line buffers in shift registers), so one matrix works for all
    positions in turn; io_parallel adds a multiplexer that selects the window.
activation, pool: operations on each element, or on each channel of a stream.
fifo: io_stream puts FIFOs behind each layer, as deep as the layer has positions (hls4ml's default).
top: registers of the top function between its layers (io_parallel).

Not calibrated, because no published report has them: conv2d and pool with io_parallel, and average pooling. The first
two are built from the same parts (adder, multiplexer) without a fitted constant; an average pool counts as a maximum
pool.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.report import LayerResources, ResourceReport

Terms = Mapping[str, float]
Constants = Mapping[str, float]

IO_TYPES = ("io_parallel", "io_stream")

#: A multiplication goes to a DSP block if its wider operand has at least this many bits ...
DSP_WIDER = 11
#: ... and the narrower at least this many; else to LUTs (regularity of the published reports).
DSP_NARROWER = 5
#: Unsigned bits of the two operands that one DSP block multiplies (DSP48E1/E2: 25 x 18 and 27 x 18 bits signed).
DSP_BITS = (24, 17)
#: LUTs of one multiplier by the bits of its wider operand, as the HLS tools report it; in between linear, outside
#: square.
MULTIPLIER_LUT = {6: 23, 7: 33, 8: 40, 9: 49, 10: 62, 18: 366}
#: The HLS tools report about `width` LUTs for an adder, but not less than this.
ADDER_LUT_MIN = 12
#: Bits wide and words deep that a block RAM of 18 Kb can be (AMD UG473, UG573).
BRAM18_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
#: A FIFO with more bits than this is a block RAM, else shift registers (the tools' default).
FIFO_SHIFT_REGISTER_BITS = 1024
#: Entries of a softmax table, and bits of an entry (hls4ml's defaults).
SOFTMAX_TABLE_SIZE = 1024
SOFTMAX_TABLE_WIDTH = 18

# Constants of the fit, as `benchmarks/resource_estimate.py --fit` prints them. They come from the published synthesis
# reports of unchanged hls4ml projects (rows of `origin` hls4ml in layers.csv and projects.csv), all sources together.
# The names are those of the terms; a constant of 0.0 says that the reports do not show this term.
DEPTH: Constants = {
    "multiplier_series_7": 3.178,
    "level_series_7": 4.228,
    "multiplier_ultrascale": 2.119,
    "level_ultrascale": 0.5086,
}
SOFTMAX_DEPTH: Constants = {
    "level_series_7": 15.63,
    "level_ultrascale": 0.9212,
    "one": 3.166,
}
RESOURCE_DEPTH: Constants = {
    "one": 2.287,
}
RESOURCE_LUT: Constants = {
    "sums": 1.808,
    "selected_bits": 8.331,
    "input_multiplexers": 0.0164,
    "output_multiplexers": 45.46,
    "one": 604.4,
}
RESOURCE_FF: Constants = {
    "inputs": 0.006164,
    "outputs": 2.322,
    "products": 1.531,
    "one": 142.8,
}
LATENCY_LUT: Constants = {
    "sums": 1.341,
    "shifted_sums": 0.1785,
    "shared_products": 0.5004,
    "outputs": 0.3406,
}
LATENCY_FF: Constants = {
    "tree_vitis": 0.764,
    "tree_vivado": 0.5983,
    "inputs": 0.4084,
    "outputs": 0.0,
    "held_products": 0.3467,
}
DENSE_STREAM_DEPTH: Constants = {
    "one": 0.629,
}
DENSE_STREAM_LUT: Constants = {
    "input_bits": 0.01367,
    "output_bits": 1.621,
    "one": 141.4,
}
DENSE_STREAM_FF: Constants = {
    "input_bits": 1.134,
    "output_bits": 1.58,
    "one": 0.0,
}
CONV_STEP: Constants = {
    "latency": 0.9942,
    "resource": 5.478,
}
CONV_LUT: Constants = {
    "line_bits": 0.01919,
    "window_bits": 0.2474,
    "output_bits": 0.1831,
    "one": 395.1,
}
CONV_FF: Constants = {
    "line_bits": 0.0,
    "window_bits": 2.608,
    "output_bits": 1.358,
    "one": 90.86,
}
POOL_LUT: Constants = {
    "line_bits": 9.167,
    "window_bits": 1.299,
    "one": 638.6,
}
POOL_FF: Constants = {
    "line_bits": 1.536,
    "window_bits": 2.166,
    "one": 0.0,
}
ACTIVATION_LUT: Constants = {
    "compared_bits": 0.0,
    "rounded_bits": 2.376,
    "output_bits": 1.585,
    "one": 0.0,
}
ACTIVATION_FF: Constants = {
    "compared_bits": 0.0,
    "rounded_bits": 0.001006,
    "output_bits": 0.02007,
    "one": 0.0,
}
ACTIVATION_STREAM_LUT: Constants = {
    "compared_bits": 1.395,
    "rounded_bits": 3.925,
    "output_bits": 0.4499,
    "one": 187.6,
}
ACTIVATION_STREAM_FF: Constants = {
    "compared_bits": 0.0,
    "rounded_bits": 0.0,
    "output_bits": 0.0,
    "one": 55.27,
}
SOFTMAX_LUT: Constants = {
    "input_bits": 5.916,
    "one": 0.0,
}
SOFTMAX_FF: Constants = {
    "held_bits": 0.7982,
    "one": 0.0,
}
SOFTMAX_STREAM_LUT: Constants = {
    "input_bits": 3.1,
    "one": 408.1,
}
SOFTMAX_STREAM_FF: Constants = {
    "held_bits": 0.4791,
    "one": 216.5,
}
FIFO_LUT: Constants = {
    "fifos": 29.8,
    "shift_bits": 0.4348,
}
FIFO_FF: Constants = {
    "fifos": 11.75,
    "shift_bits": 0.2473,
}
TOP_LUT: Constants = {
    "bits": 0.0122,
}
TOP_FF: Constants = {
    "bits": 0.5671,
}
TOP_DEPTH: Constants = {
    "layers": 0.6738,
}
#: All of them, by the name of the formula.
CONSTANTS: Mapping[str, Constants] = {
    "depth": DEPTH,
    "softmax_depth": SOFTMAX_DEPTH,
    "resource_depth": RESOURCE_DEPTH,
    "resource_lut": RESOURCE_LUT,
    "resource_ff": RESOURCE_FF,
    "latency_lut": LATENCY_LUT,
    "latency_ff": LATENCY_FF,
    "dense_stream_depth": DENSE_STREAM_DEPTH,
    "dense_stream_lut": DENSE_STREAM_LUT,
    "dense_stream_ff": DENSE_STREAM_FF,
    "conv_step": CONV_STEP,
    "conv_lut": CONV_LUT,
    "conv_ff": CONV_FF,
    "pool_lut": POOL_LUT,
    "pool_ff": POOL_FF,
    "activation_lut": ACTIVATION_LUT,
    "activation_ff": ACTIVATION_FF,
    "activation_stream_lut": ACTIVATION_STREAM_LUT,
    "activation_stream_ff": ACTIVATION_STREAM_FF,
    "softmax_lut": SOFTMAX_LUT,
    "softmax_ff": SOFTMAX_FF,
    "softmax_stream_lut": SOFTMAX_STREAM_LUT,
    "softmax_stream_ff": SOFTMAX_STREAM_FF,
    "fifo_lut": FIFO_LUT,
    "fifo_ff": FIFO_FF,
    "top_lut": TOP_LUT,
    "top_ff": TOP_FF,
    "top_depth": TOP_DEPTH,
}


def weigh(terms: Terms, constants: Constants, known: float = 0.0) -> float:
    """`known` plus the sum of the terms times their constants."""
    return known + sum(value * constants[name] for name, value in terms.items())


def adder_lut(width: int) -> int:
    """LUTs of one adder of `width` bits, as the HLS tools report it."""
    return max(ADDER_LUT_MIN, width)


def multiplier_cost(width_a: int, width_b: int, core: str = "") -> tuple[int, float]:
    """DSP blocks and LUTs of one multiplier of operands of these widths.

    Args:
        width_a: bits of one operand.
        width_b: bits of the other.
        core: `dsp` or `fabric` where the project fixes it (`config_op mul -impl`); the tools' choice by default.
    """
    wider, narrower = max(width_a, width_b), min(width_a, width_b)
    if core == "dsp" or (core != "fabric" and wider >= DSP_WIDER and narrower >= DSP_NARROWER):
        return math.ceil(max(wider - 1, 1) / DSP_BITS[0]) * math.ceil(max(narrower - 1, 1) / DSP_BITS[1]), 0.0
    if narrower < DSP_NARROWER:
        # A few additions of the wide operand, not a square multiplier.
        return 0, min(_square_multiplier_lut(wider), (narrower - 1) * float(adder_lut(wider)))
    return 0, _square_multiplier_lut(wider)


def _square_multiplier_lut(width: int) -> float:
    """LUTs of a multiplier of two operands of `width` bits: `MULTIPLIER_LUT`, continued."""
    widths = list(MULTIPLIER_LUT)
    end = min(max(width, widths[0]), widths[-1])
    return float(np.interp(end, widths, list(MULTIPLIER_LUT.values()))) * (width / end) ** 2


def bram18(width: int, depth: int) -> int:
    """Block RAMs of 18 Kb for a memory of `depth` words of `width` bits: the cheapest shape, tiled."""
    if not width or not depth:
        return 0
    return min(math.ceil(width / bits) * math.ceil(depth / words) for bits, words in BRAM18_SHAPES)


def csd_digits(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-zero digits of each value in canonical signed digit form: the bits in which x and 3x differ (Reitwiesner)."""
    magnitude = np.abs(values)
    digits: NDArray[np.int64] = np.bitwise_count(magnitude ^ (3 * magnitude)).astype(np.int64)
    return digits


@dataclass(frozen=True)
class Matrix:
    """The statistics of one multiplication of vector and matrix that its cost depends on.

    nonzero             weights that are not zero
    two_digits          weights with two non-zero signed digits: one addition each
    constants           weights with three or more, counting equal ones of the same input once: one multiplication each
    core                what multipliers are made of where the project fixes it, see `multiplier_cost`
    """

    n_in: int
    n_out: int
    nonzero: int
    two_digits: int
    constants: int
    input_type: FixedPoint
    weight_type: FixedPoint
    accum_type: FixedPoint
    result_width: int
    strategy: str
    reuse_factor: int
    core: str = ""

    @classmethod
    def of(cls, layer: HlsLayer) -> Matrix:
        """The matrix of a dense or conv2d layer.

        Raises:
            InputError: the layer has no weights, or an unknown strategy.
        """
        if layer.weights is None or layer.weight_type is None or layer.strategy not in ("latency", "resource"):
            raise InputError.at(
                "", f'expected weights and the strategy latency or resource, got "{layer.strategy}"', field=layer.name
            )
        weights = layer.weights.reshape(layer.n_in, layer.n_out)
        digits = csd_digits(weights)
        return cls(
            n_in=layer.n_in,
            n_out=layer.n_out,
            nonzero=int(np.count_nonzero(weights)),
            two_digits=int(np.count_nonzero(digits == 2)),
            constants=_distinct_per_row(np.where(digits >= 3, weights, 0)),
            input_type=layer.input_type,
            weight_type=layer.weight_type,
            accum_type=layer.accum_type or layer.result_type,
            result_width=layer.result_type.width,
            strategy=layer.strategy,
            reuse_factor=max(1, layer.reuse_factor),
        )

    @property
    def in_memory(self) -> bool:
        """Whether the weights are in a memory and not constants of the logic."""
        return self.strategy == "resource" and self.reuse_factor > 1

    @property
    def multipliers(self) -> int:
        """Multipliers that are instantiated (hls4ml's `multiplier_limit` is `ceil(nonzero / reuse factor)`)."""
        if self.in_memory:
            return math.ceil(self.n_in * self.n_out / self.reuse_factor)
        return min(self.constants, math.ceil(self.nonzero / self.reuse_factor))

    @property
    def product_width(self) -> int:
        """Bits of a product after the cast to the accumulator type."""
        fraction = min(self.input_type.fraction + self.weight_type.fraction, self.accum_type.fraction)
        integer = min(self.input_type.integer + self.weight_type.integer, self.accum_type.integer)
        return max(1, min(integer + fraction, self.accum_type.width))

    @property
    def sum_width(self) -> int:
        """Bits of the mean adder of a balanced tree: two more than the product, at most the accumulator's."""
        return min(self.product_width + 2, self.accum_type.width)

    @property
    def levels(self) -> float:
        """Levels of the adder tree of a mean output, with the bias."""
        return math.log2(1 + self.nonzero / max(1, self.n_out))

    @property
    def cost(self) -> tuple[int, float]:
        """DSP blocks and LUTs of all multipliers."""
        dsp, lut = multiplier_cost(self.input_type.width, self.weight_type.width, self.core)
        return self.multipliers * dsp, self.multipliers * lut

    @property
    def weight_bram18(self) -> int:
        """Block RAMs of the weights: `reuse factor` words that hold one weight per multiplier."""
        return bram18(self.multipliers * self.weight_type.width, self.reuse_factor) if self.in_memory else 0


def _distinct_per_row(values: NDArray[np.int64]) -> int:
    """Distinct values other than zero, counted in each row and added up."""
    ordered = np.sort(values, axis=1)
    new = np.concatenate([np.ones((len(ordered), 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    return int(np.count_nonzero(new & (ordered != 0)))


def is_series_7(part: str) -> bool:
    """Whether a part is of the slower 7 series (Artix-7, Kintex-7, Virtex-7, Zynq-7000); UltraScale is not."""
    return part.lower().startswith(("xc7", "xa7", "xq7"))


def is_vitis(tool: str) -> bool:
    """Whether a tool is Vitis HLS, not its predecessor Vivado HLS."""
    return tool.startswith("Vitis")


# The terms of each formula. Every function takes plain statistics, so that a report's row can supply them too.


def matrix_depth_terms(m: Matrix, clock_ns: float, part: str) -> Terms:
    """Pipeline stages of a matrix in latency strategy: delays of multiplier and adder tree over the clock period.

    The constants are delays in ns.
    """
    series = "series_7" if is_series_7(part) else "ultrascale"
    terms = dict.fromkeys(("multiplier_series_7", "level_series_7", "multiplier_ultrascale", "level_ultrascale"), 0.0)
    terms[f"multiplier_{series}"] = bool(m.multipliers) / clock_ns
    terms[f"level_{series}"] = m.levels / clock_ns
    return terms


def shared_cycles(m: Matrix) -> int:
    """Cycles that the products wait for each other where fewer multipliers than products are instantiated."""
    return math.ceil(m.constants / m.multipliers) - 1 if m.multipliers else 0


def latency_lut_terms(m: Matrix) -> Terms:
    """LUTs of a matrix in latency strategy besides its multipliers."""
    return {
        "sums": m.nonzero * adder_lut(m.sum_width),
        "shifted_sums": m.two_digits * adder_lut(m.input_type.width + m.weight_type.width // 2),
        "shared_products": (m.constants - m.multipliers) * m.input_type.width,
        "outputs": m.n_out * m.result_width,
    }


def latency_ff_terms(m: Matrix, depth: int, tool: str) -> Terms:
    """FFs of a matrix in latency strategy that is cut into `depth` pipeline stages.

    An adder tree that starts with `nonzero` sums of `sum_width` bits has half as many after each level; `tree` adds up
    what is alive at cuts that are evenly spaced over its levels. Vitis HLS registers more of it than Vivado HLS.
    Products of shared multipliers wait in registers.
    """
    cut = np.arange(1, depth + 1) / (depth + 1)
    tree = m.nonzero * m.sum_width * float(np.sum(2.0 ** (-m.levels * cut)))
    return {
        "tree_vitis": tree * is_vitis(tool),
        "tree_vivado": tree * (not is_vitis(tool)),
        "inputs": m.n_in * m.input_type.width * bool(depth),
        "outputs": m.n_out * m.result_width * bool(depth),
        "held_products": m.constants * m.product_width * bool(shared_cycles(m)),
    }


def resource_lut_terms(m: Matrix) -> Terms:
    """LUTs of a matrix in resource strategy besides its multipliers.

    With less reuse than inputs, each multiplier gets inputs of its own (`selected_bits`); else all get the same one.
    """
    return {
        "sums": m.multipliers * adder_lut(m.accum_type.width),
        "selected_bits": m.multipliers * m.input_type.width * (m.reuse_factor < m.n_in),
        "input_multiplexers": m.n_in,
        "output_multiplexers": m.n_out,
        "one": 1.0,
    }


def resource_ff_terms(m: Matrix) -> Terms:
    """FFs of a matrix in resource strategy: inputs, accumulators and products are held."""
    return {
        "inputs": m.n_in * m.input_type.width,
        "outputs": m.n_out * m.accum_type.width,
        "products": m.multipliers * m.accum_type.width,
        "one": 1.0,
    }


def window_terms(m: Matrix, image_width: int, rows: int, channels: int) -> Terms:
    """LUTs or FFs of a conv2d with io_stream besides its matrix: line buffers, window, stream.

    Args:
        m: the matrix that a window is multiplied with.
        image_width: pixels of a line.
        rows: height of the window; all rows but one are buffered.
        channels: values of a pixel.
    """
    return {
        "line_bits": channels * (rows - 1) * m.input_type.width * math.ceil(image_width / 32),
        "window_bits": m.n_in * m.input_type.width,
        "output_bits": m.n_out * m.result_width,
        "one": 1.0,
    }


def dense_stream_terms(m: Matrix) -> Terms:
    """LUTs or FFs of a dense layer with io_stream besides its matrix: inputs are collected, then the outputs sent."""
    return {"input_bits": m.n_in * m.input_type.width, "output_bits": m.n_out * m.result_width, "one": 1.0}


def activation_terms(elements: int, input_width: int, output_width: int, rounds: bool, relu: bool) -> Terms:
    """LUTs or FFs of `elements` parallel activations: comparison with zero, rounding and saturation where needed."""
    return {
        "compared_bits": elements * max(input_width, output_width) * relu,
        "rounded_bits": elements * input_width * rounds,
        "output_bits": elements * output_width,
        "one": 1.0,
    }


def softmax_lut_terms(elements: int, input_width: int) -> Terms:
    """LUTs of a softmax with tables: maximum, differences to it, and sum of exponentials."""
    return {"input_bits": elements * input_width, "one": 1.0}


def softmax_ff_terms(elements: int, input_width: int, depth: int) -> Terms:
    """FFs of a softmax: its values in each of `depth` pipeline stages."""
    return {"held_bits": elements * input_width * depth, "one": 1.0}


def softmax_depth_terms(elements: int, clock_ns: float, part: str) -> Terms:
    """Pipeline stages of a softmax: trees of maximum and sum over the clock period, and two table look-ups."""
    levels = math.log2(max(2, elements)) / clock_ns
    slow = is_series_7(part)
    return {"level_series_7": levels * slow, "level_ultrascale": levels * (not slow), "one": 1.0}


@dataclass(frozen=True)
class Fifos:
    """`count` FIFOs of `depth` words of `width` bits."""

    count: int
    width: int
    depth: int

    @classmethod
    def of_stream(cls, channels: int, width: int, depth: int, tool: str) -> Fifos:
        """The FIFOs of a stream of pixels: Vitis HLS packs a pixel into one word, Vivado HLS has a FIFO per channel."""
        return cls(1, channels * width, depth) if is_vitis(tool) else cls(channels, width, depth)

    @property
    def in_memory(self) -> bool:
        """Whether they are block RAMs and not shift registers."""
        return self.width * self.depth > FIFO_SHIFT_REGISTER_BITS


def fifo_terms(fifos: Fifos) -> Terms:
    """LUTs or FFs of FIFOs: control, and shift registers of 32 words."""
    shift = 0 if fifos.in_memory else fifos.count * fifos.width * math.ceil(fifos.depth / 32)
    return {"fifos": fifos.count, "shift_bits": shift}


def top_terms(bits: int) -> Terms:
    """LUTs or FFs of the top function with io_parallel: `bits` of inputs and layer outputs that it registers."""
    return {"bits": bits}


def top_depth_terms(layers: int) -> Terms:
    """Pipeline stages that the top function with io_parallel adds between its layers."""
    return {"layers": layers}


@dataclass(frozen=True)
class Cost:
    """What a part of the design needs; LUT and FF are rounded only where they are reported."""

    multipliers: int = 0
    lut: float = 0.0
    ff: float = 0.0
    dsp: int = 0
    bram18: int = 0
    latency_cycles: int = 0
    ii: int = 1

    def plus(self, lut: float, ff: float, latency_cycles: int, ii: int) -> Cost:
        """With LUTs and FFs added, and new timing."""
        return Cost(self.multipliers, self.lut + lut, self.ff + ff, self.dsp, self.bram18, latency_cycles, ii)


@dataclass(frozen=True)
class Target:
    """What the formulas must know besides a layer: how data moves, clock period in ns, HLS tool, part (or "")."""

    io_type: str
    clock_ns: float
    tool: str = "Vitis HLS"
    part: str = ""

    @property
    def stream(self) -> bool:
        """Whether data moves in streams of pixels."""
        return self.io_type == "io_stream"


@dataclass(frozen=True)
class Window:
    """Geometry of a conv2d or pool in pixels: the (padded) image, the window, the positions of the output."""

    height: int
    width: int
    rows: int
    columns: int
    channels: int
    positions: int


def matrix_cost(m: Matrix, target: Target, fit: Mapping[str, Constants]) -> Cost:
    """A multiplication of vector and matrix.

    Latency strategy: the depth of the pipeline plus the cycles that products wait for shared multipliers; a new
    sample every `reuse_factor` cycles, or as soon as the last one is done. Resource strategy: a loop of
    `reuse_factor` cycles.
    """
    dsp, lut = m.cost
    if m.in_memory:
        lut = weigh(resource_lut_terms(m), fit["resource_lut"], lut)
        ff = weigh(resource_ff_terms(m), fit["resource_ff"])
        latency = m.reuse_factor + round(fit["resource_depth"]["one"])
        return Cost(m.multipliers, lut, ff, dsp, m.weight_bram18, latency, m.reuse_factor)
    depth = round(weigh(matrix_depth_terms(m, target.clock_ns, target.part), fit["depth"]))
    latency = depth + shared_cycles(m)
    lut = weigh(latency_lut_terms(m), fit["latency_lut"], lut)
    ff = weigh(latency_ff_terms(m, depth, target.tool), fit["latency_ff"])
    return Cost(m.multipliers, lut, ff, dsp, 0, latency, min(m.reuse_factor, latency + 1))


def dense_cost(m: Matrix, beats: int, target: Target, fit: Mapping[str, Constants]) -> Cost:
    """A dense layer. `beats`: words of the stream that bring all inputs (io_stream only)."""
    inner = matrix_cost(m, target, fit)
    if not target.stream:
        return inner
    terms = dense_stream_terms(m)
    # Read all words, compute, write: the steps do not overlap.
    latency = inner.latency_cycles + beats + round(fit["dense_stream_depth"]["one"])
    return inner.plus(weigh(terms, fit["dense_stream_lut"]), weigh(terms, fit["dense_stream_ff"]), latency, latency)


def conv2d_cost(m: Matrix, window: Window, target: Target, fit: Mapping[str, Constants]) -> Cost:
    """A conv2d: one matrix, used for all positions in turn.

    io_stream: one step per pixel of the image (the report's maximum: HLS does not know that a step without a full
    window is shorter). The step is the reuse factor in latency strategy, or what the matrix and the window take if
    that is less.
    """
    inner = matrix_cost(m, target, fit)
    if not target.stream:
        # fill_buffer selects each value of the window among all positions: a multiplexer of about one LUT per two
        # inputs.
        select = m.n_in * m.input_type.width * window.positions / 2
        cycles = window.positions * inner.ii
        return inner.plus(select, m.n_in * m.input_type.width, cycles + inner.latency_cycles, cycles)
    terms = window_terms(m, window.width, window.rows, window.channels)
    step = inner.latency_cycles + round(fit["conv_step"]["resource" if m.in_memory else "latency"])
    if not m.in_memory:
        step = min(m.reuse_factor, step)
    latency = window.height * window.width * step + 2
    return inner.plus(weigh(terms, fit["conv_lut"]), weigh(terms, fit["conv_ff"]), latency, latency)


def pool_terms(window: Window, width: int) -> Terms:
    """LUTs or FFs of a pool with io_stream: line buffers, and one comparison or addition per value of the window."""
    return {
        "line_bits": window.channels * (window.rows - 1) * width * math.ceil(window.width / 32),
        "window_bits": window.rows * window.columns * window.channels * width,
        "one": 1.0,
    }


def pool_cost(window: Window, width: int, target: Target, fit: Mapping[str, Constants]) -> Cost:
    """A pool (maximum or average) of values of `width` bits."""
    if target.stream:
        terms = pool_terms(window, width)
        cycles = window.height * window.width + 3
        return Cost(
            lut=weigh(terms, fit["pool_lut"]), ff=weigh(terms, fit["pool_ff"]), latency_cycles=cycles, ii=cycles
        )
    # Not calibrated: a comparator (or adder) and a selection per value but one of each window.
    operations = (window.rows * window.columns - 1) * window.channels * window.positions
    return Cost(lut=operations * (adder_lut(width) + width / 2), latency_cycles=1)


def activation_cost(terms: Terms, beats: int, target: Target, fit: Mapping[str, Constants]) -> Cost:
    """ReLU or linear: what `terms` describes, used `beats` times."""
    name = "activation_stream" if target.stream else "activation"
    cycles = beats + 4 if target.stream and beats > 1 else 0
    lut, ff = weigh(terms, fit[f"{name}_lut"]), weigh(terms, fit[f"{name}_ff"])
    return Cost(lut=lut, ff=ff, latency_cycles=cycles, ii=max(1, cycles))


def softmax_cost(
    elements: int,
    beats: int,
    width: int,
    target: Target,
    fit: Mapping[str, Constants],
    *,
    reuse_factor: int = 1,
    core: str = "",
) -> Cost:
    """A softmax over `elements` values of `width` bits, `beats` times.

    One product of exponential and inverse per element; with io_stream, hls4ml shares them by the reuse factor. A
    table is a block RAM that two elements read at once; with io_parallel, Vitis HLS copies it for each element.
    `core`: see `multiplier_cost`.
    """
    products = math.ceil(elements / reuse_factor) if target.stream else elements
    dsp, lut = multiplier_cost(SOFTMAX_TABLE_WIDTH, SOFTMAX_TABLE_WIDTH, core)
    copied = is_vitis(target.tool) and not target.stream
    tables = elements if copied else math.ceil(products / 2) + 1
    name = "softmax_stream" if target.stream else "softmax"
    depth = round(weigh(softmax_depth_terms(elements, target.clock_ns, target.part), fit["softmax_depth"]))
    ii = beats * math.ceil(elements / products)
    return Cost(
        multipliers=products,
        lut=weigh(softmax_lut_terms(elements, width), fit[f"{name}_lut"], products * lut),
        ff=weigh(softmax_ff_terms(elements, width, depth), fit[f"{name}_ff"]),
        dsp=products * dsp,
        bram18=tables * bram18(SOFTMAX_TABLE_WIDTH, SOFTMAX_TABLE_SIZE),
        latency_cycles=depth + ii - 1,
        ii=ii,
    )


def fifo_cost(fifos: Fifos, fit: Mapping[str, Constants]) -> Cost:
    """The FIFOs behind a layer with io_stream."""
    terms = fifo_terms(fifos)
    blocks = fifos.count * bram18(fifos.width, fifos.depth) if fifos.in_memory else 0
    return Cost(lut=weigh(terms, fit["fifo_lut"]), ff=weigh(terms, fit["fifo_ff"]), bram18=blocks)


def top_cost(bits: int, fit: Mapping[str, Constants]) -> Cost:
    """The top function with io_parallel, which registers `bits` of inputs and layer outputs."""
    return Cost(lut=weigh(top_terms(bits), fit["top_lut"]), ff=weigh(top_terms(bits), fit["top_ff"]))


def total_latency(costs: Sequence[Cost], waiting: Sequence[bool], target: Target, fit: Mapping[str, Constants]) -> int:
    """Cycles from the first input to the last output of a network.

    io_parallel: one layer after the other. io_stream: all layers run at once, at the pace of the slowest; those that
    wait for all of their inputs (`waiting`: dense, softmax) follow it.
    """
    if not costs:
        return 0
    latencies = [cost.latency_cycles for cost in costs]
    if not target.stream:
        return round(weigh(top_depth_terms(len(costs)), fit["top_depth"], sum(latencies)))
    slowest = latencies.index(max(latencies))
    return latencies[slowest] + sum(latency for i, latency in enumerate(latencies) if waiting[i] and i != slowest)


def total_ii(costs: Sequence[Cost], target: Target) -> int:
    """Cycles from one sample to the next: those of the slowest layer, and one to start it again with io_stream."""
    return max((cost.ii for cost in costs), default=1) + target.stream


def estimate(
    layers: Sequence[HlsLayer],
    *,
    io_type: str,
    clock_ns: float,
    tool: str = "Vitis HLS",
    part: str = "",
    board: str = "",
) -> ResourceReport:
    """What a network needs of an FPGA, as its HLS tool would report it (csynth), see the module's docstring.

    Args:
        layers: the layers of the converted network, in the order of the data.
        io_type: `io_parallel` or `io_stream`.
        clock_ns: target clock period in ns.
        tool: `Vitis HLS` or `Vivado HLS`.
        part: the FPGA, for example `xc7z020clg400-1`; the slower 7 series (xc7...) needs more pipeline stages.
        board: only copied to the report.

    Raises:
        InputError: an unknown `io_type`, a clock period that is not positive, or a layer that no formula covers.
    """
    if io_type not in IO_TYPES:
        raise InputError.at("", f'expected {" or ".join(IO_TYPES)}, got "{io_type}"', field="io_type")
    if not clock_ns > 0:
        raise InputError.at("", f"expected a clock period above 0 ns, got {clock_ns}", field="clock_ns")
    target = Target(io_type, clock_ns, tool, part)
    words = _stream_words(layers)
    costs = [layer_cost(layer, words, target) for layer in layers]
    waiting = [layer.kind == "dense" or layer.function == "softmax" for layer in layers]
    parts = [_entry(layer.name, layer.kind, cost) for layer, cost in zip(layers, costs, strict=True)]
    parts += _between(layers, words, target)
    totals = {name: sum(getattr(part_, name) for part_ in parts) for name in ("lut", "ff", "dsp", "bram18", "uram")}
    return ResourceReport(
        source="estimate",
        tool=tool,
        part=part,
        board=board,
        **totals,
        latency_cycles=total_latency(costs, waiting, target, CONSTANTS),
        ii=total_ii(costs, target),
        clock_ns=clock_ns,
        layers=tuple(parts),
    )


def layer_cost(
    layer: HlsLayer, words: Mapping[str, int], target: Target, fit: Mapping[str, Constants] = CONSTANTS
) -> Cost:
    """What one layer needs. `words`: values in a word of the stream behind each layer, see `_stream_words`.

    Raises:
        InputError: no formula covers the layer.
    """
    if layer.kind == "dense":
        beats = math.ceil(layer.n_in / words.get(layer.inputs[0], layer.n_in)) if layer.inputs else 1
        return dense_cost(Matrix.of(layer), beats, target, fit)
    if layer.kind == "conv2d":
        return conv2d_cost(Matrix.of(layer), _window(layer), target, fit)
    if layer.kind == "pool":
        return pool_cost(_window(layer), layer.input_type.width, target, fit)
    if layer.kind == "reshape":
        return Cost()
    elements = words[layer.name] if target.stream else math.prod(layer.output_shape)
    if layer.kind == "activation" and layer.function == "softmax":
        elements = layer.output_shape[-1]
        beats = math.prod(layer.output_shape[:-1])
        return softmax_cost(
            elements, beats, layer.input_type.width, target, fit, reuse_factor=max(1, layer.reuse_factor)
        )
    if layer.kind == "activation" and layer.function in ("relu", "linear"):
        terms = activation_terms(
            elements, layer.input_type.width, layer.result_type.width, _rounds(layer), layer.function == "relu"
        )
        return activation_cost(terms, math.prod(layer.output_shape) // elements, target, fit)
    what = " ".join(word for word in (layer.function, layer.kind) if word)
    raise InputError.at(
        "",
        f'expected dense, conv2d, pool, reshape, or a relu, linear or softmax activation, got "{what}"',
        field=layer.name,
    )


def _rounds(layer: HlsLayer) -> bool:
    """Whether the result of an activation must be rounded or saturated: its type does not hold all that comes in."""
    low = 0.0 if layer.function == "relu" else layer.input_type.min
    result = layer.result_type
    return result.fraction < layer.input_type.fraction or result.max < layer.input_type.max or result.min > low


def _stream_words(layers: Sequence[HlsLayer]) -> dict[str, int]:
    """Values in one word of the stream behind each layer: its channels.

    A reshape leaves the stream as it is, and so does an activation behind it.
    """
    words: dict[str, int] = {}
    for layer in layers:
        before = words.get(layer.inputs[0]) if layer.inputs else None
        if layer.kind == "reshape":
            words[layer.name] = before or layer.input_shape[-1]
        elif layer.kind == "activation" and before:
            words[layer.name] = before
        else:
            words[layer.name] = layer.output_shape[-1]
    return words


def _window(layer: HlsLayer) -> Window:
    """The geometry of a conv2d or pool; with `same` padding the image that the window slides over is the padded one."""
    height, width, channels = layer.input_shape
    rows, columns = layer.window
    out_height, out_width = layer.output_shape[:2]
    if layer.padding == "same":
        height = max(height, (out_height - 1) * layer.strides[0] + rows)
        width = max(width, (out_width - 1) * layer.strides[1] + columns)
    return Window(height, width, rows, columns, channels, out_height * out_width)


def _between(layers: Sequence[HlsLayer], words: Mapping[str, int], target: Target) -> list[LayerResources]:
    """The parts of the design that are no layers: the FIFOs between them, or the registers of the top function."""
    if not target.stream:
        bits = sum(
            math.prod(layer.output_shape) * layer.result_type.width for layer in layers if layer.kind != "reshape"
        )
        bits += math.prod(layers[0].input_shape) * layers[0].input_type.width if layers else 0
        return [_entry("top", "top", top_cost(bits, CONSTANTS))]
    entries = []
    for layer in layers[:-1]:
        if layer.kind != "reshape":
            depth = math.ceil(math.prod(layer.output_shape) / words[layer.name])
            fifos = Fifos.of_stream(words[layer.name], layer.result_type.width, depth, target.tool)
            entries.append(_entry(f"{layer.name}.fifo", "fifo", fifo_cost(fifos, CONSTANTS)))
    return entries


def _entry(name: str, kind: str, cost: Cost) -> LayerResources:
    """A cost as a line of the report."""
    return LayerResources(
        name=name,
        kind=kind,
        multipliers=cost.multipliers,
        lut=round(cost.lut),
        ff=round(cost.ff),
        dsp=cost.dsp,
        bram18=cost.bram18,
        uram=0,
        latency_cycles=cost.latency_cycles,
        ii=cost.ii,
    )
