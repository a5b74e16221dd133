from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fpga_flow import datasets
from fpga_flow.errors import FieldError
from fpga_flow.spec import load
from fpga_flow.spec.check import typed_layers
from fpga_flow.spec.load import Loaded
from fpga_flow.sweep import space
from fpga_flow.sweep.space import Space
from tests import small_spec

SPEC = small_spec.text(layers={"output": {"weight": "po2<4>"}}, network={"family": "mlp", "hidden": [8, 6]})


def loaded(tmp_path: Path, *parameters: str) -> Loaded:
    file = tmp_path / "spec.yaml"
    file.write_text(
        f"{SPEC}sweep:\n  parameters:\n" + "".join(f"    {each}\n" for each in parameters), encoding="utf-8"
    )
    return load.load(file)


@pytest.fixture(scope="module")
def sites() -> list[Any]:
    made = load.load("digits_mlp", ["network.hidden=[8, 6]"])
    assert made.spec is not None
    return typed_layers(made, datasets.load(made.spec.data, 1))


def make(tmp_path: Path, sites: list[Any], *parameters: str) -> Space:
    spec = loaded(tmp_path, *parameters)
    assert spec.spec is not None, spec.problems
    assert spec.spec.sweep is not None
    return space.make(spec.document, spec.spec.sweep.parameters, sites, spec.spec.precision)


def test_a_pattern_means_all_layers_that_it_matches(tmp_path: Path, sites: list[Any]) -> None:
    made = make(tmp_path, sites, 'w: {path: "precision.layers.*.weight", bits: [3, 5]}')
    assert made.size == 2
    document = made.document({"w": 3}).data
    assert "sweep" not in document
    layers = document["precision"]["layers"]
    # each keeps the other parts of its own type
    assert {name: each["weight"] for name, each in layers.items()} == {
        "*": "fixed<6,1>", "dense_1": "fixed<3,1>", "dense_2": "fixed<3,1>", "output": "po2<3>",
    }  # fmt: skip
    assert made.loaded({"w": 3}).spec is not None


def test_a_parameter_for_each_layer(tmp_path: Path, sites: list[Any]) -> None:
    made = make(
        tmp_path, sites, "w: {path: precision.layers.dense*.activation, bits: {least: 4, most: 6}, each_layer: true}"
    )
    assert [(each.name, each.layer, each.choices) for each in made.dimensions] == [
        ("w.dense_1", "dense_1", (4, 5, 6)),
        ("w.dense_2", "dense_2", (4, 5, 6)),
    ]
    assert made.size == 9
    layers = made.document({"w.dense_2": 4, "w.dense_1": 6}).data["precision"]["layers"]
    assert layers["dense_1"] == {"activation": "ufixed<6,4>"}
    assert layers["dense_2"] == {"activation": "ufixed<4,4>"}


def test_paths_that_are_tied_get_the_same_value(tmp_path: Path, sites: list[Any]) -> None:
    made = make(tmp_path, sites, "e: {path: [compress.prune.epochs, compress.quantize.epochs], values: [2, 3]}")
    assert [one["epochs"] for each in made.document({"e": 3}).data["compress"] for one in each.values()] == [3, 3]


def test_ranges(tmp_path: Path, sites: list[Any]) -> None:
    made = make(
        tmp_path, sites,
        "s: {path: compress.prune.sparsity, range: {least: 0.1, most: 0.7, step: 0.2}}",
        "b: {path: training.batch_size, range: {least: 2, most: 4}}",
        "r: {path: training.learning_rate, range: {least: 0.001, most: 0.1, log: true}}",
    )  # fmt: skip
    assert [each.choices for each in made.dimensions] == [(0.1, 0.3, 0.5, 0.7), (2, 3, 4), None]
    assert made.size is None


def test_the_grid_has_every_combination(tmp_path: Path, sites: list[Any]) -> None:
    made = make(tmp_path, sites, "a: {path: seed, values: [1, 2]}", "b: {path: csim.samples, values: [3, 4]}")
    assert list(made.grid()) == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]


def test_the_base_point(tmp_path: Path, sites: list[Any]) -> None:
    parameters = (
        "w: {path: precision.layers.dense*.weight, bits: [2, 4]}",
        "s: {path: compress.prune.sparsity, values: [0.7]}",
        "r: {path: hls.board, values: [kv260]}",
    )
    made, spec = make(tmp_path, sites, *parameters), loaded(tmp_path, *parameters).spec
    base = made.base_point(spec)
    assert base == {"w": 6, "s": 0.5, "r": "pynq-z2"}
    assert [each.choices for each in made.with_choices(base).dimensions] == [
        (2, 4, 6),
        (0.5, 0.7),
        ("pynq-z2", "kv260"),
    ]


def test_there_is_no_base_point_where_layers_differ(tmp_path: Path, sites: list[Any]) -> None:
    parameter = 'w: {path: "precision.layers.*.weight", bits: [3, 4]}'
    with pytest.raises(FieldError, match="expected one value in the spec, from which to begin, got"):
        make(tmp_path, sites, parameter).base_point(loaded(tmp_path, parameter).spec)


@pytest.mark.parametrize(
    ("parameter", "path", "message"),
    [
        ("{path: compress.prun.sparsity, values: [0.5]}", "sweep.parameters.p.path",
         'compress: expected an entry with the key "prun", got none: did you mean "prune"?'),
        ("{path: hls.reus_factor, values: [1]}", "sweep.parameters.p.values[0]",
         'hls.reus_factor: unknown key "reus_factor": did you mean "reuse_factor"?'),
        ("{path: compress.prune.sparsity, values: [0.5, 1.5]}", "sweep.parameters.p.values[1]",
         "compress[0].prune.sparsity: expected a number below 1, got 1.5"),
        ("{path: precision.layers.conv*.weight, bits: [3]}", "sweep.parameters.p.path",
         'expected a pattern that matches a layer with weight, got "conv*": known are dense_1, dense_2, output'),
        ("{path: compress.prune.sparsity, bits: [3]}", "sweep.parameters.p.path",
         'expected a path of types, such as precision.layers.*.weight, for bits, got "compress.prune.sparsity"'),
        ("{path: seed, values: [1], each_layer: true}", "sweep.parameters.p.each_layer",
         "expected only paths of precision.layers or hls.layers, got seed"),
        ("{path: a..b, values: [1]}", "sweep.parameters.p.path",
         'expected a path such as precision.layers.dense_1.weight, got "a..b"'),
        ("{path: sweep.samples, values: [1]}", "sweep.parameters.p.path",
         'expected a path outside of the section sweep, got "sweep.samples"'),
        ("{path: precision.layers.output.weight, bits: [6]}", "sweep.parameters.p.bits",
         'weight of layer "output": po2<6>: expected a width of 2 to 5 bits, as HLS types can\'t hold more powers of '
         "two, got 6"),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, sites: list[Any], parameter: str, path: str, message: str) -> None:
    spec = loaded(tmp_path, f"p: {parameter}")
    assert spec.spec is not None, spec.problems
    assert spec.spec.sweep is not None
    errors = list(space.check(spec.document, spec.spec.sweep.parameters, sites, spec.spec.precision))
    assert [str(error) for error in errors] == [f"{path}: {message}"]
