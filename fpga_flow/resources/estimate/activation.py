"""Activations: operations on each element, or on each channel of a stream."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import bram18, multiplier_cost
from fpga_flow.resources.estimate.timing import adders_per_cycle, delays, product_cycles

#: Entries of a softmax table, and bits of an entry (hls4ml's defaults).
SOFTMAX_TABLE_SIZE = 1024
SOFTMAX_TABLE_WIDTH = 18
#: Adders of a tree that rounding and saturation take as long as.
ROUNDING_ADDERS = 1.5


@dataclass(frozen=True)
class Activation:
    """ReLU (`relu`) or linear, of `elements` values at once, `beats` times for one sample.

    `rounds`: whether the result must be rounded or saturated; `signed`: whether its type is. Widths are in bits.
    """

    elements: int
    beats: int
    input_width: int
    output_width: int
    rounds: bool
    relu: bool
    signed: bool

    @property
    def _terms(self) -> dict[str, float]:
        """Comparison with zero, which is the sign where the result has none; selection; rounding and saturation."""
        return {
            "compared_bits": self.elements * self.input_width * (self.relu and self.signed),
            "rounded_bits": self.elements * self.input_width * self.rounds,
            "output_bits": self.elements * self.output_width,
            "one": 1,
        }

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        return Formula("activation_stream_lut" if target.stream else "activation_lut", self._terms)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        if target.stream:
            return Formula("activation_stream_ff", {"one": 1})
        held = self.elements * (self.input_width + self.output_width)
        return Formula.exact(held * target.cycles(self.latency(target)))

    def latency(self, target: Target) -> Formula:
        """Cycles: one per word of a stream of several, else none, unless rounding takes longer than a cycle."""
        if target.stream:
            return Formula.exact(self.beats + 4 if self.beats > 1 else 0)
        return Formula.exact(int(self.rounds * ROUNDING_ADDERS * delays(target).adder_ns / target.period_ns))

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        latency = target.cycles(self.latency(target))
        lut, ff = target.value(self.lut(target)), target.value(self.ff(target))
        return Cost(lut=lut, ff=ff, latency_cycles=latency, ii=max(1, latency), call_cycles=int(target.series_7))


@dataclass(frozen=True)
class Softmax:
    """A softmax with tables over `elements` values of `width` bits, `beats` times for one sample.

    One product of exponential and inverse per element; with io_stream, hls4ml shares them by the reuse factor. `core`:
    see `multiplier_cost`.
    """

    elements: int
    beats: int
    width: int
    reuse_factor: int = 1
    core: str = ""

    def lut(self, target: Target) -> Formula:
        """LUTs: multipliers, maximum, differences to it, and sum of exponentials."""
        _, multiplier = self._multiplier
        known = self.multipliers(target) * multiplier
        if target.stream:
            return Formula("softmax_stream_lut", {"elements": self.elements, "one": 1}, known)
        return Formula("softmax_lut", {"input_bits": self.elements * self.width, "one": 1}, known)

    def ff(self, target: Target) -> Formula:
        """FFs: the values in each pipeline stage; with io_stream the entries of the tables, of a fixed type."""
        if target.stream:
            return Formula("softmax_stream_ff", {"elements": self.elements, "one": 1})
        return Formula("softmax_ff", {"held_bits": self.elements * self.width * self._stages(target), "one": 1})

    def latency(self, target: Target) -> Formula:
        """Cycles: the trees of maximum and sum, the multiplication, two table look-ups and other steps, and the later
        beats.
        """
        if target.stream:
            return Formula("softmax_stream_depth", {"one": 1}, self.ii(target) - 1)
        trees = 2 * math.log2(max(2, self.elements)) / adders_per_cycle(target)
        product = product_cycles(SOFTMAX_TABLE_WIDTH, SOFTMAX_TABLE_WIDTH, self.core, target)
        terms = {"series_7": target.series_7 / target.period_ns, "ultrascale": (not target.series_7) / target.period_ns}
        return Formula("softmax_depth", terms, trees + product + self.ii(target) - 1)

    def multipliers(self, target: Target) -> int:
        """Products of exponential and inverse at once."""
        return math.ceil(self.elements / self.reuse_factor) if target.stream else self.elements

    def ii(self, target: Target) -> int:
        """Cycles from one sample to the next."""
        return self.beats * math.ceil(self.elements / self.multipliers(target))

    def cost(self, target: Target) -> Cost:
        """All numbers.

        A table is a block RAM that two elements read at once; with io_parallel, Vitis HLS copies it for each element.
        """
        multipliers = self.multipliers(target)
        dsp, _ = self._multiplier
        copied = target.vitis and not target.stream
        tables = self.elements if copied else math.ceil(multipliers / 2) + 1
        return Cost(
            multipliers=multipliers,
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            dsp=multipliers * dsp,
            bram18=tables * bram18(SOFTMAX_TABLE_WIDTH, SOFTMAX_TABLE_SIZE),
            latency_cycles=target.cycles(self.latency(target)),
            ii=self.ii(target),
            call_cycles=1,
        )

    @property
    def _multiplier(self) -> tuple[int, float]:
        """DSP blocks and LUTs of one multiplier."""
        return multiplier_cost(SOFTMAX_TABLE_WIDTH, SOFTMAX_TABLE_WIDTH, self.core)

    def _stages(self, target: Target) -> int:
        """Stages of the pipeline."""
        return target.cycles(self.latency(target)) - self.ii(target) + 1
