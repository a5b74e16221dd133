"""Widths found by an accuracy budget: within it, the same each time, and the fewer bits the larger it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import quantize
from fpga_flow.compress.base import Context
from fpga_flow.compress.quantize import widths
from fpga_flow.compress.quantize.widths import _cost, narrower
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.number_types import parse
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.conftest import blobs

L = keras.layers
TRAINING = Training(epochs=15, batch_size=16, learning_rate=0.01)
DATA = blobs(400, classes=4)


@pytest.fixture(scope="module")
def network() -> Network:
    seed_everything(1)
    inputs = keras.Input((8,), name="inputs")
    x = L.Dense(6, activation="relu", name="small")(L.Dense(24, activation="relu", name="large")(inputs))
    model = keras.Model(inputs, L.Dense(4, name="out")(x))
    training.fit(model, DATA, TRAINING, seed=1)
    return Network(model)


def search(network, drop, data=DATA, epochs=0, weight="fixed<8,auto>", checkpoint=None, **options):
    types = {"weight": weight, "bias": "fixed<8,auto>", "activation": "ufixed<8,auto>"}
    precision = Precision.model_validate({"input": "ufixed<8,auto>", "layers": {"*": types}})
    given = {"epochs": epochs, "learning_rate": 0.005, "widths": {"max_accuracy_drop": drop, **options}}
    context = Context(TRAINING, precision, seed=1, checkpoint=checkpoint)
    after, report = compress.apply("quantize", network, data, quantize.Options.model_validate(given), context)
    layers = report.details["types"]["layers"]
    bits = {name: parse(layers[name]["weight"], weight=True).width for name in ("large", "small", "out")}
    return after, report.details["widths"], bits


def total(network, bits):
    return sum(network.model.get_layer(name).kernel.numpy().size * width for name, width in bits.items())


def test_without_training_it_stops_at_the_budget(network):
    sizes = []
    for drop in (0.0, 0.2):
        after, told, bits = search(network, drop)
        assert told["within"]
        assert told["accuracy"] >= told["floor"] == told["accuracy_before"] - drop
        assert told["accuracy"] == training.evaluate(after.model, DATA.validation)
        assert all(step["accuracy"] >= told["floor"] for each in told["rounds"] for step in each["steps"])
        sizes.append(total(network, bits))
    assert 8 * total(network, dict.fromkeys(bits, 1)) > sizes[0] > sizes[1]


@pytest.fixture(scope="module")
def straight(network):
    """A search in rounds, with training, that nothing interrupts."""
    return search(network, 0.03, epochs=3, rounds=2)


def test_training_wins_back_what_the_next_round_spends(straight):
    _, told, _ = straight
    assert told["within"]
    assert [each["kept"] for each in told["rounds"]] == [True, True]
    assert all(each["steps"] for each in told["rounds"])


@pytest.mark.parametrize("stop_at", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_killed_search_goes_on_to_the_same_end(tmp_path, network, straight, stop_at, monkeypatch):
    options = {"epochs": 3, "rounds": 2, "checkpoint": tmp_path / "checkpoint.npz"}
    uninterrupted, expected, _ = straight
    trainings = []
    original = widths.retrain

    def stopped(made, dataset, options, context):
        if options.epochs:
            trainings.append(context.checkpoint.name)
            if len(trainings) == stop_at + 1:
                raise KeyboardInterrupt
        return original(made, dataset, options, context)

    monkeypatch.setattr(widths, "retrain", stopped)
    with pytest.raises(KeyboardInterrupt):
        search(network, 0.03, **options)
    after, told, _ = search(network, 0.03, **options)
    assert len(trainings) == len(set(trainings)) + 1  # the one that was stopped is done again, no other
    assert told == expected
    for ours, theirs in zip(uninterrupted.model.get_weights(), after.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    search(network, 0.03, **options)
    assert len(trainings) == len(set(trainings)) + 1  # what is done is not done again until the stage is finished


def test_the_steps_lead_to_the_types(network):
    _, told, bits = search(network, 0.05, rounds=1)
    found = dict.fromkeys(bits, 8)
    for step in told["rounds"][0]["steps"]:
        found[step["layer"]] -= 1
        assert step["weight"] == f"fixed<{found[step['layer']]},auto>"
    assert found == bits


def test_no_weight_gets_fewer_bits_than_asked_for(network):
    _, _, bits = search(network, 0.9, least=5)
    assert bits == {"large": 5, "small": 5, "out": 5}
    _, _, bits = search(network, 0.9, weight="po2<4>")
    assert bits == {"large": 2, "small": 2, "out": 2}


def test_beyond_the_budget_from_the_start_nothing_is_narrowed(network):
    _, told, bits = search(network, 0.0, weight="fixed<3,-4>")  # far too small: all weights saturate
    assert not told["within"]
    assert told["rounds"] == []
    assert bits == {"large": 3, "small": 3, "out": 3}


def test_where_nothing_can_be_narrowed_it_is_trained_all_the_same(network):
    untrained, _, _ = search(network, 0.05, least=8)
    trained, told, bits = search(network, 0.05, least=8, epochs=2)
    assert (told["rounds"], bits) == ([], {"large": 8, "small": 8, "out": 8})
    kernels = [each.model.get_layer("large").kernel.numpy() for each in (untrained, trained)]
    assert not np.array_equal(*kernels)


def test_it_needs_validation_samples(network):
    none = dataclasses.replace(DATA, validation=dataclasses.replace(DATA.validation, x=DATA.validation.x[:0]))
    with pytest.raises(ValueError, match="expected validation samples"):
        search(network, 0.1, data=none)


def test_what_a_bit_of_each_weight_costs():
    inputs = keras.Input((6, 6, 2))
    layer = L.Conv2D(4, 3)
    layer(inputs)
    assert _cost(layer, "parameters") == 3 * 3 * 2 * 4
    assert _cost(layer, "macs") == 3 * 3 * 2 * 4 * 4 * 4
    shared = L.Dense(3)
    shared(shared(keras.Input((3,))))
    assert (_cost(shared, "parameters"), _cost(shared, "macs")) == (9, 18)


def test_narrower_types():
    assert str(narrower(parse("fixed<4,-1>"), 2)) == "fixed<3,-1>"
    assert str(narrower(parse("ufixed<4,auto>"), 2)) == "ufixed<3,auto>"
    assert str(narrower(parse("po2<3>", weight=True), 2)) == "po2<2>"
    for text in ("fixed<2,1>", "po2<2>", "binary", "ternary"):
        assert narrower(parse(text, weight=True), 2) is None
