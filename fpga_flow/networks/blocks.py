"""What the network families share: inputs, ReLU with its name, the dense head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpga_flow.keras import keras

#: The name of a network's input. hls4ml reserves the name `input`.
INPUT = "inputs"


def inputs(shape: tuple[int, ...]) -> Any:
    """The input tensor (batch, *shape)."""
    return keras.Input(shape, name=INPUT)


def relu(tensor: Any, after: str) -> Any:
    """A ReLU as a layer of its own, named for the layer that it follows."""
    return keras.layers.Activation("relu", name=f"{after}_relu")(tensor)


def head(tensor: Any, hidden: Sequence[int], dropout: float, classes: int) -> Any:
    """Dense layers dense_1, dense_2, ... with ReLU and dropout, then `output` with one logit per class."""
    if len(tensor.shape) > 2:
        tensor = keras.layers.Flatten(name="flatten")(tensor)
    for number, neurons in enumerate(hidden, 1):
        name = f"dense_{number}"
        tensor = relu(keras.layers.Dense(neurons, name=name)(tensor), name)
        if dropout:
            tensor = keras.layers.Dropout(dropout, name=f"{name}_dropout")(tensor)
    return keras.layers.Dense(classes, name="output")(tensor)


def model(name: str, inputs: Any, outputs: Any) -> Any:
    """The Keras model between the two tensors."""
    return keras.Model(inputs, outputs, name=name)
