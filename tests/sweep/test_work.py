from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fpga_flow import datasets, flow
from fpga_flow.datasets import Dataset
from fpga_flow.errors import CheckFailed
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


def test_data_that_can_not_be_made_are_refused(tmp_path: Path) -> None:
    measured = outcome(tmp_path, data={"name": "digits", "train_samples": 3})
    assert measured.state == "refused"
    assert measured.error.startswith('spec.yaml: data.train_samples: class "0" has 0 samples')


def test_a_bug_fails_its_point_and_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(flow, "run", broken)
    for changes in ({}, {"compress": None}):  # a network with quantizers of its own needs no passes
        first, *others = outcome(tmp_path, **changes).error.splitlines()
        assert first == "ZeroDivisionError: a bug"
        assert others[0].startswith("Traceback")


def test_data_are_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, planned, load_data = [], [], datasets.load

    def spy(*arguments: Any) -> Dataset:
        loaded.append(load_data(*arguments))
        return loaded[-1]

    def plan(_: Any, dataset: Dataset) -> None:
        planned.append(dataset)
        raise CheckFailed("enough")

    monkeypatch.setattr(datasets, "load", spy)
    monkeypatch.setattr(flow, "plan", plan)
    assert outcome(tmp_path).error == "enough"
    given = loaded[0]  # by the work itself, which measures on them afterwards
    assert [len(loaded), planned[0] is given] == [1, True]

    def run(*_: Any, dataset: Dataset | None = None, **__: Any) -> flow.Outcome:
        assert dataset is loaded[-1]
        return flow.Outcome(tmp_path, {"csim": {"mismatches": 1}}, None, ("it differs",))

    monkeypatch.setattr(flow, "run", run)
    assert outcome(tmp_path).error == "it differs"


def test_a_worker_with_other_versions_does_nothing(tmp_path: Path) -> None:
    with pytest.raises(work.OtherEnvironment, match=r"^expected numpy 0 on worker .+, got "):
        work.do(Task(0, {}, "spec.yaml", str(tmp_path), 10, "numpy 0"))
