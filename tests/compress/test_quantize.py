"""`quantize`: every weight and activation on the values of the type that its pattern gives."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import quantize
from fpga_flow.compress.base import Context
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks.network import Network, weight_type
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.conftest import blobs

L = keras.layers
TYPES = {"weight": "fixed<6,1>", "bias": "fixed<8,2>", "activation": "ufixed<6,2>"}


def precision(layers, input_type="ufixed<6,1>") -> Precision:
    return Precision.model_validate({"input": input_type, "layers": layers})


def model(*layers, shape=(8,)):
    seed_everything(1)
    inputs = tensor = keras.Input(shape, name="inputs")
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(inputs, tensor)


def mlp():
    return model(
        L.Dense(10, activation="relu", name="d1"), L.Dropout(0.1, name="drop"), L.Dense(6, name="d2"),
        L.ReLU(name="act2"), L.Dense(3, name="out"),
    )  # fmt: skip


def test_layers_keep_their_order_names_and_weights():
    before = mlp()
    after = quantize.quantize_model(before, precision({"*": TYPES}))
    assert [layer.name for layer in after.layers] == [
        "inputs", "inputs_quantized", "d1", "d1_relu", "drop", "d2", "act2", "out",
    ]  # fmt: skip
    for name in ("d1", "d2", "out"):
        assert isinstance(after.get_layer(name), qkeras.QDense)
        for old, new in zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_a_pattern_for_what_earlier_passes_did_not_make_is_refused():
    given = precision({"*": TYPES, "d1_in": {"weight": "fixed<4,1>"}})
    context = Context(Training(epochs=0), given, seed=1)
    options = quantize.Options.model_validate({"epochs": 0})
    with pytest.raises(FieldError) as error:
        compress.apply("quantize", Network(mlp()), blobs(40, classes=3), options, context)
    assert error.value.path == ("precision", "layers", "d1_in")
    assert error.value.message.startswith('expected a pattern that matches a layer with types, got "d1_in": ')


def test_the_most_specific_pattern_wins_key_by_key():
    patterns = {
        "*": TYPES, "d*": {"weight": "fixed<4,1>"}, "d2": {"bias": "fixed<5,1>"}, "d1": {"activation": "ufixed<3,1>"},
    }  # fmt: skip
    after = quantize.quantize_model(mlp(), precision(patterns))
    keys = [(name, key) for name in ("d1", "d2", "out") for key in ("kernel", "bias")]
    types = {(name, key): str(weight_type(after.get_layer(name), key)) for name, key in keys}
    assert types == {
        ("d1", "kernel"): "fixed<4,1>", ("d1", "bias"): "fixed<8,2>",
        ("d2", "kernel"): "fixed<4,1>", ("d2", "bias"): "fixed<5,1>",
        ("out", "kernel"): "fixed<6,1>", ("out", "bias"): "fixed<8,2>",
    }  # fmt: skip
    from fpga_flow.networks import quantizers

    assert quantizers.type_of(after.get_layer("d1_relu").quantizer) == FixedPoint(3, 1, signed=False)  # by d1's name
    assert quantizers.type_of(after.get_layer("act2").quantizer) == FixedPoint(6, 2, signed=False)


def test_retraining_leaves_every_weight_on_its_type_s_values():
    data = blobs()
    network = Network(mlp())
    options = Training(epochs=10, batch_size=16, learning_rate=0.01)
    training.fit(network.model, data, options, seed=1)
    given = precision({"*": {**TYPES, "weight": "fixed<3,1>"}})
    context = Context(options, given, seed=1)
    after, report = compress.apply("quantize", network, data, quantize.Options(epochs=8, learning_rate=0.01), context)
    for name in ("d1", "d2", "out"):
        layer = after.model.get_layer(name)
        assert FixedPoint(3, 1).holds(layer.kernel.numpy())
        assert FixedPoint(8, 2).holds(layer.bias.numpy())
    activations = keras.Model(after.model.inputs, after.model.get_layer("act2").output).predict(data.test.x, verbose=0)
    assert FixedPoint(6, 2, signed=False).holds(activations)
    assert report.accuracy_after > 0.85
    assert len(report.details["history"]) == 8


def test_quantizing_again_replaces_the_types():
    once = quantize.quantize_model(mlp(), precision({"*": TYPES}))
    twice = quantize.quantize_model(once, precision({"*": {**TYPES, "weight": "fixed<3,1>"}}, "fixed<5,2>"))
    assert weight_type(twice.get_layer("d1"), "kernel") == FixedPoint(3, 1)
    assert [layer.name for layer in twice.layers] == [layer.name for layer in once.layers]


def problems(network, layers) -> list[tuple]:
    errors = quantize.check(quantize.Options(), network, precision(layers), ("compress", 0, "quantize"))
    return [(error.path, error.message) for error in errors]


def test_types_that_are_missing_or_of_no_use_are_errors():
    assert problems(mlp(), {"*": TYPES}) == []
    assert problems(mlp(), {"d1": TYPES}) == [
        (("precision", "layers"), 'expected a pattern that gives layer "d2" its type of weight and bias, got none'),
        (("precision", "layers"), 'expected a pattern that gives layer "act2" its type of activation, got none'),
        (("precision", "layers"), 'expected a pattern that gives layer "out" its type of weight and bias, got none'),
    ]
    assert problems(mlp(), {"*": TYPES, "out": {"activation": "ufixed<3,1>"}}) == [
        (("precision", "layers", "out", "activation"), "expected a layer with an activation function, got out")
    ]
    assert problems(mlp(), {"*": TYPES, "act2": {"weight": "fixed<3,1>"}}) == [
        (("precision", "layers", "act2", "weight"), "expected a layer with weights, got act2")
    ]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (L.LayerNormalization(name="n"), 'layer "n" (LayerNormalization) can\'t be quantized: expected a dense, '),
        (L.Dense(3, activation="softmax", name="s"), 'activation "softmax" of layer "s" can\'t be quantized: train on '
         "logits; softmax is computed by the host, or with hls.softmax: true"),
        (L.BatchNormalization(name="b"), 'layer "b" (BatchNormalization) can\'t be folded: it stands behind "inputs" '
         "(InputLayer): put it right behind a dense or convolution layer, before the activation function, or leave it "
         "out"),
        (qkeras.QActivation("quantized_tanh(4)", name="t"), ""),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_quantized_are_named(layer, message):
    found = problems(model(layer), {})
    assert len(found) == (1 if message else 0)  # the input's own quantizer makes way for the new one
    for path, text in found:
        assert path == ("network",)
        assert text.startswith(message)


def test_all_layers_that_cannot_be_quantized_are_named_at_once():
    network = model(
        L.Dense(4, name="d"), qkeras.QActivation("quantized_tanh(4)", name="t"), L.LayerNormalization(name="n")
    )
    first, second = (message for _, message in problems(network, {"*": TYPES}))
    assert first == (
        'layer "t" has a quantizer of its own, quantized_tanh, which no type can replace: leave out the quantize pass, '
        "or the quantizer"
    )
    assert second.startswith('layer "n" (LayerNormalization) can\'t be quantized')


def test_functions_with_negative_values_need_signed_types():
    found = problems(model(L.Dense(4, "tanh", name="d"), L.Dense(4, "sigmoid", name="e")), {"*": TYPES})
    assert found == [
        (
            ("precision", "layers"),
            'expected a signed type of activation for layer "d_tanh" (tanh), which has negative values, '
            "got ufixed<6,2>",
        )
    ]


def test_a_shared_layer_stays_one_layer():
    inputs = keras.Input((8,), name="inputs")
    shared = L.Dense(8, activation="relu", name="shared")
    twice = keras.Model(inputs, L.Dense(3, name="out")(shared(shared(inputs))))
    assert problems(twice, {"*": TYPES}) == []
    after = quantize.quantize_model(twice, precision({"*": TYPES}))
    assert [layer.name for layer in after.layers] == ["inputs", "inputs_quantized", "shared", "shared_relu", "out"]
    assert len(after.trainable_variables) == 4
