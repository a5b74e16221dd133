"""The lines of a report, the tables in them, and the errors about what is missing. All parsers read through this.

A report that is cut off must never be read as one with less in it: whatever a parser needs it asks for with `find` or
`table`, which raise if the text ends before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fpga_flow.errors import InputError

_FRAME = re.compile(r"\+[-+]*-\+")
#: Characters of the last line that an error quotes.
_QUOTED = 60


@dataclass(frozen=True)
class Row:
    """The cells of one line of a table, without the blanks around them; `line` counts from 0."""

    line: int
    cells: tuple[str, ...]
    indent: int


@dataclass(frozen=True)
class Table:
    """The rows of a table above and below the frame under its head; `end` is the line behind the table."""

    head: tuple[Row, ...]
    body: tuple[Row, ...]
    end: int


@dataclass(frozen=True)
class Lines:
    """A report's lines; `file` is only for messages."""

    file: str
    lines: Sequence[str]

    @classmethod
    def of(cls, text: str, file: str) -> Lines:
        """The lines of a text."""
        return cls(file, text.splitlines())

    def find(self, pattern: str, what: str, start: int = 0, end: int | None = None) -> tuple[int, re.Match[str]]:
        """The first line from `start` on (and before `end`) that matches `pattern` from its first character on.

        Raises:
            InputError: there is none.
        """
        compiled = re.compile(pattern)
        for number in range(start, len(self.lines) if end is None else end):
            if match := compiled.match(self.lines[number]):
                return number, match
        raise self.ends_before(what) if end is None else self.lacks(what, end)

    def has(self, pattern: str) -> bool:
        """Whether a line matches `pattern` from its first character on."""
        compiled = re.compile(pattern)
        return any(compiled.match(line) for line in self.lines)

    def value(self, label: str, start: int = 0) -> str:
        """What stands behind `* label:`, `| label :` or `label:` in the first such line."""
        return self.find(rf"[|* ]*{re.escape(label)}\s*:\s*(\S.*?)\s*$", f'"{label}"', start)[1][1]

    def table(self, what: str, start: int, frames: int = 3) -> Table:
        """The first whole table from `start` on; nothing but blank lines may come before it.

        Args:
            frames: how many lines of dashes it has at least. With 2 it may be empty, which looks like a cut-off one.

        Raises:
            InputError: there is none, it is cut off, or a row of its body has too few or too many cells.
        """
        first = start
        while first < len(self.lines) and not self.lines[first].strip():
            first += 1
        if first >= len(self.lines):
            raise self.ends_before(what)
        frame = self.lines[first].strip()
        if not _FRAME.fullmatch(frame):
            raise self.wrong(first, f"expected {what}, got {_quote(frame)}")
        parts: list[list[Row]] = []
        number = first
        while number < len(self.lines):
            line = self.lines[number].strip()
            if line == frame:
                parts.append([])
            elif line.startswith("|") and line.endswith("|") and len(line) == len(frame):
                cells = line[1:-1].split("|")
                indent = len(cells[0]) - len(cells[0].lstrip())
                parts[-1].append(Row(number, tuple(cell.strip() for cell in cells), indent))
            else:
                break
            number += 1
        if len(parts) < frames or parts[-1]:
            raise self.lacks(f"the end of {what}", number)
        body = tuple(row for part in parts[1:] for row in part)
        for row in body:
            if len(row.cells) != frame.count("+") - 1:
                raise self.wrong(row.line, f"expected {frame.count('+') - 1} cells in {what}, got {len(row.cells)}")
        return Table(tuple(parts[0]), body, number)

    def whole(self, text: str, what: str, line: int) -> int:
        """A number of 0 or more.

        Raises:
            InputError: the text of `what` in `line` is none.
        """
        if not re.fullmatch(r"\d+", text):
            raise self.wrong(line, f"expected a whole number as {what}, got {_quote(text)}")
        return int(text)

    def decimal(self, text: str, what: str, line: int) -> float:
        """A decimal number.

        Raises:
            InputError: the text of `what` in `line` is none.
        """
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise self.wrong(line, f"expected a number as {what}, got {_quote(text)}")
        return float(text)

    def known(self, text: str, what: str, line: int, unknown: Sequence[str]) -> int | None:
        """A number of 0 or more, or None if the text is one of the marks for an unknown one."""
        return None if text in unknown else self.whole(text, what, line)

    def wrong(self, line: int, message: str) -> InputError:
        """An error about a line (from 0)."""
        return InputError.at(self.file, message, line=line + 1)

    def lacks(self, what: str, line: int) -> InputError:
        """The error that `what` is missing before a line (from 0), which may be the last one or the end."""
        if not any(each.strip() for each in self.lines[line + 1 :]):
            return self.ends_before(what)
        return self.wrong(line, f"expected {what}, got {_quote(self.lines[line])}")

    def absent(self, what: str, table: Table) -> InputError:
        """The error that a row or column is missing in a table."""
        return self.wrong(table.end - 1, f"expected {what}, but there is none")

    def ends_before(self, what: str) -> InputError:
        """The error that `what` is missing up to the end."""
        written = [number for number, line in enumerate(self.lines) if line.strip()]
        if not written:
            return InputError.at(self.file, f"expected {what}, but the report is empty")
        quoted = _quote(self.lines[written[-1]])
        return self.wrong(written[-1], f"expected {what}, but the report ends here: {quoted}")


def _quote(text: str) -> str:
    text = text.strip()
    return f'"{text}"' if len(text) <= _QUOTED else f'"{text[:_QUOTED]}..."'
