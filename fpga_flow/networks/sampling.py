"""The Keras layers of deformable convolution (see `networks/deformable.py`). Importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpga_flow.keras import keras, tf

PADDINGS = ("same", "valid")


class Clamp(keras.layers.Layer):
    """Values limited to [-limit, limit]; without a limit, as they are.

    When the network is quantized, a rounding into a type of its own takes its place; then that type is the limit.
    """

    def __init__(self, limit: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        if limit is not None and not limit > 0:
            raise ValueError(f'layer "{self.name}": expected a limit above 0, got {limit}')
        self.limit = limit

    def call(self, inputs: Any) -> Any:
        """The limited values; beyond the limit there is no gradient."""
        return inputs if self.limit is None else tf.clip_by_value(inputs, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        """The configuration, from which Keras makes the layer again."""
        return {**super().get_config(), "limit": self.limit}


class DeformableSampling(keras.layers.Layer):
    """An image at positions that are shifted by offsets: equations 2 to 4 of Dai et al. 2017, "Deformable Convolutional
    Networks", before the sum over the kernel.

    It gets [image, offsets] of shapes (batch, height, width, channels) and (batch, rows, columns, 2 * taps), where rows
    and columns are those of a convolution with this kernel size, strides and padding, and taps are the places of the
    kernel, row by row; each has an offset downwards and one to the right, in pixels. It gives (batch, rows, columns,
    taps * channels), for each tap all channels of the image at

        position = clamped(stride * (row, column) - padding + place of the tap + offset)

    by bilinear interpolation between the four pixels around it. Positions outside of the image are clamped to its
    border, where the paper takes zeros.

    A convolution over single pixels behind it makes it a deformable convolution. Of numbers with F fractional bits in
    offsets, and F' in the image, the results have 2 F + F' and are exact in float32 up to 24 bits.
    """

    def __init__(
        self, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "same", **options: Any
    ) -> None:
        super().__init__(**options)
        self.kernel_size = self._pair("kernel_size", kernel_size)
        self.strides = self._pair("strides", strides)
        if padding not in PADDINGS:
            raise ValueError(f'layer "{self.name}": expected {" or ".join(PADDINGS)} as padding, got "{padding}"')
        self.padding = padding

    def _pair(self, what: str, value: Any) -> tuple[int, int]:
        pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
        if len(pair) != 2 or not all(type(each) is int and each > 0 for each in pair):
            raise ValueError(f'layer "{self.name}": expected one or two whole numbers above 0 as {what}, got {value}')
        return pair[0], pair[1]

    def build(self, input_shape: Any) -> None:
        """Check the shapes of image and offsets."""
        shapes = [tuple(tf.TensorShape(each).as_list()[1:]) for each in input_shape]
        if len(shapes) != 2 or len(shapes[0]) != 3 or None in shapes[0]:
            raise ValueError(
                f'layer "{self.name}": expected an image (height, width, channels) and offsets, got {shapes}'
            )
        window, (*sizes, _) = zip(self.kernel_size, self.strides, strict=True), shapes[0]
        outs = [output_size(size, *each, self.padding) for size, each in zip(sizes, window, strict=True)]
        expected = (*outs, 2 * self.kernel_size[0] * self.kernel_size[1])
        if min(outs) < 1:
            raise ValueError(
                f'layer "{self.name}": expected an image of at least the kernel\'s size {self.kernel_size}, got {sizes}'
            )
        if shapes[1] != expected:
            raise ValueError(f'layer "{self.name}": expected offsets of the shape {expected}, got {shapes[1]}')
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The sampled values."""
        image, offsets = inputs
        _, height, width, channels = image.shape
        _, rows, columns, _ = offsets.shape
        taps = self.kernel_size[0] * self.kernel_size[1]
        offsets = tf.reshape(offsets, (-1, rows, columns, taps, 2))
        tap, (top, left) = tf.range(taps), (pads[0] for pads in self.pads((height, width), (rows, columns)))
        first_row = (tf.range(rows) * self.strides[0] - top)[:, None, None] + tap // self.kernel_size[1]
        first_column = (tf.range(columns) * self.strides[1] - left)[:, None] + tap % self.kernel_size[1]
        upper, lower, down = _around(first_row, offsets[..., 0], height)
        before, behind, across = _around(first_column, offsets[..., 1], width)
        start = (tf.range(tf.shape(image)[0]) * (height * width))[:, None, None, None]
        pixels = tf.reshape(image, (-1, channels))

        def at(row: Any, column: Any) -> Any:
            return tf.gather(pixels, start + row * width + column)

        above = _between(at(upper, before), at(upper, behind), across)
        below = _between(at(lower, before), at(lower, behind), across)
        return tf.reshape(_between(above, below, down), (-1, rows, columns, taps * channels))

    def pads(self, sizes: Sequence[int], outs: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """What the padding adds before and behind each axis of an image, given its sizes and those of the output."""
        if self.padding == "valid":
            return ((0, 0), (0, 0))
        axes = zip(sizes, outs, self.kernel_size, self.strides, strict=True)
        totals = [max((out - 1) * stride + window - size, 0) for size, out, window, stride in axes]
        return tuple((total // 2, total - total // 2) for total in totals)

    def get_config(self) -> dict[str, Any]:
        """The configuration, from which Keras makes the layer again."""
        own = {"kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """The size of a convolution's output along an axis."""
    return -(-size // stride) if padding == "same" else (size - window) // stride + 1


def _around(first: Any, offset: Any, size: int) -> tuple[Any, Any, Any]:
    """The pixels before and behind the clamped positions along an axis, and how far these are from the former."""
    position = tf.clip_by_value(tf.cast(first, offset.dtype) + offset, 0, size - 1)
    floor = tf.floor(position)
    before = tf.clip_by_value(tf.cast(floor, tf.int32), 0, size - 1)  # offsets that are not finite have pixels, too
    return before, tf.minimum(before + 1, size - 1), position - floor


def _between(one: Any, other: Any, share: Any) -> Any:
    return one + (other - one) * share[..., None]
