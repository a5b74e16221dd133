"""The estimate's errors beside those of others, on the same rows, against the bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fpga_flow.resources.estimate.window import Conv2d
from hls_reports import rivals
from hls_reports.errors import Estimated, summary
from hls_reports.read import LayerReport, ProjectReport
from hls_reports.rivals import Rule4ml

#: The groups of rows that are judged: for each number the most that the median error may be, in percent.
BARS: Mapping[str, Mapping[str, float]] = {
    "dense layers, latency": {"lut": 10.0, "dsp": 5.0, "ff": 15.0},
    "MLP projects": {"lut": 15.0, "dsp": 10.0, "ff": 20.0, "latency_cycles": 15.0},
    "CNN and stream projects": {"lut": 30.0, "dsp": 20.0, "bram18": 25.0},
}


def group(report: LayerReport | ProjectReport | None) -> str:
    """The group that a report belongs to; empty if to none."""
    if isinstance(report, LayerReport):
        return "dense layers, latency" if report.kind == "matrix, latency" else ""
    if isinstance(report, ProjectReport):
        convolutional = any(isinstance(layer.part, Conv2d) for layer in report.layers)
        return "CNN and stream projects" if report.target.stream or convolutional else "MLP projects"
    return ""


def compare(numbers: Sequence[Estimated], rule4ml: Rule4ml | None) -> list[dict[str, Any]]:
    """The median errors in percent of our estimates of sources left out, and of the others' of the same rows.

    An entry has None for what the others can't estimate; `ebops_scaled` is the rule of effective bit operations times
    the factor that suits the other sources.
    """
    entries = []
    for name, bars in BARS.items():
        of_group = [each for each in numbers if group(each.report) == name and each.kind not in ("top", "fifo")]
        asked = rivals.asked([each for each in of_group if each.name in bars])
        by_rule4ml = rule4ml.estimated(asked) if rule4ml and asked else []
        for number, bar in bars.items():
            ours = [each for each in of_group if each.name == number]
            theirs = [each for each in by_rule4ml if each.name == number]
            entries.append({**_entry(name, number, ours), "bar": bar, **_rule4ml(theirs)})
        ours, rule = rivals.by_ebops(of_group)
        if rule:
            errors = {"ebops": _median(rule), "ebops_scaled": _median(rivals.scaled(rule))}
            entries.append({**_entry(name, "lut + 55 dsp", ours), **errors})
    return entries


def _entry(name: str, number: str, ours: Sequence[Estimated]) -> dict[str, Any]:
    found = summary(ours)
    return {
        "group": name,
        "number": number.removesuffix("_cycles"),
        "rows": found.rows,
        "sources": found.sources,
        "bar": None,
        "ours": round(found.median, 1),
        "ours_median_source": round(found.median_source, 1),
        **_rule4ml([]),
        "ebops": None,
        "ebops_scaled": None,
    }


def _rule4ml(theirs: Sequence[Estimated]) -> dict[str, float | None]:
    if not theirs:
        return dict.fromkeys(("rule4ml_rows", "rule4ml", "rule4ml_median_source"))
    found = summary(theirs)
    medians = {"rule4ml": round(found.median, 1), "rule4ml_median_source": round(found.median_source, 1)}
    return {"rule4ml_rows": found.rows, **medians}


def _median(theirs: Sequence[Estimated]) -> float | None:
    return round(summary(theirs).median, 1) if theirs else None
