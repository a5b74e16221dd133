"""No figure of a page is typed by hand: tables between markers are those of the results."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.docs.blocks import page_files

PAGES = [ROOT / "README.md", *page_files(ROOT / "docs")]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("tables")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_are_those_of_the_results(page: Path, tables: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.rewritten(text) == text, "python benchmarks/tables.py writes them anew"


def test_unknown_table(tables: Any) -> None:
    with pytest.raises(KeyError):
        tables.rewritten("<!-- begin nothing -->\n<!-- end nothing -->")


def test_what_a_table_replaces(tables: Any) -> None:
    text = "before\n<!-- begin storage -->\nold\n<!-- end storage -->\nbehind\n"
    new = tables.rewritten(text)
    assert new.startswith("before\n<!-- begin storage -->\n| 10 million weights | bits each |")
    assert new.endswith("\n<!-- end storage -->\nbehind\n")
    assert "old" not in new
