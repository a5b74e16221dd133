"""Vivado's `report_timing_summary`: whether a design meets its clocks, and by how much."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines
from fpga_flow.resources.vendor.values import UNKNOWN

_COLUMNS = 12


@dataclass(frozen=True)
class Slack:
    """Of one kind of check: the worst slack and the sum of all negative ones in ns, and how many end points fail.

    All are None where there is no path to check.
    """

    worst_ns: float | None
    total_ns: float | None
    failing: int | None
    endpoints: int | None


@dataclass(frozen=True)
class TimedClock:
    """A clock of the design."""

    name: str
    period_ns: float
    frequency_mhz: float


@dataclass(frozen=True)
class Timing:
    """What the report says of setup, hold and pulse widths; `met` is Vivado's own verdict."""

    version: str
    design: str
    setup: Slack
    hold: Slack
    pulse_width: Slack
    clocks: tuple[TimedClock, ...]
    met: bool


def parse(text: str, file: str) -> Timing:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or the report is cut off (inside of a path, too).
    """
    lines = Lines.of(text, file)
    _, version = lines.find(r"\| Tool Version\s*: Vivado v\.([\d.]+)", "the version of Vivado")
    at, _ = lines.find(r"\| Design Timing Summary", "the design timing summary")
    at, _ = lines.find(r"\s+WNS\(ns\)\s+TNS\(ns\)", "the slacks of the design timing summary", at)
    slacks = _slacks(lines, at + 2)
    verdict = r"(All user specified timing constraints are met|Timing constraints are not met)\."
    at, met = lines.find(verdict, "the verdict on the timing constraints", at)
    start, _ = lines.find(r"\| Clock Summary", "the clock summary", at)
    end, _ = lines.find(r"\| Intra Clock Table", "the table behind the clock summary", start)
    _check_end(lines)
    clocks = _clocks(lines, start, end)
    return Timing(version[1], lines.value("Design"), *slacks, clocks, met[1].startswith("All"))


def _slacks(lines: Lines, at: int) -> tuple[Slack, Slack, Slack]:
    cells = lines.lines[at].split() if at < len(lines.lines) else []
    if len(cells) != _COLUMNS:
        raise lines.lacks(f"{_COLUMNS} figures in the design timing summary", at)

    def slack(first: int) -> Slack:
        worst, total = (
            None if cell in UNKNOWN else lines.decimal(cell, "slack in ns", at) for cell in cells[first : first + 2]
        )
        failing, endpoints = (
            lines.known(cell, "number of end points", at, UNKNOWN) for cell in cells[first + 2 : first + 4]
        )
        return Slack(worst, total, failing, endpoints)

    return slack(0), slack(4), slack(8)


def _clocks(lines: Lines, start: int, end: int) -> tuple[TimedClock, ...]:
    clocks = []
    for number in range(start, end):
        if match := re.fullmatch(r"\s*(\S+)\s+\{[\d. ]+\}\s+(\S+)\s+(\S+)\s*", lines.lines[number]):
            period, frequency = (lines.decimal(match[group], "clock", number) for group in (2, 3))
            clocks.append(TimedClock(match[1], period, frequency))
    return tuple(clocks)


def _check_end(lines: Lines) -> None:
    """Check that the last of the paths that the report lists in detail is there down to its slack."""
    begun = [number for number, line in enumerate(lines.lines) if re.match(r"Slack \((MET|VIOLATED)\)", line)]
    if begun:
        lines.find(r"\s+slack\s+-?\d+\.\d{3}\s*$", "the rest of the last path, down to its slack", begun[-1])
