"""Specs that a user could have written wrongly, or someone else on purpose: changed good ones, and made-up ones.

A third is made of the keys and values that the schema knows, and others; a third are examples (and the tests' bad
specs) in whose values something is replaced, taken away or put elsewhere; a third has bytes of the text changed.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import yaml

from fpga_flow import shipped
from fpga_flow.spec.model import FlowSpec

#: Small networks and data that are there on every machine: what is checked is checked quickly.
GOOD = """
name: small
data: {name: digits, scale: 16, train_samples: 300, test_samples: 100, split: {validation: 0.2, test: 0.25}}
network: {family: mlp, hidden: [8, 6], dropout: 0.1}
training: {epochs: 2, batch_size: 32, learning_rate: 3.0e-3, augment: {shift: 1}}
compress:
  - prune: {sparsity: 0.5, epochs: 1}
  - quantize: {epochs: 1}
  - cluster: {clusters: 8}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<7,3>"}
    dense_0: {weight: "fixed<4,1>"}
hls: {board: zcu104, io_type: io_parallel, strategy: latency, reuse_factor: 1, softmax: false}
csim: {samples: 10}
sweep:
  parameters:
    bits: {path: "precision.layers.*.weight", bits: [3, 4]}
  objectives: [accuracy, lut]
---
name: images
data: {name: digits, scale: 16, split: {validation: 0.2, test: 0.25}}
network: {family: cnn, conv: [{filters: 4, kernel: 3, pool: 2}], hidden: [6]}
training: {epochs: 1}
compress:
  - prune_filters: {amount: 0.5}
  - low_rank: {layers: {dense_0: {rank: 2}}}
  - quantize: {}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<7,3>"}
    conv_0: {weight: ternary}
hls: {board: pynq-z2, io_type: io_stream, layers: {conv_0: {strategy: resource, reuse_factor: 9}}}
"""
_NAMES = ["digits", "mnist", "csv", "npz", "mlp", "cnn", "zcu104", "kv260", "relu", "prune", "all", "none", "*"]
_TYPES = ["fixed<8,2>", "ufixed<4,0>", "fixed<8,2", "fixed<99999999999,1>", "fixed<1,-9999999>", "po2<4>", "ternary"]
_TEXTS = [
    "", " ", "\x00", "a", "**", "[", "a b", "a\nb", "x" * 300, "é", "名", "\u202egpj", "\u200b", "\U0001d535", "inf",
    "..", "../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "~/x", "$(touch x)", "; touch x", "`touch x`",
    "nan", "1e999", *_NAMES, *_TYPES,
]  # fmt: skip
_WEIRD: list[Any] = [
    *_TEXTS, None, True, False, 0, -1, 1, 2, 3.5, 1e-320, 1e308, -1e308, 10**9, 10**18, 2**63, -(2**63), 10**40, 10**99,
    [], {}, [[]], [None], [0], [1, 2, 3], [10**9], [-1], ["a", "a"], {"": 0}, {"*": {}}, list(range(200)),
    {"x": {"y": {"z": [1, {"w": None}]}}}, [[[[[[[[1]]]]]]]],
]  # fmt: skip
_BYTES = [
    b"\x00", b"\xff", b"\xe2\x80\xa8", b"\t", b"&a ", b"*a", b"!!python/object:os.system ", b"<<: ", b"- ", b": ",
    b"{", b"}", b"[", b"]", b"'", b'"', b"|\n", b"---\n", b"%YAML 9\n", b"#", b"\r", b"9" * 50, b".inf",
    b"\xef\xbb\xbf",
]  # fmt: skip


def specs(count: int, seed: int, more: list[str] | None = None) -> Iterator[bytes]:
    """`count` specs, the same for the same seed; `more` are further texts of specs to begin with."""
    rng = random.Random(seed)
    texts = [yaml.safe_dump(each, sort_keys=False) for each in good()] * 3 + (more or [])
    trees = good() * 3 + [each for each in map(_tree, more or []) if isinstance(each, dict)]
    schema = FlowSpec.model_json_schema()
    for number in range(count):
        kind = number % 3
        if kind == 0:
            made = _made(schema, schema, rng, 0)
            if isinstance(made, dict):  # else most would be refused for their data, with little else looked at
                for name in ("data", "network", "precision", "hls"):
                    if rng.random() < 0.6:
                        made[name] = rng.choice(good())[name]
            yield _dumped(made)
        elif kind == 1:
            tree = copy.deepcopy(rng.choice(trees))
            for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
                tree = changed(tree, rng.choice(trees), rng)
            yield _dumped(tree)
        else:
            yield _scribbled(rng.choice(texts).encode(), rng)


def good() -> list[dict[str, Any]]:
    """The good specs that others are made of."""
    return list(yaml.safe_load_all(GOOD))


def shipped_texts() -> list[str]:
    """The texts of the examples on data that are there on every machine."""
    texts = [file.read_text() for file in sorted(shipped.folder("hls_configs").glob("digits*.yaml"))]
    assert texts
    return texts


def _tree(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _dumped(tree: Any) -> bytes:
    try:
        return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    except yaml.YAMLError:
        return repr(tree).encode()


def _made(schema: dict[str, Any], root: dict[str, Any], rng: random.Random, depth: int) -> Any:
    """A value of a schema, most of the time; the names of its keys are right more often than what is in them."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if depth > 8 or rng.random() < 0.03:
        return copy.deepcopy(rng.choice(_WEIRD))
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _made(rng.choice(schema[choice]), root, rng, depth + 1)
    if "default" in schema and rng.random() < 0.3:
        return schema["default"]
    if "const" in schema or "enum" in schema:
        return rng.choice([schema["const"]] if "const" in schema else schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        needed = schema.get("required", [])
        names = [name for name in known if rng.random() < (0.97 if name in needed else 0.3)]
        made = {name: _made(known[name], root, rng, depth + 1) for name in names}
        other = schema.get("additionalProperties")
        if isinstance(other, dict):
            for name in rng.sample(["*", "dense_0", "conv_0", "output", "dense_*", "x"], rng.randint(0, 2)):
                made[name] = _made(other, root, rng, depth + 1)
        return made
    if kind == "array":
        return [_made(schema.get("items", {}), root, rng, depth + 1) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 10)
        value = rng.uniform(low, max(low, min(high, low + 10)))
        return round(value) if kind == "integer" else value
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "null":
        return None
    return rng.choice(_TEXTS)


def changed(tree: Any, other: Any, rng: random.Random) -> Any:
    """The tree with one value replaced, taken away, renamed, doubled, put deeper, or taken from the other tree."""
    places = list(_places(tree))
    if not places:
        return tree
    holder, key = rng.choice(places)
    match rng.randrange(7):
        case 0 | 1:
            holder[key] = copy.deepcopy(rng.choice(_WEIRD))
        case 2:
            del holder[key]
        case 3:
            value = holder.pop(key)
            if isinstance(holder, dict):
                holder[rng.choice(["x", "*", "name", "path", key.upper() if isinstance(key, str) else "y"])] = value
        case 4:
            other_places = list(_places(other))
            if other_places:
                from_, at = rng.choice(other_places)
                holder[key] = copy.deepcopy(from_[at])
        case 5:
            holder[key] = [copy.deepcopy(holder[key])] * rng.choice([1, 2, 30])
        case _:
            value = holder[key]
            if isinstance(value, int | float) and not isinstance(value, bool):
                holder[key] = rng.choice([-value, value * 1000, value + 0.5, str(value), 10**12, value * 0.1])
            elif isinstance(value, str) and value:
                at = rng.randrange(len(value))
                holder[key] = value[:at] + rng.choice(["", "9", "<", ">", ",", ".", "-", "é", " "]) + value[at + 1 :]
            else:
                holder[key] = {"x": copy.deepcopy(value)}
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _scribbled(text: bytes, rng: random.Random) -> bytes:
    """The text with some bytes changed, taken away, doubled, or special ones put in."""
    made = bytearray(text)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(made) + 1)
        length = rng.randint(1, 12)
        match rng.randrange(5):
            case 0:
                made[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length * 5]
            case 3:
                made[at:at] = rng.choice(_BYTES)
            case _:
                line = bytes(made).find(b"\n", at)
                del made[at : line if line > 0 else at + 1]
    return bytes(made)
