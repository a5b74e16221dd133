"""The multiplication of vector and matrix: what a dense layer is, and a conv2d at each position of the image.

Latency strategy: weights are constants in the logic. A zero costs nothing, a power of two is wiring, two non-zero
signed digits (canonical signed digit form) are one addition, three or more are a multiplier, shared by the outputs
that use the same weight of the same input. Products are summed by adders of at most the accumulator's width.

Resource strategy: `ceil(n_in * n_out / reuse factor)` multipliers, weights in block RAM, one accumulator adder per
multiplier, multiplexers at inputs and accumulators. With reuse factor 1 there is no memory, the weights become
constants, and the tools build what the latency strategy builds. Unrolled, multipliers without work are left out.

Distributed arithmetic: as the latency strategy, of a matrix whose weights are all ones, as many as da4ml's additions.
No published report has it, nor the unrolled resource strategy: their constants are those of the other two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import adder_lut, bram18, multiplier_cost


@dataclass(frozen=True)
class Matrix:
    """The statistics of one multiplication of vector and matrix that its cost depends on.

    nonzero             weights that are not zero
    two_digits          weights with two non-zero signed digits: one addition each
    constants           weights with three or more, counting equal ones of the same input once: one multiplication each
    result_width        bits of an output
    strategy            see `hls/strategy.py`
    core                what multipliers are made of where the project fixes it, see `multiplier_cost`
    idle                multipliers with no weight but zeros, which resource_unrolled leaves out
    groups              of a convolution: `n_in` are the inputs of each, `n_out` the outputs of all
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
    idle: int = 0
    groups: int = 1

    @property
    def in_memory(self) -> bool:
        """Whether the weights are in a memory and not constants of the logic."""
        return self.strategy.startswith("resource") and self.reuse_factor > 1

    @property
    def multipliers(self) -> int:
        """Multipliers that are instantiated (hls4ml's `multiplier_limit` is `ceil(nonzero / reuse factor)`)."""
        if self.in_memory:
            return math.ceil(self.n_in * self.n_out / self.reuse_factor) - self.idle
        return min(self.constants, math.ceil(self.nonzero / self.reuse_factor))

    @property
    def multiplier_cost(self) -> tuple[int, float]:
        """DSP blocks and LUTs of all multipliers."""
        dsp, lut = multiplier_cost(self.input_type.width, self.weight_type.width, self.core)
        return self.multipliers * dsp, self.multipliers * lut

    @property
    def weight_bram18(self) -> int:
        """Block RAMs of the weights: `reuse factor` words that hold one weight per multiplier."""
        return bram18(self.multipliers * self.weight_type.width, self.reuse_factor) if self.in_memory else 0

    @property
    def shared_cycles(self) -> int:
        """Cycles that products wait for each other where fewer multipliers than products are instantiated."""
        return math.ceil(self.constants / self.multipliers) - 1 if self.multipliers else 0

    @property
    def input_bits(self) -> int:
        """Bits of all inputs."""
        return self.groups * self.n_in * self.input_type.width

    @property
    def output_bits(self) -> int:
        """Bits of all outputs."""
        return self.n_out * self.result_width

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

    def lut(self, target: Target) -> Formula:
        """LUTs: the multipliers, and what is around them.

        Resource strategy: with less reuse than inputs, each multiplier gets inputs of its own (`selected_bits`); else
        all get the same one.
        """
        _, multipliers = self.multiplier_cost
        if self.in_memory:
            terms = {
                "sums": self.multipliers * adder_lut(self.accum_type.width),
                "selected_bits": self.multipliers * self.input_type.width * (self.reuse_factor < self.n_in),
                "input_multiplexers": self.groups * self.n_in,
                "output_multiplexers": self.n_out,
                "one": 1,
            }
            return Formula("resource_lut", terms, multipliers)
        terms = {
            "sums": self.nonzero * adder_lut(self.sum_width),
            "shifted_sums": self.two_digits * adder_lut(self.input_type.width + self.weight_type.width // 2),
            "shared_products": (self.constants - self.multipliers) * self.input_type.width,
            "outputs": self.output_bits,
        }
        return Formula("latency_lut", terms, multipliers)

    def ff(self, target: Target) -> Formula:
        """FFs.

        Resource strategy: inputs, accumulators and products are held.

        Latency strategy: an adder tree that starts with `nonzero` sums of `sum_width` bits has half as many after each
        level; `tree` adds up what is alive at the cuts between pipeline stages, which are evenly spaced over its
        levels. Vitis HLS registers more of it than Vivado HLS. Products of shared multipliers wait in registers.
        """
        if self.in_memory:
            terms = {
                "inputs": self.input_bits,
                "outputs": self.n_out * self.accum_type.width,
                "products": self.multipliers * self.accum_type.width,
                "one": 1,
            }
            return Formula("resource_ff", terms)
        stages = target.cycles(self.latency(target)) - self.shared_cycles
        cuts = np.arange(1, stages + 1) / (stages + 1)
        tree = self.nonzero * self.sum_width * float(np.sum(2.0 ** (-self.levels * cuts)))
        return Formula(
            "latency_ff",
            {
                "tree_vitis": tree * target.vitis,
                "tree_vivado": tree * (not target.vitis),
                "inputs": self.input_bits * bool(stages),
                "outputs": self.output_bits * bool(stages),
                "held_products": self.constants * self.product_width * bool(self.shared_cycles),
            },
        )

    def latency(self, target: Target) -> Formula:
        """Cycles: a loop of `reuse_factor` cycles (resource strategy), or the stages of the pipeline.

        The pipeline's stages are the delays of multiplier and adder tree over the clock period. Products wait for
        shared multipliers before they enter it.
        """
        if self.in_memory:
            return Formula("resource_depth", {"one": 1}, self.reuse_factor)
        multiplier, levels = bool(self.multipliers) / target.clock_ns, self.levels / target.clock_ns
        terms = {
            "multiplier_series_7": multiplier * target.series_7,
            "level_series_7": levels * target.series_7,
            "multiplier_ultrascale": multiplier * (not target.series_7),
            "level_ultrascale": levels * (not target.series_7),
        }
        return Formula("depth", terms, self.shared_cycles)

    def cost(self, target: Target) -> Cost:
        """All numbers; a new sample every `reuse_factor` cycles, or as soon as a pipeline is done."""
        latency = target.cycles(self.latency(target))
        return Cost(
            multipliers=self.multipliers,
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            dsp=self.multiplier_cost[0],
            bram18=self.weight_bram18,
            latency_cycles=latency,
            ii=self.reuse_factor if self.in_memory else min(self.reuse_factor, latency + 1),
        )
