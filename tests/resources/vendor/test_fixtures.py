"""The parsers on real report files: every expected value is read, and no cut-off file is read as another value."""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fpga_flow.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
TRUTH = Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")
FOLDER = TRUTH / "fixtures"
THERE = (FOLDER / "fixtures.json").is_file()
FIXTURES: list[dict[str, Any]] = json.loads((FOLDER / "fixtures.json").read_text()) if THERE else []

needs_fixtures = pytest.mark.skipif(not THERE, reason=f"no report files in {FOLDER}")


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """The benchmark script, which knows the names of fixtures.json."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        yield importlib.import_module("vendor_reports")


@needs_fixtures
def test_all_fixtures_are_there() -> None:
    assert len(FIXTURES) == 33
    assert not [each["file"] for each in FIXTURES if not (FOLDER / each["file"]).is_file()]


@needs_fixtures
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["file"])
def test_every_expected_value_is_read(benchmark: ModuleType, fixture: dict[str, Any]) -> None:
    checks = benchmark.checks(FOLDER, fixture)
    assert len(checks) > 2
    assert [check for check in checks if not check.right] == []


@needs_fixtures
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["file"])
def test_cut_off_files_are_refused_or_read_alike(benchmark: ModuleType, fixture: dict[str, Any]) -> None:
    if fixture["kind"] == "log":
        pytest.skip("a log may end anywhere")
    text = benchmark.text(FOLDER, fixture)
    whole = benchmark.parse(fixture, text)
    chance = random.Random(fixture["file"])
    ends = [place for place, character in enumerate(text) if character == "\n"]
    cuts = {0, 1, len(text) - 2, *chance.sample(range(len(text)), 60), *chance.sample(ends, min(40, len(ends)))}
    refusals: list[str] = []
    for cut in cuts:
        try:
            value = benchmark.parse(fixture, text[:cut])
        except InputError as error:
            refusals.append(str(error))
        else:
            assert value == whole, f"cut off at {cut}"
    assert len(refusals) > len(cuts) / 2
    assert all(message.startswith(fixture["file"]) for message in refusals)


@needs_fixtures
def test_the_benchmark_counts_them(benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vendor_reports.json"
    assert benchmark.main(["--truth", str(TRUTH), "--json", str(file)]) == 0
    assert "  met     values read right of " in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert list(document) == ["name", "figures", "versions", "commit", "date", "bars"]
    assert sum(entry["right"] for entry in document["figures"]) == document["bars"][0]["bar"]


def test_the_benchmark_sees_wrong_values(benchmark: ModuleType) -> None:
    found = list(benchmark._compare("", {"a": 1, "b": [{"c": None}, 2], "d": True}, {"a": 1, "b": [{"c": 0}], "d": 1}))
    assert [(check.path, check.right) for check in found] == [
        ("a", True), ("b[0].c", False), ("b[1]", False), ("d", False),
    ]  # fmt: skip
    found = list(benchmark._compare("", {"a": [1]}, {"a": [1, 2]}))
    assert [(check.path, check.right) for check in found] == [(".a.length", False), ("a[0]", True)]


def test_missing_fixtures_are_an_error(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["--truth", str(tmp_path)]) == 2
    assert "fixtures.json not found" in capsys.readouterr().err
