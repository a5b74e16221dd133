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


def parse_transactions(text: str, file: str, latencies: Latencies) -> tuple[Transaction, ...]:
    """Read a `result.transaction.rpt`; `file` is for messages.

    Args:
        latencies: from the `lat.rpt` beside it. Nothing in the file itself says how many transactions there should
            be, so that one cut off behind a line is only seen by its greatest, least or average latency.

    Raises:
        InputError: there is no transaction, the report is cut off, or the two files disagree.
    """
    lines = Lines.of(text, file)
    at, _ = lines.find(r"\s*latency\s+interval\s*$", "the names of the columns latency and interval")
    transactions: list[Transaction] = []
    for number in range(at + 1, len(lines.lines)):
        if not lines.lines[number].strip():
            continue
        match = re.fullmatch(r"transaction\s+(\d+):\s+(\d+)\s+(\d+|x)\s*", lines.lines[number])
        if match is None or int(match[1]) != len(transactions):
            raise lines.lacks(f"transaction {len(transactions)} with its latency and interval", number)
        interval = None if match[3] == "x" else int(match[3])
        transactions.append(Transaction(int(match[1]), int(match[2]), interval))
    if not transactions or not text.endswith("\n"):
        raise lines.ends_before("the end of the transactions")
    times = [each.latency for each in transactions]
    found = (max(times), min(times), sum(times) // len(times))
    told = (latencies.latency_max, latencies.latency_min, latencies.latency_avg)
    if found[:2] != told[:2] or abs(found[2] - told[2]) > 1:  # the average is rounded in one way or another
        raise lines.ends_before(
            "transactions with latencies of at most {}, at least {} and {} on average, as lat.rpt says; "
            "here they are {}, {} and {}".format(*told, *found)
        )
    return tuple(transactions)
