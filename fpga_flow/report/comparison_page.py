"""The page that shows runs side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fpga_flow.report import drawing
from fpga_flow.report.comparison import Compared, Comparison, Table
from fpga_flow.report.comparison_text import shown
from fpga_flow.report.drawing import PARTS, Drawn, axis, drawn, label
from fpga_flow.report.rendering import fill

#: Tables show so many runs; the other formats have all of them.
MOST_RUNS = 500
#: Of more points, all are drawn by WebGL.
_MANY = 2000
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star", "cross")


def render(comparison: Comparison, beside: Path) -> str:
    """The whole page.

    Args:
        beside: the folder that the page is for, from which it links to the reports of the runs.
    """
    runs = comparison.runs[:MOST_RUNS]
    context = {
        "runs": [(run, _link(run, beside)) for run in runs],
        "left_out": len(comparison.runs) - len(runs),
        "most_runs": MOST_RUNS,
        "tables": [(table, _rows(table)) for table in comparison.tables],
        "figure": _figure(comparison),
        "total": len(comparison.runs),
    }
    return fill("comparison.html.j2", **context)


def _rows(table: Table) -> list[tuple[int, list[dict[str, Any]]]]:
    """For each run its number and cells: text, what they are sorted by, whether they are the best of their column."""
    best = [table.best(number) for number in range(len(table.columns))]
    return [
        (
            number,
            [
                {
                    "text": shown(column, value),
                    "key": value if isinstance(value, int | float) else None,
                    "best": value is not None and value == most,
                    "bad": column.kind == "verdict" and value is False,
                }
                for column, value, most in zip(table.columns, table.rows[number], best, strict=True)
            ],
        )
        for number in table.known
        if number < MOST_RUNS
    ]


def _figure(comparison: Comparison) -> Drawn | None:
    """Accuracy of the final network against LUTs, by source; None if nothing is known of these."""
    shares = [row["accuracy.final"] for row in comparison.rows()]
    figure = drawing.figure(height=440, margin_t=drawing.BELOW_BUTTONS)
    sources = [table for table in comparison.tables if table.title.startswith("Resources: ")]
    for number, table in enumerate(sources):
        place = next(place for place, column in enumerate(table.columns) if column.key.endswith(".lut"))
        points = [
            (row[place], 100 * share, run.label)
            for row, share, run in zip(table.rows, shares, comparison.runs, strict=True)
            if row[place] is not None and share is not None
        ]
        add = figure.add_scattergl if len(comparison.runs) > _MANY else figure.add_scatter
        add(
            x=[x for x, _, _ in points],
            y=[y for _, y, _ in points],
            text=[label(name) for _, _, name in points],
            name=label(table.title.removeprefix("Resources: ")),
            mode="markers",
            marker={"color": PARTS[number % len(PARTS)], "symbol": _SYMBOLS[number % len(_SYMBOLS)], "size": 10},
            hovertemplate="%{text}<br>%{x:,} LUT<br>%{y:.2f} %",
        )
    figure.update_layout(xaxis=axis("LUT", rangemode="tozero"), yaxis=axis("accuracy in %"), showlegend=True)
    return drawn(figure) if any(trace.x for trace in figure.data) else None


def _link(run: Compared, beside: Path) -> str | None:
    """The address of a run's report as seen from the page; None if there is no report."""
    report = run.folder / "report.html"
    if not report.is_file():
        return None
    return quote(Path(os.path.relpath(report, beside)).as_posix())
