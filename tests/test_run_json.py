"""The schema of run.json. Each test that runs the flow shows that it writes what this says, see conftest.py."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import fpga_flow
from fpga_flow.run_json import contents
from fpga_flow.run_json.schema import RunRecord, run_schema


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The run.json of a short run."""
    few = ["data.train_samples=100", "csim.samples=0", "training.epochs=1"]
    few += ["compress.prune.epochs=1", "compress.quantize.epochs=1"]
    outcome = fpga_flow.run(fpga_flow.load("digits_mlp", few), tmp_path_factory.mktemp("runs"))
    return json.loads(Path(outcome.folder / "run.json").read_text(encoding="utf-8"))


def test_tests_hold_each_record_against_it() -> None:
    assert contents.make.__name__ == "checked"


def test_a_real_one(made: dict[str, Any]) -> None:
    read = RunRecord.model_validate_json(json.dumps(made))
    assert read.csim.samples == 0
    assert read.model_dump(mode="json", by_alias=True) == made


@pytest.mark.parametrize("path", [(), ("data",), ("metrics", "float"), ("csim",), ("size", "encoded"), ("layers", 0)])
def test_keys_are_all_there_and_no_others(made: dict[str, Any], path: tuple[Any, ...]) -> None:
    more, less = copy.deepcopy(made), copy.deepcopy(made)
    part_more, part_less = more, less
    for key in path:
        part_more, part_less = part_more[key], part_less[key]
    part_more["another"] = 1
    del part_less[next(iter(part_less))]
    for wrong in (more, less):
        with pytest.raises(ValidationError):
            RunRecord.model_validate_json(json.dumps(wrong))


def test_each_part_says_what_it_is() -> None:
    for name, part in run_schema()["$defs"].items():
        assert part.get("description"), name
