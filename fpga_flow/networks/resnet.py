"""`resnet`: residual blocks of two convolutions over 3x3 pixels, to whose sums the block's input is added.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition", figure 2; where a block changes the shape, its
input passes a convolution over single pixels (their option B). The layout `small` is the network of 8 layers of MLPerf
Tiny (Banbury et al. 2021, image classification), `imagenet` is ResNet-18 (their table 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.blocks import Stem
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Stage(blocks.Stage):
    """Some residual blocks of one size.

    strides  of the first block
    """

    strides: PositiveInt = 1


class Options(Section):
    """A stem, stages of residual blocks, and the average over all pixels.

    family   the name of this family
    layout   where the sizes come from that are left out: `small` for images of some 32 pixels, `imagenet` as in the
             paper; also whether convolutions have a bias beside their normalisation (`small`), or those over single
             pixels a normalisation (`imagenet`)
    width    multiplied with all numbers of filters
    stem     the first convolution; left out: by `layout`
    stages   first to last; left out: by `layout`
    dropout  the share of channels whose average is dropped in training
    """

    family: Literal["resnet"]
    layout: Literal["small", "imagenet"] = "small"
    width: blocks.Width = 1.0
    stem: Stem | None = None
    stages: list[Stage] | None = Field(default=None, min_length=1)
    dropout: Fraction = 0.0


@dataclass(frozen=True)
class _Layout:
    stem: Stem
    stages: tuple[Stage, ...]
    bias: bool
    shortcut_normalized: bool


def _stages(repeat: int, *filters: int) -> tuple[Stage, ...]:
    """Stages of which each but the first halves height and width."""
    return tuple(Stage(filters=each, repeat=repeat, strides=2 if number else 1) for number, each in enumerate(filters))


_LAYOUTS = {
    "small": _Layout(Stem(filters=16), _stages(1, 16, 32, 64), bias=True, shortcut_normalized=False),
    "imagenet": _Layout(
        Stem(filters=64, kernel=7, strides=2, pool=3),
        _stages(2, 64, 128, 256, 512),
        bias=False,
        shortcut_normalized=True,
    ),
}


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1, block_1_conv_1, block_1_conv_2,
    block_1_shortcut (where the shape changes), block_1 (the sum), block_1_relu, ..., average, output.

    Raises:
        FieldError: the samples are no images.
    """
    layout = _LAYOUTS[options.layout]
    inputs = blocks.images(input_shape, "resnet")
    stem = options.stem or layout.stem
    stem = stem.model_copy(update={"filters": _filters(stem.filters, options)})
    tensor = blocks.stem(inputs, stem, bias=layout.bias)
    number = 0
    for stage in options.stages or layout.stages:
        for repeat in range(stage.repeat):
            number += 1
            strides = 1 if repeat else stage.strides
            tensor = _block(tensor, f"block_{number}", _filters(stage.filters, options), strides, layout)
    return blocks.model("resnet", inputs, blocks.average_head(tensor, options.dropout, classes))


def _block(tensor: Any, name: str, filters: int, strides: int, layout: _Layout) -> Any:
    source, bias = tensor, layout.bias
    tensor = blocks.conv(tensor, f"{name}_conv_1", filters, 3, strides, bias=bias)
    tensor = blocks.conv(tensor, f"{name}_conv_2", filters, 3, bias=bias, linear=True)
    if source.shape != tensor.shape:
        source = blocks.conv(
            source, f"{name}_shortcut", filters, 1, strides, normalize=layout.shortcut_normalized, linear=True
        )
    return blocks.relu(keras.layers.Add(name=name)([tensor, source]), name)


def _filters(filters: int, options: Options) -> int:
    return max(1, int(filters * options.width))
