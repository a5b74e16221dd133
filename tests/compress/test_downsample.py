"""`downsample`: where strides and poolings can be, what each placement costs, and which one is taken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_flow import compress, training
from fpga_flow.compress import downsample, prune, quantize
from fpga_flow.compress.base import Context
from fpga_flow.compress.downsample import choices, measures, places, trials
from fpga_flow.datasets.base import Part
from fpga_flow.errors import CheckFailed, FieldError
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Hls, Precision
from tests.conftest import blobs

L = keras.layers
DATA = blobs(240, (8, 8, 2))
TYPES = {"weight": "fixed<6,1>", "bias": "fixed<7,2>", "activation": "ufixed<6,3>"}
PRECISION = Precision.model_validate({"input": "ufixed<6,1>", "layers": {"*": TYPES}})
CONTEXT = Context(
    Training(epochs=1, batch_size=16, learning_rate=0.01), PRECISION, seed=1, hls=Hls(io_type="io_stream")
)
OPTIONS = downsample.Options


def plain(pools: tuple[int, ...] = (2,), count: int = 4, padding: str = "same", head: Any = None, size: int = 8) -> Any:
    """Convolutions c1, c2, ... each with normalisation and ReLU, poolings p2, ... behind those of these numbers."""
    x = inputs = keras.Input((size, size, 2), name="inputs")
    for number in range(1, count + 1):
        x = L.BatchNormalization(name=f"b{number}")(L.Conv2D(4, 3, padding=padding, name=f"c{number}")(x))
        x = L.ReLU(name=f"r{number}")(x)
        if number in pools:
            x = L.MaxPooling2D(name=f"p{number}")(x)
    x = (head or L.GlobalAveragePooling2D(name="g"))(x)
    return keras.Model(inputs, L.Dense(3, name="output")(x))


def residual() -> Any:
    """Blocks k1 (projection), k2 (strides), k3 (identity), k4 (strides)."""
    x = inputs = keras.Input((8, 8, 2), name="inputs")
    x = L.ReLU(name="r0")(L.Conv2D(4, 3, padding="same", name="c0")(x))
    for number, filters, strides in ((1, 4, 1), (2, 6, 2), (3, 6, 1), (4, 8, 2)):
        name = f"k{number}"
        y = L.ReLU(name=f"{name}_r1")(L.Conv2D(filters, 3, strides, "same", name=f"{name}_c1")(x))
        y = L.Conv2D(filters, 3, padding="same", name=f"{name}_c2")(y)
        if number != 3:
            x = L.Conv2D(filters, 1, strides, name=f"{name}_s")(x)
        x = L.ReLU(name=f"{name}_r2")(L.Add(name=f"{name}_add")([x, y]))
    x = L.Flatten(name="flat")(L.AveragePooling2D(2, name="all")(x))
    return keras.Model(inputs, L.Dense(3, name="output")(x))


def fire() -> Any:
    """Two Fire modules (squeeze s, expand e) with a pooling between."""
    x = inputs = keras.Input((8, 8, 2), name="inputs")
    x = L.ReLU(name="r1")(L.Conv2D(6, 3, padding="same", name="c1")(x))
    for number in (2, 3):
        x = L.ReLU(name=f"r{number}")(L.Conv2D(3, 1, name=f"s{number}")(x))
        ways = [L.Conv2D(4, size, padding="same", name=f"e{number}_{size}")(x) for size in (1, 3)]
        x = L.Concatenate(name=f"j{number}")(ways)
        if number == 2:
            x = L.MaxPooling2D(3, 2, "same", name="p2")(x)
    return keras.Model(inputs, L.Dense(3, name="output")(L.GlobalAveragePooling2D(name="g")(x)))


def sizes(model: Any, *names: str) -> list[int]:
    return [model.get_layer(name).output_shape[1] for name in names]


def errors(model: Any, **options: Any) -> list[str]:
    return [str(each) for each in downsample.check(OPTIONS(**options), model, None, ("p",))]


def test_poolings_go_behind_the_activation():
    network = Network(plain((2, 3), 4))
    rows = {}
    for placement, expected in (("early", [8, 4, 2, 2]), ("even", [8, 8, 4, 4]), ("late", [8, 8, 8, 4])):
        options = OPTIONS(placement=placement, epochs=0, resources=False)
        changed, told = downsample.apply(network, DATA, options, CONTEXT)
        assert sizes(changed.model, "c1", "c2", "c3", "c4") == expected
        for name in ("c1", "b1", "output"):
            for one, other in zip(
                network.model.get_layer(name).get_weights(), changed.model.get_layer(name).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(one, other)
        rows[placement] = told["placements"]
    assert [row["placement"] for row in rows["early"]] == [["present"], ["early"]]
    assert rows["late"][1]["at"] == {"p2": "c3", "p3": "c4"}
    before = changed.model.get_layer("p3").input
    assert before.name.startswith("r4")
    assert rows["late"][1]["macs"] == 64 * 9 * (8 + 16 + 16) + 16 * 9 * 16 + 12
    assert rows["late"][1]["feature_maps"] == 4 * (3 * 64 + 16 + 16 + 4)
    assert rows["late"][1]["largest_feature_map"] == 256
    assert rows["early"][1]["macs"] < rows["even"][1]["macs"] < rows["late"][1]["macs"]
    assert sizes(network.model, "c3") == [4]  # it stays as it was


def test_even_is_in_the_middle_of_equal_parts():
    found = places.find(plain((1, 2), 6))
    assert [found.placed(name) for name in ("early", "even", "late")] == [(0, 1), (1, 4), (4, 5)]


def test_strides_move_through_branches_that_can_take_them():
    model = residual()
    found = places.find(model)
    assert [place.names[0] for place in found.places] == ["c0", "k1_c1", "k2_c1", "k3_c1", "k4_c1"]
    assert [step.layers for step in found.steps] == [("k2_c1", "k2_s"), ("k4_c1", "k4_s")]  # "all" makes one position
    assert found.able() == [0, 1, 2, 4]
    options = OPTIONS(at=["k1_s", "k2_c2"], epochs=0, resources=False)
    changed, _ = downsample.apply(Network(model), DATA, options, CONTEXT)
    assert sizes(changed.model, "c0", "k1_add", "k2_add", "k3_add", "k4_add") == [8, 4, 2, 2, 2]
    assert changed.model.get_layer("k1_s").strides == (2, 2)
    assert changed.model.get_layer("k4_s").strides == (1, 1)
    assert [each.shape for each in downsample.outline(options, model).weights] == [each.shape for each in model.weights]


def test_a_residual_whose_branches_would_no_longer_match_is_refused():
    assert errors(residual(), at=["c0", "k3_c1"]) == [
        'p.at: expected a place for the strides of "k4_c1", got "k3_c1": the branch straight to "k3_add" would no '
        "longer match the others"
    ]
    inputs = keras.Input((8, 8, 2), name="inputs")
    x = L.Conv2D(4, 3, padding="same", name="c1")(inputs)
    ways = [L.Conv2D(4, 3, 2, padding=padding, name=f"w_{padding}")(x) for padding in ("same", "valid")]
    ways[1] = L.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(ways[1])
    x = L.Conv2D(4, 3, name="c2")(L.Add(name="add")(ways))
    model = keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))
    assert errors(model, placement="early") == ['p: expected branches that match at "add", got maps of 4x4 and 3x3']


def test_poolings_go_between_fire_modules():
    model = fire()
    found = places.find(model)
    assert [(place.names[0], place.end) for place in found.places] == [("c1", "r1"), ("e2_3", "p2"), ("e3_3", "j3")]
    for placement, expected in (("early", [4, 4]), ("late", [8, 8])):
        made = downsample.outline(OPTIONS(placement=placement), model)
        assert sizes(made, "s2", "s3") == expected
    assert errors(model, at=["s3"]) == [
        'p.at: expected convolutions where a downsampling can be, got "s3": known are c1, e2_1, e2_3, e3_1, e3_3'
    ]


def test_a_map_of_size_zero_is_refused():
    model = plain((3,), 4, "valid", size=13)
    assert errors(model, placement="late") == []
    assert errors(plain((3, 4), 4, "valid", size=18), placement="early") == [
        'p: expected maps of at least 3x3 before "c4", as nothing is left of smaller ones, got 1x1'
    ]


def test_dense_layers_with_weights_for_each_position_are_refused():
    model = plain((3,), 4, "valid", L.Flatten(name="flat"), size=16)
    assert errors(model, placement="early") == [
        'p: expected maps of the size for which "output" has weights, of shape 36x3, got maps for 4x3: put '
        "replace_dense before, whose average takes maps of any size, or use padding same"
    ]
    same = plain((3,), 4, "same", L.Flatten(name="flat"))
    assert errors(same, placement="early") == []


def test_nothing_to_move_and_too_few_places():
    assert errors(plain(()), placement="late") == [
        "p: expected a network with strides or poolings behind convolutions to move, got none"
    ]
    x = inputs = keras.Input((8, 8, 2), name="inputs")
    x = L.MaxPooling2D(name="p1")(L.Conv2D(4, 3, 2, padding="same", name="c1")(x))
    model = keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))
    assert errors(model, placement="late") == ["p: expected at least 2 places for c1, p1, got 1: c1"]
    assert errors(plain((1, 2), 2), placement="auto", macs=1.0) == [
        "p: expected a network with more places than downsamplings for auto to choose, got as many"
    ]
    assert errors(plain(), at=["c1", "c3"]) == ["p.at: expected 1 convolutions, for p2, got 2"]
    assert errors(plain((1, 2)), at=["c3", "c1"]) == [
        "p.at: expected convolutions in the order of the network, got c3, c1"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected placement or at, got none of them"),
        ({"placement": "late", "at": ["c1"]}, "expected placement or at, got both"),
        ({"placement": "auto"}, "expected macs, feature_maps or max_accuracy_drop as the budget of placement auto"),
        ({"placement": "late", "macs": 1.0}, "expected placement auto for macs, feature_maps and max_accuracy_drop"),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(ValidationError, match=message):
        OPTIONS(**options)


@pytest.fixture
def accuracies(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Accuracies as the tests set them, by the place of the pooling."""
    found: dict[str, float] = {}

    def evaluate(model: Any, part: Part) -> float:
        return found[model.get_layer("p2").input.name.split("/")[0]]

    monkeypatch.setattr(training, "evaluate", evaluate)
    return found


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"macs": 9.0}, ["late"]),  # the most accurate
        ({"macs": 1.0}, ["present"]),
        ({"max_accuracy_drop": 0.1}, ["present"]),  # the fewest multiplications
        ({"max_accuracy_drop": 0.4}, ["early"]),
        ({"max_accuracy_drop": 0.4, "feature_maps": 0.9}, ["early"]),
    ],
)
def test_auto_chooses_under_a_budget(accuracies, budget, expected):
    accuracies |= {"r1": 0.5, "r2": 0.8, "r3": 0.85, "r4": 0.9}
    network = Network(plain((2,), 4))
    changed, told = downsample.apply(
        network, DATA, OPTIONS(placement="auto", **budget, epochs=0, resources=False), CONTEXT
    )
    assert [row["placement"] for row in told["placements"]] == [["present"], ["early"], ["even"], ["late"]]
    assert told["chosen"] == expected
    assert channel_cut.size(changed.model) == told["after"]


def test_no_placement_within_the_budget(accuracies):
    accuracies |= {"r1": 0.5, "r2": 0.8, "r3": 0.85, "r4": 0.9}
    options = OPTIONS(placement="auto", macs=0.01, epochs=0, resources=False)
    with pytest.raises(
        CheckFailed, match=r"expected a placement within the budget, got present \(1 of the multiplications"
    ):
        downsample.apply(Network(plain((2,), 4)), DATA, options, CONTEXT)


def test_auto_needs_validation_samples():
    dataset = replace(DATA, validation=Part(DATA.validation.x[:0], DATA.validation.y[:0]))
    with pytest.raises(FieldError) as error:
        downsample.apply(Network(plain()), dataset, OPTIONS(placement="auto", macs=1.0), CONTEXT)
    assert error.value.path == ("data", "split", "validation")
    options = OPTIONS(placement="late", epochs=0, resources=False)
    _, told = downsample.apply(Network(plain()), dataset, options, CONTEXT)
    assert told["placements"][1]["accuracy"] is None


def test_a_killed_auto_goes_on_with_its_placement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seed_everything(1)
    network = Network(plain((1,), 2))
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    options = OPTIONS(placement="auto", max_accuracy_drop=0.5, epochs=1, resources=False)
    whole, details = downsample.apply(network, DATA, options, context)
    for left in tmp_path.iterdir():
        shutil.rmtree(left)
    calls, retrain = [], trials.retrain

    def killed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return retrain(*arguments)

    monkeypatch.setattr(trials, "retrain", killed)
    with pytest.raises(KeyboardInterrupt):
        downsample.apply(network, DATA, options, context)
    again, told = downsample.apply(network, DATA, options, context)
    assert len(calls) == len(details["placements"]) + 1
    assert told["placements"] == details["placements"]
    assert told["chosen"] == details["chosen"]
    for one, other in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_promises_and_types_go_along():
    seed_everything(1)
    network = Network(plain((1,), 2))
    pruned, _ = compress.apply(
        "prune", network, DATA, prune.Options(sparsity=0.5, method="one_shot", epochs=0), CONTEXT
    )
    quantized, _ = compress.apply("quantize", pruned, DATA, quantize.Options(epochs=0), CONTEXT)
    moved, report = compress.apply("downsample", quantized, DATA, OPTIONS(placement="late", epochs=1), CONTEXT)
    assert sizes(moved.model, "c2", "p1") == [8, 4]
    assert len(moved.promises) == len(pruned.promises)
    before, after = (row["resources"] for row in report.details["placements"])
    assert before["lut"] > 0
    assert before["latency_cycles"] >= 64
    assert before["feature_map_bytes"] == 4 * (64 + 16 + 16) * 6 // 8  # of r1, p1 and r2
    assert after["feature_map_bytes"] > before["feature_map_bytes"]


def test_resources_that_can_not_be_estimated_say_why():
    model = plain()
    assert measures.resources(model, DATA, replace(CONTEXT, precision=None)) == {"reason": "the spec says no types"}
    other = replace(CONTEXT, hls=Hls.model_validate({"layers": {"c9": {"reuse_factor": 2}}}))
    assert "expected a pattern that matches a layer with weights" in measures.resources(model, DATA, other)["reason"]


def test_sequential_and_nested_models():
    inner = keras.Sequential(
        [
            L.Conv2D(4, 3, padding="same", name="c1"),
            L.MaxPooling2D(name="p1"),
            L.Conv2D(4, 3, padding="same", name="c2"),
        ],
        name="body",
    )
    inner.build((None, 8, 8, 2))
    model = keras.Sequential([keras.Input((8, 8, 2)), inner, L.GlobalAveragePooling2D(), L.Dense(3, name="output")])
    options = OPTIONS(placement="late", epochs=0, resources=False)
    made, told = downsample.apply(Network(model), DATA, options, CONTEXT)
    assert sizes(made.model, "body_c2", "body_p1") == [8, 4]
    assert told["placements"][1]["at"] == {"body_p1": "body_c2"}


def test_layers_that_are_used_twice_stay():
    x = inputs = keras.Input((8, 8, 2), name="inputs")
    relu, pool = L.ReLU(name="r"), L.MaxPooling2D(name="p")
    x = pool(relu(L.Conv2D(4, 3, padding="same", name="c1")(x)))
    x = relu(L.Conv2D(4, 3, 2, padding="same", name="c2")(pool(x)))
    found = places.find(keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x))))
    assert [step.layers for step in found.steps] == [("c2",)]
    assert [place.end for place in found.places] == ["c1", "c2"]
    assert choices.at(found, (0,)) == {"c2": "c1"}
    same, x = L.Conv2D(2, 3, padding="same", name="c1"), inputs
    x = L.Conv2D(4, 3, 2, name="c2")(same(same(x)))
    found = places.find(keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x))))
    assert [place.names for place in found.places] == [("c2",)]
