"""`vgg`: stages of convolutions over 3x3 pixels, each of which ends with pooling, then dense layers.

Source: Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition"; the layout
`imagenet` is their network D of 16 layers (VGG-16).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.blocks import Stage
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Options(Section):
    """Stages of convolutions with maxima behind each, then dense layers.

    family               the name of this family
    layout               where the sizes come from that are left out: `small` for images of some 32 pixels, `imagenet`
                         as in the paper
    width                multiplied with all numbers of filters
    stages               first to last; left out: by `layout`
    hidden               neurons of each hidden dense layer; left out: by `layout`
    batch_normalization  behind each convolution
    dropout              the share of neurons of hidden dense layers that is dropped in training
    """

    family: Literal["vgg"]
    layout: Literal["small", "imagenet"] = "small"
    width: blocks.Width = 1.0
    stages: list[Stage] | None = Field(default=None, min_length=1)
    hidden: list[PositiveInt] | None = None
    batch_normalization: bool = False
    dropout: Fraction = 0.0


def _stages(*rows: tuple[int, int]) -> tuple[Stage, ...]:
    return tuple(Stage(filters=filters, repeat=repeat) for filters, repeat in rows)


_LAYOUTS: dict[str, tuple[tuple[Stage, ...], tuple[int, ...]]] = {
    "small": (_stages((8, 2), (16, 2), (32, 2)), (64,)),
    "imagenet": (_stages((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), (4096, 4096)),
}


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1_1, conv_1_2, pool_1, conv_2_1, ...,
    flatten, dense_1, ..., output.

    Raises:
        FieldError: the samples are no images, or so small that a pooling would leave nothing of them.
    """
    stages, hidden = _LAYOUTS[options.layout]
    inputs = tensor = blocks.images(input_shape, "vgg")
    for number, stage in enumerate(options.stages or stages, 1):
        for repeat in range(1, stage.repeat + 1):
            filters = max(1, int(stage.filters * options.width))
            normalize = options.batch_normalization
            tensor = blocks.conv(tensor, f"conv_{number}_{repeat}", filters, 3, normalize=normalize)
        height, width = tensor.shape[1:3]
        if min(height, width) < 2:
            raise FieldError(
                ("network", "stages", number - 1) if options.stages else ("network", "layout"),
                f"expected images large enough to be halved {number} times, got {height}x{width} pixels to pool over "
                f"in stage {number}",
            )
        tensor = keras.layers.MaxPooling2D(2, name=f"pool_{number}")(tensor)
    hidden = hidden if options.hidden is None else tuple(options.hidden)
    return blocks.model("vgg", inputs, blocks.head(tensor, hidden, options.dropout, classes))
