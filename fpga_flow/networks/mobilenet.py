"""`mobilenet`: depthwise separable convolutions.

Sources: Howard et al. 2017, "MobileNets" (version 1, table 1: a depthwise convolution, then one over single pixels,
each with normalisation and ReLU; width and resolution multipliers), and Sandler et al. 2018, "MobileNetV2" (version 2,
table 2: inverted residuals, which widen, filter and narrow again, with no ReLU at the narrow end). ReLU6, which the
papers have for the sake of fixed-point numbers, is plain ReLU here: a type saturates at its greatest value anyway, and
quantized training knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.blocks import Stage, Stem, Width
from fpga_flow.spec.base import Fraction, PositiveInt, Section


class Block(Stage):
    """Some blocks of one size.

    strides  of the first block
    expand   of version 2: the channels inside, as a multiple of those that come in; left out: 6
    """

    strides: PositiveInt = 1
    expand: PositiveInt | None = None


class Options(Section):
    """A stem, blocks, and the average over all pixels.

    family      the name of this family
    version     of the blocks: depthwise separable convolutions (1), or inverted residuals (2)
    layout      where the sizes come from that are left out: `small` for images of some 32 pixels, `imagenet` as in the
                paper
    width       multiplied with all numbers of filters
    resolution  multiplied with height and width of the images: 1 divided by a whole number
    stem        the first convolution; left out: by `layout`
    blocks      first to last; left out: by `layout`
    last        filters of a convolution over single pixels behind the blocks, 0 for none; left out: by `layout`
    dropout     the share of channels whose average is dropped in training
    """

    family: Literal["mobilenet"]
    version: Literal[1, 2] = 1
    layout: Literal["small", "imagenet"] = "small"
    width: Width = 1.0
    resolution: Annotated[float, Field(gt=0, le=1)] = 1.0
    stem: Stem | None = None
    blocks: list[Block] | None = Field(default=None, min_length=1)
    last: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    dropout: Fraction = 0.0


@dataclass(frozen=True)
class _Layout:
    stem: Stem
    blocks: tuple[Block, ...]
    last: int


def _blocks(*rows: tuple[int | None, int, int, int]) -> tuple[Block, ...]:
    """Blocks of expand, filters, repeat, strides each."""
    names = ("expand", "filters", "repeat", "strides")
    return tuple(Block.model_validate(dict(zip(names, row, strict=True))) for row in rows)


_LAYOUTS = {
    (1, "small"): _Layout(
        Stem(filters=8),
        _blocks((None, 16, 1, 1), (None, 32, 1, 2), (None, 32, 1, 1), (None, 64, 1, 2), (None, 64, 1, 1),
                (None, 128, 1, 2), (None, 128, 1, 1)),
        0,
    ),
    (1, "imagenet"): _Layout(
        Stem(filters=32, strides=2),
        _blocks((None, 64, 1, 1), (None, 128, 2, 2), (None, 256, 2, 2), (None, 512, 6, 2), (None, 1024, 2, 2)),
        0,
    ),
    (2, "small"): _Layout(
        Stem(filters=16), _blocks((1, 8, 1, 1), (6, 16, 2, 2), (6, 24, 2, 2), (6, 32, 2, 2)), 128
    ),
    (2, "imagenet"): _Layout(
        Stem(filters=32, strides=2),
        _blocks((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                (6, 320, 1, 1)),
        1280,
    ),
}  # fmt: skip


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1, block_1_depthwise, block_1_pointwise,
    ..., average, output; of version 2 conv_1, block_1_expand, block_1_depthwise, block_1_project, block_1 (the sum of a
    residual), ..., conv_2, average, output. Each convolution has its `_norm` behind it, and `_relu` but behind
    `_project`.

    Raises:
        FieldError: the samples are no images, or an option does not fit to them or to the version.
    """
    layout = _LAYOUTS[options.version, options.layout]
    inputs = tensor = blocks.images(input_shape, "mobilenet")
    tensor = _reduced(tensor, options.resolution)
    stem = options.stem or layout.stem
    tensor = blocks.stem(tensor, stem.model_copy(update={"filters": _filters(stem.filters, options)}))
    number = 0
    for place, block in enumerate(options.blocks or layout.blocks):
        if options.version == 1 and block.expand is not None:
            raise FieldError(
                ("network", "blocks", place, "expand"),
                f"expected none with version 1, whose blocks widen nothing inside, or version: 2, got {block.expand}",
            )
        for repeat in range(block.repeat):
            number += 1
            filters, strides = _filters(block.filters, options), 1 if repeat else block.strides
            if options.version == 1:
                tensor = _separable(tensor, f"block_{number}", filters, strides)
            else:
                tensor = _inverted(tensor, f"block_{number}", filters, strides, block.expand or 6)
    last = layout.last if options.last is None else options.last
    if last:
        tensor = blocks.conv(tensor, "conv_2", _filters(last, options) if options.width > 1 else last)
    return blocks.model("mobilenet", inputs, blocks.average_head(tensor, options.dropout, classes))


def _separable(tensor: Any, name: str, filters: int, strides: int) -> Any:
    """Howard et al. 2017, figure 3."""
    tensor = blocks.depthwise(tensor, f"{name}_depthwise", strides=strides)
    return blocks.conv(tensor, f"{name}_pointwise", filters)


def _inverted(tensor: Any, name: str, filters: int, strides: int, expand: int) -> Any:
    """Sandler et al. 2018, figure 4d: what comes in is added where it has the shape of what comes out."""
    source, channels = tensor, tensor.shape[-1]
    if expand > 1:
        tensor = blocks.conv(tensor, f"{name}_expand", expand * channels)
    tensor = blocks.depthwise(tensor, f"{name}_depthwise", strides=strides)
    tensor = blocks.conv(tensor, f"{name}_project", filters, linear=True)
    return keras.layers.Add(name=name)([source, tensor]) if source.shape == tensor.shape else tensor


def _filters(filters: int, options: Options) -> int:
    """The number of filters times the width; of version 2 the nearest multiple of 8 that is at least 8 and no less than
    nine tenths of it, as in the authors' code.
    """
    wanted = filters * options.width
    if options.version == 1:
        return max(1, int(wanted))
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * wanted else nearest + 8


def _reduced(tensor: Any, resolution: float) -> Any:
    """The image with the averages of n x n pixels in place of them, for a resolution of 1 / n."""
    side = round(1 / resolution)
    if side == 1 and resolution == 1:
        return tensor
    height, width = tensor.shape[1:3]
    if abs(side * resolution - 1) > 0.02 or height % side or width % side:
        raise FieldError(
            ("network", "resolution"),
            f"expected 1 divided by a whole number that divides height and width of the {height}x{width} image, for "
            f"example 0.5, got {resolution}",
        )
    return keras.layers.AveragePooling2D(side, name="resolution")(tensor)
