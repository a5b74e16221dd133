"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from fpga_flow.printing import printable
from fpga_flow.terminal import Console

#: Where the output goes into a file or another program, no line is broken.
_UNBROKEN = 10_000


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under the names of their columns; numbers are set to the right, only the last column is wrapped."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        numeric = all(_is_numeric(row[number]) for row in rows)
        last = number == len(columns) - 1
        table.add_column(
            Text(printable(column)), justify="right" if numeric else "left", no_wrap=not last, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    (console if console.is_terminal else Console(width=_UNBROKEN)).print(table)


def _is_numeric(cell: str) -> bool:
    """Whether a cell holds a number, a share of one, or what stands for a missing one."""
    return cell in ("", "-") or cell.rstrip("%").replace(",", "").replace(".", "").isdigit()
