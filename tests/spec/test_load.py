"""Specs by name and by path, and the sections of specs that are partly wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_flow import shipped
from fpga_flow.errors import FieldError, InputError
from fpga_flow.spec.load import load
from fpga_flow.spec.model import FlowSpec

EXAMPLES = sorted(shipped.folder("hls_configs").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    loaded = load(path)
    assert loaded.problems == ()
    assert loaded.spec is not None
    for name in (path.stem, str(path)):
        assert load(name).document.file == str(path)
    assert FlowSpec.model_validate_json(loaded.spec.model_dump_json(exclude_none=True)) == loaded.spec


def test_unknown_files(tmp_path: Path) -> None:
    for name, message in [
        ("digits_mpl", 'no such file, and no example of this name: did you mean "digits_mlp"?'),
        (str(tmp_path), "expected a file, got a folder"),
        ("x" * 5000, None),
        ("a\0b", None),
    ]:
        with pytest.raises(InputError) as caught:
            load(name)
        assert message is None or str(caught.value) == f"{name}: {message}"


def write(folder: Path, **changes: Any) -> Path:
    parts: dict[str, Any] = {
        "name": "a",
        "data": {"name": "digits"},
        "network": {"family": "mlp", "hidden": [4]},
        "compress": [{"prune": {"sparsity": 0.5}}, {"quantize": {}}],
        "precision": {"input": "fixed<6,1>", "layers": {"*": {"weight": "fixed<6,1>"}}},
    }
    path = folder / "a.yaml"
    path.write_text(json.dumps({**parts, **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"hls": {"bord": "kv260"}}, ""),
        ({"hls": 5}, "hls"),
        ({"training": {"epochs": -1}}, ""),
        ({"precision": {"input": "fixed<0,3>", "layers": {}}}, ""),
        ({"precision": {"input": "fixed<6,1>", "layers": {"*": {"weight": 1}}}}, ""),
        ({"precision": {"input": "fixed<6,1>", "layers": 5}}, ""),
        ({"compress": [{"prune": {"sparsity": 0.5, "x": 1}}]}, ""),
        ({"compress": [{"prune": {"sparsity": 2}}]}, ""),
        ({"compress": [{"prune_filters": {"amount": 2}}]}, "compress"),
        ({"data": {"name": "digits", "scale": -1}}, ""),
        ({"data": {"name": "digits", "sclae": 1}}, "data"),
        ({"network": {"family": "mlp", "hidden": [4], "dropout": 1}}, ""),
        ({"network": {"family": "mlp", "hidden": 4}}, "network"),
        ({"name": 5}, "name"),
        ({"what": {}}, ""),
    ],
)
def test_sections_without_what_is_wrong_in_them(tmp_path: Path, changes: dict[str, Any], left_out: str) -> None:
    loaded = load(write(tmp_path, **changes))
    assert loaded.spec is None
    assert loaded.problems
    assert sorted(loaded.sections) == sorted(set(FlowSpec.model_fields) - {left_out})


def test_a_section_that_is_there_twice_and_lacks_a_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "name: a\ndata: {name: digits}\nnetwork: {family: mlp, hidden: [4]}\ncompress: [quantize: {}]\n"
        "precision: {inp: {}}\nprecision: {input: 'fixed<6,1>', layers: {}}\n"
    )
    said = [str(each).partition(": ")[2] for each in load(path).problems]
    assert said[0] == "precision: the key is there twice, first in line 5"
    assert "precision" not in load(path).sections


def test_what_may_follow_from_known_problems(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, hls={"board": "kv", "layers": {"a": {"x": 1}}}))

    def follows(*path: str | int) -> bool:
        return loaded.may_follow(FieldError(path, "wrong"))

    assert follows("hls")
    assert follows("hls", "layers", "a")
    assert follows("hls", "reuse_factor")
    assert not follows("hls", "board")
    assert not follows("compress")
    assert not follows("data", "split")


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "digits", "csv", "mlp", "fixed<6,1>", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "input", "layers", "prune", "quantize", "path", "*", "<<", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(list(FlowSpec.model_fields)), _JSON)
def test_any_section_is_valid_or_gives_a_problem(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: Any
) -> None:
    loaded = load(write(tmp_path_factory.mktemp("spec"), **{key: value}))
    assert (loaded.spec is None) == bool(loaded.problems)
    for problem in loaded.problems:
        assert problem.place.line
        assert "Input should" not in problem.message
