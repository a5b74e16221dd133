"""Comma-separated values: what others wrote is no formula."""

from __future__ import annotations

import csv
import io

import pytest

from fpga_flow import spreadsheet


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x","a")', "\N{FULLWIDTH EQUALS SIGN}1"]
)
def test_formulas_are_text(text: str) -> None:
    ((head,), (cell,)) = csv.reader(io.StringIO(spreadsheet.comma_separated([[text], [text]])))
    assert head == cell == f"'{text}"


def test_other_cells_stay() -> None:
    row = [-1, -0.5, None, True, "fixed<6,1>", "a,\nb", "a-b", "", [-1, 2], "98\u202f%"]
    (cells,) = csv.reader(io.StringIO(spreadsheet.comma_separated([row])))
    assert cells == ["-1", "-0.5", "", "True", "fixed<6,1>", "a,\nb", "a-b", "", "[-1, 2]", "98\u202f%"]


def test_control_characters_are_shown() -> None:
    assert spreadsheet.comma_separated([["\x1b[2J\r=1"]]) == "\\x1b[2J\\r=1\n"
