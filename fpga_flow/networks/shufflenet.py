"""`shufflenet`: grouped convolutions over single pixels, with channels shuffled between them.

Source: Zhang et al. 2018, "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", figures
1c, 2b and 2c; the layout `imagenet` is their table 1. Where a unit halves the image, its input is averaged over 2x2
pixels in place of their 3x3, since a division by 4 is exact and costs nothing in hardware.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.blocks import Stage, Stem
from fpga_flow.spec.base import Fraction, Section


class Options(Section):
    """A stem, stages whose first unit halves height and width, and the average over all pixels. Between the two grouped
    convolutions of a unit there are a quarter of its filters.

    family   the name of this family
    layout   where the sizes come from that are left out: `small` for images of some 32 pixels, `imagenet` as in the
             paper
    groups   into which channels are divided
    width    multiplied with the filters of the stages
    stem     the first convolution; left out: by `layout`
    stages   of `repeat` units each, first to last; left out: by `layout`
    dropout  the share of channels whose average is dropped in training
    """

    family: Literal["shufflenet"]
    layout: Literal["small", "imagenet"] = "small"
    groups: Annotated[int, Field(ge=1, le=4096)] = 3
    width: blocks.Width = 1.0
    stem: Stem | None = None
    stages: list[Stage] | None = Field(default=None, min_length=1)
    dropout: Fraction = 0.0


#: Filters of the first of three stages, by the number of groups (Zhang et al. 2018, table 1).
_FILTERS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """A Keras model from (height, width, channels) to logits (classes,): conv_1, unit_1_reduce, unit_1_shuffle,
    unit_1_depthwise, unit_1_expand, unit_1 (concatenation or sum), unit_1_relu, ..., average, output.

    Raises:
        FieldError: the samples are no images, or the groups do not divide the channels.
    """
    stem, stages = options.stem or _stem(options), options.stages or _stages(options)
    given: FieldPath = ("network", "groups") if options.stem is None else ("network", "stem", "filters")
    blocks.check_groups(options.groups, stem.filters, "filters of conv_1", given)
    inputs = blocks.images(input_shape, "shufflenet")
    tensor = blocks.stem(inputs, stem)
    number = 0
    for place, stage in enumerate(stages):
        filters = int(stage.filters * options.width)
        _check(filters, tensor.shape[-1], place, options)
        for repeat in range(stage.repeat):
            number += 1
            first = number == 1  # too few channels come in to be grouped
            tensor = _unit(tensor, f"unit_{number}", filters, options.groups, first=first, halving=not repeat)
    return blocks.model("shufflenet", inputs, blocks.average_head(tensor, options.dropout, classes))


def _unit(tensor: Any, name: str, filters: int, groups: int, *, first: bool, halving: bool) -> Any:
    """Zhang et al. 2018, figure 2b, or 2c where it is halving: then what comes in is a part of what comes out."""
    source = tensor
    tensor = blocks.conv(tensor, f"{name}_reduce", filters // 4, groups=1 if first else groups)
    tensor = blocks.shuffle(tensor, groups, f"{name}_shuffle")
    tensor = blocks.depthwise(tensor, f"{name}_depthwise", strides=2 if halving else 1, linear=True)
    new = filters - source.shape[-1] if halving else filters
    tensor = blocks.conv(tensor, f"{name}_expand", new, groups=groups, linear=True)
    if halving:
        joined = keras.layers.Concatenate(name=name)([_halved(source, name), tensor])
    else:
        joined = keras.layers.Add(name=name)([source, tensor])
    return blocks.relu(joined, name)


def _halved(tensor: Any, name: str) -> Any:
    """The image averaged over 2x2 pixels, with zeros behind the last row and column where their number is odd."""
    height, width = tensor.shape[1:3]
    if height % 2 or width % 2:
        tensor = keras.layers.ZeroPadding2D(((0, height % 2), (0, width % 2)), name=f"{name}_padding")(tensor)
    return keras.layers.AveragePooling2D(2, name=f"{name}_pool")(tensor)


def _stem(options: Options) -> Stem:
    if options.layout == "imagenet":
        return Stem(filters=24, strides=2, pool=3)
    return Stem(filters=24)


def _stages(options: Options) -> list[Stage]:
    if options.layout == "small":
        return [Stage(filters=filters, repeat=repeat) for filters, repeat in ((48, 2), (96, 4), (192, 2))]
    if options.groups not in _FILTERS:
        raise FieldError(
            ("network", "groups"),
            f"expected one of {', '.join(map(str, _FILTERS))} for the layout imagenet, or `stages`, "
            f"got {options.groups}",
        )
    first = _FILTERS[options.groups]
    return [Stage(filters=first * times, repeat=repeat) for times, repeat in ((1, 4), (2, 8), (4, 4))]


def _check(filters: int, channels: int, place: int, options: Options) -> None:
    """Whether a stage can have so many filters if so many channels come in."""
    path: FieldPath = ("network", "stages", place, "filters")
    if options.stages is None:
        path = ("network", "width") if options.width != 1 else ("network", "groups")
    times = f" (times the width {options.width:g})" if options.width != 1 else ""
    if filters % (4 * options.groups):
        raise FieldError(
            path,
            f"expected filters of stage {place + 1}{times} of which {options.groups} groups divide a quarter, "
            f"got {filters}",
        )
    if filters <= channels:
        raise FieldError(
            path,
            f"expected more filters of stage {place + 1}{times} than the {channels} channels that come in and are a "
            f"part of them, got {filters}",
        )
