"""A dense layer with io_stream. With io_parallel it is nothing but its `Matrix`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.matrix import Matrix


@dataclass(frozen=True)
class StreamDense:
    """A matrix whose inputs are collected from `beats` words of a stream, and whose outputs are sent as one word."""

    matrix: Matrix
    beats: int

    @property
    def _terms(self) -> dict[str, float]:
        return {"input_bits": self.matrix.input_bits, "output_bits": self.matrix.output_bits, "one": 1}

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        return Formula("dense_stream_lut", self._terms, self.matrix.cost(target).lut)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        return Formula("dense_stream_ff", self._terms, self.matrix.cost(target).ff)

    def latency(self, target: Target) -> Formula:
        """Cycles to read all words, compute, write: the steps do not overlap."""
        return Formula("dense_stream_depth", {"one": 1}, self.matrix.cost(target).latency_cycles + self.beats)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        latency = target.cycles(self.latency(target))
        return replace(
            self.matrix.cost(target),
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            latency_cycles=latency,
            ii=latency,
        )
