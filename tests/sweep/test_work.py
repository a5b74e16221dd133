from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fpga_flow import flow
from fpga_flow.spec import load
from fpga_flow.sweep import work
from fpga_flow.sweep.work import Measured, Task


@pytest.fixture(autouse=True)
def _no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_forget_models", lambda: None)


def outcome(out: Path, **changes: Any) -> Measured:
    """What is told of a point of `digits_mlp` with other keys; None leaves one out."""
    data = {**load.load("digits_mlp").document.data, **changes}
    data = {name: value for name, value in data.items() if name != "sweep" and value is not None}
    return work.do(Task(0, data, "spec.yaml", str(out), 10, work.environment()))


def test_what_is_no_spec_is_refused_with_all_its_problems(tmp_path: Path) -> None:
    measured = outcome(tmp_path, seed="one", name=1)
    assert measured.state == "refused"
    assert measured.error.splitlines() == [
        "spec.yaml: name: expected text, got 1",
        'spec.yaml: seed: expected a whole number, got "one"',
    ]


def test_a_bug_fails_its_point_and_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(flow, "run", broken)
    for changes in ({}, {"compress": None}):  # a network with quantizers of its own needs no passes
        first, *others = outcome(tmp_path, **changes).error.splitlines()
        assert first == "ZeroDivisionError: a bug"
        assert others[0].startswith("Traceback")


def test_a_worker_with_other_versions_does_nothing(tmp_path: Path) -> None:
    with pytest.raises(work.OtherEnvironment, match=r"^expected numpy 0 on worker .+, got "):
        work.do(Task(0, {}, "spec.yaml", str(tmp_path), 10, "numpy 0"))
