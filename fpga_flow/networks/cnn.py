"""`cnn`: convolutions with ReLU and pooling, then dense layers, as in LeNet (LeCun et al. 1998)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Convolution(Section):
    """One convolution with ReLU, followed by pooling over `pool` x `pool` pixels where that is above 1."""

    filters: PositiveInt
    kernel: PositiveInt = 3
    strides: PositiveInt = 1
    padding: Literal["valid", "same"] = "valid"
    pool: PositiveInt = 1


class Options(Section):
    """Convolutions first to last, then the neurons of each hidden dense layer."""

    family: Literal["cnn"]
    conv: list[Convolution] = Field(min_length=1)
    pooling: Literal["max", "average"] = "max"
    hidden: list[PositiveInt] = Field(default_factory=list)
    dropout: Fraction = 0.0


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1, conv_1_relu, pool_1, ..., output.

    Raises:
        FieldError: the samples are no images, or a convolution or pooling is larger than what reaches it.
    """
    if len(input_shape) != 3:
        raise FieldError(
            ("network", "family"), f"expected samples of shape (height, width, channels) for cnn, got {input_shape}"
        )
    inputs = tensor = blocks.inputs(input_shape)
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[options.pooling]
    for number, conv in enumerate(options.conv, 1):
        path = ("network", "conv", number - 1)
        if conv.padding == "valid":
            _check_fits(conv.kernel, tensor.shape, (*path, "kernel"))
        name = f"conv_{number}"
        tensor = keras.layers.Conv2D(conv.filters, conv.kernel, conv.strides, conv.padding, name=name)(tensor)
        tensor = blocks.relu(tensor, name)
        if conv.pool > 1:
            _check_fits(conv.pool, tensor.shape, (*path, "pool"))
            tensor = pool(conv.pool, name=f"pool_{number}")(tensor)
    return blocks.model("cnn", inputs, blocks.head(tensor, options.hidden, options.dropout, classes))


def _check_fits(window: int, shape: Any, path: FieldPath) -> None:
    height, width = shape[1:3]
    if window > min(height, width):
        raise FieldError(
            path, f"expected at most {min(height, width)}, the size of the {height}x{width} image here, got {window}"
        )
