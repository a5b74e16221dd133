"""`low_rank`: networks get smaller and stay accurate, on any Keras model; what is left is told, and down to C++ it is
exact.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import compress, flow, training
from fpga_flow.compress import low_rank, prune, rounds
from fpga_flow.compress.base import Context
from fpga_flow.datasets.base import Part
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import rebuild
from fpga_flow.networks.network import Network
from fpga_flow.spec.base import Training
from fpga_flow.spec.check import check_all
from fpga_flow.spec.load import load
from tests.conftest import blobs

L = keras.layers
DATA = blobs(600, (8, 8, 4))
CONTEXT = Context(Training(epochs=4, batch_size=32, learning_rate=0.005), None, seed=1)
OPTIONS = low_rank.Options


def cnn() -> Any:
    inputs = keras.Input((8, 8, 4), name="inputs")
    x = L.Conv2D(12, 3, padding="same", activation="relu", name="c1")(inputs)
    x = L.Activation("relu", name="a2")(L.BatchNormalization(name="b2")(L.Conv2D(16, 3, 2, name="c2")(x)))
    x = L.Dense(24, activation="relu", name="d1")(L.Flatten(name="flat")(x))
    return keras.Model(inputs, L.Dense(3, name="output")(x))


@pytest.fixture(scope="module")
def network() -> Network:
    seed_everything(1)
    model = cnn()
    training.fit(model, DATA, CONTEXT.training, seed=1)
    return Network(model)


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers if layer.name[0] in "cdo"]


def shapes(model: Any) -> list[Any]:
    return [(weight.name, weight.shape) for weight in model.weights]


def test_ranks_as_given(network):
    layers = {"c*": {"rank": [3, 4]}, "c1": {"rank": 6, "method": "cp"}, "d1": {"rank": 5}}
    options = OPTIONS(layers=layers, epochs=6)
    made, report = compress.apply("low_rank", network, DATA, options, CONTEXT)
    assert " ".join(names(made.model)) == "c1_in c1_rows c1_columns c1 c2_in c2_core c2 d1_in d1 output"
    assert report.accuracy_after > 0.8
    told = report.details
    assert told["factored"]["d1"]["ranks"] == [5]
    assert told["factored"]["d1"]["parameters"] == {"before": 144 * 24, "after": 5 * (144 + 24)}
    assert told["factored"]["c2"]["macs"] == {
        "before": 9 * 9 * 12 * 16, "after": 64 * 12 * 3 + 9 * (9 * 3 * 4 + 4 * 16)
    }  # fmt: skip
    assert told["left"] == {"output": "no rank is given for it"}
    assert told["before"]["parameters"] == network.model.count_params()
    assert told["after"]["parameters"] == made.model.count_params() < told["before"]["parameters"]
    assert [row["epoch"] for row in told["history"]] == [1, 2, 3, 4, 5, 6]
    outlined = low_rank.outline(options, network.model)
    assert names(outlined) == names(made.model)
    assert shapes(outlined) == shapes(made.model)
    assert names(network.model) == ["c1", "c2", "d1", "output"]  # it stays as it was


@pytest.mark.parametrize("method", ["svd", "tucker", "cp"])
def test_energy(network, method):
    seen = {}
    for energy in (0.5, 0.9):
        options = OPTIONS(method=method, energy=energy, epochs=0)
        made, told = low_rank.apply(network, DATA, options, CONTEXT)
        for each in told["factored"].values():
            assert each["error"] ** 2 <= 1 - energy + (0.02 if each["method"] == "cp" else 1e-6)
            assert each["parameters"]["after"] < each["parameters"]["before"]
            assert each["macs"]["after"] < each["macs"]["before"]
        seen[energy] = made.model.count_params()
        assert low_rank.outline(options, network.model) is None
        assert set(names(made.model)) <= set(names(low_rank.sketch(options, network.model)))
    assert seen[0.5] < seen[0.9] <= network.model.count_params()


def test_so_many_multiplications_are_left(network):
    for share in (0.6, 0.3):
        _, told = low_rank.apply(network, DATA, OPTIONS(macs=share, epochs=0), CONTEXT)
        assert 0.9 * share < told["after"]["macs"] / told["before"]["macs"] <= share


def test_given_ranks_count_among_the_multiplications(network):
    options = OPTIONS(
        macs=0.4, layers={"c1": {"rank": [2, 2]}, "c2": {"method": "svd"}, "d*": {"method": "none"}}, epochs=0
    )
    _, told = low_rank.apply(network, DATA, options, CONTEXT)
    assert told["factored"]["c1"]["ranks"] == [2, 2]
    assert told["factored"]["c2"]["method"] == "svd"
    assert told["after"]["macs"] <= 0.4 * told["before"]["macs"]
    assert told["left"]["d1"] == "the options leave it out"


def test_vbmf(network):
    """Where the weights have ranks with a little noise on them."""
    model = rebuild.copy_model(network.model)
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(144, 3)) @ rng.normal(size=(3, 24))
    model.get_layer("d1").kernel.assign(kernel + 0.05 * rng.normal(size=kernel.shape))
    made, told = low_rank.apply(Network(model), DATA, OPTIONS(vbmf=True, epochs=0), CONTEXT)
    assert told["factored"]["d1"]["ranks"] == [3]
    assert made.model.get_layer("d1_in").units == 3


def test_it_goes_on_until_accuracy_is_spent(network):
    options = OPTIONS(max_accuracy_drop=0.01, steps=3, epochs=1)
    made, report = compress.apply("low_rank", network, DATA, options, CONTEXT)
    start = training.evaluate(network.model, DATA.validation)
    told = report.details["rounds"]
    for each in told:
        assert each["kept"] == (each["accuracy"] >= start - 0.01 - 1e-9)
    kept = [each for each in told if each["kept"]]
    assert kept[-1]["macs"] == report.details["after"]["macs"] < 0.5 * report.details["before"]["macs"]
    assert training.evaluate(made.model, DATA.validation) == kept[-1]["accuracy"]
    assert report.details["factored"] == kept[-1]["factored"]


def test_a_killed_pass_goes_on_with_its_round(network, tmp_path, monkeypatch):
    options = OPTIONS(max_accuracy_drop=0.9, steps=2, epochs=1)
    whole, told = low_rank.apply(network, DATA, options, CONTEXT)
    assert len(told["rounds"]) == 2
    retrain, calls = rounds.retrain, []

    def killed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return retrain(*arguments)

    monkeypatch.setattr(rounds, "retrain", killed)
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    with pytest.raises(KeyboardInterrupt):
        low_rank.apply(network, DATA, options, context)
    again, details = low_rank.apply(network, DATA, options, context)
    assert len(calls) == 3
    strip = [{key: value for key, value in row.items() if key != "seconds"} for row in details["history"]]
    assert strip == [{key: value for key, value in row.items() if key != "seconds"} for row in told["history"]]
    assert {**details, "history": []} == {**told, "history": []}
    for one, other in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_accuracy_needs_validation_samples(network):
    dataset = replace(DATA, validation=Part(DATA.validation.x[:0], DATA.validation.y[:0]))
    with pytest.raises(FieldError) as error:
        low_rank.apply(network, dataset, OPTIONS(max_accuracy_drop=0.1), CONTEXT)
    assert error.value.path == ("data", "split", "validation")


def test_layers_without_a_method_are_left_and_listed():
    inputs = keras.Input((8, 8, 4))
    x = L.Conv2D(16, 3, groups=2, name="grouped")(inputs)
    x = L.DepthwiseConv2D(3, name="depthwise")(x)
    x = L.Conv2D(16, 3, kernel_constraint="max_norm", padding="same", name="constrained")(x)
    x = L.Conv2D(1, 1, name="small")(x)
    x = qkeras.QDense(8, "quantized_bits(6,0,alpha=1)", "quantized_bits(6,0,alpha=1)", name="quantized")(L.Flatten()(x))
    model = keras.Model(inputs, L.Dense(16, name="big")(L.Dense(16, name="twice")(x)))
    options = OPTIONS(layers={"big": {"rank": 2}, "twice": {"rank": 8}}, epochs=0)
    _, told = low_rank.apply(Network(model), DATA, options, CONTEXT)
    assert told["left"] == {
        "grouped": "its channels are in 2 groups",
        "depthwise": "there is no method for DepthwiseConv2D",
        "constrained": "its weights have the constraint MaxNorm",
        "small": "no rank is given for it",
        "quantized": "it is quantized already",
        "twice": "rank 8 would not make it smaller",
    }
    assert list(told["factored"]) == ["big"]
    _, told = low_rank.apply(Network(model), DATA, OPTIONS(energy=0.999, epochs=0), CONTEXT)
    assert told["left"]["small"] == "no rank makes it smaller"
    assert told["left"]["big"] == "no rank that makes it smaller keeps so much energy"


def test_any_graph():
    """Nested models, a layer used twice (once in the nested one), names that are taken, a regularizer."""
    shared = L.Dense(16, activation="relu", kernel_regularizer="l2", name="shared")
    inner_in = keras.Input((16,))
    inner = keras.Model(inner_in, L.Dense(16, name="deep")(inner_in), name="inner")
    inputs = keras.Input((16,))
    x = L.Dense(16, name="shared_in")(shared(inputs))
    x = shared(L.Add()([inner(x), x]))
    model = keras.Model(inputs, L.Dense(3, name="output")(x))
    layers = {"shared": {"rank": 3}, "inner_deep": {"rank": 4}}
    made, told = low_rank.apply(Network(model), blobs(60, (16,)), OPTIONS(layers=layers, epochs=0), CONTEXT)
    assert told["factored"]["shared"]["layers"] == ["shared_in_2", "shared"]
    assert told["factored"]["shared"]["macs"] == {"before": 2 * 256, "after": 2 * 3 * 32}
    assert told["factored"]["inner_deep"]["layers"] == ["inner_deep_in", "inner_deep"]
    assert len(made.model.get_layer("shared_in_2").inbound_nodes) == 2
    assert made.model.get_layer("shared_in_2").kernel_regularizer is not None
    assert made.model(np.zeros((1, 16), np.float32)).shape == (1, 3)


def test_a_sequential_model_stays_a_network(tmp_path):
    seed_everything(1)
    model = keras.Sequential([L.Conv1D(16, 5, input_shape=(20, 8), name="c"), L.Flatten(), L.Dense(3, name="output")])
    data = blobs(300, (20, 8))
    options = OPTIONS(layers={"c": {"rank": 6, "method": "cp"}}, epochs=8)
    made, report = compress.apply("low_rank", Network(model), data, options, CONTEXT)
    assert report.accuracy_after > 0.8
    made.save(tmp_path)
    loaded = Network.load(tmp_path)
    np.testing.assert_array_equal(loaded.model(data.test.x), made.model(data.test.x))


def test_what_was_promised_must_come_later(network):
    pruned, _ = prune.apply(network, DATA, prune.Options(sparsity=0.5, method="one_shot", epochs=0), CONTEXT)
    with pytest.raises(FieldError, match='got "c1": put it before prune'):
        low_rank.apply(pruned, DATA, OPTIONS(energy=0.5, epochs=0), CONTEXT)
    only = OPTIONS(layers={"c1": {"rank": [2, 2]}}, epochs=0)
    kept = Network(pruned.model, tuple(each for each in pruned.promises if each.layer == "output"))
    made, _ = compress.apply("low_rank", kept, DATA, only, CONTEXT)
    assert made.promises == kept.promises
    assert not made.broken_promises()


def test_ranks_are_checked_again_when_earlier_passes_have_changed_shapes(network):
    options = OPTIONS(layers={"d1": {"rank": 25}}, epochs=0)
    with pytest.raises(FieldError, match='expected at most rank 24 for "d1"'):
        low_rank.apply(network, DATA, options, CONTEXT)
    with pytest.raises(FieldError, match="what is left with the smallest ranks, got"):
        low_rank.apply(network, DATA, OPTIONS(macs=0.001, epochs=0), CONTEXT)


SPEC = """\
name: factored
data: {name: digits, scale: 16, train_samples: 600}
network: {family: cnn, conv: [{filters: 8, padding: same}, {filters: 12, strides: 2}], hidden: [16]}
training: {epochs: 3}
compress:
  - low_rank: {layers: {conv_2: {rank: RANK, method: METHOD}, dense_1: {rank: 5}}, epochs: 1}
  - prune: {sparsity: 0.3, epochs: 1}
  - quantize: {epochs: 1}
  - cluster: {clusters: 12, epochs: 1}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,auto>", bias: "fixed<8,2>", activation: "ufixed<8,4>", RESULT}
    conv_2_in: {weight: "fixed<7,auto>"}
hls: {io_type: STREAM}
csim: {samples: 40}
"""


def run(folder: Path, method: str, rank: str, io_type: str, result: str = "") -> Any:
    """The record of a flow with factored layers."""
    text = SPEC.replace("METHOD", method).replace("RANK", rank).replace("STREAM", io_type).replace("RESULT", result)
    (folder / "spec.yaml").write_text(text)
    return flow.run(load(folder / "spec.yaml"), folder / "runs").record


@pytest.mark.slow
@pytest.mark.parametrize("io_type", ["io_stream", "io_parallel"])
@pytest.mark.parametrize(("method", "rank"), [("svd", "4"), ("tucker", "[3, 4]"), ("cp", "6")])
def test_factors_go_down_to_exact_code(tmp_path, method, rank, io_type):
    record = run(tmp_path, method, rank, io_type)
    assert record["csim"]["mismatches"] == 0
    layers = {layer["name"]: layer for layer in record["layers"]}
    assert layers["conv_2_in"]["weight_type"].startswith("fixed<7,")
    assert {"conv_2", "dense_1_in", "dense_1"} <= set(layers)
    assert record["passes"][0]["left"] == {"conv_1": "no rank is given for it", "output": "no rank is given for it"}


@pytest.mark.slow
def test_sums_between_factors_may_be_rounded(tmp_path):
    record = run(tmp_path, "cp", "6", "io_stream", 'result: "fixed<9,auto>"')
    assert record["csim"]["mismatches"] == 0
    types = next(each["types"] for each in record["passes"] if each["name"] == "quantize")["layers"]
    between = ["conv_2_in", "conv_2_rows", "conv_2_columns", "dense_1_in"]
    assert [name for name in types if "result" in types[name]] == between
    results = {each["name"]: each["result_type"] for each in record["layers"]}
    assert [results[f"{name}_result"] for name in between] == [types[name]["result"] for name in between]
    assert all(types[name]["result"].startswith("fixed<9,") for name in between)


def test_names_of_factors_are_known_to_the_checks(tmp_path):
    text = (
        SPEC.replace("rank: RANK, method", "method")
        .replace("METHOD", "cp")
        .replace("layers: {", "energy: 0.5, layers: {", 1)
    )
    text = text.replace("RESULT", "").replace("STREAM", "io_stream").replace("conv_2_in:", "conv_2_rows:")
    (tmp_path / "spec.yaml").write_text(text)
    assert not check_all([str(tmp_path / "spec.yaml")])[1]
    (tmp_path / "spec.yaml").write_text(text.replace("conv_2_rows", "conv_2_core"))
    _, problems = check_all([str(tmp_path / "spec.yaml")])
    assert [each.field for each in problems] == ["precision.layers.conv_2_core"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["svd", "tucker"])
def test_vgg16_at_full_size(method):
    """138 million weights, the largest matrix 25088 x 4096: minutes, and a few times the network's memory."""
    model = keras.applications.VGG16(weights=None, classifier_activation=None)
    data = blobs(8, (224, 224, 3), classes=1000)
    started = time.monotonic()
    made, told = low_rank.apply(Network(model), data, OPTIONS(method=method, macs=0.4, epochs=0), CONTEXT)
    assert time.monotonic() - started < 900
    assert told["after"]["macs"] <= 0.4 * told["before"]["macs"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8e6
    assert len(told["factored"]) > 8
    assert made.model.count_params() == told["after"]["parameters"]
