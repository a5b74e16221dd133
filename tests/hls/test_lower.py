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
from fpga_flow.hls.written import with_zeros
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks.network import snap
from fpga_flow.spec.model import Precision
from tests.hls import cases


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
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)

    def model(layer):
        return keras.Model(inputs, layer(start))

    assert refused(model(keras.layers.AveragePooling2D(3, padding="same", name="p"))) == (
        'pooling "p": expected averages over windows that need no padding, got padding same for windows (3, 3) with '
        "strides (3, 3) over (4, 4, 1): pad with zeros before, or leave the padding out"
    )
    assert refused(model(keras.layers.AveragePooling2D(3, name="p"))) == (
        'layer "p" gives real numbers, which the network\'s output gets: put a QActivation behind it, so that they '
        "have a fixed-point type"
    )
    assert refused(model(keras.layers.BatchNormalization(name="b"))).startswith('layer "b" gives real numbers, which')
    assert refused(model(keras.layers.BatchNormalization(axis=1, name="b"))) == (
        'activation "b": expected weights for each of its 1 channels (last axis), got [4, 4, 4, 4]'
    )
    assert refused(model(keras.layers.PReLU(name="r"))) == (
        'activation "r": expected weights for each of its 1 channels (last axis), got [16]'
    )
    assert refused(model(keras.layers.Conv2DTranspose(2, 2, name="t"))) == (
        'layer "t" (Conv2DTranspose) has no exact HLS code here: use UpSampling2D and a convolution'
    )
    assert refused(model(keras.layers.LayerNormalization(name="t"))) == (
        'layer "t" (LayerNormalization) has no exact HLS code here: `fpga-flow layers` lists those that have'
    )
    assert refused(model(qkeras.QActivation("bernoulli()", name="r"))) == (
        'activation "r": its quantizer bernoulli is random: use one that is not'
    )
    assert refused(model(qkeras.QActivation("quantized_bits(4,0,alpha='auto')", name="r"))) == (
        'activation "r": what it makes of a value depends on the other values of the batch: use a fixed scale '
        "(alpha=1) and a fixed threshold"
    )
    two = keras.Model([inputs, other := keras.Input((4, 4, 1))], keras.layers.Add(name="a")([inputs, other]))
    assert refused(two) == "expected a network with one input and one output, got 2 and 1"
    float_input = keras.Model(inputs, keras.layers.ReLU(name="c")(inputs))
    assert refused(float_input) == 'the input has no fixed-point type: expected it quantized before "c"'
    assert refused(keras.Model(inputs, start)) == "expected a network that computes something, got one without layers"


def test_a_function_of_too_many_bits_is_not_tabulated():
    wide = quantized(keras.layers.Dense(2, name="d"), input_type="fixed<22,4>")
    tanh = keras.Model(wide.inputs, qkeras.QActivation("quantized_tanh(8)", name="t")(wide.output))
    assert refused(tanh).startswith(
        'activation "t": expected an input of at most 20 bits for a function that is looked'
    )
    fine = quantized(keras.layers.Dense(2, name="d"), input_type="fixed<12,4>")
    sigmoid = keras.layers.Activation("sigmoid", name="s")(fine.output)
    rounded = keras.Model(fine.inputs, qkeras.QActivation("quantized_bits(16,0,alpha=1.0)", name="t")(sigmoid))
    assert refused(rounded).startswith('activation "t": expected a function that a table of at most 4,096 values holds')


@pytest.mark.parametrize(
    "text", ["quantized_tanh(6)", "quantized_sigmoid(4)", "ternary(alpha=1.0)", "binary(alpha=1.0)"]
)
def test_a_table_is_the_function_on_every_value_of_the_input(text):
    """Also where the input is rounded before: half to even, directly, as the C++ does it."""
    source = FixedPoint(10, 3)
    inputs = keras.Input((1,), name="inputs")
    tensor = qkeras.QActivation("quantized_bits(10,2,alpha=1.0)", name="q")(inputs)
    model = keras.Model(inputs, qkeras.QActivation(text, name="a")(tensor))
    grid = (source.min + source.step * np.arange(2**source.width))[:, None]
    *before, table = lower(model)
    values = before[0].result_type.quantize(grid) if before else grid
    index = np.round(values / table.input_type.step).astype(int) % 2**table.input_type.width
    np.testing.assert_array_equal(table.table[0][index] * table.result_type.step, model.predict(grid, verbose=0))
    assert table.table.size < 2**10


def test_zeros_make_dilated_and_grouped_kernels_ordinary_ones():
    layers = [keras.layers.Conv2D(4, 2, dilation_rate=(1, 2), groups=2, name="c"), keras.layers.Flatten(name="f")]
    inputs = keras.Input((5, 5, 2), name="inputs")
    tensor = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)
    for layer in layers:
        tensor = layer(tensor)
    model = keras.Model(inputs, tensor)
    kernel = np.random.default_rng(0).integers(-8, 8, (2, 2, 1, 4)) / 8
    layers[0].set_weights([kernel, np.zeros(4)])
    lowered = lower(model)[0]
    assert (lowered.window, lowered.dilation, lowered.groups) == ((2, 2), (1, 2), 2)
    np.testing.assert_array_equal(lowered.weights * lowered.weight_type.step, kernel)
    conv = with_zeros(lowered)
    assert (conv.window, conv.dilation, conv.groups) == ((2, 3), (), 1)
    values = conv.weights * conv.weight_type.step
    assert values.shape == (2, 3, 2, 4)
    np.testing.assert_array_equal(values[:, ::2, 0, :2], kernel[:, :, 0, :2])
    np.testing.assert_array_equal(values[:, ::2, 1, 2:], kernel[:, :, 0, 2:])
    assert np.count_nonzero(values) == np.count_nonzero(kernel)


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
    ("quantizer", "type_"),
    [
        ("quantized_bits(4,0,alpha=1.0)", "fixed<4,1>"),
        ("quantized_bits(4,0,keep_negative=0,alpha=1.0)", "ufixed<4,0>"),
        ("quantized_bits(4,0,1,alpha=1.0)", "fixed<4,1>"),
        ("binary(alpha=1.0)", "fixed<2,2>"),
        ("ternary(alpha=1.0)", "fixed<2,2>"),
        ("quantized_po2(4,max_value=1)", None),
        ("quantized_bits(4,0,alpha='auto_po2')", None),
    ],
)
def test_weights_of_any_quantizer_are_exact(quantizer, type_):
    inputs = keras.Input((40,), name="inputs")
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)
    layer = qkeras.QDense(9, kernel_quantizer=quantizer, bias_quantizer="quantized_bits(4,0,alpha=1.0)", name="d")
    model = keras.Model(inputs, layer(start))
    layer.set_weights([np.random.default_rng(2).normal(0, 0.6, (40, 9)), np.zeros(9)])
    lowered = lower(model)[0]
    np.testing.assert_array_equal(
        lowered.weights * lowered.weight_type.step, layer.kernel_quantizer_internal(layer.kernel)
    )
    assert type_ is None or str(lowered.weight_type) == type_


@pytest.mark.parametrize(
    ("quantizer", "why"),
    [
        ("stochastic_ternary(alpha=1.0)", "its quantizer stochastic_ternary is random: use one that is not"),
        ("quantized_bits(4,0,alpha=1.0,use_stochastic_rounding=True)", "its quantizer quantized_bits is random: use "),
        (None, "expected values that at most 24 bits hold, got some that need"),
    ],
)
def test_weights_without_exact_values_are_refused(quantizer, why):
    inputs = keras.Input((4,), name="inputs")
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)
    layer = qkeras.QDense(2, kernel_quantizer=quantizer, bias_quantizer="quantized_bits(4,0,alpha=1.0)", name="d")
    model = keras.Model(inputs, layer(start))
    assert refused(model).startswith(f'layer "d", kernel: {why}')


def test_weights_that_are_not_finite_are_refused():
    inputs = keras.Input((4,), name="inputs")
    start = qkeras.QActivation("quantized_bits(4,0,alpha=1.0)", name="q")(inputs)
    quantized_dense = qkeras.QDense(2, kernel_quantizer="quantized_bits(4,0,alpha=1.0)", name="d")
    for layer in (keras.layers.Dense(2, name="d"), quantized_dense):
        model = keras.Model(inputs, layer(start))
        layer.set_weights([np.full((4, 2), np.nan), np.zeros(2)])
        assert refused(model) == 'layer "d", kernel: expected finite values, got some that are not'


@pytest.mark.parametrize(
    "build",
    [
        cases.chain(lambda: cases.Q.QActivation("quantized_po2(6)", name="a")),
        cases.chain(lambda: cases.Q.QActivation("quantized_relu_po2(6)", name="a")),
        cases.chain(
            lambda: cases.L.Activation("sigmoid"),
            lambda: cases.Q.QActivation("quantized_bits(22,0,alpha=1.0)", name="a"),
        ),
    ],
)
def test_values_of_wide_types_are_no_noise(build) -> None:
    layers = lower(cases.model(cases.Case("wide", build, cases.VECTOR)))
    assert (layers[-1].function, layers[-1].result_type.width > 12) == ("lookup", True)
