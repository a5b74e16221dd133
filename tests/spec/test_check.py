"""Checks of whole specs; what they say of wrong ones stands in tests/bad_specs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import datasets
from fpga_flow.errors import FieldError, InputError
from fpga_flow.keras import tf
from fpga_flow.networks import mlp
from fpga_flow.run_json.contents import spec_yaml
from fpga_flow.spec.check import check, check_all, explained
from fpga_flow.spec.load import load

SPEC = """\
name: good
data: {name: digits, scale: 16}
network: {family: mlp, hidden: [16]}
compress: [quantize: {}]
precision:
  input: ufixed<5,1>
  layers: {"*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<8,4>"}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(SPEC)
    return path


@pytest.mark.parametrize(
    "passes",
    [
        "[prune: {sparsity: 0.5}, quantize: {}]",
        "[prune: {sparsity: 0.5, method: one_shot}, quantize: {widths: {max_accuracy_drop: 0.01}}]",
        "[prune: {max_accuracy_drop: 0.01, method: iterative, step: 0.3}, quantize: {}, cluster: {clusters: 8}]",
        '[prune: {pattern: "2:4", layers: {output: 0}}, quantize: {}]',
        "[prune_filters: {amount: 0.5}, hash_share: {values: 0.1}, quantize: {}]",
        "[shrink: {width: 0.5}, prune_filters: {amount: 0.2}, quantize: {}]",
        "[prune_filters: {parameters: 0.5, criterion: thinet}, circulant: {block: 4}, quantize: {ranges: mse}]",
    ],
)
def test_what_a_run_writes_down_can_be_run_again(path: Path, passes: str) -> None:
    path.write_text(SPEC.replace("[quantize: {}]", passes))
    spec = load(path).spec
    assert spec is not None
    path.write_text(spec_yaml(spec))
    again = load(path)
    check(again)
    assert again.spec == spec


def test_a_good_spec_gives_its_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(path)
    dataset = check(loaded)
    assert dataset.input_shape == (8, 8, 1)
    assert [each.document.file for each in check_all([str(path)])[0]] == [str(path)]
    monkeypatch.setattr(datasets, "load", None)  # data that are given are not loaded again
    assert check(loaded, dataset=dataset) is dataset


def test_all_specs_are_checked(path: Path) -> None:
    specs, problems = check_all([str(path), "nowhere.yaml", "gone.yaml"], ["hls.board=kv260"])
    assert [each.spec.hls.board for each in specs if each.spec] == ["kv260"]
    assert [problem.place.file for problem in problems] == ["nowhere.yaml", "gone.yaml"]


@pytest.mark.parametrize("raised", [MemoryError, lambda: tf.errors.ResourceExhaustedError(None, None, "")])
def test_a_network_that_is_too_large(path: Path, monkeypatch: pytest.MonkeyPatch, raised: Any) -> None:
    def build(*_: Any) -> None:
        raise raised()

    monkeypatch.setattr(mlp, "build", build)
    with pytest.raises(InputError) as caught:
        check(load(path))
    assert str(caught.value) == f"{path}:3:1: network: expected a network that fits into memory, got a larger one"


def test_an_error_that_comes_late_gets_its_place(path: Path) -> None:
    error = FieldError(("precision", "layers"), "too wide")
    assert str(explained(load(path), error)) == f"{path}:7:3: precision.layers: too wide"
    wrong = load(path, ["hls.board=kv", "hls.reuse_factor=7"])
    assert [problem.field for problem in explained(wrong, error).problems] == ["hls.board", *["hls.reuse_factor"] * 2]


@pytest.mark.parametrize(
    ("strategy", "pattern", "told"),
    [
        ("latency", None, None),
        (
            "resource",
            None,
            "zeros in dense_1, output save no multipliers: the strategy resource multiplies",
        ),
        ("resource", "dsp", "save no multipliers"),
        ("resource_unrolled", None, "save a multiplier only where all weights that it takes in turn are zero"),
        ("resource_unrolled", "dsp", None),
        ("latency", "dsp", "the pattern dsp is meant for the strategy resource_unrolled"),
    ],
)
def test_zeros_that_save_nothing_are_told(path: Path, strategy: str, pattern: str | None, told: str | None) -> None:
    changes = [f"hls.strategy={strategy}", "hls.reuse_factor=" + ("1" if strategy == "latency" else "2")]
    passes = f"[{{prune: {{sparsity: 0.5, pattern: {pattern or 'null'}}}}}, {{quantize: {{}}}}]"
    notes: list[str] = []
    _, problems = check_all([str(path)], [*changes, f"compress={passes}"], note=notes.append)
    assert problems == []
    assert len(notes) == (0 if told is None else 1)
    if told is not None:
        assert notes[0].startswith(f"{path}: compress[0].prune: ")
        assert told in notes[0]


def test_filters_that_are_pruned_out_of_a_pattern_are_told(path: Path) -> None:
    passes = ["prune: {pattern: '2:4'}", "prune_filters: {amount: 0.5}", "prune: {sparsity: 0.6}", "quantize: {}"]
    notes: list[str] = []
    _, problems = check_all([str(path)], [f"compress=[{{{'}, {'.join(passes)}}}]"], note=notes.append)
    assert problems == []
    (told,) = notes
    assert told.startswith(f"{path}: compress[0].prune: the pass prune_filters behind it takes weights out")


def test_rules_that_zeros_break_are_told(path: Path) -> None:
    passes = "[{hash_share: {values: 0.2}}, {prune: {layers: {dense_1: 0.5}}}, {quantize: {}}]"
    notes: list[str] = []
    _, problems = check_all([str(path)], [f"compress={passes}"], note=notes.append)
    assert problems == []
    (told,) = notes
    assert told.startswith(f"{path}: compress[0].hash_share: model.fpz holds the rule of dense_1 only where")


def test_a_part_of_a_data_set_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "jets.npz"
    x = np.random.default_rng(1).normal(size=(50, 16))
    np.savez(path, allow_pickle=False, x=x, y=np.arange(50) % 5)
    notes: list[str] = []
    _, problems = check_all(["jets"], [f"data.path={path}"], note=notes.append)
    assert problems == []
    assert notes == [
        "jets: data: jets.npz has 50 of the data set's 830000 jets: its accuracies can't be compared with published "
        "ones"
    ]
