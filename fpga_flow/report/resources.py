"""What the page shows of resource numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpga_flow.report import resource_figures, text
from fpga_flow.report.resource_figures import RESOURCE_NAMES
from fpga_flow.resources.report import title


@dataclass(frozen=True)
class Bar:
    """A resource and how much of it is needed; widths in per cent of the bar's full length.

    `limit` is where all that is usable would end, so that all bars of a design have the same scale. `interval` is in
    words, empty where there is none.
    """

    name: str
    used: int
    usable: int | None
    width: float
    limit: float
    share: float | None
    interval: str

    @property
    def is_over(self) -> bool:
        """Whether there is not enough."""
        return self.usable is not None and self.used > self.usable


def shown(report: Mapping[str, Any]) -> dict[str, Any]:
    """A resource report with what the page derives from it."""
    usable = report.get("usable")
    clock, cycles = report.get("clock_ns"), report.get("latency_cycles")
    needed = [name for name in RESOURCE_NAMES if report.get(name)]
    # the cycles of an estimate are the same at both stages
    cycles_are_said = report.get("stage") != "post-synthesis"
    return {
        **report,
        "title": title(report["source"], report.get("stage")),
        "is_estimate": report["source"] == "estimate",
        "has_intervals": bool(report.get("intervals")),
        "cycles_are_said": cycles_are_said,
        "intervals": _spans(report),
        "layers": [{**layer, "intervals": _spans(layer)} for layer in report.get("layers", ())],
        "unknown": report.get("calibrated") is False,
        "bars": _bars(report, usable),
        "multipliers": _sum([layer.get("multipliers") for layer in report.get("layers", ())]),
        "usable": usable,
        "lacks": report.get("lacks", ()),
        "latency_ns": cycles * clock if cycles is not None and clock else None,
        "samples_per_second": 1e9 / (report["ii"] * clock) if report.get("ii") and clock else None,
        "figure": resource_figures.layers(report, usable) if needed and report.get("layers") else None,
        "left_out": [RESOURCE_NAMES[name] for name in needed if usable and not usable.get(name)],
    }


def _spans(entry: Mapping[str, Any]) -> dict[str, str]:
    """The intervals of an entry in words, by the names of the numbers."""
    return {name: text.span(low, high) for name, (low, high) in (entry.get("intervals") or {}).items()}


def _sum(values: Sequence[int | None]) -> int | None:
    """The sum; None if one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _bars(report: Mapping[str, Any], usable: Mapping[str, int] | None) -> list[Bar]:
    names = [name for name in RESOURCE_NAMES if report.get(name) is not None]
    rows = [(name, report[name], None if usable is None else usable.get(name)) for name in names]
    shares = [used / most if most else None for _, used, most in rows]
    spans = _spans(report)
    scale = max([1.0, *(share for share in shares if share is not None)])
    bars = []
    for (name, used, most), share in zip(rows, shares, strict=True):
        filled = 1.0 if most == 0 and used else (share or 0.0) / scale
        bars.append(Bar(RESOURCE_NAMES[name], used, most, 100 * filled, 100 / scale, share, spans.get(name, "")))
    return bars
