from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet
import yaml

from fpga_flow.spec import load, yaml_file
from fpga_flow.sweep import outputs
from fpga_flow.sweep.result import Parameter, SweepResult, Trial
from fpga_flow.sweep.space import Dimension, Field, Space

MEASURES = {"accuracy": 0.9, "test_accuracy": 0.88, "lut": 1234, "latency_cycles": None}
PARAMETERS = (
    Parameter("sparsity", ("compress.prune.sparsity",), (0, 0.5)),
    Parameter("hidden", ("network.hidden",), ([8], [8, 4])),
    Parameter("lut", ("hls.board",), ("pynq-z2",)),
)


def made() -> tuple[SweepResult, Space]:
    point = {"sparsity": 0, "hidden": [8], "lut": "pynq-z2"}
    trials = (
        Trial(
            0, "done", point, MEASURES, feasible=True, finished="2026-01-01T00:00:00+00:00", seconds=2.5, simulated=450
        ),
        Trial(3, "refused", {**point, "sparsity": 0.5, "hidden": [8, 4]}, error="no,\nnever"),
    )
    result = SweepResult("small", "0" * 16, "grid", "pynq-z2", PARAMETERS, ("accuracy", "lut"), {}, trials, (0,))
    document = load.load("digits_mlp").document
    dimensions = tuple(
        Dimension(each.name, ("sweep",), (Field(tuple(each.paths[0].split("."))),), each.values, None)
        for each in PARAMETERS
    )
    return result, Space(document, dimensions)


def test_a_row_for_each_trial(tmp_path: Path) -> None:
    outputs.write(*made(), tmp_path)
    with open(tmp_path / "sweep.csv", newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["trial"] == "0"
    assert first["sparsity"] == "0"
    assert first["hidden"] == "[8]"
    assert first["lut_value"] == "pynq-z2"  # `lut` is the measure
    assert first["lut"] == "1234"
    assert first["latency_cycles"] == ""
    assert (first["front"], first["feasible"], second["front"]) == ("true", "true", "false")
    assert (second["state"], second["error"], second["accuracy"]) == ("refused", "no,\nnever", "")


def test_parquet_has_the_same_columns_with_types(tmp_path: Path) -> None:
    outputs.write(*made(), tmp_path)
    table = pyarrow.parquet.read_table(tmp_path / "sweep.parquet").to_pydict()
    assert table["sparsity"] == [0.0, 0.5]
    assert table["hidden"] == ["[8]", "[8, 4]"]
    assert table["accuracy"] == [0.9, None]
    assert table["front"] == [True, False]
    with open(tmp_path / "sweep.csv", encoding="utf-8") as file:
        assert list(table) == next(csv.reader(file))


def test_the_front_is_specs_that_can_be_run(tmp_path: Path) -> None:
    result, space = made()
    outputs.write(result, space, tmp_path)
    assert [file.name for file in (tmp_path / "front").iterdir()] == ["0.yaml"]
    text = (tmp_path / "front" / "0.yaml").read_text(encoding="utf-8")
    assert text.startswith(
        "# Trial 0 of a sweep of small, on its Pareto front: accuracy 90.00%, test accuracy 88.00%, LUT 1,234"
    )
    assert load.from_document(yaml_file.parse(text, "front")).spec is not None
    data = yaml.safe_load(text)
    assert "sweep" not in data
    assert data["compress"][0]["prune"]["sparsity"] == 0
    assert data["network"]["hidden"] == [8]
    assert json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))["front"] == [0]


def test_an_earlier_front_makes_room(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    (tmp_path / "front" / "7.yaml").write_text("old", encoding="utf-8")
    outputs.write(*made(), tmp_path)
    assert [file.name for file in (tmp_path / "front").iterdir()] == ["0.yaml"]


def test_what_a_killed_process_had_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".front.123.unfinished").mkdir()
    (tmp_path / ".front.123.unfinished" / "0.yaml").touch()
    (tmp_path / ".sweep.csv.123.unfinished").touch()
    for name in (".lock", ".writing", "study.db", ".front.mine"):
        (tmp_path / name).touch()
    outputs.write(*made(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".front.mine", ".lock", ".writing", "front", "report.html", "study.db", "sweep.csv", "sweep.json",
        "sweep.parquet",
    ]  # fmt: skip
