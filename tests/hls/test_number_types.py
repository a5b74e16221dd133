"""Weights that are binary, ternary, powers of two, or of types by channel: the C++ computes what QKeras computes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.compress.quantize import quantize_model
from fpga_flow.hls import settings
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import snap
from fpga_flow.spec.model import Hls, Precision

L = keras.layers
#: Of each layer's weights: its type, whether by channel, and the type with which hardware holds all of them.
TYPES = {
    "binary": ("binary", "tensor", {"fixed<2,"}),
    "ternary, written": ("ternary<-3>", "tensor", {"fixed<2,-1>"}),
    "powers of two": ("po2<4>", "tensor", {"fixed<6,", "fixed<7,", "fixed<8,"}),
    "fixed, by channel": ("fixed<4,auto>", "channel", {"fixed<5,", "fixed<6,", "fixed<7,"}),
    "ternary, by channel": ("ternary", "channel", {"fixed<3,", "fixed<4,", "fixed<5,"}),
}
#: Those that every test run simulates come first, of each type one.
PAIRS = [(types, ("io_parallel", "io_stream")[number % 2]) for number, types in enumerate(TYPES)]
PAIRS += [(types, ("io_stream", "io_parallel")[number % 2]) for number, types in enumerate(TYPES)]
SAMPLES = np.random.default_rng(8).uniform(-2, 4, (40, 7, 7, 2)).astype(np.float32)


def network(weight: str, per: str) -> keras.Model:
    """Dense, convolution (folded normalisation and all), depthwise, separable."""
    seed_everything(5)
    inputs = keras.Input((7, 7, 2), name="inputs")
    x = L.Conv2D(4, 2, use_bias=False, name="conv")(inputs)
    x = L.ReLU(name="act")(L.BatchNormalization(name="norm")(x))
    x = L.ReLU(name="act2")(L.DepthwiseConv2D(2, strides=2, name="depth")(x))
    x = L.ReLU(name="act3")(L.SeparableConv2D(3, 2, name="both")(x))
    model = keras.Model(inputs, L.Dense(5, name="out")(L.Flatten(name="flat")(x)))
    rng = np.random.default_rng(5)
    values = [rng.normal(0, 0.5, each.shape) * 2.0 ** rng.integers(-2, 2, each.shape[-1]) for each in model.weights]
    model.set_weights([abs(v) + 0.1 if "variance" in w.name else v for w, v in zip(model.weights, values, strict=True)])
    types = {"weight": weight, "weight_per": per, "bias": "fixed<7,auto>", "activation": "ufixed<6,auto>"}
    precision = Precision.model_validate({"input": "fixed<5,auto>", "layers": {"*": types}})
    made = quantize_model(model, precision, SAMPLES)
    snap(made)
    return made


@pytest.mark.parametrize(
    ("types", "io_type"),
    [pytest.param(*pair, marks=[pytest.mark.slow] * (n >= len(TYPES))) for n, pair in enumerate(PAIRS)],
)
def test_the_cpp_computes_what_qkeras_computes(tmp_path, types, io_type):
    weight, per, wanted = TYPES[types]
    model, hls = network(weight, per), Hls(io_type=io_type)
    layers = settings.apply(lower(model, io_type=io_type), hls)
    weighted = [layer for layer in layers if layer.weights is not None]
    assert [layer.name for layer in weighted] == ["conv", "depth", "both_depthwise", "both", "out"]
    assert any(str(layer.weight_type).startswith(tuple(wanted)) for layer in weighted)
    inputs = layers[0].input_type.quantize(SAMPLES)
    expected = np.asarray(model.predict(inputs, verbose=0), np.float64)
    np.testing.assert_array_equal(predict(model, layers, inputs), expected)
    np.testing.assert_array_equal(Emulator(layers).predict(inputs), expected)
    project = generate(
        layers, settings.settings("net", hls, boards.load("pynq-z2")), inputs, expected, tmp_path / "project"
    )
    result = csim.simulate(project, inputs, expected, layer_outputs=partial(predict_layers, layers))
    assert result.first is None
    assert (result.samples, result.mismatches, result.exact) == (40, 0, True)
    assert len(np.unique(expected, axis=0)) > 20
    if per == "channel":
        kernel = model.get_layer("out").kernel.numpy()
        assert len({float(np.abs(column[column != 0]).min()) for column in kernel.T if column.any()}) > 1
