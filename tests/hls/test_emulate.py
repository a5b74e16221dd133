"""The emulator: conversions worked out by hand, and the C++ as its witness where numbers overflow. That it agrees with
QKeras and with the C++ for every case of the matrix is tested there (tests/hls/matrix.py, test_exact.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_flow import boards, csim
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import settings
from fpga_flow.hls.emulate import FLOAT32_BITS, Emulator, softmax
from fpga_flow.hls.emulate.arithmetic import needed_bits
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import lower
from fpga_flow.hls.plain import plain_model
from fpga_flow.hls.project import generate
from fpga_flow.spec.model import Hls
from tests.hls import cases


def activation(function: str, input_type: str, result_type: str, **options: object) -> HlsLayer:
    types = FixedPoint.parse(input_type), FixedPoint.parse(result_type)
    return HlsLayer("a", "activation", function, ("inputs",), (1,), (1,), *types, **options)


def outputs(layer: HlsLayer, *values: float) -> list[float]:
    return Emulator([layer]).predict(np.array(values)[:, None]).ravel().tolist()


def test_rounding_is_half_to_even_and_saturates() -> None:
    layer = activation("linear", "fixed<8,4>", "fixed<4,3>")  # steps of 1/16 into steps of 1/2
    assert outputs(layer, 0.25, 0.75, 1.25, -0.25, -0.75, 0.3125, 7, -8) == [0, 1, 1, 0, -1, 0.5, 3.5, -4]
    symmetric = activation("linear", "fixed<8,4>", "fixed<4,3>", symmetric=True)
    assert outputs(symmetric, -8, 7) == [-3.5, 3.5]
    assert outputs(activation("relu", "fixed<8,4>", "ufixed<3,2>"), -2, 0.25, 9) == [0, 0, 3.5]


def test_inputs_are_rounded_into_their_type() -> None:
    layer = activation("linear", "fixed<4,3>", "fixed<8,4>")
    assert outputs(layer, 0.25, 100, -100) == [0, 3.5, -4]


def test_tables_are_read_by_the_bits_of_their_input() -> None:
    table = np.array([[0, 10, -20, -10], [1, 2, 3, 4]])  # for 0, 1, -2, -1
    layer = replace(activation("lookup", "fixed<2,2>", "fixed<6,6>", table=table[:1]))
    assert outputs(layer, 0, 1, -2, -1) == [0, 10, -20, -10]
    channels = replace(layer, input_shape=(2,), output_shape=(2,), table=table)
    assert Emulator([channels]).predict(np.array([[1, 1], [-2, -2]])).tolist() == [[10, 2], [-20, 3]]


def test_the_keras_side_of_a_lookup_is_the_same() -> None:
    case = cases.CASES["QActivation quantized_tanh(5)"]
    (layer,) = (each for each in lower(cases.model(case)) if each.table is not None)
    alone = replace(layer, inputs=("inputs",))
    x = layer.input_type.min + layer.input_type.step * np.arange(2**layer.input_type.width)
    x = np.repeat(x[:, None], layer.input_shape[-1], axis=1)
    np.testing.assert_array_equal(plain_model([alone]).predict(x, verbose=0), Emulator([alone]).predict(x))


def test_softmax_is_that_of_doubles() -> None:
    x = np.random.default_rng(1).normal(0, 3, (5, 4))
    np.testing.assert_allclose(softmax(x), np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))


def test_outputs_do_not_depend_on_the_batch() -> None:
    case = cases.CASES["QConv2D, same, strides=2"]
    layers = lower(cases.model(case))
    x = np.concatenate([cases.samples(case)] * 40)
    emulator = Emulator(layers)
    whole = emulator.predict(x)
    assert whole.shape == (1600, *layers[-1].output_shape)
    np.testing.assert_array_equal(whole[:40], whole[-40:])
    np.testing.assert_array_equal(emulator.predict(x[7:8]), whole[7:8])
    assert emulator.predict(x[:0]).shape == (0, *layers[-1].output_shape)


@pytest.mark.parametrize(("input_type", "dtype"), [("fixed<6,3>", np.float32), ("fixed<24,4>", np.float64)])
def test_float32_where_it_is_exact(input_type: str, dtype: type) -> None:
    layers = lower(cases.model(cases.CASES["QDense, kernel quantized_bits(4,0)"]))
    wide = {"accum_type": FixedPoint(34, 10), "result_type": FixedPoint(24, 10)}
    last = replace(layers[-1], inputs=("inputs",), input_type=FixedPoint.parse(input_type), **wide)
    assert Emulator([last])._steps[0].dtype is dtype


@pytest.mark.parametrize("width", [20, 23, 24])
def test_what_wraps_around_may_need_all_bits_of_a_float32(width: int) -> None:
    type_ = FixedPoint(width, width)
    weights = np.full((515, 1), 127)
    layer = HlsLayer(
        "dense", "dense", "", ("inputs",), (515,), (1,), FixedPoint(8, 8, signed=False), type_,
        weight_type=FixedPoint(8, 8), accum_type=type_, weights=weights,
    )  # fmt: skip
    assert needed_bits(layer) == FLOAT32_BITS
    x = np.random.default_rng(0).choice([253.0, 254.0, 255.0], (100, 515))
    sums = (x @ weights).astype(np.int64)
    half = 2 ** (width - 1)
    assert (sums >= half).all()
    np.testing.assert_array_equal(Emulator([layer]).predict(x), (sums + half) % (2 * half) - half)


def test_what_a_double_does_not_hold_is_refused() -> None:
    wide = activation("linear", "fixed<40,20>", "fixed<40,20>")
    product = replace(wide, kind="merge", function="multiply", inputs=("inputs", "inputs"), second_type=wide.input_type)
    with pytest.raises(ValueError, match=r'layer "a": expected numbers of at most 53 bits, got 80'):
        Emulator([product])
    layers = lower(cases.model(cases.CASES["QDense, kernel quantized_bits(4,0)"]))
    with pytest.raises(ValueError, match="expected an accumulator of "):
        Emulator([replace(layers[-1], inputs=("inputs",), accum_type=FixedPoint(12, 12))])


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("name", ["QDense, kernel quantized_bits(4,0)", "QConv2D, same, strides=2"])
def test_sums_that_overflow_wrap_around_as_in_the_cpp(tmp_path, name: str, io_type: str) -> None:
    case, hls = cases.CASES[name], Hls(io_type=io_type)
    lowered = lower(cases.model(case), io_type=io_type)
    narrow = FixedPoint(lowered[-1].accum_type.width - 4, lowered[-1].accum_type.integer - 4)
    planted = replace(lowered[-1], accum_type=narrow)
    layers = settings.apply([*lowered[:-1], planted], hls)
    inputs = layers[0].input_type.quantize(cases.samples(case))
    expected = Emulator(layers).predict(inputs).reshape(len(inputs), -1)
    assert (expected != Emulator(lowered).predict(inputs).reshape(len(inputs), -1)).any()
    made = settings.settings("net", hls, boards.load("pynq-z2"))
    project = generate(layers, made, inputs, expected, tmp_path / "project")
    assert csim.simulate(project, inputs, expected).exact
