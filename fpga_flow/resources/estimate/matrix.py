"""The multiplication of vector and matrix: what a dense layer is, and a conv2d at each position of the image.

Latency strategy: weights are constants in the logic. A zero costs nothing, a power of two is wiring (and a negation, if
it is negative), two non-zero signed digits (canonical signed digit form) are one addition, three or more are a
multiplier, all of them shared by the outputs that use the same weight of the same input. Products are summed by a
balanced tree of adders of at most the accumulator's width, with registers where the clock cuts it (timing.py).

Resource strategy: `ceil(n_in * n_out / reuse factor)` multipliers, weights in block RAM, one accumulator adder per
multiplier, multiplexers at inputs and accumulators. With reuse factor 1 there is no memory, the weights become
constants, and the tools build what the latency strategy builds. Unrolled, multipliers without work are left out.

Distributed arithmetic: as the latency strategy, of a matrix whose weights are all ones, as many as da4ml's additions.
No published report has it, nor the unrolled resource strategy: their constants are those of the other two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import (
    ROM_LUT_BITS,
    ROMS_IN_BRAM,
    VITIS_OUTPUT_LUT,
    VIVADO_OUTPUT_LUT,
    adder_lut,
    bram18,
    in_dsp,
    multiplexer_lut,
    multiplier_cost,
)
from fpga_flow.resources.estimate.timing import (
    LAST_LEVELS,
    adder_overhead,
    product_cycles,
    registered_share,
    tree_cycles,
)


@dataclass(frozen=True)
class Matrix:
    """The statistics of one multiplication of vector and matrix that its cost depends on.

    nonzero             weights that are not zero
    powers              weights that are a power of two, or the negative of one
    two_digits          weights with two non-zero signed digits: one addition each
    constants           weights with three or more, counting equal ones of the same input once: one multiplication each
    weight_bits         bits of a mean weight that is not zero, see `mean_weight_bits`
    result_width        bits of an output
    strategy            see `hls/strategy.py`
    core                what multipliers are made of where the project fixes it, see `multiplier_cost`
    idle                multipliers with no weight but zeros, which resource_unrolled leaves out
    groups              of a convolution: `n_in` are the inputs of each, `n_out` the outputs of all
    """

    n_in: int
    n_out: int
    nonzero: int
    powers: int
    two_digits: int
    constants: int
    weight_bits: float
    input_type: FixedPoint
    weight_type: FixedPoint
    accum_type: FixedPoint
    result_width: int
    strategy: str
    reuse_factor: int
    core: str = ""
    idle: int = 0
    groups: int = 1

    @property
    def in_memory(self) -> bool:
        """Whether the weights are in a memory and not constants of the logic."""
        return self.strategy.startswith("resource") and self.reuse_factor > 1

    @property
    def inputs(self) -> int:
        """Values that are multiplied."""
        return self.groups * self.n_in

    @property
    def multipliers(self) -> int:
        """Multipliers that are instantiated: in latency strategy at most hls4ml's `multiplier_limit`."""
        if self.in_memory:
            return math.ceil(self.n_in * self.n_out / self.reuse_factor) - self.idle
        weights = self.n_in * self.n_out
        limit = math.ceil(weights / self.reuse_factor) - max(0, weights - self.nonzero) // self.reuse_factor
        return min(self.constants, limit)

    @property
    def multiplier_cost(self) -> tuple[int, float]:
        """DSP blocks and LUTs of all multipliers."""
        dsp, lut = multiplier_cost(self.input_type.width, self.weight_type.width, self.core)
        return self.multipliers * dsp, self.multipliers * lut

    def weight_bram18(self, target: Target) -> int:
        """Block RAMs of the weights: `reuse factor` words that hold one weight per multiplier."""
        bits = self.multipliers * self.weight_type.width
        in_luts = bits * self.reuse_factor <= ROM_LUT_BITS and not target.version.startswith(ROMS_IN_BRAM)
        return bram18(bits, self.reuse_factor) if self.in_memory and not in_luts else 0

    @property
    def shared_cycles(self) -> int:
        """Cycles that products wait for each other where fewer multipliers than products are instantiated."""
        return math.ceil(self.constants / self.multipliers) - 1 if self.multipliers else 0

    @property
    def input_bits(self) -> int:
        """Bits of all inputs."""
        return self.inputs * self.input_type.width

    @property
    def output_bits(self) -> int:
        """Bits of all outputs."""
        return self.n_out * self.result_width

    @property
    def product_width(self) -> float:
        """Bits of a mean product after the cast to the accumulator type."""
        dropped = max(0, self.input_type.fraction + self.weight_type.fraction - self.accum_type.fraction)
        return max(1.0, min(self.input_type.width + self.weight_bits - dropped, self.accum_type.width))

    @property
    def sum_width(self) -> float:
        """Bits of the mean adder of a balanced tree: two more than the product, at most the accumulator's."""
        return min(self.product_width + 2, self.accum_type.width)

    @property
    def levels(self) -> float:
        """Levels of the adder tree of a mean output, with the bias."""
        return math.log2(1 + self.nonzero / max(1, self.n_out))

    @property
    def shifted_sums(self) -> float:
        """Additions of two digits; equal ones of the same input, as many as chance has, are one."""
        return self.inputs * _distinct(self.two_digits / self.inputs, self.weight_bits * (self.weight_bits - 1))

    @property
    def negations(self) -> float:
        """Negative powers of two (half of them), counted in the same way."""
        return self.inputs * _distinct(self.powers / 2 / self.inputs, self.weight_bits + 1)

    def _pipelined_function(self, target: Target) -> bool:
        """Whether it is a function that takes a sample in every cycle: it can be halted, and so registers its outputs
        (Vitis HLS: inputs, too).
        """
        return not (target.stream or self.in_memory) and self.reuse_factor == 1 and self._stages(target) > 0

    def _product_cycles(self, target: Target) -> int:
        """Cycles of a multiplication, see `product_cycles`."""
        if not self.multipliers:
            return 0
        return product_cycles(self.input_type.width, self.weight_type.width, self.core, target)

    def _tree_cycles(self, target: Target, levels: float) -> int:
        """Cycles of the adder tree, see `tree_cycles`."""
        return tree_cycles(levels, target, products=self.multipliers > 0)

    def _stages(self, target: Target) -> int:
        """Cuts of the pipeline that all products enter at once."""
        return self._product_cycles(target) + self._tree_cycles(target, self.levels)

    def lut(self, target: Target) -> Formula:
        """LUTs: the multipliers, and what is around them."""
        return self._resource_lut() if self.in_memory else self._latency_lut(target)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        return self._resource_ff() if self.in_memory else self._latency_ff(target)

    def _resource_lut(self) -> Formula:
        """Multipliers, accumulators and multiplexers. With less reuse than inputs, each multiplier selects an input of
        its own (`selected_bits`), else all get the same.
        """
        terms = {
            "selected_bits": self.multipliers * self.input_type.width * (self.reuse_factor < self.n_in),
            "input_multiplexers": self.groups * self.n_in,
            "output_multiplexers": self.n_out,
            "one": 1,
        }
        sums = self.multipliers * adder_lut(self.accum_type.width)
        return Formula("resource_lut", terms, self.multiplier_cost[1] + sums)

    def _resource_ff(self) -> Formula:
        """Inputs, accumulators and products are held."""
        terms = {
            "inputs": self.input_bits,
            "outputs": self.n_out * self.accum_type.width,
            "products": self.multipliers * self.accum_type.width,
            "one": 1,
        }
        return Formula("resource_ff", terms)

    def _latency_lut(self, target: Target) -> Formula:
        """Additions, and multiplexers of shared multipliers, at both operands."""
        wide = self.input_type.width + self.weight_bits
        sums = (self.nonzero + self.negations) * (self.sum_width + adder_overhead(self.sum_width, target))
        sums += self.shifted_sums * (wide + adder_overhead(wide, target))
        multipliers, (dsp, lut) = self.multipliers, self.multiplier_cost
        terms = {
            "sums": sums,
            "dsp_multipliers": multipliers * (not self.core and dsp > 0),
            "selected_products": 2 * multipliers * multiplexer_lut(self.constants / max(1, multipliers)),
        }
        held = self.n_out * (VITIS_OUTPUT_LUT if target.vitis else VIVADO_OUTPUT_LUT)
        return Formula("latency_lut", terms, lut + held * self._pipelined_function(target))

    def _latency_ff(self, target: Target) -> Formula:
        """`tree` is what is alive where the clock cuts the adder tree. Products of shared multipliers are registered,
        and their inputs before them. On the 7 series all do, because a multiplication fills at least a cycle; and in
        Vitis HLS' functions with a new sample in every cycle, inputs and additions of two digits wait for it.
        """
        cycles, waiting, shared = (
            self._tree_cycles(target, self.levels),
            self._product_cycles(target),
            self.shared_cycles,
        )
        products = self.nonzero - self.powers - self.two_digits if self.multipliers else 0
        late, early = (registered_share(cycles, target, products=kind) for kind in (not shared, False))
        all_held = target.series_7 and (waiting or (cycles and not shared))
        held = self.constants if all_held else self.constants - self.multipliers
        ports = float(self.output_bits)
        if target.vitis:
            ports += self.input_bits + waiting * (self.input_bits + self.shifted_sums * self.product_width)
        terms = {
            "tree": (products * late + (self.nonzero - products) * early) * self.sum_width,
            "products": held * (self.product_width + self.input_bits / max(1, self.constants)),
            "ports": ports * self._pipelined_function(target),
        }
        return Formula("latency_ff", terms, self._dsp_registers(target))

    def _dsp_registers(self, target: Target) -> float:
        """FFs that Vitis HLS reports for multipliers in DSP blocks of more than one cycle: an operand and two products
        each.
        """
        inside = in_dsp(self.input_type.width, self.weight_type.width, self.core)
        if not (inside and target.counts_dsp_registers and self._product_cycles(target)):
            return 0.0
        return self.multipliers * (3 * self.input_type.width + 2 * self.weight_bits)

    def latency(self, target: Target) -> Formula:
        """Cycles: a loop of `reuse_factor` cycles (resource strategy), or the stages of the pipeline.

        Products of shared multipliers come one after the other, and are added as they come, so that behind the last one
        there are few levels of the tree.
        """
        if self.in_memory:
            return Formula("resource_depth", {"one": 1}, self.reuse_factor)
        if not self.shared_cycles:
            return Formula.exact(self._stages(target))
        last = self._tree_cycles(target, min(self.levels, LAST_LEVELS))
        return Formula.exact(self.shared_cycles + self._product_cycles(target) + last)

    def cost(self, target: Target) -> Cost:
        """All numbers; a new sample every `reuse_factor` cycles, or as soon as a pipeline is done."""
        latency = target.cycles(self.latency(target))
        return Cost(
            multipliers=self.multipliers,
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            dsp=self.multiplier_cost[0],
            bram18=self.weight_bram18(target),
            latency_cycles=latency,
            ii=self.reuse_factor if self.in_memory else min(self.reuse_factor, latency + 1),
            call_cycles=1 + (target.series_7 and target.vitis and self._pipelined_function(target)),
        )


def mean_weight_bits(digits: int, nonzero: int, width: int) -> float:
    """Bits of a mean weight, from the non-zero signed digits of all `nonzero` weights of a type of `width` bits.

    A number of n random bits has n / 3 + 1 / 9 digits in canonical signed digit form (Reitwiesner).
    """
    if not nonzero:
        return 1.0
    return min(float(width), max(1.0, 3 * digits / nonzero - 1 / 3))


def _distinct(draws: float, values: float) -> float:
    """Distinct values that so many random draws out of `values` have."""
    return values * (1 - math.exp(-draws / values)) if values > 0 else draws
