"""What every formula of the estimate is made of, and what it must know besides a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fpga_flow.resources.estimate.constants import CONSTANTS, Constants


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

    `constants` are those of the code, unless a fit tries others.
    """

    io_type: str
    clock_ns: float
    tool: str = "Vitis HLS"
    part: str = ""
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

    def value(self, formula: Formula) -> float:
        """The number that a formula gives."""
        return formula.known + sum(value * self.constants[formula.name][term] for term, value in formula.terms.items())

    def cycles(self, formula: Formula) -> int:
        """The same in whole clock cycles."""
        return round(self.value(formula))


@dataclass(frozen=True)
class Cost:
    """What a part of the design needs; LUT and FF are rounded only where they are reported.

    `bram18` in blocks of 18 Kb; latency and initiation interval (`ii`) in clock cycles.
    """

    multipliers: int = 0
    lut: float = 0.0
    ff: float = 0.0
    dsp: int = 0
    bram18: int = 0
    latency_cycles: int = 0
    ii: int = 1


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
