"""Vivado's `report_utilization`: what a design takes after synthesis, placement or routing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from fpga_flow.errors import InputError
from fpga_flow.resources.vendor.lines import Lines

#: Names of the rows that differ between families of FPGAs.
_LUT, _FF = ("CLB LUTs", "Slice LUTs"), ("CLB Registers", "Slice Registers")
_CARRY, _RAMB36 = ("CARRY8", "CARRY4"), ("RAMB36/FIFO",)


@dataclass(frozen=True)
class Header:
    """The box at the top of every report of Vivado's. `state` is Synthesized, Fully Placed, Routed, ..."""

    version: str
    design: str
    device: str
    state: str
    date: str


@dataclass(frozen=True)
class Utilization:
    """What the report says. `bram18` is in blocks of 18 Kb: two for each Block RAM Tile.

    `uram` is None for parts without UltraRAM, `carry` for reports that list carry chains under primitives only.
    """

    header: Header
    lut: int
    lut_logic: int
    lut_memory: int
    ff: int
    block_ram_tiles: float
    ramb36: int
    ramb18: int
    bram18: int
    uram: int | None
    dsp: int
    carry: int | None


def parse(text: str, file: str) -> Utilization:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or a section of the table of contents is not there whole.
    """
    lines = Lines.of(text, file)
    header = parse_header(lines)
    sections = _sections(lines)
    used = _used(lines, sections)
    tiles = used.need("Block RAM Tile")
    return Utilization(
        header=header,
        lut=used.count(*_LUT),
        lut_logic=used.count("LUT as Logic"),
        lut_memory=used.count("LUT as Memory"),
        ff=used.count(*_FF),
        block_ram_tiles=float(tiles[1]),
        ramb36=used.count(*_RAMB36),
        ramb18=used.count("RAMB18"),
        bram18=_bram18(lines, *tiles),
        uram=used.optional("URAM"),
        dsp=used.count("DSPs"),
        carry=used.carry(),
    )


def parse_header(lines: Lines) -> Header:
    """The box at the top."""
    _, version = lines.find(r"\| Tool Version\s*: Vivado v\.([\d.]+)", "the version of Vivado")
    return Header(
        version=version[1],
        design=lines.value("Design"),
        device=lines.value("Device"),
        state=lines.value("Design State"),
        date=lines.value("Date"),
    )


def _bram18(lines: Lines, line: int, tiles: Fraction) -> int:
    """Two blocks of 18 Kb a tile: the tool counts a lone one as half a tile."""
    blocks = 2 * tiles
    if blocks.denominator != 1:
        raise lines.wrong(line, f"expected whole or half Block RAM Tiles, got {float(tiles):g}")
    return int(blocks)


def _sections(lines: Lines) -> dict[str, int]:
    """The sections of the table of contents, title -> first line behind the title; the last must be there whole."""
    at, _ = lines.find("Table of Contents", "the table of contents")
    titles = []
    for number in range(at + 2, len(lines.lines)):
        if not (match := re.fullmatch(r"(\d+(?:\.\d+)?\.? .+)", lines.lines[number].strip())):
            break
        titles.append(match[1])
    if not titles:
        raise lines.ends_before("sections in the table of contents")
    found = {}
    at += 2 + len(titles)
    for title in titles:
        at, _ = lines.find(rf"{re.escape(title)}\s*$", f'the section "{title}"', at)
        found[title] = at = at + 2
    lines.table(f'the table of "{titles[-1]}"', at, frames=2)
    return found


@dataclass(frozen=True)
class _Used:
    """The column Used of the tables of all sections on logic, memory and DSP: name -> line, text."""

    lines: Lines
    rows: Mapping[str, tuple[int, str]]

    def need(self, *names: str) -> tuple[int, Fraction]:
        """Line and value of the row of one of these names."""
        name = next((each for each in names if each in self.rows), None)
        if name is None:
            message = f'expected a row "{" or ".join(names)}" with what is used, but there is none'
            raise InputError.at(self.lines.file, message)
        line, text = self.rows[name]
        self.lines.decimal(text, f'Used of "{name}"', line)
        return line, Fraction(text)

    def count(self, *names: str) -> int:
        """The value of the row of one of these names, which must be whole."""
        line, value = self.need(*names)
        if value.denominator != 1:
            raise self.lines.wrong(line, f'expected a whole number as Used of "{names[0]}", got {float(value):g}')
        return int(value)

    def optional(self, *names: str) -> int | None:
        """The value of the row of one of these names, None if there is no such row."""
        return self.count(*names) if any(name in self.rows for name in names) else None

    def carry(self) -> int | None:
        """Carry chains, under logic or under primitives."""
        return self.optional(*_CARRY)


def _used(lines: Lines, sections: Mapping[str, int]) -> _Used:
    rows: dict[str, tuple[int, str]] = {}
    for title, start in sections.items():
        if title.startswith(("1.", "2.", "3.", "4.")) or title.endswith(" Primitives"):
            table = lines.table(f'the table of "{title}"', start)
            head = table.head[0].cells if table.head else ()
            if "Used" not in head:
                continue  # registers by type
            for row in table.body:
                name = row.cells[0].rstrip("*")  # a mark of a note
                rows.setdefault(name, (row.line, row.cells[head.index("Used")]))
    return _Used(lines, rows)
