"""The energy figure: cases worked out by hand, and that it grows with what is computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.energy import energy
from fpga_flow.resources.estimate.hardware import shared_additions
from fpga_flow.resources.estimate.layers import csd_digits

DATA = FixedPoint(8, 4)
ACCUM = FixedPoint(16, 8)
#: pJ, as Horowitz has them: an addition of a bit, a product of two bits, a bit from a memory.
ADD, MULTIPLY, MEMORY = 0.1 / 32, 3.1 / 1024, 10 / 64


def layer(kind: str, function: str = "", shape: tuple[int, ...] = (6,), **changes: Any) -> HlsLayer:
    """A layer of 8-bit data in and out."""
    given = {"name": "a", "kind": kind, "function": function, "inputs": ("inputs",), "input_type": DATA}
    return HlsLayer(**{**given, "input_shape": shape, "output_shape": shape, "result_type": DATA, **changes})


def dense(weights: Any, **changes: Any) -> HlsLayer:
    """A dense layer with 6-bit weights and a 16-bit accumulator."""
    weights = np.array(weights, np.int64)
    given = {"weights": weights, "biases": np.zeros(weights.shape[-1], np.int64), "weight_type": FixedPoint(6, 1)}
    given |= {"bias_type": FixedPoint(6, 1), "accum_type": ACCUM, "strategy": "latency"}
    shapes = {"input_shape": weights.shape[:1], "output_shape": weights.shape[1:]}
    return layer("dense", **{**given, **shapes, **changes})


def picojoules(*layers: HlsLayer) -> float:
    return 1000 * energy(layers)


def test_single_operations_are_horowitz() -> None:
    """Of 32 bits: 3.1 pJ for a product, 0.1 pJ to add it, 10 pJ for each 64 bits that come in."""
    wide = FixedPoint(32, 16)
    one = dense([[3]], input_type=wide, weight_type=wide, accum_type=wide)
    assert picojoules(one) == pytest.approx(3.1 + 0.1 + 5)


def test_dense() -> None:
    """Three inputs of 8 bits; of six weights one is zero, one a power of two; one bias of two."""
    one = dense([[3, 0], [5, -4], [7, 11]], biases=np.array([0, 9]))
    expected = 3 * 8 * MEMORY + 4 * 8 * 6 * MULTIPLY + (5 + 1) * 16 * ADD
    assert picojoules(one) == pytest.approx(expected)


def test_multipliers_that_read_their_weights() -> None:
    """All weights that are not zero are multiplied; all are read, but zeros that are left out."""
    weights = [[3, 0], [5, -4], [7, 11]]
    expected = 3 * 8 * MEMORY + 5 * 8 * 6 * MULTIPLY + 5 * 16 * ADD
    assert picojoules(dense(weights, strategy="resource")) == pytest.approx(expected + 6 * 6 * MEMORY)
    assert picojoules(dense(weights, strategy="resource_unrolled")) == pytest.approx(expected + 5 * 6 * MEMORY)


def test_distributed_arithmetic_only_adds() -> None:
    weights = np.random.default_rng(2).integers(-31, 32, (16, 8))
    additions = shared_additions(csd_digits(weights))
    one = dense(weights, strategy="distributed_arithmetic")
    assert picojoules(one) == pytest.approx(16 * 8 * MEMORY + additions * 16 * ADD)


@pytest.mark.parametrize("strategy", ["latency", "resource"])
@pytest.mark.parametrize("values", [(-1, 1), (-1, 0, 1), (-8, -4, 1, 2)], ids=["binary", "ternary", "po2"])
def test_powers_of_two_only_add(values: tuple[int, ...], strategy: str) -> None:
    weights = np.resize(values, (4, 6))
    read = 4 * 6 * 6 * MEMORY if strategy == "resource" else 0.0
    expected = 4 * 8 * MEMORY + np.count_nonzero(weights) * 16 * ADD + read
    assert picojoules(dense(weights, strategy=strategy)) == pytest.approx(expected)


def test_convolution() -> None:
    """A 3 x 3 convolution of 8 x 8 pixels of 2 channels into 4: its matrix at each of 36 positions."""
    weights = np.full((3, 3, 2, 4), 3)
    weights[0] = 0
    shapes = {"kind": "conv2d", "input_shape": (8, 8, 2), "output_shape": (6, 6, 4), "window": (3, 3)}
    one = replace(dense([[3]]), weights=weights, biases=np.ones(4, np.int64), **shapes)
    each = 48 * 8 * 6 * MULTIPLY + (48 + 4) * 16 * ADD
    assert picojoules(one) == pytest.approx(8 * 8 * 2 * 8 * MEMORY + 36 * each)


def test_depthwise_convolution() -> None:
    shapes = {"kind": "depthwise1d", "input_shape": (5, 2), "output_shape": (3, 2), "window": (3,)}
    one = replace(dense([[3]]), weights=np.full((3, 2, 1), 3), biases=None, **shapes)
    assert picojoules(one) == pytest.approx(5 * 2 * 8 * MEMORY + 3 * 6 * (8 * 6 * MULTIPLY + 16 * ADD))


@pytest.mark.parametrize(
    ("one", "computed"),
    [
        (layer("activation", "relu"), 0.0),
        (layer("activation", "lookup", result_type=FixedPoint(5, 1)), 6 * 5 * MEMORY),
        (
            layer("activation", "softmax", result_type=FixedPoint(16, 1)),
            6 * (32 * ADD + 16 * MEMORY + 256 * MULTIPLY) + 16 * MEMORY,
        ),
        (layer("crelu", output_shape=(12,)), 6 * 8 * ADD),
        (layer("permute"), 0.0),
        (layer("pool", "max", (4, 4, 3), output_shape=(2, 2, 3), window=(2, 2)), 12 * 3 * 8 * ADD),
        (
            layer("pool", "average", (4, 4, 3), output_shape=(2, 2, 3), window=(2, 2), accum_type=ACCUM),
            12 * 3 * 16 * ADD,
        ),
        (layer("global_pool", "max", (4, 4, 3), output_shape=(3,)), 3 * 15 * 8 * ADD),
    ],
    ids=lambda value: f"{value.function} {value.kind}" if isinstance(value, HlsLayer) else "",
)
def test_layers_without_weights(one: HlsLayer, computed: float) -> None:
    """Activations take values as they come out of the layer before, the others read them."""
    read = 0.0 if one.kind in ("activation", "crelu") else one.input_size * 8 * MEMORY
    assert picojoules(one) == pytest.approx(read + computed)


@pytest.mark.parametrize(
    ("function", "each"),
    [
        ("add", 9 * ADD),
        ("subtract", 9 * ADD),
        ("average", 9 * ADD),
        ("maximum", 12 * ADD),
        ("minimum", 12 * ADD),
        ("multiply", 8 * 12 * MULTIPLY),
    ],
)
def test_merges(function: str, each: float) -> None:
    one = layer("merge", function, second_type=FixedPoint(12, 4), result_type=FixedPoint(9, 5))
    assert picojoules(one) == pytest.approx(6 * (8 + 12) * MEMORY + 6 * each)


def test_concatenation() -> None:
    one = layer("merge", "concatenate", output_shape=(10,), second_type=FixedPoint(12, 4))
    assert picojoules(one) == pytest.approx((6 * 8 + 4 * 12) * MEMORY)


def test_sampling() -> None:
    """Nine taps at four positions, two channels: four pixels each, and three interpolations of two bits."""
    shapes = {"shape": (4, 4, 2), "output_shape": (2, 2, 18), "second_type": FixedPoint(5, 3), "window": (3, 3)}
    position = 2 * 5 * (MEMORY + ADD)
    sums = (2 * (9 + 10) + (11 + 12)) * ADD
    sample = 4 * 8 * MEMORY + sums + (2 * 9 * 2 + 11 * 2) * MULTIPLY
    expected = 4 * 4 * 2 * 8 * MEMORY + 4 * 9 * (position + 2 * sample)
    assert picojoules(layer("deformable", **shapes)) == pytest.approx(expected)


def test_a_network_is_the_sum_of_its_layers() -> None:
    parts = [dense(np.full((6, 6), 3)), layer("activation", "relu"), layer("merge", "add")]
    assert energy(parts) == pytest.approx(sum(energy([part]) for part in parts))
    assert energy([*parts, layer("reshape", output_shape=(2, 3))]) == energy(parts)
    assert energy([]) == 0


def test_it_grows_with_widths_and_with_weights() -> None:
    weights = np.random.default_rng(1).integers(1, 16, (16, 8)) * 2 + 1  # no powers of two
    for field in ("input_type", "weight_type", "accum_type"):
        figures = [energy([dense(weights, **{field: FixedPoint(width, 1)})]) for width in range(2, 25)]
        assert np.all(np.diff(figures) > 0), field
    figures = []
    for kept in range(0, 129, 16):
        pruned = weights.copy().ravel()
        pruned[kept:] = 0
        figures.append(energy([dense(pruned.reshape(16, 8))]))
    assert np.all(np.diff(figures) > 0)


def test_an_unknown_layer() -> None:
    with pytest.raises(InputError, match='a: expected a layer whose energy is known, got "sine activation"'):
        energy([layer("activation", "sine")])
