"""Deformable convolution in C++: trained, simulated bit for bit, and refused where it is not possible."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from fpga_flow import boards, csim, flow, training
from fpga_flow.compress.base import Context, retrain
from fpga_flow.compress.quantize import quantize_model
from fpga_flow.datasets import digits
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import preflight, settings
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.emulate import FLOAT32_BITS, Emulator
from fpga_flow.hls.intervals import analyse
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import quantizers
from fpga_flow.networks.deformable import deformable
from fpga_flow.networks.network import Network
from fpga_flow.networks.sampling import DeformableSampling
from fpga_flow.spec.base import Retraining, Training
from fpga_flow.spec.load import load
from fpga_flow.spec.model import Hls, Precision

L = keras.layers
TYPES = {
    "*": {"weight": "fixed<6,1>", "bias": "fixed<8,2>", "activation": "ufixed<6,2>"},
    "*_offsets": {"activation": "fixed<5,3>"},
}


def simulated(layers: Any, x: np.ndarray, expected: np.ndarray, hls: Hls, folder: Any) -> csim.CsimResult:
    made = settings.settings("net", hls, boards.load(hls.board))
    layers = settings.apply(layers, hls, BACKENDS[made.backend])
    project = generate(layers, made, x, expected, folder / "project")
    return csim.simulate(project, x, expected, layer_outputs=partial(predict_layers, layers))


def test_a_network_learns_digits_and_its_cpp_is_exact_on_all_test_samples(tmp_path):
    seed_everything(1)
    dataset = digits.load(digits.Options(name="digits", scale=16), 1)
    inputs = keras.Input(dataset.input_shape, name="inputs")
    x = L.Activation("relu", name="c1_relu")(L.Conv2D(4, 3, 2, "same", name="c1")(inputs))
    x = L.Activation("relu", name="c2_relu")(deformable(x, 8, name="c2"))
    model = keras.Model(inputs, L.Dense(10, name="output")(L.Flatten(name="flat")(x)))
    options = Training(epochs=8, learning_rate=1e-2, batch_size=64)
    training.fit(model, dataset, options, 1)
    assert np.abs(model.get_layer("c2_offsets").kernel.numpy()).max() > 0.05  # it began at 0
    floats = training.evaluate(model, dataset.test)
    network = Network(quantize_model(model, Precision.model_validate({"input": "ufixed<4,0>", "layers": TYPES})))
    retrain(network, dataset, Retraining(epochs=2, learning_rate=1e-3), Context(options, None, 1))
    quantized = training.evaluate(network.model, dataset.test)
    assert min(floats, quantized) > 0.9
    layers = lower(network.model)
    x = layers[0].input_type.quantize(dataset.test.x)
    expected = predict(network.model, layers, x)
    np.testing.assert_array_equal(expected, network.model.predict(x, verbose=0))
    clamped = predict_layers(layers, x)["c2_clamp"]
    assert len(np.unique(clamped)) > 8
    result = simulated(layers, x, expected, Hls(), tmp_path)
    assert (result.first, result.exact, result.samples) == (None, True, len(dataset.test.x))


NETWORK = """
from tf_keras import Input, Model, layers
from fpga_flow.networks.deformable import deformable

def build(shape, classes):
    inputs = Input(shape)
    x = layers.Activation("relu", name="c1_relu")(layers.Conv2D(4, 3, 2, "same", name="c1")(inputs))
    x = layers.BatchNormalization(name="norm")(deformable(x, 6, rounded=True, name="c2"))
    x = layers.Activation("relu", name="c2_relu")(x)
    return Model(inputs, layers.Dense(classes, name="output")(layers.Flatten(name="flat")(x)))
"""
SPEC = """
name: deformed
data: {name: digits, scale: 16}
network: {family: custom, function: "network.py:build"}
training: {epochs: 4, learning_rate: 0.01}
compress:
  - prune_filters: {amount: 0.25, epochs: 1}
  - prune: {sparsity: 0.5, epochs: 1}
  - quantize: {epochs: 1}
  - cluster: {clusters: 8, epochs: 1}
precision:
  input: ufixed<4,0>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<6,auto>"}
    "*_offsets": {activation: "fixed<5,3>"}
hls: {board: zcu102}
"""


@pytest.mark.slow
def test_all_passes_take_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "network.py").write_text(NETWORK)
    (tmp_path / "spec.yaml").write_text(SPEC)
    outcome = flow.run(load("spec.yaml"), tmp_path / "runs", trust_code=True)
    outcome.raise_failures()
    record = outcome.record
    assert (record["csim"]["exact"], record["csim"]["samples"]) == (True, record["data"]["test"])
    shapes = {each["name"]: each["shape"] for each in record["layers"]}
    assert shapes["c1"] == [4, 4, 3]
    assert shapes["c2_samples"] == [4, 4, 9 * 3]
    assert record["metrics"]["csim"]["accuracy"] > 0.5


def sampled(image: FixedPoint, offsets: FixedPoint, geometry: Any = (3, 1, "same"), shape: Any = (4, 5, 4)) -> Any:
    """The sampling alone: of a part of the input, at offsets that are another part of it."""
    size, strides, padding = geometry
    inputs = keras.Input(shape, name="inputs")
    x = qkeras.QActivation(quantizers.linear(FixedPoint(8, 4)), name="quantized")(inputs)
    seed_everything(4)
    one = qkeras.QActivation(quantizers.linear(image), name="image")(x)
    kernel = quantizers.linear(FixedPoint(3, 1))
    of = qkeras.QConv2D(
        2 * size * size, size, strides, padding, use_bias=False, kernel_quantizer=kernel, name="c_offsets"
    )(x)
    of = qkeras.QActivation(quantizers.linear(offsets), name="c_clamp")(of)
    return keras.Model(inputs, DeformableSampling(size, strides, padding, name="c_samples")([one, of]))


def inputs(shape: tuple[int, ...] = (4, 5, 4), count: int = 30) -> np.ndarray:
    return FixedPoint(8, 4).quantize(np.random.default_rng(3).normal(0, 4, (count, *shape)))


SAME, VALID = (3, 1, "same"), (2, 2, "valid")


@pytest.mark.parametrize(
    ("image", "offsets", "geometry"),
    [
        ("fixed<6,3>", "fixed<5,3>", SAME),
        ("fixed<6,3>", "fixed<3,3>", VALID),  # whole pixels
        ("ufixed<4,4>", "fixed<3,5>", SAME),  # steps of four pixels
        ("fixed<5,-1>", "ufixed<3,1>", VALID),
        ("ufixed<1,1>", "fixed<8,2>", SAME),
        ("fixed<8,4>", "fixed<10,2>", VALID),  # 24 bits
    ],
)
def test_types_of_all_kinds_are_exact_in_float32_and_in_the_emulator(image, offsets, geometry):
    types = FixedPoint.parse(image), FixedPoint.parse(offsets)
    model = sampled(*types, geometry)
    layers = lower(model)
    sampling = layers[-1]
    assert sampling.result_type.width == types[0].width + 2 * max(types[1].fraction, 0) <= FLOAT32_BITS
    own = model.predict(inputs(), verbose=0)
    assert sampling.result_type.holds(own)
    np.testing.assert_array_equal(Emulator(layers).predict(inputs()), own)
    output = analyse(layers)["c_samples"].output
    assert (output.low <= own).all()
    assert (own <= output.high).all()


@pytest.mark.parametrize(
    ("image", "offsets", "geometry", "backend"),
    [
        ("fixed<24,4>", "fixed<16,3>", (2, 1, "same"), "vitis"),  # 50 bits
        ("fixed<6,3>", "fixed<5,3>", SAME, "quartus"),
        pytest.param("fixed<5,-1>", "fixed<3,5>", (2, 3, "same"), "vivado_accelerator", marks=pytest.mark.slow),
        pytest.param("ufixed<4,4>", "fixed<8,2>", VALID, "vivado", marks=pytest.mark.slow),
        pytest.param("ufixed<5,2>", "fixed<3,3>", VALID, "quartus", marks=pytest.mark.slow),
    ],
)
def test_the_cpp_is_exact(tmp_path, image, offsets, geometry, backend):
    model = sampled(FixedPoint.parse(image), FixedPoint.parse(offsets), geometry)
    layers, x = lower(model), inputs()
    expected = predict(model, layers, x).reshape(len(x), -1)
    board = "arria10-gx-devkit" if backend == "quartus" else "pynq-z2"
    hls = Hls(backend=backend, board=board)
    assert [str(each) for each in preflight.check(model, hls, BACKENDS[backend])] == []
    result = simulated(layers, x, expected, hls, tmp_path)
    assert (result.first, result.exact, result.samples) == (None, True, 30)
    assert len(np.unique(expected)) > 8


def test_streams_are_refused():
    model = sampled(FixedPoint(6, 3), FixedPoint(5, 3))
    assert [str(each) for each in preflight.check(model, Hls(io_type="io_stream"))] == [
        'hls.io_type: layer "c_samples" samples its image where offsets say, which io_stream can\'t compute, as pixels '
        "come one after the other: expected io_parallel"
    ]


def test_too_many_bits_are_refused():
    with pytest.raises(FieldError) as error:
        lower(sampled(FixedPoint(24, 4), FixedPoint(20, 2)))
    assert error.value.message == (
        'layer "c_samples": expected offsets and an image of fewer fractional bits, got fixed<20,2> and fixed<24,4>, '
        "for which samples would need 60 bits: round the offsets into a type of a few fractional bits"
    )


def test_offsets_that_are_no_fixed_point_numbers_are_refused():
    start = keras.Input((4, 4, 2), name="inputs")
    x = qkeras.QActivation(quantizers.linear(FixedPoint(6, 3)), name="quantized")(start)
    samples = DeformableSampling(1, name="s")([x, L.Activation("tanh", name="t")(x)])
    with pytest.raises(FieldError, match='layer "t" gives real numbers, which layer "s" gets: put a QActivation'):
        lower(keras.Model(start, samples))
