"""`lat.rpt` and `result.transaction.rpt`, which co-simulation leaves beside the simulated RTL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines

_NAMES = (
    "MAX_LATENCY", "MIN_LATENCY", "AVER_LATENCY", "MAX_THROUGHPUT", "MIN_THROUGHPUT", "AVER_THROUGHPUT",
)  # fmt: skip


@dataclass(frozen=True)
class Latencies:
    """The contents of `lat.rpt`, in cycles. With a single transaction there is no interval, and the tool writes 0."""

    latency_max: int
    latency_min: int
    latency_avg: int
    ii_max: int
    ii_min: int
    ii_avg: int


@dataclass(frozen=True)
class Transaction:
    """One call of the top function: its latency, and the cycles until the next call (None for an `x`)."""

    number: int
    latency: int
    interval: int | None


def parse_latencies(text: str, file: str) -> Latencies:
    """Read a `lat.rpt`; `file` is for messages.

    Raises:
        InputError: one of the six values is missing, no number, or cut off.
    """
    lines = Lines.of(text, file)
    values = []
    for name in _NAMES:
        number, match = lines.find(rf'\${name}\s*=\s*"(.*)"', f"${name}")
        values.append(lines.whole(match[1], f"${name}", number))
    return Latencies(*values)


def parse_transactions(text: str, file: str, count: int) -> tuple[Transaction, ...]:
    """Read a `result.transaction.rpt`; `file` is for messages.

    Args:
        count: how many there must be: one for each sample of the test bench. Nothing in the file itself says so.

    Raises:
        InputError: there are fewer or more transactions, a number is missing, or the last line is cut off.
    """
    lines = Lines.of(text, file)
    at, _ = lines.find(r"\s*latency\s+interval\s*$", "the names of the columns latency and interval")
    rows = [number for number in range(at + 1, len(lines.lines)) if lines.lines[number].strip()]
    transactions = []
    for place, number in enumerate(rows):
        match = re.fullmatch(r"transaction\s+(\d+):\s+(\d+)\s+(\d+|x)\s*", lines.lines[number])
        if match is None or int(match[1]) != place:
            raise lines.lacks(f"transaction {place} with its latency and interval", number)
        interval = None if match[3] == "x" else int(match[3])
        transactions.append(Transaction(place, int(match[2]), interval))
    if len(transactions) != count or not text.endswith("\n"):
        raise lines.ends_before(f"{count} transactions, each in a whole line")
    return tuple(transactions)
