"""Lowering: types from the network itself, and accumulators that hold every sum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fpga_flow.compress.quantize import quantize_model
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import lower as lowering
from fpga_flow.hls.lower import lower
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks.network import snap
from fpga_flow.spec.model import Precision


def quantized(*layers, shape=(4,), input_type="fixed<3,1>", **types):
    """A Keras model of the layers, quantized with random weights and biases."""
    seed_everything(5)
    inputs = tensor = keras.Input(shape, name="inputs")
    for layer in layers:
        tensor = layer(tensor)
    model = keras.Model(inputs, tensor)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    every = {"weight": "fixed<4,1>", "bias": "fixed<5,2>", "activation": "ufixed<4,2>"}
    spec = {"input": input_type, "layers": {"*": {**every, **types}}}
    model = quantize_model(model, Precision.model_validate(spec))
    snap(model)
    return model


def test_types_and_integer_weights():
    model = quantized(
        keras.layers.Dense(3, activation="relu", name="d"),
        keras.layers.Dropout(0.5, name="gone"),
        keras.layers.Dense(2, name="out"),
    )
    layers = lower(model)
    assert [layer.name for layer in layers] == ["d", "d_relu", "out"]
    dense, relu, out = layers
    assert lowering.input_type(model) == dense.input_type == FixedPoint(3, 1)
    assert dense.weight_type == FixedPoint(4, 1)
    assert dense.result_type == dense.accum_type
    assert relu.result_type == FixedPoint(4, 2, signed=False)
    assert out.input_type == relu.result_type
    kernel = model.get_layer("d").kernel.numpy()
    np.testing.assert_array_equal(dense.weights * 2.0**-3, kernel)
    assert dense.weights.dtype == np.int64
    assert dense.inputs == ("inputs",)
    assert out.inputs == ("d_relu",)


@pytest.mark.parametrize("input_type_text", ["fixed<3,1>", "ufixed<2,0>", "fixed<2,3>"])
def test_every_partial_sum_fits_the_accumulator_and_no_narrower_type_would_do(input_type_text):
    x_type = FixedPoint.parse(input_type_text)
    model = quantized(keras.layers.Dense(2, name="out"), shape=(3,), input_type=input_type_text)
    rng = np.random.default_rng(1)
    model.get_layer("out").set_weights([rng.uniform(-1, 0.8, (3, 2)), rng.uniform(-2, 1.8, 2)])
    snap(model)
    layer = lower(model)[0]
    accum = layer.accum_type
    assert accum.step == min(x_type.step * 2.0**-3, 2.0**-3)
    weights, biases = layer.weights * layer.weight_type.step, layer.biases * layer.bias_type.step
    extremes = []
    for x in itertools.product([x_type.min, x_type.max], repeat=3):
        terms = np.vstack([weights * np.array(x)[:, None], biases])
        for chosen in itertools.product([0, 1], repeat=4):  # any part of a sum, in any order
            extremes.append((terms * np.array(chosen)[:, None]).sum(axis=0))
    low, high = np.min(extremes), np.max(extremes)
    assert accum.min <= low
    assert high <= accum.max
    narrower = FixedPoint(accum.width - 1, accum.integer - 1, accum.signed)
    assert not (narrower.min <= low and high <= narrower.max)


def test_padding_counts_zero_as_a_possible_input():
    conv = keras.layers.Conv2D(1, 3, padding="same", name="c")
    model = quantized(conv, keras.layers.Flatten(name="f"), shape=(3, 3, 1))
    layer = lower(model)[0]
    assert layer.accum_type.min <= min(0, layer.biases[0] * layer.bias_type.step)
    assert layer.padding == "same"
    assert layer.window == (3, 3)


def test_averages_keep_all_their_bits():
    pool = keras.layers.AveragePooling2D(2, name="p")
    relu = keras.layers.ReLU(name="r")
    model = quantized(keras.layers.Conv2D(2, 3, name="c"), relu, pool, keras.layers.Flatten(), shape=(6, 6, 1))
    layer = {each.name: each for each in lower(model)}["p"]
    assert layer.input_type == FixedPoint(4, 2, signed=False)
    assert layer.result_type == FixedPoint(6, 2, signed=False)
    assert layer.accum_type == FixedPoint(8, 4, signed=False)


def refused(model) -> str:
    with pytest.raises(FieldError) as error:
        lower(model)
    return error.value.message


def test_refused_with_reason_and_way_out():
    inputs = keras.Input((4, 4, 1), name="inputs")
    quantizer = {"kernel_quantizer": "quantized_bits(4,0,alpha=1.0)", "bias_quantizer": "quantized_bits(4,0,alpha=1.0)"}
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)

    def model(layer):
        return keras.Model(inputs, layer(start))

    assert refused(model(qkeras.QConv2D(2, 2, dilation_rate=2, name="c", **quantizer))) == (
        'layer "c": expected dilation_rate (1, 1), got (2, 2)'
    )
    assert refused(model(qkeras.QDense(2, name="d", **quantizer))) == (
        'layer "d" gets samples of shape (4, 4, 1): flatten them before'
    )
    assert refused(model(qkeras.QConv2D(2, 2, name="c"))) == 'layer "c": its kernel has no fixed-point type'
    assert "alpha" not in refused(model(qkeras.QConv2D(2, 2, name="c", kernel_quantizer="quantized_bits(4,0)")))
    assert refused(model(keras.layers.MaxPooling2D(2, strides=1, name="p"))) == (
        'pooling "p": expected windows that neither overlap nor reach beyond the image '
        "(padding valid, strides (2, 2)), got padding valid, strides (1, 1)"
    )
    assert refused(model(keras.layers.AveragePooling2D(3, name="p"))) == (
        'pooling "p": expected an average over a power of two of pixels, got 9'
    )
    assert refused(model(keras.layers.BatchNormalization(name="b"))) == (
        'layer "b" (BatchNormalization) has no exact HLS code here: expected '
        "AveragePooling2D, Flatten, MaxPooling2D, QActivation, QConv2D, QDense or Dropout"
    )
    assert refused(model(qkeras.QActivation("quantized_tanh(4)", name="t"))).startswith('activation "t"')
    add = keras.Model(inputs, keras.layers.Add(name="a")([start, start]))
    assert refused(add) == 'layer "a" has 2 inputs: expected one'
    float_input = keras.Model(inputs, qkeras.QConv2D(2, 2, name="c", **quantizer)(inputs))
    assert refused(float_input) == 'the input has no fixed-point type: expected it quantized before "c"'


def test_sums_wider_than_a_double_are_refused():
    model = quantized(
        keras.layers.Dense(2, activation="relu", name="d"),
        keras.layers.Dense(2, name="out"),
        weight="fixed<24,-20>",
        bias="fixed<24,1>",
        activation="ufixed<24,0>",
    )
    assert "more than a double holds" in refused(model)


@pytest.mark.parametrize(
    "quantizer",
    ["quantized_bits(4,0)", "quantized_bits(4,0,1,alpha=1.0)", "quantized_bits(1,0,alpha=1.0)", "binary(alpha=1.0)",
     "ternary(alpha=1.0)", "quantized_bits(4,0,alpha='auto_po2')", "quantized_po2(4)", "stochastic_ternary(alpha=1.0)",
     "quantized_bits(4,0,alpha=1.0,use_stochastic_rounding=True)"],
)  # fmt: skip
def test_quantizers_that_are_no_fixed_point_rounding_have_no_type(quantizer):
    inputs = keras.Input((4,), name="inputs")
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)
    layer = qkeras.QDense(2, kernel_quantizer=quantizer, bias_quantizer="quantized_bits(4,0,alpha=1.0)", name="d")
    assert "has no fixed-point type" in refused(keras.Model(inputs, layer(start)))
