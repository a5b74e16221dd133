"""The network that the tests of passes compress."""

from __future__ import annotations

from fpga_flow import training
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.spec.base import Training


def trained_mlp(dataset: Dataset, settings: Training) -> Network:
    """8 inputs, the layer d1 of 16 neurons with ReLU, the layer out of 3 logits; trained."""
    seed_everything(1)
    inputs = keras.Input((8,), name="inputs")
    hidden = keras.layers.Dense(16, activation="relu", name="d1")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="out")(hidden))
    training.fit(model, dataset, settings, seed=1)
    return Network(model)
