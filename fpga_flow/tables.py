"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under the names of their columns; numbers are set to the right."""
    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        numeric = all(row[number].replace(",", "").replace(".", "").isdigit() for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
