"""Bad input by the dozen: taken, or refused by one of our errors. benchmarks/robustness.py has it by the thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hard import trials
from tests.hard.judging import Judgement


def check(found: Judgement, count: int) -> None:
    assert found.broken == []
    assert found.inputs == count
    assert found.refused > count / 4
    assert found.grown_bytes < 2**30


def test_specs_that_are_loaded(tmp_path: Path) -> None:
    check(trials.loaded_specs(150, tmp_path / "specs"), 150)


def test_specs_that_hypothesis_makes(tmp_path: Path) -> None:
    check(trials.generated(60, tmp_path / "specs"), 60)


def test_specs_that_are_checked(tmp_path: Path) -> None:
    check(trials.checked_specs(5, tmp_path / "specs", seed=1), 5)


@pytest.mark.parametrize("form", ["h5", "keras", "json"])
def test_model_files(tmp_path: Path, form: str) -> None:
    check(trials.model_files(12, form, tmp_path / "models"), 12)


def test_golden_records(tmp_path: Path) -> None:
    check(trials.golden_files(200, tmp_path / "golden"), 200)


def test_stored_files(tmp_path: Path) -> None:
    check(trials.stored_files(200, tmp_path / "stored"), 200)
