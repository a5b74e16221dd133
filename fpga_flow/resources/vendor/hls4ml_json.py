"""The figures of a csynth report as hls4ml gives them: a JSON file with texts under `CSynthesisReport`."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fpga_flow.errors import InputError
from fpga_flow.resources.vendor.lines import Lines
from fpga_flow.resources.vendor.values import UNKNOWN, Amounts, Cycles

_KEY = "CSynthesisReport"
_AMOUNTS = {"bram18": "BRAM_18K", "dsp": "DSP", "ff": "FF", "lut": "LUT", "uram": "URAM"}


@dataclass(frozen=True)
class Hls4mlReport:
    """What the report says."""

    target_ns: float
    estimated_ns: float
    cycles: Cycles
    total: Amounts
    available: Amounts


def parse(text: str, file: str) -> Hls4mlReport:
    """Read a report; `file` is for messages.

    Raises:
        InputError: it is cut off or no JSON, or something is missing or no number.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"expected the whole JSON of an hls4ml report, but it is cut off or damaged: {error}"
        raise InputError.at(file, message) from error
    report = data.get(_KEY) if isinstance(data, dict) else None
    if not isinstance(report, dict):
        got = "none" if report is None else "something else"
        raise InputError.at(file, f"expected a JSON object, got {got}", field=_KEY)
    lines = Lines.of(text, file)

    def text_of(name: str) -> str:
        if not isinstance(value := report.get(name), str):
            raise InputError.at(file, f"expected a text with a number, got {json.dumps(value)}", field=f"{_KEY}.{name}")
        return value

    def amount(name: str) -> int | None:
        return lines.known(text_of(name), name, _line(lines, name), UNKNOWN)

    def period(name: str) -> float:
        return lines.decimal(text_of(name), name, _line(lines, name))

    return Hls4mlReport(
        target_ns=period("TargetClockPeriod"),
        estimated_ns=period("EstimatedClockPeriod"),
        cycles=Cycles(*map(amount, ("BestLatency", "WorstLatency", "IntervalMin", "IntervalMax"))),
        total=Amounts(**{field: amount(name) for field, name in _AMOUNTS.items()}),
        available=Amounts(**{field: amount(f"Available{name}") for field, name in _AMOUNTS.items()}),
    )


def _line(lines: Lines, name: str) -> int:
    """The line (from 0) that a key stands in."""
    return next((number for number, line in enumerate(lines.lines) if f'"{name}"' in line), 0)
