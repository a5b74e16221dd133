"""What the network families share: inputs, convolutions with normalisation and ReLU, heads, and sections of options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.spec.base import PositiveInt, Section

#: The name of a network's input. hls4ml reserves the name `input`.
INPUT = "inputs"

#: A factor on the numbers of filters.
Width = Annotated[float, Field(gt=0, le=8)]


class Stem(Section):
    """The first convolution with ReLU.

    filters  of the convolution
    kernel   its height and width
    strides  pixels from one position of the kernel to the next
    pool     above 1: maxima over so many pixels each way follow, in steps of 2
    """

    filters: PositiveInt
    kernel: PositiveInt = 3
    strides: PositiveInt = 1
    pool: PositiveInt = 1


class Stage(Section):
    """Some blocks (of VGG: convolutions) of one size.

    filters  that each of them gives
    repeat   how many blocks
    """

    filters: PositiveInt
    repeat: PositiveInt = 1


def inputs(shape: tuple[int, ...]) -> Any:
    """The input tensor (batch, *shape)."""
    return keras.Input(shape, name=INPUT)


def images(shape: tuple[int, ...], family: str) -> Any:
    """The input tensor of a family that takes images only.

    Raises:
        FieldError: the samples are no images.
    """
    if len(shape) != 3:
        raise FieldError(
            ("network", "family"), f"expected samples of shape (height, width, channels) for {family}, got {shape}"
        )
    return inputs(shape)


def relu(tensor: Any, after: str) -> Any:
    """A ReLU as a layer of its own, named for the layer that it follows."""
    return keras.layers.Activation("relu", name=f"{after}_relu")(tensor)


def conv(
    tensor: Any,
    name: str,
    filters: int,
    kernel: int = 1,
    strides: int = 1,
    *,
    groups: int = 1,
    normalize: bool = True,
    bias: bool | None = None,
    linear: bool = False,
) -> Any:
    """A convolution with padding `same`, BatchNormalization (with `normalize`) and ReLU (unless `linear`), in this
    order: the normalisation is multiplied into the convolution when the network is quantized. A bias (left out: where
    there is no normalisation) would only be taken away again by it.
    """
    bias = not normalize if bias is None else bias
    layer = keras.layers.Conv2D(filters, kernel, strides, "same", groups=groups, use_bias=bias, name=name)
    return _finished(layer(tensor), name, normalize=normalize, linear=linear)


def depthwise(tensor: Any, name: str, kernel: int = 3, strides: int = 1, *, linear: bool = False) -> Any:
    """The same with a kernel for each channel by itself, always normalized."""
    layer = keras.layers.DepthwiseConv2D(kernel, strides, "same", use_bias=False, name=name)
    return _finished(layer(tensor), name, normalize=True, linear=linear)


def _finished(tensor: Any, name: str, *, normalize: bool, linear: bool) -> Any:
    if normalize:
        tensor = keras.layers.BatchNormalization(name=f"{name}_norm")(tensor)
    return tensor if linear else relu(tensor, name)


def stem(tensor: Any, options: Stem, *, normalize: bool = True, bias: bool | None = None) -> Any:
    """conv_1, and pool_1 where there is pooling."""
    tensor = conv(tensor, "conv_1", options.filters, options.kernel, options.strides, normalize=normalize, bias=bias)
    return max_pool(tensor, "pool_1", options.pool) if options.pool > 1 else tensor


def max_pool(tensor: Any, name: str, window: int) -> Any:
    """Maxima over `window` x `window` pixels in steps of 2, padded at the border: half the size, rounded up."""
    return keras.layers.MaxPooling2D(window, 2, "same", name=name)(tensor)


def shuffle(tensor: Any, groups: int, name: str) -> Any:
    """The channels in another order, so that each of the next layer's groups gets some of each group here."""
    from fpga_flow.networks.layers import ChannelShuffle  # it is Keras', so it loads TensorFlow

    return ChannelShuffle(groups, name=name)(tensor)


def crelu(tensor: Any, after: str) -> Any:
    """A concatenated ReLU, named for the layer that it follows: twice as many channels."""
    from fpga_flow.networks.layers import CReLU

    return CReLU(name=f"{after}_crelu")(tensor)


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


def average_head(tensor: Any, dropout: float, classes: int) -> Any:
    """`average` of each channel over the whole image, dropout, then `output` with one logit per class."""
    tensor = keras.layers.GlobalAveragePooling2D(name="average")(tensor)
    if dropout:
        tensor = keras.layers.Dropout(dropout, name="average_dropout")(tensor)
    return keras.layers.Dense(classes, name="output")(tensor)


def model(name: str, inputs: Any, outputs: Any) -> Any:
    """The Keras model between the two tensors."""
    return keras.Model(inputs, outputs, name=name)


def check_groups(groups: int, channels: int, what: str, path: FieldPath) -> None:
    """Refuse channels that groups do not divide.

    Args:
        what: the channels, in words.
        path: of the option to be changed.
    """
    if channels % groups:
        raise FieldError(path, f"expected {what} that {groups} groups divide, got {channels}")
