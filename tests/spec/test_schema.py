"""The JSON schemas by which editors check YAML: complete, current, and of one mind with the flow's own checks.

GOLDEN_RUN=1 writes the files of the schemas anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from fpga_flow import runs, shipped
from fpga_flow.errors import InputError
from fpga_flow.spec import load, schema, yaml_file
from fpga_flow.spec.base import TypeField, WeightTypeField

SPECS = schema.spec_schema()
BOARDS = schema.board_schema()
BAD = Path(__file__).parent.parent / "bad_specs"
FILES = [("hls_configs", shipped.SPEC_SCHEMA, SPECS), ("boards", shipped.BOARD_SCHEMA, BOARDS)]
#: What a JSON schema of its kind can't say, or is not said twice.
LEFT_TO_THE_FLOW = {"prune_filters_says_nothing", "sweep_values_twice"}
#: The schema knows the boards that there are, which the flow looks for later.
KNOWN_EARLIER = {"unknown_board", "unknown_board_far"}


def wrong(data: Any, by: dict[str, Any] = SPECS) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(by).iter_errors(data)]


@pytest.mark.parametrize(("folder", "name", "made"), FILES, ids=["specs", "boards"])
def test_the_file_is_current_and_yaml_files_name_it(folder: str, name: str, made: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(made)
    path = shipped.folder(folder) / name
    if os.environ.get("GOLDEN_RUN"):
        runs.write_json(path, made)
    assert json.loads(path.read_text(encoding="utf-8")) == made
    for each in path.parent.glob("*.yaml"):
        assert each.read_text(encoding="utf-8").startswith(schema.line(name)), each.name
        assert wrong(yaml_file.read(each).data, made) == [], each.name


@pytest.mark.parametrize("made", [SPECS, BOARDS], ids=["specs", "boards"])
def test_every_section_and_key_is_described(made: dict[str, Any]) -> None:
    for name, section in [("", made), *made["$defs"].items()]:
        assert section["description"], name
        for key, field in section["properties"].items():
            assert field["description"], f"{name}.{key}"
            assert field.get("default", "") is not None, f"{name}.{key}"


def bad_specs() -> Iterator[Any]:
    """The wrong specs of the tests that are YAML without mistakes, as far as the flow's first look at them goes."""
    for path in sorted(BAD.glob("*.yaml")):
        try:
            loaded = load.load(path)
        except InputError:
            continue
        if not loaded.document.problems:
            yield pytest.param(loaded, id=path.stem)


@pytest.mark.parametrize("loaded", list(bad_specs()))
def test_the_schema_refuses_what_the_flow_refuses_at_first_sight(loaded: load.Loaded) -> None:
    name = Path(loaded.document.file).stem
    if name in LEFT_TO_THE_FLOW:
        assert loaded.spec is None
        assert wrong(loaded.document.data) == []
    else:
        refused = loaded.spec is None or name in KNOWN_EARLIER
        assert bool(wrong(loaded.document.data)) == refused, (loaded.problems, wrong(loaded.document.data))


def test_what_an_editor_says() -> None:
    data = yaml_file.read(shipped.folder("hls_configs") / "digits_mlp.yaml").data
    data["hls"]["bord"] = "pynq-z2"
    data["precision"]["input"] = "fixed<30,1>"
    data["compress"][0]["quantize"] = {}
    assert [each.partition(":")[0] for each in wrong(data)] == ["$.compress[0]", "$.precision", "$.hls"]


_NUMBERS = st.integers(-40, 40).map(str) | st.just("auto") | st.integers(0, 40).map("+{}".format)


@pytest.mark.parametrize("field", [TypeField, WeightTypeField], ids=["other", "weight"])
@given(
    name=st.sampled_from(["fixed", "ufixed", "binary", "ternary", "po2", "float"]),
    numbers=st.lists(_NUMBERS, max_size=3),
    space=st.sampled_from(["", " "]),
)
def test_number_types(field: Any, name: str, numbers: list[str], space: str) -> None:
    """Every type that the flow reads matches the pattern; what matches is read, but for exponents out of range, and
    a plus where `auto` stands.
    """
    text = f"{name}{space}<{space}{f'{space},'.join(numbers)}>" if numbers else name
    adapter = TypeAdapter(field)
    matches = re.search(adapter.json_schema()["pattern"], text) is not None
    try:
        adapter.validate_python(text)
        problem = ""
    except ValidationError as error:
        problem = str(error)
    left_to_the_flow = "expected an exponent" in problem or (numbers[-1:] == ["auto"] and "+" in text)
    assert matches == (not problem) or left_to_the_flow, (text, problem)
