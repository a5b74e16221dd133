"""`folded`: a hidden layer whose neurons give the magnitudes of their sums, which folds the plane along lines."""

from __future__ import annotations

from typing import Any, Literal

from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.spec.base import PositiveInt, Section


class Options(Section):
    """Neurons of the hidden layer."""

    family: Literal["folded"]
    width: PositiveInt


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (*input_shape) to logits (classes,)."""
    from acme_flow.absolute import Absolute

    inputs = blocks.inputs(input_shape)
    flat = inputs if len(input_shape) == 1 else keras.layers.Flatten(name="flatten")(inputs)
    sums = keras.layers.Dense(options.width, name="lines")(flat)
    magnitudes = keras.layers.Activation("relu", name="rounded")(Absolute(name="absolute")(sums))
    return blocks.model("folded", inputs, keras.layers.Dense(classes, name="output")(magnitudes))
