"""Runs side by side: what `fpga-flow report` compares, as plain values, and as Markdown, CSV and JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from fpga_flow import recorded, spreadsheet
from fpga_flow.errors import InputError
from fpga_flow.hls.project import HlsProject
from fpga_flow.printing import printable_lines
from fpga_flow.report import text
from fpga_flow.report.resource_figures import RESOURCE_NAMES
from fpga_flow.resources import numbers
from fpga_flow.resources.open import results
from fpga_flow.resources.report import ResourceReport, title
from fpga_flow.resources.vendor import project as vendor

#: How a value is shown.
Kind = Literal["text", "number", "share", "bytes", "time", "ratio", "verdict"]
#: Of which values of a column one is the best; None: of none.
Best = Literal["most", "least"] | None


class _Accuracy(BaseModel):
    accuracy: float | None


class _Metrics(BaseModel):
    float: _Accuracy
    final: _Accuracy
    csim: _Accuracy


class _Csim(BaseModel):
    samples: int
    mismatches: int
    exact: bool


class _Size(BaseModel):
    parameters: int
    nonzero: int
    sparsity: float
    macs: int
    bytes_quantized: int
    bytes_encoded: int
    ratio_original: float


class _Record(BaseModel):
    """What is read of run.json."""

    name: str
    digest: str
    started: str
    seconds: float
    spec: dict[str, Any]
    versions: dict[str, str]
    metrics: _Metrics
    csim: _Csim
    size: _Size
    resources: list[ResourceReport]


@dataclass(frozen=True)
class Column:
    """A column of a table: its key in CSV and JSON, and how it is shown."""

    key: str
    title: str
    kind: Kind = "number"
    best: Best = None


@dataclass(frozen=True)
class Table:
    """A table with a row for each run; None where a run has no such value."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def known(self) -> list[int]:
        """The numbers of the runs of which the table says something."""
        return [number for number, row in enumerate(self.rows) if any(value is not None for value in row)]

    def best(self, number: int) -> Any:
        """The best value of a column; None if none is, or all are the same."""
        column = self.columns[number]
        known = [row[number] for row in self.rows if row[number] is not None]
        if column.best is None or len(set(known)) < 2:
            return None
        return max(known) if column.best == "most" else min(known)


@dataclass(frozen=True)
class Compared:
    """A run that is compared: its name, digest and folder."""

    name: str
    digest: str
    folder: Path

    @property
    def label(self) -> str:
        """What the run is called in tables and plots."""
        return f"{self.name} {self.digest[:6]}"


@dataclass(frozen=True)
class Comparison:
    """Runs, and tables with a row for each. Resources of different sources are in different tables."""

    runs: tuple[Compared, ...]
    tables: tuple[Table, ...]

    def rows(self) -> list[dict[str, Any]]:
        """All values of each run by the keys of their columns."""
        made: list[dict[str, Any]] = []
        for number, run in enumerate(self.runs):
            row: dict[str, Any] = {"name": run.name, "digest": run.digest, "folder": str(run.folder)}
            for table in self.tables:
                row |= {column.key: value for column, value in zip(table.columns, table.rows[number], strict=True)}
            made.append(row)
        return made


def gather(places: Sequence[Path]) -> Comparison:
    """Read runs: folders of runs, folders that hold such, or files run.json.

    Raises:
        InputError: there are none in one of the places, or what they hold is damaged.
    """
    folders = list(dict.fromkeys(folder for place in places for folder in _folders(place)))
    records = [recorded.read(folder, _Record) for folder in folders]
    made = tuple(Compared(record.name, record.digest, folder) for record, folder in zip(records, folders, strict=True))
    tables = [
        _table("Accuracy and C simulation", _METRICS, records),
        _table("Size", _SIZE, records),
        *_resources([_reports(record, folder) for record, folder in zip(records, folders, strict=True)]),
        _differences("What differs in the specs", "spec.", [flat(record.spec) for record in records]),
        _differences("What differs in the versions", "versions.", [dict(record.versions) for record in records]),
        _table("Runs", _RUNS, records),
    ]
    return Comparison(made, tuple(table for table in tables if table.columns))


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


def _folders(place: Path) -> Iterator[Path]:
    """The folders of runs at a place, sorted; runs hold no other runs."""
    if place.name == "run.json" and place.is_file():
        yield place.parent
        return
    found = []
    for folder, inside, files in os.walk(place):
        if "run.json" in files:
            found.append(Path(folder))
            inside.clear()
    if not found:
        what = "found none in it" if place.is_dir() else "there is no such folder"
        raise InputError.at(str(place), f"expected a finished run, or a folder with finished runs, but {what}")
    yield from sorted(found)


def _reports(record: _Record, folder: Path) -> list[ResourceReport]:
    """All resource numbers of a run: those it recorded, and what tools reported of its project since."""
    reports = list(record.resources)
    project_folder = numbers.project_folder(folder)
    if project_folder is not None:
        project = HlsProject.load(project_folder)
        reports += [each.report for each in vendor.read(project).resources]
        reports += [each.report for board in results.read(project) for each in board.found]
    return reports


def _table(title: str, columns: Sequence[tuple[Column, Callable[[Any], Any]]], sources: Sequence[Any]) -> Table:
    rows = tuple(tuple(value(source) for _, value in columns) for source in sources)
    return Table(title, tuple(column for column, _ in columns), rows)


def _resources(runs: Sequence[Sequence[ResourceReport]]) -> Iterator[Table]:
    """A table for each source; a run's second report of a source is in another one than its first."""
    by_title: dict[str, list[ResourceReport | None]] = {}
    certainty: dict[str, tuple[int, int]] = {}
    for number, reports in enumerate(runs):
        for report in reports:
            name = base = title(report.source, report.stage)
            count = 1
            while by_title.setdefault(name, [None] * len(runs))[number] is not None:
                count += 1
                name = f"{base}, number {count}"
            by_title[name][number] = report
            certainty[name] = report.certainty
    for name in sorted(by_title, key=lambda each: (certainty[each], each)):
        columns = [
            (Column(f"{name}.{column.key}", column.title, column.kind, column.best), _optional(value))
            for column, value in _REPORT
        ]
        yield _table(f"Resources: {name}", columns, by_title[name])


def _optional(value: Callable[[ResourceReport], Any]) -> Callable[[ResourceReport | None], Any]:
    return lambda report: None if report is None else value(report)


def _latency(report: ResourceReport) -> float | None:
    """In nanoseconds."""
    if report.latency_cycles is None or report.clock_ns is None:
        return None
    return report.latency_cycles * report.clock_ns


def _differences(title: str, prefix: str, values: Sequence[Mapping[str, Any]]) -> Table:
    """A column for each key that not all runs have the same value of."""
    keys = dict.fromkeys(key for each in values for key in each)
    differing = [key for key in keys if any(each.get(key) != values[0].get(key) for each in values)]
    columns = tuple(Column(f"{prefix}{key}", key, "text") for key in differing)
    return Table(title, columns, tuple(tuple(each.get(key) for key in differing) for each in values))


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The fields of a spec by their paths, as `--set` takes them."""
    if isinstance(value, dict) and value:
        pairs = list(value.items())
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        names = [next(iter(each)) if len(each) == 1 else "" for each in value]
        alone = [name and names.count(name) == 1 for name in names]  # a pass is found by its name
        pairs = [(str(number), each) for number, each in enumerate(value) if not alone[number]]
        pairs += [item for number, each in enumerate(value) if alone[number] for item in each.items()]
    else:
        return {path: value}
    fields: dict[str, Any] = {}
    for key, each in pairs:
        quoted = f'"{key}"' if "." in key or "=" in key else key
        fields |= flat(each, f"{path}.{quoted}" if path else quoted)
    return fields


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    return (
        printable_lines(cell)
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("*", "\\*")
        .replace("<", "&lt;")
        .replace("\n", " ")
    )


_METRICS = (
    (Column("accuracy.float", "float", "share", "most"), lambda run: run.metrics.float.accuracy),
    (Column("accuracy.final", "final network", "share", "most"), lambda run: run.metrics.final.accuracy),
    (Column("accuracy.csim", "C simulation", "share", "most"), lambda run: run.metrics.csim.accuracy),
    (Column("csim.samples", "samples simulated"), lambda run: run.csim.samples),
    (Column("csim.mismatches", "mismatches"), lambda run: run.csim.mismatches if run.csim.samples else None),
    (Column("csim.exact", "bit for bit", "verdict"), lambda run: run.csim.exact if run.csim.samples else None),
)
_SIZE = (
    (Column("size.parameters", "parameters", best="least"), lambda run: run.size.parameters),
    (Column("size.nonzero", "not zero", best="least"), lambda run: run.size.nonzero),
    (Column("size.sparsity", "zeros", "share"), lambda run: run.size.sparsity),
    (Column("size.macs", "multiplications", best="least"), lambda run: run.size.macs),
    (Column("size.bytes_quantized", "quantized", "bytes", "least"), lambda run: run.size.bytes_quantized),
    (Column("size.bytes_encoded", "model.fpz", "bytes", "least"), lambda run: run.size.bytes_encoded),
    (Column("size.ratio_original", "smaller than float32", "ratio", "most"), lambda run: run.size.ratio_original),
)
_REPORT: tuple[tuple[Column, Callable[[ResourceReport], Any]], ...] = (
    (Column("board", "board", "text"), lambda report: report.board),
    (Column("part", "part", "text"), lambda report: report.part),
    *(
        (Column(name, shown_name, best="least"), lambda report, name=name: getattr(report, name))
        for name, shown_name in RESOURCE_NAMES.items()
    ),
    (Column("latency_cycles", "cycles", best="least"), lambda report: report.latency_cycles),
    (Column("latency_ns", "latency", "time", "least"), _latency),
    (Column("ii", "II", best="least"), lambda report: report.ii),
    (Column("clock_ns", "clock", "time"), lambda report: report.clock_ns),
    (Column("fits", "fits", "verdict"), lambda report: report.fits),
)
_RUNS = (
    (Column("started", "started", "text"), lambda run: run.started.replace("T", " ")),
    (Column("seconds", "seconds"), lambda run: run.seconds),
)
_SHOWN: Mapping[Kind, Callable[[Any], str]] = {
    "text": text.plain,
    "number": lambda value: text.number(value) if isinstance(value, int) else text.short(value),
    "share": text.percent,
    "bytes": text.size,
    "time": text.time,
    "ratio": text.times,
    "verdict": lambda value: "yes" if value else "no",
}
