"""What the probe tells of a point is what quantizing the network into its types, and estimating that, gives."""

from __future__ import annotations

import dataclasses
import math

import pytest

from fpga_flow import training
from fpga_flow.compress.quantize import calibration
from fpga_flow.datasets.base import Part
from fpga_flow.errors import InputError
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.networks.quantized import quantize_model
from fpga_flow.number_types import parse
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import FlowSpec
from fpga_flow.sweep.descend import widest
from fpga_flow.sweep.probe import Probe, of_width, resources_of, unquantized
from fpga_flow.sweep.result import Parameter
from tests.conftest import blobs

pytestmark = pytest.mark.usefixtures("plain_graphs")

L = keras.layers
DATA = blobs(400, shape=(6, 6, 1), classes=4)
#: A parameter for each key of each kind of layer, and values for it.
PARAMETERS = tuple(
    Parameter(name, (name,), values)
    for name, values in {
        "input": (3, 8),
        "conv.weight": (2, 8),
        "conv.activation": (2, 8),
        "first.weight": (3, 8),
        "first.result": (6, 12),
        "second.bias": (4, 8),
        "second.activation": (4, 8),
        "second_tanh.input": (6, 8),
        "out.weight": (2, 8),
    }.items()
)
BASE = widest(PARAMETERS)


@pytest.fixture(scope="module")
def network() -> Network:
    """A convolution with a ReLU, dense layers whose sums are rounded, a function that is looked up."""
    seed_everything(1)
    inputs = keras.Input((6, 6, 1), name="inputs")
    x = L.Flatten()(L.Conv2D(3, 3, activation="relu", name="conv")(inputs))
    x = L.Activation("tanh", name="second_tanh")(L.Dense(5, name="second")(L.Dense(7, name="first")(x)))
    model = keras.Model(inputs, L.Dense(4, name="out")(x))
    training.fit(model, DATA, Training(epochs=4, batch_size=16, learning_rate=0.01), seed=1)
    return Network(model)


def spec_of(values, **hls) -> FlowSpec:
    """The spec of a point."""
    types = {
        "*": {"weight": "fixed<6,auto>", "bias": "fixed<8,auto>", "activation": "ufixed<8,auto>"},
        "second": {"activation": f"fixed<{values['second.activation']},auto>"},
        "second_tanh": {"input": f"fixed<{values['second_tanh.input']},auto>"},
        "first": {"result": f"fixed<{values['first.result']},auto>"},
        "conv": {"activation": f"ufixed<{values['conv.activation']},auto>"},
        "out": {},
    }
    for name in ("conv", "first", "out"):
        types[name]["weight"] = f"fixed<{values[f'{name}.weight']},auto>"
    types["second"]["bias"] = f"fixed<{values['second.bias']},auto>"
    document = {
        "name": "probed",
        "data": {"name": "digits"},
        "network": {"family": "mlp", "hidden": [4]},
        "compress": [{"quantize": {"epochs": 0}}],
        "precision": {"input": f"ufixed<{values['input']},auto>", "layers": types},
        "hls": {"board": "zcu102", **hls},
    }
    return FlowSpec.model_validate(document)


@pytest.fixture(scope="module")
def probe(network) -> Probe:
    return Probe(network, DATA, spec_of, samples=60)


@pytest.mark.parametrize("narrowed", [lambda number: True, lambda number: number % 2])
def test_a_point_is_what_quantizing_the_network_gives(network, probe, narrowed):
    values = {
        each.name: min(each.values) if narrowed(number) else max(each.values) for number, each in enumerate(PARAMETERS)
    }
    probe.loss(BASE)  # the types are changed from these
    part = Part(DATA.validation.x[:60], DATA.validation.y[:60])
    model = quantize_model(network.model, spec_of(values).precision, calibration(DATA))
    logits = model(part.x, training=False).numpy()
    loss, accuracy = probe.loss(values)
    assert loss == pytest.approx(float(training.cross_entropy(part.y)(part.y, logits)), rel=1e-6)
    assert accuracy == training.accuracy(logits, part.y)
    assert probe.resources(values) == resources_of(model, spec_of(values))
    assert probe.resources(values)["lut"] < probe.resources(BASE)["lut"]


def test_sensitivities_are_the_changes_of_single_values(probe):
    found = probe.sensitivities(BASE, PARAMETERS[:2])
    assert [(each.parameter, each.value) for each in found] == [
        ("input", 3), ("input", 8), ("conv.weight", 2), ("conv.weight", 8),
    ]  # fmt: skip
    before, after = probe.loss(BASE), probe.loss({**BASE, "conv.weight": 2})
    lut = probe.resources({**BASE, "conv.weight": 2})["lut"] - probe.resources(BASE)["lut"]
    assert found[2].change["loss"] == after[0] - before[0]
    assert found[2].change["accuracy"] == after[1] - before[1]
    assert found[2].change["lut"] == lut < 0
    assert set(found[1].change.values()) == set(found[3].change.values()) == {0.0}


def test_types_that_the_network_can_not_have_cost_all_there_is(network):
    def wide(values) -> FlowSpec:
        spec = spec_of(values)
        layers = {**spec.precision.layers, "out": spec.precision.layers["out"].model_copy(update={"bias": _WIDE})}
        impossible = spec.precision.model_copy(update={"layers": layers})
        return spec.model_copy(update={"precision": impossible}) if values["out.weight"] == 2 else spec

    probe = Probe(network, DATA, wide)
    assert math.isinf(probe.resources({**BASE, "out.weight": 2})["lut"])
    assert probe.sensitivities(BASE, PARAMETERS[-1:])[0].change["loss"] is None
    assert probe.resources(BASE)["lut"] > 0


#: A step that is so far below the sums that a double can't hold both.
_WIDE = parse("fixed<24,-30>")


def test_reuse_factors_are_estimated_as_the_spec_has_them(network, probe):
    shared = Probe(network, DATA, lambda values: spec_of(values, strategy="fit"))
    assert shared.resources(BASE)["lut"] > 0
    assert shared.resources(BASE)["ii"] >= probe.resources(BASE)["ii"]


def test_without_validation_samples_nothing_can_be_measured(network):
    data = blobs(3, shape=(6, 6, 1), classes=4)
    empty = dataclasses.replace(data, validation=Part(data.validation.x[:0], data.validation.y[:0]))
    with pytest.raises(ValueError, match="expected validation samples to measure accuracy on, got none"):
        Probe(network, empty, spec_of)


def test_the_network_before_quantization_is_found_in_a_run(network, tmp_path):
    for name in ("1-float", "2-prune", "3-quantize", "4-cluster"):
        (tmp_path / name).mkdir()
    network.save(tmp_path / "2-prune")
    assert [layer.name for layer in unquantized(tmp_path).model.layers] == [
        layer.name for layer in network.model.layers
    ]
    (tmp_path / "3-quantize").rmdir()
    with pytest.raises(InputError, match="expected the folder of a run with a quantize pass, got none"):
        unquantized(tmp_path)


@pytest.mark.parametrize(
    ("written", "width", "expected"),
    [
        ("fixed<6,1>", 6, "fixed<6,1>"),
        ("fixed<6,1>", 3, "fixed<3,auto>"),
        ("ufixed<8,0>", 4, "ufixed<4,auto>"),
        ("fixed<8,auto>", 2, "fixed<2,auto>"),
        ("ternary", 4, "fixed<4,auto>"),
    ],
)
def test_other_widths_have_integer_bits_found_from_data(written, width, expected):
    assert str(of_width(parse(written, weight=True), width)) == expected
