"""The base test of exactness: for each case the C++, compiled by g++, gives what the network gives, bit for bit.

A new layer or option adds a case. Inputs are random, and extreme: all least, all greatest, alternating.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.compress.quantize import quantize_model
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import settings
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import snap
from fpga_flow.spec.model import Hls, Precision

L = keras.layers
NARROW = {"weight": "fixed<4,1>", "bias": "fixed<6,2>", "activation": "ufixed<4,2>"}
#: Sums of 40 bits and more: QKeras' float32 does not hold them, the float64 reference does.
WIDE = {"weight": "fixed<16,1>", "bias": "fixed<18,4>", "activation": "ufixed<16,3>"}
#: Types without integer bits, or with the point right of the last bit.
ODD = {"weight": "fixed<5,-1>", "bias": "fixed<4,6>", "activation": "fixed<6,0>"}


def mlp(x):
    x = L.Dense(8, activation="relu", name="d1")(x)
    return L.Dense(3, name="out")(L.Dropout(0.3)(x))


def no_bias(x):
    return L.Dense(3, use_bias=False, name="out")(L.ReLU(name="r")(L.Dense(5, use_bias=False, name="d1")(x)))


def conv(padding="valid", strides=1, kernel=3, pool=None):
    def build(x):
        x = L.Conv2D(4, kernel, strides, padding, activation="relu", name="c1")(x)
        if pool is not None:
            x = pool(2, name="p1")(x)
        x = L.Conv2D(3, 2, activation="relu", name="c2")(x)
        return L.Dense(3, name="out")(L.Flatten(name="f")(x))

    return build


def pool_of_sums(x):
    return L.Dense(2, name="out")(L.Flatten(name="f")(L.MaxPooling2D(2, name="p")(L.Conv2D(2, 3, name="c1")(x))))


CASES = {
    "mlp": (mlp, (6,), NARROW, "fixed<6,2>"),
    "mlp wide": (mlp, (6,), WIDE, "fixed<16,4>"),
    "mlp odd types": (mlp, (6,), ODD, "ufixed<5,-1>"),
    "mlp whole numbers": (mlp, (6,), {**NARROW, "activation": "ufixed<3,3>"}, "fixed<5,5>"),
    "no bias": (no_bias, (6,), NARROW, "fixed<6,2>"),
    "conv": (conv(), (8, 8, 2), NARROW, "ufixed<5,1>"),
    "conv signed input": (conv(), (8, 8, 1), NARROW, "fixed<5,1>"),
    "conv same": (conv("same"), (6, 6, 1), NARROW, "fixed<5,2>"),
    "conv strides": (conv(strides=2), (9, 9, 1), NARROW, "ufixed<5,1>"),
    "conv same strides": (conv("same", strides=2), (8, 8, 1), NARROW, "ufixed<5,1>"),
    "conv 1x1": (conv(kernel=1), (5, 5, 3), NARROW, "ufixed<5,1>"),
    "conv not square": (conv(kernel=(1, 3)), (5, 7, 1), NARROW, "ufixed<5,1>"),
    "conv wide": (conv(), (6, 6, 1), WIDE, "fixed<16,2>"),
    "max pool": (conv(pool=L.MaxPooling2D), (8, 8, 1), NARROW, "ufixed<5,1>"),
    "max pool, rows left over": (conv(pool=L.MaxPooling2D), (9, 9, 1), NARROW, "ufixed<5,1>"),
    "average pool": (conv(pool=L.AveragePooling2D), (8, 8, 1), NARROW, "ufixed<5,1>"),
    "max pool of sums": (pool_of_sums, (8, 8, 1), NARROW, "fixed<5,1>"),
}
SETTINGS = {
    "parallel latency": {"io_type": "io_parallel"},
    "stream latency": {"io_type": "io_stream"},
    "parallel resource": {"io_type": "io_parallel", "strategy": "resource"},
    "stream resource": {"io_type": "io_stream", "strategy": "resource"},
}
#: Always compiled: two cases with all settings, and each other one with one of them, in turn.
ALL = ("mlp", "max pool")
PAIRS = [(case, setting) for case in CASES for setting in SETTINGS]
SOME = [
    (case, setting)
    for number, case in enumerate(CASES)
    for place, setting in enumerate(SETTINGS)
    if case in ALL or place == number % len(SETTINGS)
]


def network(build, shape, types, input_text):
    seed_everything(7)
    inputs = keras.Input(shape, name="inputs")
    model = keras.Model(inputs, build(inputs))
    rng = np.random.default_rng(7)
    scale = FixedPoint.parse(types["weight"]).max
    model.set_weights([rng.normal(0, scale / 2, weight.shape) for weight in model.get_weights()])
    model = quantize_model(model, Precision.model_validate({"input": input_text, "layers": {"*": types}}))
    snap(model)
    return model


def samples(type_: FixedPoint, shape: tuple[int, ...], count: int = 60) -> np.ndarray:
    """Random values beyond the type's range, which saturate, and its extremes."""
    rng = np.random.default_rng(11)
    span = type_.max - type_.min
    random = rng.uniform(type_.min - 0.1 * span, type_.max + 0.1 * span, (count, *shape))
    signs = np.indices(shape).sum(axis=0) % 2
    extreme = [np.full(shape, type_.min), np.full(shape, type_.max), np.where(signs, type_.min, type_.max)]
    return np.concatenate([random, extreme]).astype(np.float32)


@pytest.mark.parametrize(
    ("case", "setting"), [pytest.param(*pair, marks=[] if pair in SOME else [pytest.mark.slow]) for pair in PAIRS]
)
def test_the_cpp_computes_what_the_network_computes(tmp_path, case, setting):
    build, shape, types, input_text = CASES[case]
    model = network(build, shape, types, input_text)
    hls = Hls(**SETTINGS[setting])
    layers = settings.apply(lower(model), hls)
    x = samples(layers[0].input_type, shape)
    expected = predict(model, layers, x)
    project = generate(layers, settings.settings("net", hls, boards.load("pynq-z2")), x, expected, tmp_path / "project")
    inputs = layers[0].input_type.quantize(x)
    result = csim.simulate(
        project,
        inputs,
        expected,
        layer_outputs=partial(predict_layers, layers),
    )
    assert result.first is None
    traced = csim.run.trace(csim.build(csim.Design.read(project.folder), traced=True), inputs[7:9])
    named = {layer.name: layer.kind for layer in layers}
    # hls4ml adds layers of its own, which pad and copy streams
    assert [name for name in traced.layers if name in named] == [n for n, kind in named.items() if kind != "reshape"]
    for name, value in predict_layers(layers, x[7:9]).items():
        if name in traced.layers:
            np.testing.assert_array_equal(traced.layers[name], value.reshape(2, -1), err_msg=name)
    assert (result.samples, result.mismatches, result.max_abs_diff) == (63, 0, 0.0)
    assert len(np.unique(expected, axis=0)) > 20  # a network that says always the same would prove nothing


@pytest.mark.parametrize("case", CASES)
def test_both_references_agree_where_float32_is_exact(case):
    build, shape, types, input_text = CASES[case]
    model = network(build, shape, types, input_text)
    layers = lower(model)
    x = layers[0].input_type.quantize(samples(layers[0].input_type, shape))
    wide = predict_layers(layers, x)[layers[-1].name]
    if max(layer.result_type.width for layer in layers) <= 24:
        np.testing.assert_array_equal(model.predict(x, verbose=0), wide)
    else:
        assert types is WIDE
        np.testing.assert_array_equal(predict(model, layers, x), wide)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_softmax_stays_within_its_tolerance_and_the_logits_before_it_are_exact(tmp_path, io_type):
    model = network(mlp, (6,), NARROW, "fixed<6,2>")
    hls = Hls(io_type=io_type, softmax=True)
    layers = settings.apply(lower(model, softmax=True), hls)
    assert layers[-1].name == "softmax"
    x = samples(layers[0].input_type, (6,))
    expected = predict(model, layers, x)
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    project = generate(
        layers,
        settings.settings("net", hls, boards.load("pynq-z2")),
        x,
        expected,
        tmp_path / "project",
        tolerance=0.02,
    )
    inputs = layers[0].input_type.quantize(x)
    result = csim.simulate(project, inputs, expected)
    assert result.mismatches == 0
    assert 0 < result.max_abs_diff < 0.02
    assert not result.exact
    traced = csim.run.trace(csim.build(csim.Design.read(project.folder), traced=True), inputs[5:6])
    np.testing.assert_array_equal(traced.layers["out"], predict_layers(layers, x[5:6])["out"])
