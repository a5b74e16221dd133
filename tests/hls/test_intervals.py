"""Interval analysis: nothing that the emulator computes is outside of the bounds, which a first dense layer reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import linear
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.intervals import analyse
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import lower
from tests.hls import cases
from tests.hls.matrix import refusal

NAMES = list(cases.CASES)
SOME = NAMES[::9]


@cache
def lowered(name: str) -> tuple[HlsLayer, ...]:
    case = cases.CASES[name]
    return () if refusal(case, "io_parallel") else tuple(lower(cases.model(case)))


def inputs(layers: Sequence[HlsLayer], seed: int = 1) -> np.ndarray:
    """Random values of the input's type, and its ends in random patterns, all alike, and one against all others."""
    type_, shape = layers[0].input_type, layers[0].input_shape
    rng = np.random.default_rng(seed)
    ends = np.where(rng.random((100, *shape)) < 0.5, type_.min, type_.max)
    single = np.where(np.eye(layers[0].input_size)[:50].reshape(-1, *shape) == 1, type_.max, type_.min)
    alike = np.stack([np.full(shape, value) for value in (type_.min, 0.0, type_.max)])
    return np.concatenate([type_.quantize(rng.uniform(type_.min, type_.max, (100, *shape))), ends, single, alike])


def marked(names: Sequence[str]) -> list:
    return [pytest.param(name, marks=[] if name in SOME else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", marked(NAMES))
def test_bounds_hold_all_that_the_emulator_computes(name: str) -> None:
    layers = lowered(name)
    if not layers:
        pytest.skip("refused")
    bounds = analyse(layers)
    for layer, values in Emulator(layers).predict_layers(inputs(layers)).items():
        output = bounds[layer].output
        assert (values >= output.low - 1e-12).all(), layer  # softmax alone rounds
        assert (values <= output.high + 1e-12).all(), layer
    assert not any(
        conversion.exceeds_partially.any()
        for each in bounds.values()
        for conversion in each.conversions
        if not conversion.rounds
    )  # lowering gives every sum the room that it needs


@pytest.mark.parametrize("name", marked(NAMES))
def test_layers_as_functions_are_those_of_the_emulator(name: str) -> None:
    layers = lowered(name)
    if not layers:
        pytest.skip("refused")
    x = inputs(layers)
    outputs = {"inputs": layers[0].input_type.quantize(x), **Emulator(layers).predict_layers(x)}
    for layer in layers:
        made = linear.ideal(layer, *(outputs[name] for name in layer.inputs))
        type_ = layer.result_type
        if layer.kind == "activation" and layer.function in ("relu", "linear"):
            made = np.clip(type_.quantize(made), -type_.max if layer.symmetric else None, None)
        if layer.function == "softmax":
            np.testing.assert_allclose(made, outputs[layer.name], atol=1e-12)
        else:
            np.testing.assert_array_equal(made, outputs[layer.name], err_msg=layer.name)


@pytest.mark.parametrize("name", marked(NAMES))
def test_slopes_of_linear_layers_are_their_adjoints(name: str) -> None:
    """<backward(g), d> is <g, change of the output by d>, for small steps d that cross no corner."""
    layers = lowered(name)
    if not layers:
        pytest.skip("refused")
    outputs = {"inputs": inputs(layers), **Emulator(layers).predict_layers(inputs(layers))}
    rng = np.random.default_rng(2)
    for layer in layers:
        if layer.kind == "activation":
            continue
        x = tuple(outputs[name] + rng.uniform(0, 1e-3, outputs[name].shape) for name in layer.inputs)  # no ties
        d = tuple(rng.normal(0, 1e-9, each.shape) for each in x)
        change = linear.ideal(layer, *(a + b for a, b in zip(x, d, strict=True))) - linear.ideal(layer, *x)
        slope = rng.normal(0, 1, change.shape)
        if layer.function in ("maximum", "minimum") or layer.kind == "crelu":
            continue  # these give the other branch, or the other sign, a small slope
        back = linear.backward(layer, slope, x)
        axes = tuple(range(1, change.ndim))
        there = (slope * change).sum(axis=axes)
        here = sum((a * b).reshape(len(a), -1).sum(axis=1) for a, b in zip(back, d, strict=True))
        np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-10, err_msg=layer.name)


def test_a_first_dense_layer_reaches_its_bounds() -> None:
    layers = lowered("QDense, kernel quantized_bits(4,0)")
    (layer,) = (each for each in layers if each.weights is not None)
    (conversion,) = analyse(layers)[layer.name].conversions
    type_, weights = layers[0].input_type, layer.weights
    for sign, bound in ((1, conversion.value.high), (-1, conversion.value.low)):
        x = np.where(sign * weights.T > 0, type_.max, type_.min)  # a sample for each output
        np.testing.assert_array_equal(np.diag(Emulator(layers).predict_layers(x)[layer.name]), bound)


def test_an_accumulator_that_overflows_can_be_anything() -> None:
    layers = lowered("QDense, kernel quantized_bits(4,0)")
    index, layer = next((i, each) for i, each in enumerate(layers) if each.weights is not None)
    wide = layer.accum_type
    narrow = FixedPoint(wide.width - 2, wide.integer - 2)
    layers = [*layers[:index], replace(layer, accum_type=narrow)]
    bounds = analyse(layers)[layer.name]
    accumulator, result = bounds.conversions
    assert (accumulator.part, result.part) == ("accumulator", "result")
    assert accumulator.exceeds.any()
    np.testing.assert_array_equal(accumulator.reach > 1, accumulator.exceeds)
    np.testing.assert_array_equal(bounds.output.low[accumulator.exceeds], narrow.min)
    np.testing.assert_array_equal(bounds.output.high[accumulator.exceeds], narrow.max)
    assert not result.exceeds.any()
    values = Emulator(layers).predict_layers(inputs(layers))[layer.name]
    assert (values >= bounds.output.low).all()
    assert (values <= bounds.output.high).all()


def test_what_saturates_stays_within_its_type() -> None:
    type_ = FixedPoint(4, 2)
    layer = HlsLayer("a", "activation", "linear", ("inputs",), (1,), (1,), FixedPoint(8, 4), type_)
    (conversion,) = analyse([layer])["a"].conversions
    assert (conversion.value.low[0], conversion.value.high[0]) == (-8, 8 - 1 / 16)
    assert conversion.exceeds.all()
    assert (conversion.result.low[0], conversion.result.high[0]) == (type_.min, type_.max)
    (symmetric,) = analyse([replace(layer, symmetric=True)])["a"].conversions
    assert symmetric.result.low[0] == -type_.max
