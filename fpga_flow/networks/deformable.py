"""Deformable convolution (Dai et al. 2017, "Deformable Convolutional Networks"), of layers that all passes know.

NAME_offsets   an ordinary convolution, which gives each place of the kernel an offset, downwards and to the right
NAME_clamp     limits the offsets; quantized, it rounds them into its type of `activation`
NAME_samples   the image at the shifted positions, clamped to its border, by bilinear interpolation
NAME_rounded   (only if asked for) quantized, it rounds the samples into its type; else they are exact
NAME           the kernel itself, as a convolution over single pixels
"""

from __future__ import annotations

from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras

#: Pixels by which a place of the kernel may be shifted along each axis.
LIMIT = 2.0


def deformable(
    tensor: Any,
    filters: int,
    kernel: int | tuple[int, int] = 3,
    strides: int | tuple[int, int] = 1,
    padding: str = "same",
    *,
    name: str,
    limit: float = LIMIT,
    rounded: bool = False,
    use_bias: bool = True,
) -> Any:
    """A deformable convolution of an image (batch, height, width, channels), without activation function.

    Its offsets begin at zero, so that it begins as a convolution with the border repeated around the image.

    Args:
        padding: `same` or `valid`, which gives the size of the output.
        limit: of the offsets, in pixels.
        rounded: whether the samples get a type of their own.

    Raises:
        FieldError: the tensor is no image, the image is smaller than the kernel, or an option is none of these.
    """
    from fpga_flow.networks.sampling import Clamp, DeformableSampling  # they are Keras', so it loads TensorFlow

    size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    _check(name, tuple(tensor.shape[1:]), size, padding, limit)
    offsets = keras.layers.Conv2D(
        2 * size[0] * size[1], size, strides, padding, kernel_initializer="zeros", name=f"{name}_offsets"
    )(tensor)
    clamped = Clamp(limit, name=f"{name}_clamp")(offsets)
    samples = DeformableSampling(size, strides, padding, name=f"{name}_samples")([tensor, clamped])
    if rounded:
        samples = Clamp(name=f"{name}_rounded")(samples)
    return keras.layers.Conv2D(filters, 1, use_bias=use_bias, name=name)(samples)


def _check(name: str, shape: tuple[int, ...], kernel: tuple[int, int], padding: str, limit: float) -> None:
    def refuse(message: str) -> None:
        raise FieldError(("network",), f'deformable convolution "{name}": expected {message}')

    if len(shape) != 3 or None in shape:
        refuse(f"an image of shape (height, width, channels), got {shape}")
    if padding not in ("same", "valid"):
        refuse(f'same or valid as padding, got "{padding}"')
    if padding == "valid" and (kernel[0] > shape[0] or kernel[1] > shape[1]):
        refuse(f"a kernel of at most {shape[0]}x{shape[1]}, the size of the image here, got {kernel[0]}x{kernel[1]}")
    if not limit > 0:
        refuse(f"a limit of its offsets above 0, got {limit}")
