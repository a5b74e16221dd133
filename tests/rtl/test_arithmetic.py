"""Conversions of symbolic numbers, against the emulator's, for all values of many types."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.rtl import network
from fpga_flow.rtl.arithmetic import constant, converted, rounded


def values(type_: FixedPoint) -> np.ndarray:
    return np.arange(type_.min, type_.max + type_.step, type_.step)[:, None]


def random_type(rng: np.random.Generator, widest: int) -> FixedPoint:
    signed = bool(rng.integers(2))
    return FixedPoint(int(rng.integers(1 + signed, widest + 1)), int(rng.integers(-1, 5)), signed)


def check(layer: HlsLayer) -> None:
    x = values(layer.input_type)
    np.testing.assert_array_equal(network.trace([layer]).predict(x), Emulator([layer]).predict(x), err_msg=str(layer))


@pytest.mark.parametrize("seed", range(60))
def test_activations_round_half_to_even_and_saturate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    input_type, result_type = random_type(rng, 8), random_type(rng, 7)
    function = "linear" if result_type.signed or seed % 2 else "relu"
    symmetric = result_type.signed and seed % 3 == 0
    check(HlsLayer("a", "activation", function, ("inputs",), (1,), (1,), input_type, result_type, symmetric=symmetric))


@pytest.mark.parametrize("seed", range(40))
def test_sums_are_cut_off_and_wrap_around(seed: int) -> None:
    rng = np.random.default_rng(seed)
    input_type, weight_type, bias_type = random_type(rng, 6), FixedPoint(5, 2), FixedPoint(6, 3)
    accum_type = FixedPoint(int(rng.integers(3, 9)) + 8, int(rng.integers(3, 9)))  # wraps around in many cases
    if accum_type.fraction < input_type.fraction + weight_type.fraction:
        pytest.skip("the accumulator would cut off each product by itself, which is refused when a network is lowered")
    check(
        HlsLayer(
            "d", "dense", "", ("inputs",), (1,), (3,), input_type, random_type(rng, 6), weight_type=weight_type,
            bias_type=bias_type, accum_type=accum_type, weights=rng.integers(-16, 16, (1, 3)),
            biases=rng.integers(-32, 32, 3),
        )
    )  # fmt: skip


@pytest.mark.parametrize("type_", [FixedPoint(4, 2), FixedPoint(3, 2, signed=False), FixedPoint(3, 5)])
def test_constants_are_converted_as_numbers_are(type_: FixedPoint) -> None:
    like = network._inputs(type_, (1,))[0]
    for steps in range(-40, 40):
        value = steps * 0.125
        wrapped = (np.floor(value / type_.step) * type_.step - type_.min) % (2**type_.width * type_.step) + type_.min
        assert float(converted(constant(value, like), type_).low) == wrapped
        assert float(rounded(constant(value, like), type_).low) == type_.quantize(value)
