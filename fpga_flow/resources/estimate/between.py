"""The parts of a design that are no layers: FIFOs between them (io_stream), or the top function's registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import bram18, shift_registers

#: A FIFO with more bits than this is a block RAM, else shift registers: Vitis HLS' default, and what Vivado HLS does.
VITIS_SHIFT_REGISTER_BITS, VIVADO_SHIFT_REGISTER_BITS = 1024, 512


@dataclass(frozen=True)
class Fifos:
    """`count` FIFOs of `depth` words of `width` bits.

    io_stream puts them behind each layer, as deep as the layer has positions (hls4ml's default).
    """

    count: int
    width: int
    depth: int

    @classmethod
    def of_stream(cls, channels: int, width: int, depth: int, target: Target) -> Fifos:
        """The FIFOs of a stream of pixels: Vitis HLS packs a pixel into one word, Vivado HLS has a FIFO per channel."""
        return cls(1, channels * width, depth) if target.vitis else cls(channels, width, depth)

    def in_memory(self, target: Target) -> bool:
        """Whether they are block RAMs and not shift registers."""
        limit = VITIS_SHIFT_REGISTER_BITS if target.vitis else VIVADO_SHIFT_REGISTER_BITS
        return self.width * self.depth > limit

    def _terms(self, target: Target) -> dict[str, float]:
        """Control, and shift registers."""
        shift = 0 if self.in_memory(target) else self.count * shift_registers(self.width, self.depth)
        return {"fifos": self.count, "shift_bits": shift}

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        return Formula("fifo_lut", self._terms(target))

    def ff(self, target: Target) -> Formula:
        """FFs."""
        return Formula("fifo_ff", self._terms(target))

    def cost(self, target: Target) -> Cost:
        """All numbers. The depth of a memory is a power of two."""
        blocks = self.count * bram18(self.width, 1 << (self.depth - 1).bit_length()) if self.in_memory(target) else 0
        return Cost(lut=target.value(self.lut(target)), ff=target.value(self.ff(target)), bram18=blocks)


@dataclass(frozen=True)
class Top:
    """The top function with io_parallel, which registers the outputs of layers: so many bits of layers with weights,
    and of activations.
    """

    matrix_bits: int
    activation_bits: int

    @property
    def _terms(self) -> dict[str, float]:
        return {"matrix_bits": self.matrix_bits, "activation_bits": self.activation_bits}

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        return Formula("top_lut", self._terms)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        return Formula("top_ff", self._terms)

    def cost(self, target: Target) -> Cost:
        """All numbers; see `parallel_latency` for the cycles."""
        return Cost(lut=target.value(self.lut(target)), ff=target.value(self.ff(target)))


def parallel_latency(latencies: Sequence[float], calls: Sequence[int]) -> Formula:
    """Cycles of a network with io_parallel: one layer after the other, and registers between them (`call_cycles`)."""
    return Formula("top_depth", {"calls": sum(calls)}, sum(latencies))
