"""`squeezenet`: Fire modules, which squeeze an image to few channels by a convolution over single pixels, and expand it
again by one over single pixels and one over 3x3 pixels side by side.

Source: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size"; the
layout `imagenet` is the authors' version 1.1. Their last layer, a convolution over single pixels whose results are
averaged, is computed the other way round: the average first, then the dense layer of the same weights, which gives the
same sums (but for the ReLU between them, left out here) with as many times fewer multiplications as there are pixels.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.blocks import Stem
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Fire(Section):
    """A Fire module.

    squeeze  filters of the convolution that comes first
    expand   filters of each of the two behind it, over 1x1 and over 3x3 pixels
    pool     above 1: maxima over so many pixels each way follow, in steps of 2
    """

    squeeze: PositiveInt
    expand: PositiveInt
    pool: PositiveInt = 1


class Options(Section):
    """A stem, Fire modules, and the average over all pixels.

    family               the name of this family
    layout               where the sizes come from that are left out: `small` for images of some 32 pixels, `imagenet`
                         as in the paper
    stem                 the first convolution; left out: by `layout`
    fires                first to last; left out: by `layout`
    batch_normalization  behind each convolution
    dropout              the share of channels whose average is dropped in training
    """

    family: Literal["squeezenet"]
    layout: Literal["small", "imagenet"] = "small"
    stem: Stem | None = None
    fires: list[Fire] | None = Field(default=None, min_length=1)
    batch_normalization: bool = False
    dropout: Fraction = 0.0


def _fires(*rows: tuple[int, int, int]) -> tuple[Fire, ...]:
    return tuple(Fire(squeeze=squeeze, expand=expand, pool=pool) for squeeze, expand, pool in rows)


_LAYOUTS = {
    "small": (
        Stem(filters=16, pool=2),
        _fires((8, 16, 1), (8, 16, 2), (16, 32, 1), (16, 32, 2), (24, 48, 1), (24, 48, 1)),
    ),
    "imagenet": (
        Stem(filters=64, strides=2, pool=3),
        _fires((16, 64, 1), (16, 64, 3), (32, 128, 1), (32, 128, 3), (48, 192, 1), (48, 192, 1), (64, 256, 1),
               (64, 256, 1)),
    ),
}  # fmt: skip


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1, fire_1_squeeze, fire_1_expand_1x1,
    fire_1_expand_3x3, fire_1, ..., average, output.

    Raises:
        FieldError: the samples are no images.
    """
    stem, fires = _LAYOUTS[options.layout]
    normalize = options.batch_normalization
    inputs = blocks.images(input_shape, "squeezenet")
    tensor = blocks.stem(inputs, options.stem or stem, normalize=normalize)
    for number, fire in enumerate(options.fires or fires, 1):
        name = f"fire_{number}"
        tensor = blocks.conv(tensor, f"{name}_squeeze", fire.squeeze, normalize=normalize)
        sides = [
            blocks.conv(tensor, f"{name}_expand_{size}x{size}", fire.expand, size, normalize=normalize)
            for size in (1, 3)
        ]
        tensor = keras.layers.Concatenate(name=name)(sides)
        if fire.pool > 1:
            tensor = blocks.max_pool(tensor, f"{name}_pool", fire.pool)
    return blocks.model("squeezenet", inputs, blocks.average_head(tensor, options.dropout, classes))
