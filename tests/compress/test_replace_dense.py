"""`replace_dense`: what takes the place of dense layers, how it starts, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import prune, replace_dense
from fpga_flow.compress.base import Context
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.spec.base import Training
from tests.conftest import blobs

L = keras.layers
DATA = blobs(400, (6, 6, 2))
CONTEXT = Context(Training(epochs=4, batch_size=16, learning_rate=0.01), None, seed=1)
OPTIONS = replace_dense.Options


def model_of(*head: Any, maps: Any = None) -> Any:
    """Maps of 5 channels at 6x6 positions, or what `maps` makes of the inputs, and layers behind."""
    x = inputs = keras.Input((6, 6, 2), name="inputs")
    for layer in (*(maps or [L.Conv2D(5, 3, padding="same", activation="relu", name="c1")]), *head):
        x = layer(x)
    return keras.Model(inputs, x)


def layers(model: Any) -> dict[str, str]:
    return {layer.name: type(layer).__name__ for layer in model.layers[2:]}


def errors(model: Any) -> list[str]:
    return [str(each) for each in replace_dense.check(OPTIONS(), model, None, ("p",))]


@pytest.fixture(scope="module")
def trained() -> Network:
    """Two hidden dense layers, with normalisation and dropout."""
    seed_everything(1)
    model = model_of(
        L.Flatten(name="flat"),
        L.Dropout(0.1, name="drop"),
        L.Dense(12, name="d1"),
        L.BatchNormalization(name="b1"),
        L.ReLU(name="r1"),
        L.Dense(9, activation="relu", name="d2"),
        L.Dense(3, name="output"),
    )
    training.fit(model, DATA, CONTEXT.training, seed=1)
    return Network(model)


def test_the_average_comes_first_and_hidden_layers_go(trained):
    changed, report = compress.apply("replace_dense", trained, DATA, OPTIONS(epochs=8), CONTEXT)
    assert layers(changed.model) == {
        "drop": "Dropout",
        "average_padding": "ZeroPadding2D",
        "average": "GlobalAveragePooling2D",
        "output": "Dense",
    }
    assert changed.model.get_layer("average_padding").output_shape == (None, 8, 8, 5)
    details = report.details
    assert details["positions"] == [6, 6]
    assert details["averaged"] == 64
    assert details["replaced"] == ["flat", "d1", "d2", "output"]
    assert details["after"] == {"parameters": 9 * 2 * 5 + 5 + 5 * 3 + 3, "macs": 36 * 9 * 2 * 5 + 15}
    assert report.accuracy_after > report.accuracy_before - 0.1
    assert "d1" in layers(trained.model)  # it stays as it was


def test_hidden_layers_become_convolutions_with_the_sums_of_their_weights(trained):
    changed, _ = replace_dense.apply(trained, DATA, OPTIONS(hidden="convolutions", epochs=0), CONTEXT)
    assert list(layers(changed.model)) == ["drop", "d1", "b1", "r1", "d2", "average_padding", "average", "output"]
    old, new = trained.model.get_layer("d1"), changed.model.get_layer("d1")
    sums = old.kernel.numpy().reshape(36, 5, 12).sum(axis=0)
    np.testing.assert_allclose(new.kernel.numpy()[0, 0], sums, rtol=1e-6)
    for name in ("b1", "d2"):
        weights = (each.model.get_layer(name).get_weights() for each in (trained, changed))
        for one, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one.ravel(), other.ravel())
    assert changed.model.get_layer("d2").activation is keras.activations.relu


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("hidden", ["drop", "convolutions"])
def test_the_convolution_before_the_average_is_the_same_function(trained, pad, hidden):
    x = DATA.test.x
    options = {"pad": pad, "hidden": hidden, "epochs": 0}
    one, told = replace_dense.apply(trained, DATA, OPTIONS(**options), CONTEXT)
    other, again = replace_dense.apply(trained, DATA, OPTIONS(first="convolution", **options), CONTEXT)
    assert type(other.model.get_layer("output")).__name__ == "Conv2D"
    assert other.model.layers[-1].name == "average"
    assert again["after"]["macs"] > told["after"]["macs"]
    np.testing.assert_allclose(one.model.predict(x, verbose=0), other.model.predict(x, verbose=0), atol=1e-4)


def test_the_last_layer_starts_with_what_comes_nearest_to_the_logits():
    """Where the old layer has the same weights at each position, the new network is the old one."""
    seed_everything(1)
    model = model_of(L.Flatten(), L.Dense(3, name="output"))
    kernel = np.random.default_rng(1).normal(size=(5, 3))
    model.get_layer("output").set_weights([np.tile(kernel, (36, 1)), np.array([0.5, -1, 2])])
    changed, _ = replace_dense.apply(Network(model), DATA, OPTIONS(epochs=0), CONTEXT)
    before, after = (each.predict(DATA.test.x, verbose=0) for each in (model, changed.model))
    np.testing.assert_allclose(before, after, atol=0.02 * np.abs(before).max())


def test_along_one_axis_behind_a_global_average_and_in_a_nested_sequential_model():
    data = blobs(100, (10, 2))
    body = keras.Sequential(
        [L.Conv1D(4, 3, name="c1", input_shape=(10, 2)), L.GlobalAveragePooling1D(name="g")], "body"
    )
    inputs = keras.Input((10, 2), name="inputs")
    head = keras.Sequential([L.Dense(6, "relu", name="d1"), L.Dense(3, use_bias=False, name="output")], "head")
    model = keras.Model(inputs, head(body(inputs)))
    for hidden, expected in (("drop", 4 * 3), ("convolutions", 4 * 6 + 6 + 6 * 3)):
        options = OPTIONS(hidden=hidden, epochs=1)
        changed, told = replace_dense.apply(Network(model), data, options, CONTEXT)
        assert changed.model.count_params() == 3 * 2 * 4 + 4 + expected
        assert told["averaged"] == 8
        outlined = replace_dense.outline(options, model)
        assert [each.name for each in outlined.layers] == [each.name for each in changed.model.layers]
        assert told["history"]


def test_names_that_are_taken():
    maps = [L.Conv2D(4, 3, name="average"), L.Conv2D(4, 2, name="average_padding")]
    model = model_of(L.Flatten(), L.Dense(3, name="output"), maps=maps)
    assert list(layers(replace_dense.outline(OPTIONS(), model))) == [
        "average_padding", "average_padding_2", "average_2", "output",
    ]  # fmt: skip


def test_other_ends_are_refused():
    ends = "expected a network that ends in dense layers behind Flatten or a global average of a convolution's maps"
    inputs = keras.Input((8,), name="inputs")
    hidden = L.Dense(4, name="d1")(inputs)
    assert errors(keras.Model(inputs, L.Dense(3)(hidden))) == [f'p: {ends}, got "inputs" (InputLayer) before them']
    flat = L.Flatten(name="flat")
    assert errors(model_of(flat, L.Dense(3, name="output"), maps=[L.ReLU()])) == [
        f'p: {ends}, got "flat" (Flatten) before them'
    ]
    maximum = model_of(L.GlobalMaxPooling2D(name="g"), L.Dense(4), L.Dense(3))
    assert errors(maximum) == [f'p: {ends}, got "g" (GlobalMaxPooling2D) before them']
    single = model_of(L.GlobalAveragePooling2D(), L.Dense(3, name="output"))
    assert errors(single) == [
        'p: expected dense layers to replace, got a single one, "output", behind a global average'
    ]
    softmax = model_of(L.Flatten(), L.Dense(3, "softmax", name="output"))
    assert errors(softmax) == [
        'p: expected logits, so no activation function of the last layer "output", got softmax'
    ]  # fmt: skip
    last = model_of(L.Flatten(), L.Dense(3), L.ReLU(name="r"))
    assert errors(last) == ['p: expected a network whose last layer is dense, got "r" (ReLU)']
    normalized = model_of(L.Flatten(name="flat"), L.BatchNormalization(name="b"), L.Dense(3))
    assert errors(normalized) == [
        'p: expected the normalisation "b" before "flat" or behind a dense layer, got one of each position by itself'
    ]
    quantized = model_of(L.Flatten(), qkeras.QDense(3, name="output"))
    assert errors(quantized) == ['p: expected float layers, got "output" (QDense): replace it before it is quantized']


def test_layers_that_are_used_elsewhere_are_refused():
    inputs = keras.Input((6, 6, 2), name="inputs")
    x = L.Flatten(name="flat")(L.Conv2D(4, 3, name="c1")(inputs))
    first = L.Dense(4, name="d1")(x)
    twice = keras.Model(inputs, L.Dense(3)(L.Add(name="add")([first, L.Dense(4)(first)])))
    assert "before them" in errors(twice)[0]
    shared = L.Dense(4, name="same")
    once = keras.Model(inputs, L.Dense(3)(shared(shared(L.Dense(4)(x)))))
    assert errors(once) == ['p: expected layers in a row behind the maps, got "same", which is used 2 times']


def test_promises_of_what_goes_are_refused(trained):
    pruned, _ = prune.apply(trained, DATA, prune.Options(sparsity=0.5, method="one_shot", epochs=0), CONTEXT)
    with pytest.raises(FieldError, match='expected replace_dense before prune, which promised something of "d1"'):
        replace_dense.apply(pruned, DATA, OPTIONS(), CONTEXT)
