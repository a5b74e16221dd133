"""One wrong spec per message in tests/bad_specs, its exact text beside it; GOLDEN_RUN=1 writes the texts anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fpga_flow.errors import InputError
from fpga_flow.spec.check import check_all

FOLDER = Path(__file__).parent.parent / "bad_specs"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    specs, problems = check_all([f"{name}.yaml"], trust_code=name != "untrusted_code")
    assert not specs
    assert problems
    text = f"{InputError(problems)}\n"
    golden = FOLDER / f"{name}.txt"
    if os.environ.get("GOLDEN_RUN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_no_message_is_left_over() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_form_of_messages(name: str) -> None:
    """A message says where, and what was expected; it is ours, and names no class of Python's."""
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        place, _, message = line.partition(": ")
        assert place.split(":")[0].endswith((".yaml", ".arff", ".csv", ".npz")), line
        for words in ("Input should", "Field required", "Extra inputs", "Traceback", "<class", "NoneType", "pydantic"):
            assert words not in message, line
