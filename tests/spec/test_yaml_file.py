"""Values, their types, and the line and column of each."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_flow.errors import InputError
from fpga_flow.spec import yaml_file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-5", -5), ("+5", 5), ("010", 10), ("0x10", 16), ("0o10", 8), ("1_000", "1_000"),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1e-3", 0.001), ("-2.5E+1", -25.0),
        ("true", True), ("True", True), ("FALSE", False), ("yes", "yes"), ("on", "on"), ("no", "no"),
        ("null", None), ("~", None), ("", None), ("'null'", "null"), ('"5"', "5"), ("!!str 5", "5"), ("!!float 5", 5.0),
        ("2020-01-01", "2020-01-01"), ("12:30:00", "12:30:00"), ("fixed<6,1>", "fixed<6,1>"), ("=", "="), ("<<", "<<"),
        ("[]", []), ("{}", {}), ("|\n  5\n", "5\n"), (">-\n  a\n  b\n", "a b"),
    ],
)  # fmt: skip
def test_types(text: str, value: Any) -> None:
    got = yaml_file.parse(f"key: {text}", "x.yaml").data["key"]
    assert got == value
    assert type(got) is type(value)


def test_places() -> None:
    document = yaml_file.parse("a: 1\nlist:\n  - x\n  - {b: 2, 'c': [3]}\n", "x.yaml")
    found = {path: (place.line, place.column) for path, place in document.places.items()}
    assert found == {
        (): (1, 1), ("a",): (1, 1), ("list",): (2, 1), ("list", 0): (3, 5), ("list", 1): (4, 5),
        ("list", 1, "b"): (4, 6), ("list", 1, "c"): (4, 12), ("list", 1, "c", 0): (4, 18),
    }  # fmt: skip
    assert str(document.place(("list", 1, "c", 5))) == "x.yaml:4:12"
    assert str(document.place(("none",))) == "x.yaml:1:1"


def test_aliases_are_copies_and_keep_their_places() -> None:
    document = yaml_file.parse("a: &x {b: [1]}\nc: *x\n", "x.yaml")
    assert document.data == {"a": {"b": [1]}, "c": {"b": [1]}}
    document.data["c"]["b"].append(2)
    assert document.data["a"] == {"b": [1]}
    assert str(document.place(("c",))) == "x.yaml:2:1"
    assert str(document.place(("c", "b"))) == "x.yaml:1:8"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Any) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffname: ä\n".encode())
    assert yaml_file.read(path).data == {"name": "ä"}


def test_files_that_cannot_be_read(tmp_path: Any) -> None:
    for path, message in [
        (tmp_path / "none.yaml", "the file can't be read: No such file or directory"),
        (tmp_path, "the file can't be read: Is a directory"),
    ]:
        with pytest.raises(InputError) as caught:
            yaml_file.read(path)
        assert str(caught.value) == f"{path}: {message}"
    large = tmp_path / "large.yaml"
    large.write_text("#" * (yaml_file.MAX_BYTES + 1))
    with pytest.raises(InputError, match="expected at most 1,000,000 bytes, got more"):
        yaml_file.read(large)


_YAML_LIKE = st.text(st.sampled_from("ab1.:-,#&*!|>[]{}<'\"\\\n\t ~?%@`e+_x0\x00é\ud800\u2028"), max_size=40)


@settings(deadline=None, max_examples=300)
@given(_YAML_LIKE)
def test_any_text_gives_data_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        document = yaml_file.parse(text, "x.yaml")
        assert len(document.problems) == len(document.wrong)
