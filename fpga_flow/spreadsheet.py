"""Tables of comma-separated values, which people open in spreadsheets: a text of others is no formula there.

Texts that a spreadsheet would compute get an apostrophe in front, as OWASP's page "CSV Injection" advises; numbers stay
as they are, negative ones, too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fpga_flow.printing import printable_lines

#: What a formula begins with; the last four are how some keyboards write the first.
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
            "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


def comma_separated(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as text, a line each; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(each) for each in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return printable_lines(f"'{value}" if value.startswith(_FORMULA) else value)
