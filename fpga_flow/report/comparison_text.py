"""A comparison of runs as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fpga_flow import spreadsheet
from fpga_flow.printing import printable_lines
from fpga_flow.report import text
from fpga_flow.report.comparison import Column, Comparison, Kind


def shown(column: Column, value: Any) -> str:
    """A value as a reader sees it."""
    if value is None:
        return text.NONE
    return _SHOWN[column.kind](value)


def markdown(comparison: Comparison) -> str:
    """The tables in GitHub's Markdown; the best value of a column is bold."""
    parts = []
    for table in comparison.tables:
        best = [table.best(number) for number in range(len(table.columns))]
        parts += [f"## {table.title}", ""]
        parts.append(_row(["run", *(column.title for column in table.columns)]))
        parts.append(_row(["---", *("---" if column.kind == "text" else "---:" for column in table.columns)]))
        for number in table.known:
            run, row = comparison.runs[number], table.rows[number]
            cells = [_escaped(shown(column, value)) for column, value in zip(table.columns, row, strict=True)]
            bold = [
                f"**{cell}**" if value is not None and value == most else cell
                for cell, value, most in zip(cells, row, best, strict=True)
            ]
            parts.append(_row([_escaped(run.label), *bold]))
        parts.append("")
    return "\n".join(parts)


def comma_separated(comparison: Comparison) -> str:
    """One line per run, with all values as they were recorded."""
    rows = comparison.rows()
    return spreadsheet.comma_separated([list(rows[0]), *([row[key] for key in rows[0]] for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    for special, safe in (("\\", "\\\\"), ("|", "\\|"), ("*", "\\*"), ("<", "&lt;"), ("\n", " ")):
        cell = cell.replace(special, safe)
    return printable_lines(cell)


_SHOWN: Mapping[Kind, Callable[[Any], str]] = {
    "text": text.plain,
    "number": lambda value: text.number(value) if isinstance(value, int) else text.short(value),
    "share": text.percent,
    "bytes": text.size,
    "time": text.time,
    "ratio": text.times,
    "verdict": lambda value: "yes" if value else "no",
}
