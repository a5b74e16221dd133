"""Specs that hypothesis makes of the schema: most values are what the schema asks for, others anything at all."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fpga_flow.spec.model import FlowSpec
from tests.hard.specs import good

_DEEPEST = 6
_TYPES = st.from_regex(r"u?fixed<-?[0-9]{1,3},-?[0-9]{1,3}>|po2<[0-9]>|ternary|binary", fullmatch=True)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _TYPES
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
#: Names of layers that the networks of good specs have, patterns, and others.
_NAMES = st.sampled_from(["*", "dense_*", "dense_0", "conv_0", "output"]) | st.text(max_size=8)


@cache
def specs() -> st.SearchStrategy[str]:
    """The texts of specs, as JSON, which is YAML (numbers that are none are as YAML's readers expect them)."""
    schema = FlowSpec.model_json_schema()
    parts = ("data", "network", "precision", "hls")
    kept = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from([each[name] for each in good()]) for name in parts}
    )
    made = st.builds(
        lambda spec, known: {**spec, **known} if isinstance(spec, dict) else spec, _of(schema, schema), kept
    )
    return made.map(_text)


def collected(count: int, number: int) -> list[str]:
    """`count` of them, the same for the same number."""
    found: list[str] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(specs())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def _of(schema: dict[str, Any], root: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema, and one in sixteen of something else."""
    wanted = _wanted(schema, root, depth)
    return st.integers(0, 15).flatmap(lambda number: wanted if number else _ANYTHING)


def _wanted(schema: dict[str, Any], root: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if depth > _DEEPEST:
        return _ANYTHING
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return st.one_of([_of(each, root, depth + 1) for each in schema[choice]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from([schema["const"]] if "const" in schema else schema["enum"])
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    match schema.get("type"):
        case "object":
            return _objects(schema, root, depth)
        case "array":
            return st.lists(_of(schema.get("items", {}), root, depth + 1), max_size=3)
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.floats(low, high, allow_nan=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:
            return _TYPES | _NAMES


def _objects(schema: dict[str, Any], root: dict[str, Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    known = {name: _of(each, root, depth + 1) for name, each in schema.get("properties", {}).items()}
    needed = {name: known.pop(name) for name in schema.get("required", []) if name in known}
    objects = st.fixed_dictionaries(needed, optional=known)
    other = schema.get("additionalProperties")
    if not isinstance(other, dict):
        return objects
    others = st.dictionaries(_NAMES, _of(other, root, depth + 1), max_size=3)
    return st.builds(lambda one, two: {**two, **one}, objects, others)


def _text(tree: Any) -> str:
    return json.dumps(tree).replace("NaN", ".nan").replace("-Infinity", "-.inf").replace("Infinity", ".inf")
