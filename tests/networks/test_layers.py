"""Our own Keras layers: what they compute, that they train, and that they come back from every kind of file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import imported
from fpga_flow.networks.layers import ChannelShuffle, CReLU
from fpga_flow.networks.network import Network
from fpga_flow.storage import architecture

L = keras.layers


def unit() -> Any:
    """Grouped convolutions around a shuffle, and both signs."""
    seed_everything(1)
    inputs = keras.Input((6, 6, 4), name="inputs")
    x = CReLU(name="signs")(L.Conv2D(4, 1, groups=2, name="down")(inputs))
    x = L.Conv2D(4, 3, groups=4, dilation_rate=2, name="up")(ChannelShuffle(4, name="shuffle")(x))
    return keras.Model(inputs, L.Dense(3, name="out")(L.Flatten(name="flat")(x)))


@pytest.mark.parametrize("shape", [(6,), (5, 6), (4, 3, 6)])
def test_a_shuffle_takes_the_groups_in_turn(shape: tuple[int, ...]) -> None:
    x = np.broadcast_to(np.arange(6.0), (2, *shape))
    inputs = keras.Input(shape)
    made = keras.Model(inputs, ChannelShuffle(2)(inputs))
    assert made.output_shape == (None, *shape)
    assert (made.predict(x, verbose=0) == [0, 3, 1, 4, 2, 5]).all()
    back = keras.Model(inputs, ChannelShuffle(3)(ChannelShuffle(2)(inputs)))
    assert (back.predict(x, verbose=0) == x).all()


def test_a_crelu_has_both_signs() -> None:
    inputs = keras.Input((2,))
    made = keras.Model(inputs, CReLU()(inputs))
    assert made.output_shape == (None, 4)
    assert made.predict(np.array([[1.5, -2.0]]), verbose=0).tolist() == [[1.5, 0, 0, 2]]


@pytest.mark.parametrize(
    ("groups", "why"),
    [(0, "expected groups of 1 or more, got 0"), (2.0, "expected groups of 1 or more, got 2.0"),
     (4, "expected groups that divide its 6 channels, got 4")],
)  # fmt: skip
def test_groups_that_do_not_divide_are_refused(groups: Any, why: str) -> None:
    with pytest.raises(ValueError, match=f'layer "mix": {why}'):
        ChannelShuffle(groups, name="mix")(keras.Input((5, 6)))


def test_they_train() -> None:
    model = unit()
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(96, 6, 6, 4)), rng.integers(0, 3, 96)
    losses = model.fit(x, y, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("form", ["keras", "h5", "json"])
def test_a_model_from_a_file_is_the_same(tmp_path: Path, form: str) -> None:
    model, path = unit(), tmp_path / f"model.{form}"
    files = {"path": str(path)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "json":
            files["weights"] = str(tmp_path / "weights.h5")
            path.write_text(model.to_json())
            model.save_weights(files["weights"])
        else:
            model.save(path)
    loaded = imported.build(imported.Options(family="imported", **files), (6, 6, 4), 3)
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x).numpy(), model(x).numpy())


def test_a_network_is_saved_and_stored(tmp_path: Path) -> None:
    model = unit()
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 4)).astype(np.float32)
    Network(model).save(tmp_path)
    np.testing.assert_array_equal(Network.load(tmp_path).model(x).numpy(), model(x).numpy())
    short = json.dumps(architecture.read(architecture.write(model)))
    assert '"ChannelShuffle"' in short
    data = storage.encode(Network(model))
    np.testing.assert_array_equal(storage.decode(data).model(x).numpy(), model(x).numpy())
