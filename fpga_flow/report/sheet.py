"""A page of nothing but figures, each with a table of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpga_flow.report.drawing import Drawn
from fpga_flow.report.rendering import fill


@dataclass(frozen=True)
class Section:
    """A figure with what it shows in words.

    description     for those who can't see the figure
    caption         below it
    rows            of the table below that, the first with the names of the columns; none for no table
    """

    title: str
    figure: Drawn
    description: str
    caption: str
    rows: Sequence[Sequence[str]] = ()


def page(title: str, sections: Sequence[Section]) -> str:
    """The page as HTML."""
    return fill("sheet.html.j2", title=title, sections=sections)
