"""`mlp`: a multilayer perceptron with ReLU, and as many outputs as there are classes."""

from __future__ import annotations

from typing import Any, Literal

from fpga_flow.networks import blocks
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Options(Section):
    """Neurons of each hidden layer, first to last, and the share of them dropped in training."""

    family: Literal["mlp"]
    hidden: list[PositiveInt]
    dropout: Fraction = 0.0


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (*input_shape) to logits (classes,): dense_1, dense_1_relu, ..., output."""
    inputs = blocks.inputs(input_shape)
    outputs = blocks.head(inputs, options.hidden, options.dropout, classes)
    return blocks.model("mlp", inputs, outputs)
