"""`cnn`: convolutions with ReLU and pooling, then dense layers, as in LeNet (LeCun et al. 1998)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.deformable import deformable
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Convolution(Section):
    """One convolution with ReLU, and pooling behind it.

    filters     of the convolution
    kernel      its height and width
    strides     pixels from one position of the kernel to the next
    dilation    above 1, the kernel looks at pixels so far apart (Yu & Koltun 2016, "Multi-Scale Context Aggregation by
                Dilated Convolutions")
    deformable  it learns from the image which pixels to look at (see `networks/deformable.py`), and becomes HLS code
                with io_parallel alone
    padding     `same`: zeros around the image, so that it keeps its size; `valid`: none
    activation  crelu gives twice as many channels (Shang et al. 2016, "Understanding and Improving Convolutional Neural
                Networks via Concatenated Rectified Linear Units")
    pool        above 1: pooling over so many pixels each way follows
    """

    filters: PositiveInt
    kernel: PositiveInt = 3
    strides: PositiveInt = 1
    dilation: PositiveInt = 1
    deformable: bool = False
    padding: Literal["valid", "same"] = "valid"
    activation: Literal["relu", "crelu"] = "relu"
    pool: PositiveInt = 1


class Options(Section):
    """Convolutions first to last, then hidden dense layers.

    family   the name of this family
    conv     the convolutions
    pooling  of what `pool` joins: its maximum or its average
    hidden   neurons of each hidden dense layer
    dropout  the share of neurons of hidden dense layers that is dropped in training
    """

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
    inputs = tensor = blocks.images(input_shape, "cnn")
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[options.pooling]
    for number, conv in enumerate(options.conv, 1):
        path = ("network", "conv", number - 1)
        if conv.dilation > 1 and conv.strides > 1:
            raise FieldError(
                (*path, "dilation"), f"expected 1 with strides of {conv.strides}, or strides of 1, got {conv.dilation}"
            )
        if conv.padding == "valid":
            _check_kernel(conv, tensor.shape, path)
        if conv.deformable and conv.dilation > 1:
            raise FieldError((*path, "dilation"), f"expected 1 for a deformable convolution, got {conv.dilation}")
        name = f"conv_{number}"
        tensor = _convolution(tensor, conv, name)
        tensor = {"relu": blocks.relu, "crelu": blocks.crelu}[conv.activation](tensor, name)
        if conv.pool > 1:
            _check_fits(conv.pool, tensor.shape, (*path, "pool"))
            tensor = pool(conv.pool, name=f"pool_{number}")(tensor)
    return blocks.model("cnn", inputs, blocks.head(tensor, options.hidden, options.dropout, classes))


def _convolution(tensor: Any, conv: Convolution, name: str) -> Any:
    if conv.deformable:
        return deformable(tensor, conv.filters, conv.kernel, conv.strides, conv.padding, name=name)
    layer = keras.layers.Conv2D(
        conv.filters, conv.kernel, conv.strides, conv.padding, dilation_rate=conv.dilation, name=name
    )
    return layer(tensor)


def _check_kernel(conv: Convolution, shape: Any, path: FieldPath) -> None:
    reach = (conv.kernel - 1) * conv.dilation + 1
    if conv.dilation == 1 or conv.kernel == 1:
        _check_fits(conv.kernel, shape, (*path, "kernel"))
    elif reach > min(shape[1:3]):
        height, width = shape[1:3]
        raise FieldError(
            (*path, "dilation"),
            f"expected a kernel of {conv.kernel} that reaches over at most {min(height, width)} pixels, the size of "
            f"the {height}x{width} image here, got {conv.dilation}, with which it reaches over {reach}",
        )


def _check_fits(window: int, shape: Any, path: FieldPath) -> None:
    height, width = shape[1:3]
    if window > min(height, width):
        raise FieldError(
            path, f"expected at most {min(height, width)}, the size of the {height}x{width} image here, got {window}"
        )
