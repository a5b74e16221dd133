"""`<function>_csynth.rpt` of Vivado HLS and Vitis HLS: what HLS expects of one function, the top or a layer.

hls4ml's `read_report` prints the same text up to the table of instances; such a dump is read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines, Row, Table
from fpga_flow.resources.vendor.values import HLS_NAMES, UNKNOWN, Amounts, Clock, Cycles

#: The rows of the utilization summary beside the total and what is available.
PARTS = ("dsp", "expression", "fifo", "instance", "memory", "multiplexer", "register")

_DUMP = r"SYNTHESIS REPORT:"
_AFTER_DUMP = r"CO-SIMULATION RESULT:|Co-simulation report not found\."


@dataclass(frozen=True)
class Instance:
    """A function or layer inside of the one that the report is about; `cycles` is None where it lists none."""

    name: str
    module: str
    amounts: Amounts
    cycles: Cycles | None


@dataclass(frozen=True)
class CsynthReport:
    """What the report says; `parts` by the names of `PARTS`, an amount is None where the tool prints `-`."""

    tool: str
    version: str
    module: str
    part: str
    date: str
    clock: Clock
    cycles: Cycles
    pipeline: str
    total: Amounts
    available: Amounts
    parts: Mapping[str, Amounts]
    instances: tuple[Instance, ...]


def parse(text: str, file: str) -> CsynthReport:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or the report is cut off (before its last table, or, in what
            hls4ml printed, before the result of co-simulation).
    """
    lines = Lines.of(text, file)
    start, title = lines.find(r"== (\w+ HLS) Report for '(.+)'", "the title of an HLS report")
    performance, _ = lines.find("== Performance Estimates", "the performance estimates", start)
    utilization, _ = lines.find("== Utilization Estimates", "the utilization estimates", performance)
    _, version = lines.find(r"\* Version:\s*([\d.]+)", "the version", start, performance)
    amounts, rows = _summary(lines, utilization)
    cycles, pipeline = _latency(lines, performance, utilization)
    instances = _instances(lines, performance, utilization)
    _check_end(lines, utilization)
    return CsynthReport(
        tool=title[1],
        version=version[1],
        module=title[2],
        part=lines.value("Target device", start),
        date=lines.value("Date", start),
        clock=_clock(lines, performance, utilization),
        cycles=cycles,
        pipeline=pipeline,
        total=amounts["Total"],
        available=amounts["Available"],
        parts={name: amounts[rows[name]] for name in PARTS},
        instances=instances,
    )


def _check_end(lines: Lines, utilization: int) -> None:
    """Check that the report is whole: its last section is there with its table, or hls4ml went on after it."""
    if lines.has(_DUMP):
        lines.find(_AFTER_DUMP, "the result of co-simulation, which hls4ml prints behind the report", utilization)
        return
    interface, _ = lines.find("== Interface", "the section Interface", utilization)
    summary, _ = lines.find(r"\* Summary:", "the table of ports", interface)
    lines.table("the table of ports", summary + 1)


def _clock(lines: Lines, start: int, end: int) -> Clock:
    at, _ = lines.find(r"\+ Timing", "the timing", start, end)
    at, _ = lines.find(r"\s*\* Summary:", "the summary of the timing", at, end)
    table = lines.table("the table of clocks", at + 1)
    row = _only(lines, table, "the table of clocks")
    target, estimated, uncertainty = (
        lines.decimal(cell.removesuffix("ns").strip(), "clock period in ns", row.line) for cell in row.cells[1:4]
    )
    return Clock(target, estimated, uncertainty)


def _latency(lines: Lines, start: int, end: int) -> tuple[Cycles, str]:
    at, _ = lines.find(r"\+ Latency", "the latency", start, end)
    at, _ = lines.find(r"\s*\* Summary:", "the summary of the latency", at, end)
    row = _only(lines, lines.table("the table of latencies", at + 1), "the table of latencies")
    return _cycles(lines, row, first=0), row.cells[-1]


def _cycles(lines: Lines, row: Row, first: int) -> Cycles:
    """Latencies in the cells from `first` on, intervals before the last cell; absolute times may stand between."""
    cells = row.cells[first : first + 2] + row.cells[-3:-1]
    return Cycles(*(lines.known(cell, "number of cycles", row.line, UNKNOWN) for cell in cells))


def _summary(lines: Lines, start: int) -> tuple[dict[str, Amounts], dict[str, str]]:
    """The amounts by the names of their rows, and these names by the names of `PARTS`."""
    at, _ = lines.find(r"\* Summary:", "the summary of the utilization", start)
    table = lines.table("the table of resources", at + 1)
    columns = _columns(lines, table)
    amounts = {
        row.cells[0]: _amounts(lines, row, columns)
        for row in table.body
        if not row.cells[0].startswith("Utilization")  # in percent
    }
    names = {name.lower(): name for name in amounts}
    for name in ("total", "available", *PARTS):
        if name not in names:
            raise lines.absent(f'a row "{name.capitalize()}" in the table of resources', table)
    return amounts, names


def _instances(lines: Lines, performance: int, utilization: int) -> tuple[Instance, ...]:
    at, _ = lines.find(r"\s*\* Instance:", "the latencies of instances", performance, utilization)
    rows = () if _nothing(lines, at + 1) else lines.table("the table of the instances' latencies", at + 1).body
    cycles = {row.cells[:2]: _cycles(lines, row, first=2) for row in rows}
    at, _ = lines.find(r"\s*\* Instance:", "the resources of instances", utilization)
    if _nothing(lines, at + 1):
        return ()
    table = lines.table("the table of the instances' resources", at + 1)
    columns = _columns(lines, table)
    return tuple(
        Instance(row.cells[0], row.cells[1], _amounts(lines, row, columns), cycles.get(row.cells[:2]))
        for row in table.body
        if row.cells[:2] != ("Total", "")
    )


def _nothing(lines: Lines, at: int) -> bool:
    """Whether the tool wrote N/A instead of a table."""
    return at < len(lines.lines) and lines.lines[at].strip() == "N/A"


def _only(lines: Lines, table: Table, what: str) -> Row:
    """The first row of a table (of several clocks the first is the one that HLS schedules for)."""
    if not table.body:
        raise lines.absent(f"a row in {what}", table)
    return table.body[0]


def _columns(lines: Lines, table: Table) -> dict[str, int]:
    """Field of `Amounts` -> its column. URAM is the only one that older reports don't have."""
    head = table.head[-1].cells if table.head else ()
    columns = {
        field: head.index(name) for field, names in HLS_NAMES.items() for name in names if name in head
    }  # fmt: skip
    for field, names in HLS_NAMES.items():
        if field not in columns and field != "uram":
            raise lines.absent(f"a column {' or '.join(names)} in the table of resources", table)
    return columns


def _amounts(lines: Lines, row: Row, columns: Mapping[str, int]) -> Amounts:
    return Amounts(
        **{
            field: lines.known(row.cells[columns[field]], names[0], row.line, UNKNOWN) if field in columns else None
            for field, names in HLS_NAMES.items()
        }
    )
