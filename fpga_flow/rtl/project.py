"""`RtlProject`: the folder of Verilog and VHDL for one network, with what the tools must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpga_flow.fixed_point import FixedPoint


@dataclass(frozen=True)
class RtlProject:
    """A generated project. `verilog/` and `vhdl/` hold a file for each module, and the tables that they read."""

    folder: Path
    top: str
    inputs: int
    input_type: FixedPoint
    outputs: int
    output_type: FixedPoint
    latency_cycles: int
    clock_ns: float
    part: str
    additions: int

    @property
    def verilog(self) -> tuple[str, ...]:
        """The Verilog files, relative to the folder, the top module's first."""
        return self._sources("verilog", "v")

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the Verilog reads, relative to the folder."""
        return tuple(sorted(f"verilog/{path.name}" for path in (self.folder / "verilog").glob("*.mem")))

    def _sources(self, language: str, suffix: str) -> tuple[str, ...]:
        top = f"{self.top}.{suffix}"
        names = sorted(path.name for path in (self.folder / language).glob(f"*.{suffix}") if path.name != top)
        return tuple(f"{language}/{name}" for name in (top, *names))
