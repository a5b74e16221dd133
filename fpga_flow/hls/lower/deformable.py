"""Sampling for deformable convolutions: exact, as many bits as it takes."""

from __future__ import annotations

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower.signal import Signal
from fpga_flow.networks.graph import Call


def sampling(call: Call, image: Signal, offsets: Signal) -> tuple[list[HlsLayer], Signal]:
    """DeformableSampling. A sample lies between values of its channel; the two shares of each bilinear interpolation
    have the fractional bits of the offsets.
    """
    bits = 2 * max(offsets.type.fraction, 0)
    try:
        result = FixedPoint(image.type.width + bits, image.type.integer, image.type.signed)
    except ValueError as error:
        raise FieldError(
            ("precision", "layers"),
            f'layer "{call.name}": expected offsets and an image of fewer fractional bits, got {offsets.type} and '
            f"{image.type}, for which samples would need {image.type.width + bits} bits: round the offsets into a type "
            "of a few fractional bits",
        ) from error
    layer, taps = call.layer, call.shape[-1] // image.shape[-1]
    lowered = HlsLayer(
        call.name, "deformable", "", (image.name, offsets.name), image.shape, call.shape, image.type, result,
        second_type=offsets.type, window=layer.kernel_size, strides=layer.strides, padding=layer.padding,
        pads=layer.pads(image.shape[:2], call.shape[:2]),
    )  # fmt: skip
    return [lowered], Signal(call.name, call.shape, result, np.tile(image.low, taps), np.tile(image.high, taps))
