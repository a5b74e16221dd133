"""Layers that slide a window over an image: conv2d and pool.

io_stream slides one window over the image (line buffers in shift registers), so that one matrix works for all
positions in turn. With io_parallel, a multiplexer selects the window of a conv2d for its one matrix, and a pool has an
operation for each value; neither is calibrated. (Reports of four pools and two convolutions without their weights are
in projects.csv: of the LUTs of pools, 10,433 and 7,058 with Vitis HLS 2024.1, the formula gives 98 % and 82 %.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import adder_lut, shift_registers
from fpga_flow.resources.estimate.matrix import Matrix

#: What a line buffer on the 7 series counts as: shift registers of so many bits, and FFs.
LINE_BITS, LINE_FF = 32, 64


@dataclass(frozen=True)
class Window:
    """Geometry of a conv2d or pool in pixels: the (padded) image, the window, the positions of the output."""

    height: int
    width: int
    rows: int
    columns: int
    channels: int
    positions: int

    @property
    def pixels(self) -> int:
        """Pixels of the image."""
        return self.height * self.width

    @property
    def values(self) -> int:
        """Values in the window."""
        return self.rows * self.columns * self.channels

    def line_buffers(self, bits: int, target: Target) -> tuple[int, int]:
        """LUTs and FFs of the line buffers for values of `bits` bits: all rows of the window but one are buffered. The
        tools report the same of a line on the 7 series whatever its bits are.
        """
        lines = self.channels * (self.rows - 1)
        if target.series_7:
            return lines * shift_registers(LINE_BITS, self.width), lines * LINE_FF
        return lines * shift_registers(bits, self.width), 0


@dataclass(frozen=True)
class Conv2d:
    """A conv2d: one matrix, used for all positions in turn."""

    matrix: Matrix
    window: Window

    @property
    def _terms(self) -> dict[str, float]:
        return {"window_bits": self.matrix.input_bits, "output_bits": self.matrix.output_bits, "one": 1}

    def lut(self, target: Target) -> Formula:
        """LUTs: the matrix, line buffers, window, stream."""
        inner = self.matrix.cost(target).lut
        if target.stream:
            lines, _ = self.window.line_buffers(self.matrix.input_type.width, target)
            return Formula("conv_lut", self._terms, inner + lines)
        # fill_buffer selects each value of the window among all positions: a multiplexer of about one LUT per two
        # inputs.
        return Formula.exact(inner + self.matrix.input_bits * self.window.positions / 2)

    def ff(self, target: Target) -> Formula:
        """FFs."""
        inner = self.matrix.cost(target).ff
        if target.stream:
            _, lines = self.window.line_buffers(self.matrix.input_type.width, target)
            return Formula("conv_ff", self._terms, inner + lines)
        return Formula.exact(inner + self.matrix.input_bits)

    def step(self, target: Target) -> Formula:
        """Cycles for one pixel of the stream, if the reuse factor does not bound them."""
        terms = {"latency": not self.matrix.in_memory, "resource": self.matrix.in_memory}
        return Formula("conv_step", terms, self.matrix.cost(target).latency_cycles)

    def latency(self, target: Target) -> Formula:
        """Cycles.

        io_stream: one step per pixel of the image (the report's maximum: HLS does not know that a step without a full
        window is shorter). The step is the reuse factor in latency strategy, or what the matrix and the window take if
        that is less.
        """
        if not target.stream:
            inner = self.matrix.cost(target)
            return Formula.exact(self.window.positions * inner.ii + inner.latency_cycles)
        step = max(1, target.cycles(self.step(target)))
        if not self.matrix.in_memory:
            step = min(self.matrix.reuse_factor, step)
        return Formula.exact(self.window.pixels * step + 2)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        inner = self.matrix.cost(target)
        latency = target.cycles(self.latency(target))
        return replace(
            inner,
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            latency_cycles=latency,
            ii=latency if target.stream else self.window.positions * inner.ii,
        )


@dataclass(frozen=True)
class Pool:
    """A pool of values of `width` bits: their maximum, or their `average`. With io_stream an average counts as much."""

    window: Window
    width: int
    average: bool = False

    def lut(self, target: Target) -> Formula:
        """LUTs."""
        if target.stream:
            values, (lines, _) = self.window.values, self.window.line_buffers(self.width, target)
            return Formula("pool_lut", {"values": values, "window_bits": values * self.width, "one": 1}, lines)
        # An adder, or a comparator and a selection, per value but one of each channel's window.
        operations = (self.window.values - self.window.channels) * self.window.positions
        return Formula.exact(operations * (adder_lut(self.width) + (2 if self.average else self.width)))

    def ff(self, target: Target) -> Formula:
        """FFs."""
        if target.stream:
            _, lines = self.window.line_buffers(self.width, target)
            return Formula("pool_ff", {"window_bits": self.window.values * self.width, "one": 1}, lines)
        return Formula.exact(0)

    def latency(self, target: Target) -> Formula:
        """Cycles: one per pixel of the stream."""
        return Formula.exact(self.window.pixels + 3 if target.stream else 1)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        latency = target.cycles(self.latency(target))
        lut, ff = target.value(self.lut(target)), target.value(self.ff(target))
        return Cost(lut=lut, ff=ff, latency_cycles=latency, ii=latency)
