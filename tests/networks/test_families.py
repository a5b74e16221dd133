"""The network families, and the tools that work on any network."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import networks
from fpga_flow.errors import FieldError, InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import cnn, mlp, quantizers
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy_model, rebuild


def test_mlp_is_what_the_options_say():
    model = mlp.build(mlp.Options(family="mlp", hidden=[5, 4], dropout=0.1), (3, 2), 7)
    assert [layer.name for layer in model.layers] == [
        "inputs", "flatten", "dense_1", "dense_1_relu", "dense_1_dropout", "dense_2", "dense_2_relu", "dense_2_dropout",
        "output",
    ]  # fmt: skip
    assert model.output_shape == (None, 7)
    assert model.count_params() == 6 * 5 + 5 + 5 * 4 + 4 + 4 * 7 + 7
    assert model.get_layer("output").activation is keras.activations.linear  # logits


def test_cnn_is_what_the_options_say():
    conv = [{"filters": 4, "kernel": 3, "pool": 2}, {"filters": 6, "kernel": 2, "strides": 2, "padding": "same"}]
    options = cnn.Options.model_validate({"family": "cnn", "conv": conv, "pooling": "average", "hidden": [8]})
    model = cnn.build(options, (10, 10, 1), 3)
    assert [layer.name for layer in model.layers] == [
        "inputs", "conv_1", "conv_1_relu", "pool_1", "conv_2", "conv_2_relu", "flatten", "dense_1", "dense_1_relu",
        "output",
    ]  # fmt: skip
    assert model.get_layer("pool_1").output_shape == (None, 4, 4, 4)
    assert isinstance(model.get_layer("pool_1"), keras.layers.AveragePooling2D)
    assert model.get_layer("conv_2").output_shape == (None, 2, 2, 6)


def test_cnn_with_deformable_convolutions_and_concatenated_relu():
    conv = [{"filters": 4, "kernel": 3, "activation": "crelu"}, {"filters": 6, "deformable": True, "padding": "same"}]
    options = cnn.Options.model_validate({"family": "cnn", "conv": conv})
    model = cnn.build(options, (10, 10, 1), 3)
    assert [layer.name for layer in model.layers] == [
        "inputs", "conv_1", "conv_1_crelu", "conv_2_offsets", "conv_2_clamp", "conv_2_samples", "conv_2", "conv_2_relu",
        "flatten", "output",
    ]  # fmt: skip
    assert model.get_layer("conv_1_crelu").output_shape == (None, 8, 8, 8)
    assert model.get_layer("conv_2").kernel.shape == (1, 1, 9 * 8, 6)


@pytest.mark.parametrize(
    ("conv", "shape", "path", "message"),
    [
        ([{"filters": 2, "dilation": 2, "deformable": True}], (9, 9, 1), ("network", "conv", 0, "dilation"),
         "expected 1 for a deformable convolution, got 2"),
        ([{"filters": 2}], (16,), ("network", "family"),
         "expected samples of shape (height, width, channels) for cnn, got (16,)"),
        ([{"filters": 2, "kernel": 5}], (4, 6, 1), ("network", "conv", 0, "kernel"),
         "expected at most 4, the size of the 4x6 image here, got 5"),
        ([{"filters": 2}, {"filters": 2, "pool": 3}], (6, 6, 1), ("network", "conv", 1, "pool"),
         "expected at most 2, the size of the 2x2 image here, got 3"),
    ],
)  # fmt: skip
def test_images_too_small_are_named(conv, shape, path, message):
    options = cnn.Options.model_validate({"family": "cnn", "conv": conv})
    with pytest.raises(FieldError) as error:
        cnn.build(options, shape, 3)
    assert (error.value.path, error.value.message) == (path, message)


def test_the_dictionary_of_families_names_them_as_they_name_themselves():
    for name, family in networks.FAMILIES.items():
        assert family.Options.model_fields["family"].annotation.__args__ == (name,)


def branched():
    seed_everything(1)
    inputs = keras.Input((6,), name="inputs")
    left, right = (keras.layers.Dense(4, name=name)(inputs) for name in ("left", "right"))
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(keras.layers.Add(name="add")([left, right])))


def test_rebuilding_keeps_a_branched_graph_and_its_weights():
    before = branched()
    after = copy_model(before)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    np.testing.assert_array_equal(before.predict(x, verbose=0), after.predict(x, verbose=0))
    after.get_layer("left").kernel.assign_add(after.get_layer("left").kernel)
    assert not np.array_equal(before.predict(x, verbose=0), after.predict(x, verbose=0))


def test_rebuilding_can_cut_out_and_insert():
    def replace(layer):
        if layer.name == "left":
            return [keras.layers.Dense(4, name="left"), keras.layers.ReLU(name="new")]
        if layer.name == "inputs":
            return []
        return [layer.__class__.from_config(layer.get_config())]

    after = rebuild(branched(), replace)
    assert "new" in [layer.name for layer in after.layers]
    left = branched().get_layer("left").get_weights()
    for old, new in zip(left, after.get_layer("left").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "text", ["fixed<6,1>", "fixed<6,0>", "fixed<4,-2>", "ufixed<5,2>", "ufixed<5,-1>", "fixed<3,7>"]
)
def test_a_quantizer_knows_its_type(text):
    type_ = FixedPoint.parse(text)
    assert quantizers.type_of(quantizers.linear(type_)) == type_
    assert quantizers.type_of(quantizers.relu(type_)) == type_.relu()


@pytest.mark.parametrize(
    "text",
    ["quantized_relu(4,1,negative_slope=0.25)", "quantized_relu(4,1,use_sigmoid=1)", "quantized_tanh(4)",
     "quantized_relu(4,1,relu_upper_bound=1.0)", "quantized_bits(4,1,qnoise_factor=0.5,alpha=1.0)", "quantized_po2(4)"],
)  # fmt: skip
def test_quantizers_that_do_something_else_have_no_type(text):
    assert quantizers.type_of(qkeras.get_quantizer(text)) is None


def test_saved_networks_with_types_without_integer_bits_load_again(tmp_path):
    inputs = keras.Input((4,), name="inputs")
    narrow = FixedPoint(5, -1)
    tensor = qkeras.QActivation(quantizers.linear(FixedPoint(4, 0)), name="inputs_quantized")(inputs)
    tensor = qkeras.QDense(3, kernel_quantizer=quantizers.linear(narrow), bias_quantizer=quantizers.linear(narrow))(
        tensor
    )
    model = keras.Model(inputs, qkeras.QActivation(quantizers.relu(narrow))(tensor))
    Network(model).save(tmp_path)
    x = np.random.default_rng(0).normal(size=(20, 4))
    np.testing.assert_array_equal(model.predict(x, verbose=0), Network.load(tmp_path).model.predict(x, verbose=0))


def test_a_damaged_network_is_an_input_error(tmp_path):
    Network(branched()).save(tmp_path)
    (tmp_path / "model.h5").write_bytes((tmp_path / "model.h5").read_bytes()[:500])
    with pytest.raises(InputError, match="expected a network saved by fpga_flow"):
        Network.load(tmp_path)
    with pytest.raises(InputError, match="expected a network saved by fpga_flow"):
        Network.load(tmp_path / "nowhere")
