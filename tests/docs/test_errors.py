"""docs/ways_out.yaml knows all messages about specs, and those that it gives of other errors are in the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

WAYS = yaml.safe_load((ROOT / "docs" / "ways_out.yaml").read_text(encoding="utf-8"))
BAD_SPECS = sorted(file.stem for file in (ROOT / "tests" / "bad_specs").glob("*.yaml"))
OTHERS = [
    pytest.param(message, error["code"], id=message)
    for group in WAYS["others"]
    for error in group["errors"]
    for message in error["messages"]
]
#: The exit codes of errors by the names of their classes. A FieldError or Problem becomes an InputError.
CODES = {"CheckFailed": 1, "InputError": 2, "FieldError": 2, "Problem": 2, "Damaged": 2, "ToolError": 3}
#: What stands for a value in a message of the source.
VALUE = "\0"


def test_each_bad_spec_is_in_one_group() -> None:
    named = [name for group in WAYS["groups"] for name in group["messages"]]
    assert sorted(named) == BAD_SPECS


def test_each_has_a_way_out() -> None:
    texts = [*(text for group in WAYS["groups"] for text in group["messages"].values())]
    texts += [error["text"] for group in WAYS["others"] for error in group["errors"]]
    for text in texts:
        assert text.rstrip().endswith((".", ")", "`")), text
        assert len(text.split()) > 2, text


@pytest.mark.parametrize(("message", "code"), OTHERS)
def test_message_is_in_the_source(message: str, code: int) -> None:
    """What a message has around its dots is a text of the source; if an error is made of it, of this exit code."""
    parts = message.split("...")
    assert re.search(r"[A-Za-z]{4,}", "".join(parts)), "a message without words is like any text"
    pattern = re.compile(".*".join(re.escape(part).replace(r":\ ", r":\s") for part in parts), re.DOTALL)
    longest = max(re.split(r":\s|\.\.\.", message), key=len)
    found = {made for text, made in _texts() if longest in text and pattern.fullmatch(text)}
    assert found, f"no text of fpga_flow/ is like this: {message}"
    assert code in found or None in found, f"expected exit code {code}, got {found}"


@cache
def _texts() -> tuple[tuple[str, int | None], ...]:
    """The texts of the package, and the exit code of the error that each is written into; None if it is into none."""
    files = sorted((ROOT / "fpga_flow").rglob("*.py"))
    return tuple(each for file in files for each in _walk(ast.parse(file.read_text(encoding="utf-8")), None))


def _walk(node: ast.AST, code: int | None) -> Iterator[tuple[str, int | None]]:
    if isinstance(node, ast.Call):
        code = _code(node) or code
    text = _text(node)
    if text is not None and " " in text:
        yield text, code
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, code)


def _code(call: ast.Call) -> int | None:
    """The exit code of the error that a call makes; None if it makes none."""
    function: Any = call.func
    if isinstance(function, ast.Attribute) and function.attr == "at":
        function = function.value
    return CODES.get(getattr(function, "id", ""))


def _text(node: ast.AST) -> str | None:
    """A text of the source with `VALUE` for each value in it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or VALUE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None and right is None else (left or VALUE) + (right or VALUE)
    return None
