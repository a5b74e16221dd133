"""`shrink`: fewer channels, smaller kernels, the same maps; what stays keeps its values and promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_flow import compress
from fpga_flow.compress import prune, shrink
from fpga_flow.compress.base import Context
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask
from fpga_flow.spec.base import Training
from tests.conftest import blobs

L = keras.layers
DATA = blobs(400, (8, 8, 2))
CONTEXT = Context(Training(epochs=3, batch_size=16, learning_rate=0.005), None, seed=1)
OPTIONS = shrink.Options


def one_layer(layer: Any, shape: tuple[int, ...]) -> Network:
    """A network of one layer of random weights and a dense one behind it."""
    seed_everything(2)
    inputs = keras.Input(shape, name="inputs")
    model = keras.Model(inputs, L.Dense(3, name="output")(L.Flatten(name="flat")(layer(inputs))))
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(size=each.shape) for each in model.get_weights()])
    return Network(model)


def residual() -> Any:
    """c1 and c3 are tied by the addition, c2 and c4 are joined by a concatenation; a nested model in front."""
    inputs = keras.Input((8, 8, 2), name="inputs")
    inner = keras.Input((8, 8, 2))
    stem = keras.Model(inner, L.BatchNormalization(name="b1")(L.Conv2D(8, 5, name="c1")(inner)), name="stem")
    x = L.ReLU(name="a1")(stem(inputs))
    y = L.ReLU(name="a2")(L.Conv2D(6, 3, padding="same", name="c2")(x))
    x = L.Add(name="add")([x, L.Conv2D(8, 3, padding="same", name="c3")(y)])
    x = L.Concatenate(name="join")([x, L.Conv2D(4, 1, name="c4")(x)])
    x = L.DepthwiseConv2D(3, name="c5")(x)
    return keras.Model(inputs, L.Dense(3, name="output")(L.Flatten(name="flat")(x)))


def errors(model: Any, **options: Any) -> list[str]:
    return [str(each) for each in shrink.check(OPTIONS(**options), model, None, ("p",))]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "size"), [(5, 3), (3, 1), (4, 3), (4, 1), (7, 3)])
def test_a_smaller_kernel_is_one_with_zeros_around(padding, strides, kernel, size):
    layer = L.Conv2D(4, kernel, strides, padding, name="conv", activation="relu")
    network = one_layer(layer, (9, 10, 3))
    smaller, told = shrink.apply(network, DATA, OPTIONS(kernels={"conv": size}, epochs=0), CONTEXT)
    first = (kernel - size) // 2
    inside = np.zeros((kernel, kernel, 1, 1))
    inside[first : first + size, first : first + size] = 1
    layer.kernel.assign(layer.kernel * inside)
    x = np.random.default_rng(1).normal(size=(5, 9, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(smaller.model.predict(x, verbose=0), network.model.predict(x, verbose=0), atol=1e-4)
    assert told["kernels"] == {"conv": {"before": [kernel] * 2, "after": [size] * 2, "dilation": [1, 1]}}


@pytest.mark.parametrize(
    "layer",
    [
        lambda **options: L.Conv1D(4, 5, **options),
        lambda **options: L.SeparableConv1D(4, 5, **options),
        lambda **options: L.Conv1D(4, 3, dilation_rate=2, **options),
    ],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_along_one_axis(layer, padding):
    made = layer(padding=padding, name="conv")
    network = one_layer(made, (12, 3))
    smaller, _ = shrink.apply(network, DATA, OPTIONS(kernels={"c*": 1}, epochs=0), CONTEXT)
    variable = made.depthwise_kernel if "Separable" in type(made).__name__ else made.kernel
    inside = np.zeros((variable.shape[0], 1, 1))
    inside[variable.shape[0] // 2] = 1
    variable.assign(variable * inside)
    x = np.random.default_rng(1).normal(size=(5, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(smaller.model.predict(x, verbose=0), network.model.predict(x, verbose=0), atol=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "size", "step"), [(5, 3, 2), (3, 2, 2), (7, 3, 3), (7, 4, 2)])
def test_a_dilated_kernel_reaches_as_far(padding, kernel, size, step):
    layer = L.Conv2D(4, kernel, padding=padding, name="conv")
    network = one_layer(layer, (9, 10, 3))
    options = OPTIONS(kernels={"conv": size}, dilated=True, epochs=0)
    smaller, told = shrink.apply(network, DATA, options, CONTEXT)
    taps = np.zeros((kernel, kernel, 1, 1))
    taps[::step, ::step] = 1
    layer.kernel.assign(layer.kernel * taps)
    x = np.random.default_rng(1).normal(size=(5, 9, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(smaller.model.predict(x, verbose=0), network.model.predict(x, verbose=0), atol=1e-4)
    assert told["kernels"]["conv"] == {"before": [kernel] * 2, "after": [size] * 2, "dilation": [step] * 2}


def test_a_network_with_a_residual_gets_narrower_and_trains():
    seed_everything(1)
    network = Network(residual())
    options = OPTIONS(width=0.5, kernels={"*c1": 3, "c[23]": 1, "c5": 2}, epochs=1)
    smaller, report = compress.apply("shrink", network, DATA, options, CONTEXT)
    shapes = {layer.name: layer.get_weights()[0].shape for layer in smaller.model.layers if layer.get_weights()}
    assert shapes["stem_c1"] == (3, 3, 2, 4)
    assert shapes["c2"] == (1, 1, 4, 3)
    assert shapes["c3"] == (1, 1, 3, 4)
    assert shapes["c4"] == (1, 1, 4, 2)
    assert shapes["c5"] == (2, 2, 6, 1)
    assert smaller.model.get_layer("join").output_shape == (None, 4, 4, 6)  # as large as before
    details = report.details
    assert details["filters"]["c3"] == {"before": 8, "after": 4}
    assert details["left"] == {"output": "its filters stay: they are the network's outputs"}
    assert details["after"]["parameters"] == smaller.model.count_params()
    assert len(details["history"]) == 1
    outlined = shrink.outline(options, network.model)
    assert [each.shape for each in outlined.weights] == [each.shape for each in smaller.model.weights]
    assert network.model.get_layer("c2").kernel.shape == (3, 3, 8, 6)  # it stays as it was


def test_dilated_kernels_train():
    seed_everything(1)
    options = OPTIONS(kernels={"*": 3}, dilated=True, epochs=1)
    inputs = keras.Input((8, 8, 2), name="inputs")
    x = L.Conv2D(4, 5, padding="same", activation="relu", name="c1")(inputs)
    model = keras.Model(inputs, L.Dense(3, name="output")(L.Flatten()(x)))
    smaller, told = shrink.apply(Network(model), DATA, options, CONTEXT)
    assert smaller.model.get_layer("c1").dilation_rate == (2, 2)
    assert np.isfinite(told["history"][0]["loss"])


def test_what_was_promised_stays_promised():
    seed_everything(1)
    network = Network(residual())
    pruned, _ = compress.apply(
        "prune", network, DATA, prune.Options(sparsity=0.5, epochs=0, method="one_shot"), CONTEXT
    )
    smaller, _ = compress.apply("shrink", pruned, DATA, OPTIONS(width=0.5, kernels={"c2": 1}, epochs=1), CONTEXT)
    (mask,) = smaller.of("c2", "kernel")
    assert isinstance(mask, Mask)
    assert mask.mask.shape == (1, 1, 4, 3)
    assert not smaller.broken_promises()


def test_what_can_not_get_smaller_is_left_and_listed():
    inputs = keras.Input((16, 2), name="inputs")
    x = L.Conv1D(4, 3, padding="causal", name="c1")(inputs)
    x = L.Conv1D(4, 3, name="c2")(L.Conv1D(4, 5, 2, name="c3")(x))
    model = keras.Model(inputs, L.Dense(3, name="output")(L.Flatten()(x)))
    _, told = shrink.apply(Network(model), DATA, OPTIONS(kernels={"c*": 2}, dilated=True, epochs=0), CONTEXT)
    assert told["kernels"] == {"c2": {"before": [3], "after": [2], "dilation": [2]}}
    assert told["left"] == {"c1": "has padding causal", "c3": "has strides, and can't be dilated, too"}


def test_a_convolution_used_for_maps_of_several_sizes():
    """With `valid` padding the same is cropped from both; with `same` and strides it is not the same."""
    for padding, fits in (("valid", True), ("same", False)):
        inputs = keras.Input((8, 8, 2), name="inputs")
        shared = L.Conv2D(2, 3, 2, padding=padding, name="c1")
        x = L.Concatenate()([L.Flatten()(shared(inputs)), L.Flatten()(shared(L.Cropping2D(((0, 1), (0, 1)))(inputs)))])
        model = keras.Model(inputs, L.Dense(3, name="output")(x))
        _, told = shrink.apply(Network(model), DATA, OPTIONS(kernels={"c1": 1}, epochs=0), CONTEXT)
        assert ("c1" in told["kernels"]) == fits
        assert ("c1" in told["left"]) != fits


def test_options_that_fit_no_layer():
    model = residual()
    assert errors(model, width=0.5, kernels={"c2": 1, "*": 4}) == []
    assert errors(model, kernels={"d9": 1}) == [
        'p.kernels.d9: expected a pattern that matches a convolution, got "d9": known are c2, c3, c4, c5, stem_c1'
    ]
    assert errors(model, kernels={"c4": 3}) == [
        'p.kernels.c4: expected a kernel that can get smaller, got none: "c4" has none above 3: its size is 1x1'
    ]
    assert errors(model, kernels={"c2": 1}, dilated=True) == [
        'p.kernels.c2: expected a kernel that can get smaller, got none: "c2" has 3 taps, which 1 can\'t span dilated: '
        "expected 2"
    ]
    assert errors(model, width=0.99) == ["p.width: expected a width with which a layer loses a filter, got 0.99"]
    inputs = keras.Input((8,))
    single = keras.Model(inputs, L.Dense(3, name="output")(inputs))
    assert errors(single, width=0.5) == [
        "p.width: expected a network with filters that can go, got none: "
        'those of "output" stay: they are the network\'s outputs'
    ]
    with pytest.raises(ValidationError, match="expected width or kernels, got none of them"):
        OPTIONS()
    with pytest.raises(ValidationError, match="expected kernels to be dilated, got none"):
        OPTIONS(width=0.5, dilated=True)
