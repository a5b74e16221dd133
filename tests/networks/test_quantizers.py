"""Our own quantizers of weights: exact, straight-through, and made again from what Keras saves of them."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, tf
from fpga_flow.networks import quantizers
from fpga_flow.number_types import FixedWidth, Levels

TYPES = [Levels("binary", 1, -3), Levels("ternary", 2, 1), Levels("po2", 4, 0), Levels("po2", 5, -2)]


def numbers(*shape: int) -> np.ndarray:
    made = np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)
    made.ravel()[:8] = [0, -0.0, 0.5, -0.5, 0.75, -0.75, 1e6, -1e6]
    return made


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_levels_are_those_of_the_type_and_stay(type_):
    quantizer = quantizers.of_weights(type_)
    once = quantizer(numbers(100, 3)).numpy()
    np.testing.assert_array_equal(once, type_.quantize(numbers(100, 3)))
    np.testing.assert_array_equal(quantizer(once).numpy(), once)
    assert (quantizer.min(), quantizer.max()) == (once.min(), once.max())


@pytest.mark.parametrize("open_", [FixedWidth(4), FixedWidth(5, signed=False), Levels("ternary", 2), Levels("po2", 3)])
def test_channels_have_types_of_their_own(open_):
    exponents = np.array([[0, 3], [-4, 1], [-1, 0]])  # of a depthwise kernel: channels and their multiples
    quantizer = quantizers.of_channels(open_, exponents)
    got = quantizer(numbers(5, 4, 3, 2)).numpy()
    for place in np.ndindex(exponents.shape):
        expected = open_.at(int(exponents[place])).quantize(numbers(5, 4, 3, 2)[(..., *place)])
        np.testing.assert_array_equal(got[(..., *place)], expected)
    np.testing.assert_array_equal(quantizer(got).numpy(), got)


@pytest.mark.parametrize(
    "quantizer",
    [quantizers.of_weights(TYPES[0]), quantizers.of_channels(FixedWidth(4), np.array([0, -2, 1]))],
)
def test_gradients_go_straight_through(quantizer):
    variable = tf.Variable(numbers(6, 3))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(3 * quantizer(variable))
    np.testing.assert_array_equal(tape.gradient(total, variable).numpy(), np.full((6, 3), 3, np.float32))


@pytest.mark.parametrize(
    "quantizer",
    [
        quantizers.linear(FixedPoint(5, -1)), quantizers.relu(FixedPoint(5, -1, signed=False)),
        *(quantizers.of_weights(type_) for type_ in TYPES),
        quantizers.of_channels(FixedWidth(4), np.array([0, -2, 1])),
        quantizers.of_channels(Levels("binary", 1), np.array([0, -2, 1])),
    ],
)  # fmt: skip
def test_keras_makes_them_again(quantizer):
    again = keras.utils.deserialize_keras_object(keras.utils.serialize_keras_object(quantizer))
    assert type(again) is type(quantizer)
    assert again.get_config() == quantizer.get_config()
    np.testing.assert_array_equal(again(numbers(20, 3)), quantizer(numbers(20, 3)))
    assert (again.min(), again.max()) == (quantizer.min(), quantizer.max())


def test_they_are_of_no_single_fixed_point_type():
    assert quantizers.type_of(quantizers.of_weights(TYPES[0])) is None
    assert quantizers.type_of(quantizers.of_channels(FixedWidth(4), np.array([0, 1]))) is None
    assert quantizers.is_exact(quantizers.of_weights(TYPES[0]))
    assert not quantizers.is_exact(quantizers.of_weights(FixedPoint(4, 1)))
