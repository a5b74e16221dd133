"""What every formula of the estimate is made of, and what it must know besides a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fpga_flow.resources.estimate.constants import CONSTANTS, Constants

#: The share of the clock period that hls4ml lets the tools keep free (its backends' `clock_uncertainty`).
VITIS_UNCERTAINTY, VIVADO_UNCERTAINTY = 0.27, 0.125
#: Versions of the tools that count nothing for an adder but its bits (the published reports of single operations).
BARE_ADDERS = ("2016", "2019.2", "2021.1")
#: Versions of Vitis HLS that do not report the registers inside of DSP blocks.
HIDDEN_DSP_REGISTERS = ("2020", "2021")


@dataclass(frozen=True)
class Formula:
    """A number of a part: `known`, plus each of the `terms` times its constant in `CONSTANTS[name]`."""

    name: str
    terms: Mapping[str, float]
    known: float = 0.0

    @classmethod
    def exact(cls, known: float) -> Formula:
        """A number without a fitted constant."""
        return cls("", {}, known)


@dataclass(frozen=True)
class Target:
    """What the formulas must know besides a layer: how data moves, clock period in ns, HLS tool, part (or "").

    version         of the tool, such as `2024.1`; "" is one that behaves as the newest
    uncertainty_ns  what the tool keeps free of the clock period; None is hls4ml's default for the tool
    constants       those of the code, unless a fit tries others
    """

    io_type: str
    clock_ns: float
    tool: str = "Vitis HLS"
    part: str = ""
    version: str = ""
    uncertainty_ns: float | None = None
    constants: Mapping[str, Constants] = field(default_factory=lambda: CONSTANTS)

    @property
    def stream(self) -> bool:
        """Whether data moves in streams of pixels."""
        return self.io_type == "io_stream"

    @property
    def vitis(self) -> bool:
        """Whether the tool is Vitis HLS, not its predecessor Vivado HLS."""
        return self.tool.startswith("Vitis")

    @property
    def series_7(self) -> bool:
        """Whether the part is of the slower 7 series (Artix-7, Kintex-7, Virtex-7, Zynq-7000); UltraScale is not."""
        return self.part.lower().startswith(("xc7", "xa7", "xq7"))

    @property
    def period_ns(self) -> float:
        """The part of the clock period that the tool fills."""
        if self.uncertainty_ns is None:
            return self.clock_ns * (1 - (VITIS_UNCERTAINTY if self.vitis else VIVADO_UNCERTAINTY))
        return self.clock_ns - self.uncertainty_ns

    @property
    def bare_adders(self) -> bool:
        """Whether the version of the tool counts nothing for an adder but its bits (see `timing.adder_overhead`)."""
        return self.version.startswith(BARE_ADDERS)

    @property
    def counts_dsp_registers(self) -> bool:
        """Whether the tool reports the registers inside of DSP blocks, as Vitis HLS does from 2022 on."""
        return self.vitis and not self.version.startswith(HIDDEN_DSP_REGISTERS)

    def value(self, formula: Formula) -> float:
        """The number that a formula gives."""
        return formula.known + sum(value * self.constants[formula.name][term] for term, value in formula.terms.items())

    def cycles(self, formula: Formula) -> int:
        """The same in whole clock cycles."""
        return round(self.value(formula))


@dataclass(frozen=True)
class Cost:
    """What a part of the design needs; LUT and FF are rounded only where they are reported.

    `bram18` in blocks of 18 Kb; latency and initiation interval (`ii`) in clock cycles. `call_cycles`: what a network
    with io_parallel adds to the latency for the registers between the part and the next.
    """

    multipliers: int = 0
    lut: float = 0.0
    ff: float = 0.0
    dsp: int = 0
    bram18: int = 0
    latency_cycles: int = 0
    ii: int = 1
    call_cycles: int = 0


class Part(Protocol):
    """A layer, or the matrix inside of one: its statistics are fields, its numbers are formulas of them."""

    def lut(self, target: Target) -> Formula:
        """LUTs."""

    def ff(self, target: Target) -> Formula:
        """FFs."""

    def latency(self, target: Target) -> Formula:
        """Clock cycles from the first input to the last output."""

    def cost(self, target: Target) -> Cost:
        """All numbers."""
