"""Vivado's `report_utilization -hierarchical`: what each instance of a design takes, one inside of the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines, Row
from fpga_flow.resources.vendor.utilization import Header, parse_header


@dataclass(frozen=True)
class HierarchyRow:
    """An instance; `depth` counts the instances around it, `used` is by the names of the columns.

    What an instance takes includes those inside of it; a row of its own with the name in brackets leaves them out.
    """

    instance: str
    module: str
    depth: int
    used: Mapping[str, int]

    @property
    def bram18(self) -> int:
        """Blocks of 18 Kb."""
        return 2 * self.used["RAMB36"] + self.used["RAMB18"]


@dataclass(frozen=True)
class Hierarchy:
    """What the report says, in its order: the first row is the whole design."""

    header: Header
    columns: tuple[str, ...]
    rows: tuple[HierarchyRow, ...]

    @property
    def top(self) -> HierarchyRow:
        """The whole design."""
        return self.rows[0]

    def of_module(self, name: str) -> tuple[HierarchyRow, ...]:
        """The instances of a module; Vivado puts the names of the design and the block before those of modules."""
        found = [row for row in self.rows if row.module == name or row.module.endswith(f"_{name}")]
        return tuple(row for row in found if not row.instance.startswith("("))


def parse(text: str, file: str) -> Hierarchy:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or the table is cut off.
    """
    lines = Lines.of(text, file)
    header = parse_header(lines)
    contents, _ = lines.find("Table of Contents", "the table of contents")
    title = r"1\. Utilization by Hierarchy"
    at, _ = lines.find(title, "the section Utilization by Hierarchy", contents)
    at, _ = lines.find(title, "the section Utilization by Hierarchy", at + 1)
    table = lines.table("the table of instances", at + 2)
    columns = table.head[0].cells if table.head else ()
    for name in ("Instance", "Module", "Total LUTs", "FFs", "RAMB36", "RAMB18"):
        if name not in columns:
            raise lines.absent(f"a column {name} in the table of instances", table)
    if not table.body:
        raise lines.absent("a row in the table of instances", table)
    return Hierarchy(header, columns, tuple(_row(lines, row, columns) for row in table.body))


def _row(lines: Lines, row: Row, columns: tuple[str, ...]) -> HierarchyRow:
    cells = dict(zip(columns, row.cells, strict=True))
    instance, module = cells.pop("Instance"), cells.pop("Module")
    # with percentages in brackets where they were asked for, their decimal point by the user's locale
    used = {
        name: lines.whole(re.sub(r"\([<\d.,]+%\)$", "", text), name, row.line) for name, text in cells.items()
    }  # fmt: skip
    return HierarchyRow(instance, module, (row.indent - 1) // 2, used)
