"""`<top>_cosim.rpt`: whether the generated RTL computes what the C++ does, and in how many cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines
from fpga_flow.resources.vendor.values import UNKNOWN

_LANGUAGES = ("VHDL", "Verilog")


@dataclass(frozen=True)
class Cosimulation:
    """One language's row: `status` is Pass, Fail or NA (not simulated); cycles are over all samples of the test bench.

    `total_cycles` of the whole test bench are given by Vitis HLS only.
    """

    status: str
    latency_min: int | None
    latency_avg: int | None
    latency_max: int | None
    ii_min: int | None
    ii_avg: int | None
    ii_max: int | None
    total_cycles: int | None


def parse(text: str, file: str) -> Mapping[str, Cosimulation]:
    """Read a report: by `VHDL` and `Verilog`; `file` is for messages.

    Raises:
        InputError: a row is missing, there is no number where one should be, or the table's end is missing.
    """
    lines = Lines.of(text, file)
    at, _ = lines.find(r"\+\s+RTL\s+\+\s+Status\s+\+", "the table of co-simulation")
    results = {}
    for language in _LANGUAGES:
        at, match = lines.find(rf"\|\s*{language}\|(.*)\|\s*$", f'the row "{language}" of co-simulation', at)
        status, *cells = (cell.strip() for cell in match[1].split("|"))
        if len(cells) not in (6, 7):
            raise lines.wrong(at, f"expected 6 or 7 numbers of cycles, got {len(cells)}")
        if status not in ("Pass", "Fail", "NA"):
            raise lines.wrong(at, f'expected Pass, Fail or NA as status, got "{status}"')
        values = [lines.known(cell, "number of cycles", at, UNKNOWN) for cell in cells]
        results[language] = Cosimulation(status, *(values if len(values) == 7 else [*values, None]))
    end = [line.strip() for line in lines.lines[at + 1 : at + 2]]
    if not end or len(end[0]) != len(lines.lines[at].strip()) or not end[0].startswith("+-"):
        raise lines.lacks("the end of the table of co-simulation", at + 1)
    return results
