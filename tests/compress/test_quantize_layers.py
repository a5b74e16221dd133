"""Every kind of layer, quantized: its HLS layers are exact, and with wide types it is the float network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.compress import quantize
from fpga_flow.errors import FieldError
from fpga_flow.hls import settings
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import fold
from fpga_flow.networks.layers import ChannelShuffle, CReLU
from fpga_flow.networks.network import Network, snap
from fpga_flow.spec.model import Hls, Precision

L = keras.layers
VECTOR, SEQUENCE, IMAGE = (6,), (8, 4), (6, 6, 4)
NARROW = {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "fixed<6,3>"}
WIDE = {"weight": "fixed<20,4>", "bias": "fixed<20,4>", "activation": "fixed<20,6>"}


def chain(*makers: Callable[[], Any]) -> Callable[[Any], Any]:
    def build(x: Any) -> Any:
        for make in makers:
            x = make()(x)
        return x

    return build


def joined(make: Callable[[], Any]) -> Callable[[Any], Any]:
    def build(x: Any) -> Any:
        return make()([L.Dense(5, "relu", name="a")(x), L.Dense(5, "tanh", name="b")(x)])

    return build


def residual(x: Any) -> Any:
    y = L.Conv2D(4, 3, padding="same", use_bias=False, name="c")(x)
    y = L.ReLU(name="r")(L.BatchNormalization(name="n")(y))
    return L.Dense(3, name="out")(L.GlobalAveragePooling2D(name="g")(L.Add(name="add")([x, y])))


def inner(prefix: str = "") -> Any:
    inputs = keras.Input(VECTOR)
    return keras.Model(inputs, L.Dense(6, "relu", name="d")(inputs), name=f"{prefix}inner")


def nested(x: Any) -> Any:
    made = inner()
    middle = keras.Sequential([keras.Input(VECTOR), made, L.Dense(6, name="d")], name="middle")
    return L.Dense(3, name="d")(made(middle(x)))


dense = partial(L.Dense, 4, name="d")
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Dense": (chain(dense), VECTOR),
    "Dense, no bias": (chain(partial(dense, use_bias=False)), VECTOR),
    "Dense on a sequence": (chain(dense), SEQUENCE),
    "Dense on an image": (chain(dense), IMAGE),
    "Conv1D": (chain(partial(L.Conv1D, 3, 2, strides=2, name="c")), SEQUENCE),
    "Conv1D, causal, dilated": (chain(partial(L.Conv1D, 3, 2, padding="causal", dilation_rate=2, name="c")), SEQUENCE),
    "Conv1D, grouped": (chain(partial(L.Conv1D, 4, 2, groups=2, name="c")), SEQUENCE),
    "Conv2D": (chain(partial(L.Conv2D, 3, 3, padding="same", name="c")), IMAGE),
    "Conv2D, dilated": (chain(partial(L.Conv2D, 3, 2, dilation_rate=2, name="c")), IMAGE),
    "Conv2D, grouped": (chain(partial(L.Conv2D, 4, 2, groups=2, name="c")), IMAGE),
    "DepthwiseConv2D": (chain(partial(L.DepthwiseConv2D, 3, strides=2, name="c")), IMAGE),
    "DepthwiseConv2D, multiplied": (chain(partial(L.DepthwiseConv2D, 2, depth_multiplier=2, name="c")), IMAGE),
    "DepthwiseConv2D, dilated": (chain(partial(L.DepthwiseConv2D, 2, dilation_rate=2, name="c")), IMAGE),
    "SeparableConv1D": (chain(partial(L.SeparableConv1D, 3, 2, name="c")), SEQUENCE),
    "SeparableConv2D": (chain(partial(L.SeparableConv2D, 3, 2, depth_multiplier=2, name="c")), IMAGE),
    "BatchNormalization": (chain(dense, partial(L.Dropout, 0.2), partial(L.BatchNormalization, name="n")), VECTOR),
    "BatchNormalization, no bias": (
        chain(partial(L.Conv2D, 3, 2, use_bias=False, name="c"), partial(L.BatchNormalization, name="n")), IMAGE
    ),
    "BatchNormalization of depthwise": (
        chain(
            partial(L.DepthwiseConv2D, 2, depth_multiplier=2, name="c"),
            partial(L.BatchNormalization, scale=False, name="n"),
        ), IMAGE
    ),
    "BatchNormalization of separable": (
        chain(partial(L.SeparableConv1D, 3, 2, name="c"), partial(L.BatchNormalization, center=False, name="n")),
        SEQUENCE
    ),
    **{
        f"{name} inside": (chain(partial(dense, activation=name)), VECTOR)
        for name in ("relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "swish", "gelu")
    },
    "Activation": (chain(dense, partial(L.Activation, "tanh", name="f")), VECTOR),
    "ReLU, max_value=6": (chain(dense, partial(L.ReLU, 6.0, name="f")), VECTOR),
    "LeakyReLU": (chain(dense, partial(L.LeakyReLU, 0.3, name="f")), VECTOR),
    "ELU": (chain(dense, partial(L.ELU, name="f")), VECTOR),
    "ThresholdedReLU": (chain(dense, partial(L.ThresholdedReLU, 0.5, name="f")), VECTOR),
    "function of the input": (chain(partial(L.Activation, "tanh", name="f")), VECTOR),
    "functions one after the other": (
        chain(partial(dense, activation="relu"), partial(L.Activation, "tanh", name="f")), VECTOR
    ),
    "AveragePooling1D of 2": (chain(partial(L.AveragePooling1D, 2, name="p"), dense), SEQUENCE),
    "AveragePooling1D of 3": (chain(partial(L.AveragePooling1D, 3, name="p")), SEQUENCE),
    "AveragePooling2D of 9": (chain(partial(L.AveragePooling2D, 3, name="p"), partial(L.Flatten, name="f")), IMAGE),
    "GlobalAveragePooling1D of 8": (chain(partial(L.GlobalAveragePooling1D, name="p"), dense), SEQUENCE),
    "GlobalAveragePooling2D of 36": (chain(partial(L.GlobalAveragePooling2D, name="p"), dense), IMAGE),
    "MaxPooling1D": (chain(partial(L.MaxPooling1D, 2, name="p"), dense), SEQUENCE),
    "GlobalMaxPooling2D": (chain(partial(L.GlobalMaxPooling2D, name="p"), dense), IMAGE),
    **{
        f"{name}": (joined(partial(getattr(L, name), name="m")), VECTOR)
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    },
    "CReLU": (chain(partial(L.Conv2D, 3, 2, name="c"), partial(CReLU, name="f"), dense), IMAGE),
    "ChannelShuffle": (
        chain(
            partial(L.Conv2D, 4, 1, groups=2, name="c"), partial(ChannelShuffle, 2, name="f"),
            partial(L.Conv2D, 4, 2, groups=2, dilation_rate=2, name="e"),
        ), IMAGE
    ),
    "Reshape, Permute": (
        chain(partial(L.Reshape, (12, 12), name="s"), partial(L.Permute, (2, 1), name="p"), dense), IMAGE
    ),
    "ZeroPadding2D, Cropping2D, UpSampling2D": (
        chain(
            partial(L.ZeroPadding2D, 1, name="z"), partial(L.Cropping2D, 2, name="k"),
            partial(L.UpSampling2D, name="u"),
            partial(L.Conv2D, 2, 2, name="c"),
        ), IMAGE
    ),
    "noise": (chain(partial(L.GaussianNoise, 0.3, name="g"), partial(L.SpatialDropout2D, 0.3, name="s"), dense), IMAGE),
    "residual block": (residual, IMAGE),
    "nested models": (nested, VECTOR),
    "shared layer": (lambda x: (lambda layer: layer(layer(x)))(L.Dense(6, "tanh", name="d")), VECTOR),
}  # fmt: skip


def network(case: str) -> Any:
    """The float network of a case, with random weights (and variances, which are positive)."""
    build, shape = CASES[case]
    seed_everything(2)
    inputs = keras.Input(shape, name="inputs")
    made = keras.Model(inputs, build(inputs))
    rng = np.random.default_rng(2)
    made.set_weights([np.abs(rng.normal(0, 0.4, each.shape)) + 0.01 * (each.ndim == 1) for each in made.get_weights()]
                     if "Batch" in case or case == "residual block"
                     else [rng.normal(0, 0.4, each.shape) for each in made.get_weights()])  # fmt: skip
    return made


def quantized(case: str, types: dict[str, str], input_text: str) -> Any:
    precision = Precision.model_validate({"input": input_text, "layers": {"*": types}})
    model = network(case)
    assert list(quantize.check(quantize.Options(), model, precision, ("compress",))) == []
    made = quantize.quantize_model(model, precision)
    snap(made)
    return made


def samples(case: str) -> np.ndarray:
    return np.random.default_rng(4).normal(0, 1, (50, *CASES[case][1])).astype(np.float32)


@pytest.mark.parametrize("case", CASES)
def test_it_is_exact_in_hls(case):
    model = quantized(case, NARROW, "fixed<6,3>")
    layers = lower(model)
    x = samples(case)
    expected = predict(model, layers, x)
    np.testing.assert_array_equal(expected, predict_layers(layers, x)[layers[-1].name])
    of_qkeras = model.predict(layers[0].input_type.quantize(x), verbose=0)
    if any(layer.function == "lookup" for layer in layers):  # QKeras rounds real numbers up to their last bit
        off = np.abs(of_qkeras - expected)
        assert np.mean(off < 1e-5) > 0.9
    else:
        np.testing.assert_array_equal(of_qkeras, expected)
    assert len(np.unique(expected, axis=0)) > 10


@pytest.mark.parametrize("case", CASES)
def test_with_wide_types_it_is_the_float_network(case):
    x = np.round(samples(case) * 64) / 64
    expected = network(case).predict(x, verbose=0)
    got = quantized(case, WIDE, "fixed<12,6>").predict(x, verbose=0)
    np.testing.assert_allclose(got, expected, atol=2e-3 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    "case",
    ["SeparableConv2D", "BatchNormalization of depthwise", "LeakyReLU", "AveragePooling2D of 9", "residual block",
     "nested models", "shared layer", "Conv1D, causal, dilated", "CReLU", "ChannelShuffle"],
)  # fmt: skip
def test_the_cpp_computes_it(tmp_path, case):
    model = quantized(case, NARROW, "fixed<6,3>")
    hls = Hls()
    layers = settings.apply(lower(model), hls)
    x = samples(case)
    expected = predict(model, layers, x)
    project = generate(layers, settings.settings("net", hls, boards.load("pynq-z2")), x, expected, tmp_path / "project")
    result = csim.simulate(
        project, layers[0].input_type.quantize(x), expected.reshape(len(x), -1),
        layer_outputs=partial(predict_layers, layers),
    )  # fmt: skip
    assert (result.first, result.mismatches) == (None, 0)


@pytest.mark.parametrize(
    "case",
    ["residual block", "nested models", "SeparableConv2D", "GlobalAveragePooling2D of 36", "CReLU", "ChannelShuffle"],
)
def test_it_can_be_saved_and_quantized_again(tmp_path, case):
    once = quantized(case, NARROW, "fixed<6,3>")
    Network(once).save(tmp_path)
    loaded = Network.load(tmp_path).model
    x = samples(case)
    np.testing.assert_array_equal(once.predict(x, verbose=0), loaded.predict(x, verbose=0))
    types = {**NARROW, "weight": "fixed<4,1>"}
    twice = quantize.quantize_model(loaded, Precision.model_validate({"input": "fixed<5,3>", "layers": {"*": types}}))
    assert [layer.name for layer in twice.layers] == [layer.name for layer in once.layers]


def before(*layers: Any, shape: tuple[int, ...] = VECTOR) -> Any:
    return keras.Sequential([keras.Input(shape, name="inputs"), *layers])


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: before(L.BatchNormalization(name="n")), 'it stands behind "inputs" (InputLayer)'),
        (lambda: before(L.Dense(3, "relu", name="d"), L.BatchNormalization(name="n")),
         'it stands behind the activation function of "d"'),
        (lambda: before(L.Dense(3, name="d"), L.ReLU(name="r"), L.BatchNormalization(name="n")),
         'it stands behind "r" (ReLU)'),
        (lambda: before(L.Conv2D(3, 2, name="d"), L.BatchNormalization(axis=1, name="n"), shape=IMAGE),
         "it normalizes axis 1, not the channels, which are last"),
        (lambda: keras.Model(*both(False)), 'it stands behind "d", whose result is used elsewhere'),
        (lambda: keras.Model(*both(True)), 'it stands behind "add" (Add)'),
    ],
)  # fmt: skip
def test_normalizations_that_cannot_be_folded(model, why):
    with pytest.raises(FieldError) as error:
        fold.fold(model())
    assert error.value.message == (
        f'layer "n" (BatchNormalization) can\'t be folded: {why}: put it right behind a dense or convolution layer, '
        "before the activation function, or leave it out"
    )


def both(behind: bool) -> Any:
    inputs = keras.Input(VECTOR, name="inputs")
    d, n, add = L.Dense(6, name="d"), L.BatchNormalization(name="n"), L.Add(name="add")
    x = d(inputs)
    return inputs, (n(add([x, inputs])) if behind else add([x, n(x)]))


def test_an_average_needs_its_type():
    model = network("AveragePooling2D of 9")
    precision = Precision.model_validate({"input": "fixed<6,3>", "layers": {}})
    found = list(quantize.check(quantize.Options(), model, precision, ("compress",)))
    assert [each.message for each in found] == [
        'expected a pattern that gives layer "p" its type of activation, as an average of 9 values is no fixed-point '
        "number, got none"
    ]


def test_a_quantizer_inside_of_a_layer_gives_way():
    layer = qkeras.QDense(
        4, activation="quantized_relu(4,1)", kernel_quantizer="quantized_bits(4,0,alpha=1.0)", name="d"
    )
    made = quantize.quantize_model(
        before(qkeras.QActivation("quantized_bits(4,1,alpha=1.0)", name="q"), layer),
        Precision.model_validate({"input": "fixed<6,3>", "layers": {"*": NARROW}}),
    )
    assert [each.name for each in made.layers] == ["inputs", "inputs_quantized", "d", "d_activation"]


@pytest.mark.parametrize("case", ["LeakyReLU", "tanh inside", "GlobalAveragePooling2D of 36"])
def test_what_a_function_gets_can_be_rounded_first(case):
    types = {**NARROW, "weight": "fixed<12,2>", "input": "fixed<6,3>"}
    model = quantized(case, types, "fixed<12,3>")
    name = next(layer.name for layer in model.layers if layer.name.endswith("_input"))
    layers = {layer.name: layer for layer in lower(model)}
    assert max(len(layer.table) for layer in layers.values() if layer.table is not None) <= 2**12
    assert str(layers[name].result_type) == "fixed<6,3>"
    again = Precision.model_validate({"input": "fixed<12,3>", "layers": {"*": types}})
    twice = quantize.quantize_model(model, again)
    assert [layer.name for layer in twice.layers] == [layer.name for layer in model.layers]
