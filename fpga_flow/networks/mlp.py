"""`mlp`: a multilayer perceptron with ReLU, and as many outputs as there are classes."""

from __future__ import annotations

from typing import Any, Literal

from fpga_flow.networks import blocks
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Options(Section):
    """Dense layers with ReLU.

    family   the name of this family
    hidden   neurons of each hidden layer, first to last
    dropout  the share of their neurons that is dropped in training
    """

    family: Literal["mlp"]
    hidden: list[PositiveInt]
    dropout: Fraction = 0.0


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (*input_shape) to logits (classes,): dense_1, dense_1_relu, ..., output."""
    inputs = blocks.inputs(input_shape)
    outputs = blocks.head(inputs, options.hidden, options.dropout, classes)
    return blocks.model("mlp", inputs, outputs)
