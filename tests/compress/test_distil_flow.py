"""`distil` in a whole flow: teachers from files, what a run depends on, what is not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_flow import datasets, flow, storage
from fpga_flow.errors import InputError
from fpga_flow.keras import seed_everything
from fpga_flow.networks import mlp
from fpga_flow.networks.network import Network
from fpga_flow.spec.load import load

SPEC = """\
name: student
data: {name: digits, scale: 16, train_samples: 600}
network: {family: mlp, hidden: [12]}
training: {epochs: 4, learning_rate: 3.0e-3}
compress:
  - quantize: {epochs: 1}
  - distil:
      epochs: 3
      teachers:
        - {network: {family: float}}
        - {network: {family: imported, path: "PATH"}}
        - {network: {family: mlp, hidden: [20]}, training: {epochs: 2}}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<4,1>", bias: "fixed<8,2>", activation: "ufixed<8,4>"}
csim: {samples: 60}
"""
CUSTOM = Path(__file__).parent.parent / "bad_specs" / "data" / "networks.py"


def teacher(path: Path, hidden: int) -> Path:
    seed_everything(hidden)
    model = mlp.build(mlp.Options(family="mlp", hidden=[hidden]), (8, 8, 1), 10)
    path.write_bytes(storage.encode(Network(model)))
    return path


def spec(folder: Path, hidden: int = 6) -> Path:
    file = folder / "student.yaml"
    file.write_text(SPEC.replace("PATH", str(teacher(folder / "teacher.fpz", hidden))))
    return file


@pytest.mark.slow
def test_a_low_bit_student_of_three_teachers_down_to_cpp(tmp_path: Path) -> None:
    outcome = flow.run(load(spec(tmp_path)), tmp_path / "runs")
    record = outcome.record
    assert (record["csim"]["samples"], record["csim"]["mismatches"]) == (60, 0)
    told = record["passes"][1]
    assert [each["family"] for each in told["teachers"]] == ["float", "imported", "mlp"]
    assert told["teachers"][0]["accuracy"] == record["metrics"]["float"]["accuracy"]
    assert [each["epochs"] for each in told["teachers"]] == [0, 0, 2]
    assert not {"history", "histories"} & told.keys()
    assert "distil, teacher 3 (mlp)" in (outcome.report or tmp_path).read_text(encoding="utf-8")
    again = flow.run(load(outcome.folder / "spec.yaml"), tmp_path / "runs")  # as resolved, with all defaults
    assert again.folder == outcome.folder
    assert all(stage["cached"] for stage in again.record["stages"])


def test_a_run_depends_on_its_teachers_files(tmp_path: Path) -> None:
    def digests(hidden: int) -> list[str]:
        loaded = load(spec(tmp_path, hidden))
        assert loaded.spec is not None
        return [each.digest for each in flow.plan(loaded.spec, datasets.load(loaded.spec.data, 1))]

    one, other = digests(6), digests(7)
    assert [first == second for first, second in zip(one, other, strict=True)] == [True, True, *[False] * 5]
    assert digests(6) == one


def test_a_missing_teacher_is_found_before_anything_is_trained(tmp_path: Path) -> None:
    file = spec(tmp_path)
    (tmp_path / "teacher.fpz").unlink()
    with pytest.raises(InputError, match=r"compress\[1\].distil.teachers\[1\].network.path: no such file"):
        flow.run(load(file), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_teacher_s_code_runs_only_if_it_is_trusted(tmp_path: Path) -> None:
    teachers = f"[{{network: {{family: custom, function: '{CUSTOM}:good'}}, training: {{epochs: 1}}}}]"
    loaded = load(spec(tmp_path), [f"compress=[{{quantize: {{epochs: 0}}}}, {{distil: {{teachers: {teachers}}}}}]"])
    with pytest.raises(InputError, match=r"teachers\[0\].network.function: .* pass --trust-code if you trust it"):
        flow.run(loaded, tmp_path / "runs")
    flow.run(loaded, tmp_path / "runs", until="distil", trust_code=True)
