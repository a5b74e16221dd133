"""Operations on pairs of elements (merges), tables, and layers that only move data. No published report has them but
zero padding (io_stream): they are built of the same parts as the others (adder, multiplier, ROM) without a fitted
constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import ROM_LUT_BITS, adder_lut, bram18, multiplier_cost

#: Bits of a ROM that one 6-input LUT holds.
LUT_BITS = 64


@dataclass(frozen=True)
class Merge:
    """`function` (see `HlsLayer`) of `elements` pairs of values at once, `beats` times for a sample; widths in bits."""

    function: str
    elements: int
    beats: int
    width_a: int
    width_b: int
    output_width: int

    def lut(self, target: Target) -> Formula:
        """LUTs: an adder each, and a selection for maximum and minimum; nothing for a concatenation."""
        wide = max(self.width_a, self.width_b)
        one = {
            "concatenate": 0.0,
            "multiply": multiplier_cost(self.width_a, self.width_b)[1],
            "maximum": adder_lut(wide) + wide / 2,
            "minimum": adder_lut(wide) + wide / 2,
        }.get(self.function, float(adder_lut(self.output_width)))
        return Formula.exact(self.elements * one)

    def ff(self, target: Target) -> Formula:
        """FFs: the output of a stream's step."""
        return Formula.exact(self.elements * self.output_width if target.stream else 0)

    def latency(self, target: Target) -> Formula:
        """Cycles: one per word of the stream."""
        return Formula.exact(self.beats + 1 if target.stream else 1)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        products = self.elements if self.function == "multiply" else 0
        dsp, _ = multiplier_cost(self.width_a, self.width_b)
        return _cost(self, target, multipliers=products, dsp=products * dsp)


@dataclass(frozen=True)
class Lookup:
    """A table of 2**`index_width` results of `output_width` bits for `elements` values at once, `beats` times."""

    elements: int
    beats: int
    index_width: int
    output_width: int

    @property
    def in_memory(self) -> bool:
        """Whether the table is in block RAM."""
        return bool(self.output_width << self.index_width > ROM_LUT_BITS)

    def lut(self, target: Target) -> Formula:
        """LUTs: a ROM for each element, unless it is in block RAM."""
        one = self.output_width * math.ceil(2**self.index_width / LUT_BITS)
        return Formula.exact(0 if self.in_memory else self.elements * one)

    def ff(self, target: Target) -> Formula:
        """FFs: the output."""
        return Formula.exact(self.elements * self.output_width)

    def latency(self, target: Target) -> Formula:
        """Cycles: one per word of the stream, and one more to read a memory."""
        return Formula.exact((self.beats if target.stream else 1) + self.in_memory)

    def cost(self, target: Target) -> Cost:
        """All numbers. A block RAM serves two elements at once."""
        copies = math.ceil(self.elements / 2) if self.in_memory else 0
        return _cost(self, target, bram18=copies * bram18(self.output_width, 2**self.index_width))


@dataclass(frozen=True)
class ConcatenatedRelu:
    """The positive and negative parts of `channels` values at once, `beats` times for a sample; widths in bits."""

    channels: int
    beats: int
    input_width: int
    output_width: int

    def lut(self, target: Target) -> Formula:
        """LUTs: a negation and a selection for each value; the other selection goes into the negation's adder."""
        return Formula.exact(self.channels * (adder_lut(self.input_width) + self.output_width))

    def ff(self, target: Target) -> Formula:
        """FFs: the output of a stream's step."""
        return Formula.exact(2 * self.channels * self.output_width if target.stream else 0)

    def latency(self, target: Target) -> Formula:
        """Cycles: one per word of the stream."""
        return Formula.exact(self.beats + 1 if target.stream else 1)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        return _cost(self, target)


@dataclass(frozen=True)
class Move:
    """A layer that only moves values, `beats` words of `channels` of them for a sample: wires (io_parallel), or a step
    a word.
    """

    channels: int
    beats: int

    def lut(self, target: Target) -> Formula:
        """LUTs: what handles the streams."""
        return Formula("move_lut", {"channels": self.channels, "one": 1}) if target.stream else Formula.exact(0)

    def ff(self, target: Target) -> Formula:
        """FFs: counters."""
        return Formula("move_ff", {"one": 1}) if target.stream else Formula.exact(0)

    def latency(self, target: Target) -> Formula:
        """Cycles."""
        return Formula.exact(self.beats + 1 if target.stream else 0)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        return _cost(self, target)


@dataclass(frozen=True)
class Declared:
    """A layer of a plugin, which says itself what it needs."""

    given: Cost

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        return Formula.exact(self.given.lut)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        return Formula.exact(self.given.ff)

    def latency(self, target: Target) -> Formula:
        """Cycles."""
        return Formula.exact(self.given.latency_cycles)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        return self.given


def _cost(
    part: Merge | Lookup | ConcatenatedRelu | Move, target: Target, multipliers: int = 0, dsp: int = 0, bram18: int = 0
) -> Cost:
    latency = target.cycles(part.latency(target))
    return Cost(
        multipliers=multipliers,
        lut=target.value(part.lut(target)),
        ff=target.value(part.ff(target)),
        dsp=dsp,
        bram18=bram18,
        latency_cycles=latency,
        ii=max(1, latency) if target.stream else 1,
    )
