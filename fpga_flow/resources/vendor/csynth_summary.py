"""`csynth.rpt` of Vitis HLS: one line per module and loop of the whole design."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines, Row
from fpga_flow.resources.vendor.values import UNKNOWN, Amounts

_COLUMNS = (
    "Modules & Loops", "Slack", "Latency (cycles)", "Interval", "Trip Count", "Pipelined",
    "BRAM", "DSP", "FF", "LUT", "URAM",
)  # fmt: skip
#: What a line is about, by its mark.
KINDS = {"+": "module", "o": "loop", "*": "dataflow"}


@dataclass(frozen=True)
class SummaryRow:
    """A module or loop; `depth` counts the modules and loops around it, slack is in nanoseconds.

    Amounts are None where the tool prints `-`, as it does for none at all.
    """

    kind: str
    name: str
    depth: int
    slack_ns: float | None
    latency: int | None
    ii: int | None
    trip_count: int | None
    pipelined: str
    amounts: Amounts


@dataclass(frozen=True)
class CsynthSummary:
    """What the report says: the top function is the first row."""

    version: str
    part: str
    rows: tuple[SummaryRow, ...]


def parse(text: str, file: str) -> CsynthSummary:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or the report is cut off inside of a table.
    """
    lines = Lines.of(text, file)
    start, _ = lines.find("== Synthesis Summary Report of", "the title of a synthesis summary report")
    _, version = lines.find(r"\s*\* Version:\s*([\d.]+)", "the version", start)
    at, _ = lines.find(r"\s*PS: ", "the note on the marks of modules and loops", start)
    table = lines.table("the table of modules", at + 1)
    heads = [" ".join(filter(None, parts)) for parts in zip(*(row.cells for row in table.head), strict=True)]
    missing = [name for name in _COLUMNS if name not in heads]
    if missing:
        raise lines.absent(f"a column {missing[0]} in the table of modules", table)
    if not table.body:
        raise lines.absent("a row in the table of modules", table)
    columns = [heads.index(name) for name in _COLUMNS]
    rows = tuple(_row(lines, row, [row.cells[column] for column in columns]) for row in table.body)
    _check_end(lines, table.end)
    return CsynthSummary(version[1], lines.value("Target device", start), rows)


def _row(lines: Lines, row: Row, cells: list[str]) -> SummaryRow:
    mark, _, name = cells[0].partition(" ")
    if mark not in KINDS or not name:
        raise lines.wrong(row.line, f'expected a module or loop marked +, o or *, got "{cells[0]}"')
    slack = None if cells[1] in UNKNOWN else lines.decimal(cells[1], "slack in ns", row.line)
    latency, ii, trip_count = (lines.known(cell, "number of cycles", row.line, UNKNOWN) for cell in cells[2:5])
    bram18, dsp, ff, lut, uram = (
        lines.known(re.sub(r"\s*\(.*\)", "", cell), "amount", row.line, UNKNOWN) for cell in cells[6:11]
    )
    amounts = Amounts(bram18, dsp, ff, lut, uram)
    return SummaryRow(KINDS[mark], name.strip(), row.indent, slack, latency, ii, trip_count, cells[5], amounts)


def _check_end(lines: Lines, start: int) -> None:
    """Check that the report goes on to the interfaces, and does not end inside of a table or title."""
    lines.find("== HW Interfaces", "the section HW Interfaces", start)
    last = next(line.strip() for line in reversed(lines.lines) if line.strip())
    if last.startswith(("|", "==", "*")) or (last.startswith("+") and not last.endswith("-+")):
        raise lines.ends_before("the rest of the last section")
