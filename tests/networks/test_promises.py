"""What passes promise: kept by training, saved and read back, and noticed where it is broken."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.compress.base import Context, retrain
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import promises, quantizers
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.spec.base import Retraining, Training
from tests.conftest import blobs

GROUPS = np.random.default_rng(0).integers(-1, 5, (8, 3))
SIGNS = np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (8, 3))
MASK = np.random.default_rng(2).random((8, 3)) < 0.7
CONTEXT = Context(Training(epochs=4, batch_size=16, learning_rate=0.01), None, seed=1)


def network(*made: promises.Promise, quantized: bool = False) -> Network:
    seed_everything(1)
    inputs = keras.Input((8,), name="inputs")
    type_ = FixedPoint(3, 1)
    layer = qkeras.QDense(3, kernel_quantizer=quantizers.linear(type_), name="d") if quantized else None
    return Network(keras.Model(inputs, (layer or keras.layers.Dense(3, name="d"))(inputs)), made)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("signs", [None, SIGNS])
def test_masks_and_shared_values_stay_through_training(signs, quantized):
    trained = network(
        Sharing("cluster", "d", "kernel", GROUPS, signs), Mask("prune", "d", "kernel", MASK), quantized=quantized
    )
    start = trained.model.get_layer("d").kernel.numpy()
    assert len(trained.broken_promises()) == 2
    retrain(trained, blobs(), Retraining(epochs=4), CONTEXT)
    assert trained.broken_promises() == []
    after = trained.model.get_layer("d").kernel.numpy()
    assert not np.array_equal(after, start)
    assert not after[~MASK].any()
    for group in range(5):
        values = (after if signs is None else after * signs)[(group == GROUPS) & MASK]
        assert len(set(values[values != 0])) <= 1


def test_shared_weights_move_by_the_sum_of_their_gradients():
    """One step of plain gradient descent, against a network whose parameters are the groups' values."""
    shared = Sharing("cluster", "d", "kernel", np.zeros((2, 1), np.int8), np.array([[1], [-1]], np.int8))
    from fpga_flow.compress.base import _keeping
    from fpga_flow.keras import tf

    inputs = keras.Input((2,))
    tested = Network(keras.Model(inputs, keras.layers.Dense(1, name="d", use_bias=False)(inputs)), (shared,))
    kernel = tested.model.get_layer("d").kernel
    (change,) = _keeping(tested).gradients
    np.testing.assert_array_equal(change(kernel, tf.constant([[5.0], [2.0]])), [[3.0], [-3.0]])
    other = tf.Variable([[5.0], [2.0]])
    np.testing.assert_array_equal(change(other, tf.constant([[5.0], [2.0]])), [[5.0], [2.0]])


def test_broken_promises_are_told():
    values = np.array([[1.0, 2.0], [0.0, 1.0]])
    shared = Sharing("cluster", "d", "kernel", np.array([[0, 1], [1, 0]]))
    assert shared.broken(values) == ""
    assert shared.values(values).tolist() == [1.0, 2.0]
    assert shared.broken(np.array([[1.0, 2.0], [3.0, 1.0]])) == (
        "1 of 4 weights no longer have the value that cluster lets them share"
    )
    assert shared.broken(values[:1]) == "gone or reshaped, but cluster shares its values"
    mask = Mask("prune", "d", "kernel", np.array([[True, True], [False, False]]))
    assert mask.broken(values) == "1 of 2 weights that prune pruned are no longer zero"
    assert mask.broken(None) == "gone or reshaped, but prune pruned it"
    assert mask.cut(lambda array: array[:1]).broken(values[:1]) == ""
    assert shared.cut(lambda array: array[:1]).broken(values[:1]) == ""


def test_they_are_saved_and_read_back(tmp_path):
    made = (
        Mask("prune", "d", "kernel", MASK),
        Sharing("hash_share", "d", "kernel", GROUPS, SIGNS, {"kind": "hash", "seed": 3}),
        Sharing("cluster", "e", "bias", np.zeros(3, np.int16)),
    )
    promises.save(made, tmp_path / "promises.npz")
    for old, new in zip(made, promises.load(tmp_path / "promises.npz"), strict=True):
        assert type(old) is type(new)
        for name, value in vars(old).items():
            np.testing.assert_array_equal(value, getattr(new, name))
