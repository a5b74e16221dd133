"""Runs side by side: what `fpga-flow report` compares, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

#: How a value is shown.
Kind = Literal["text", "number", "share", "bytes", "time", "ratio", "verdict"]
#: Of which values of a column one is the best; None: of none.
Best = Literal["most", "least"] | None


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
