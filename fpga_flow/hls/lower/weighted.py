"""Layers with weights: dense, convolutions of all kinds.

hls4ml computes dilated and grouped convolutions, and depthwise ones with a multiplier, wrongly or not at all. Each of
them is an ordinary convolution with zeros in its kernel, which the latency strategy does not pay for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer, depthwise_as_conv
from fpga_flow.hls.lower import weights
from fpga_flow.hls.lower.shape import pad
from fpga_flow.hls.lower.signal import Doubles, Signal
from fpga_flow.networks.graph import Call

Ints = NDArray[np.int64]
Reals = NDArray[np.floating]


def dense(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """Dense, QDense: on more than one dimension, the same matrix at each position."""
    layer = call.layer
    kernel, kernel_type = weights.exact(layer, "kernel")
    lowered, signal = _layer("dense", call.name, call.shape, source, kernel, kernel_type, _bias(layer))
    return [lowered], signal


def conv(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """Conv1D, Conv2D and QKeras' versions of them, dilated and grouped ones too."""
    layer = call.layer
    kernel, kernel_type = weights.exact(layer, "kernel")
    kernel = _dilated(_ungrouped(kernel, layer.groups), layer.dilation_rate)
    before, padding = [], layer.padding
    if padding == "causal":  # hls4ml pads it wrongly where there are strides
        pads = ((len(kernel) - 1, 0),)
        padded, source = pad(f"{call.name}_padding", source, pads)
        before, padding = [padded], "valid"
    lowered, signal = _convolution(
        "conv", call.name, call.shape, layer, source, kernel, kernel_type, _bias(layer), padding
    )
    return [*before, lowered], signal


def conv_batchnorm(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """QConv2DBatchnorm, QDepthwiseConv2DBatchnorm: their weights are quantized with the normalisation folded in."""
    layer = call.layer
    folded, shift = layer.get_folded_weights()
    bias = weights.quantized(layer, "bias", shift)
    if hasattr(layer, "depthwise_kernel"):
        depthwise_kernel = weights.quantized(layer, "depthwise_kernel", folded)
        lowered, signal = _depthwise(call.name, call.shape, layer, source, depthwise_kernel, bias)
    else:
        kernel, kernel_type = weights.quantized(layer, "kernel", folded)
        kernel = _dilated(kernel, layer.dilation_rate)
        lowered, signal = _convolution(
            "conv", call.name, call.shape, layer, source, kernel, kernel_type, bias, layer.padding
        )
    return [lowered], signal


def depthwise(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """DepthwiseConv1D, DepthwiseConv2D, QDepthwiseConv2D."""
    kernel = weights.exact(call.layer, "depthwise_kernel")
    lowered, signal = _depthwise(call.name, call.shape, call.layer, source, kernel, _bias(call.layer))
    return [lowered], signal


def separable(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """SeparableConv1D, SeparableConv2D and QKeras' versions: a depthwise convolution, then one over single pixels."""
    layer = call.layer
    kernel, kernel_type = weights.exact(layer, "pointwise_kernel")
    between = (*call.shape[:-1], kernel.shape[-2])
    before = weights.exact(layer, "depthwise_kernel")
    first, middle = _depthwise(f"{call.name}_depthwise", between, layer, source, before, None)
    rank = kernel.ndim - 2
    second, signal = _layer(
        f"conv{rank}d", call.name, call.shape, middle, kernel, kernel_type, _bias(layer),
        window=(1,) * rank, strides=(1,) * rank, padding="valid",
    )  # fmt: skip
    return [first, second], signal


def _depthwise(
    name: str,
    shape: tuple[int, ...],
    layer: Any,
    source: Signal,
    weight: tuple[Ints, FixedPoint],
    bias: tuple[Ints, FixedPoint] | None,
) -> tuple[HlsLayer, Signal]:
    kernel, kernel_type = _dilated(weight[0], layer.dilation_rate), weight[1]
    kind = "depthwise"
    if kernel.shape[-1] > 1:
        kernel, kind = depthwise_as_conv(kernel), "conv"
    return _convolution(kind, name, shape, layer, source, kernel, kernel_type, bias, layer.padding)


def _convolution(
    kind: str,
    name: str,
    shape: tuple[int, ...],
    layer: Any,
    source: Signal,
    kernel: Ints,
    kernel_type: FixedPoint,
    bias: tuple[Ints, FixedPoint] | None,
    padding: str,
) -> tuple[HlsLayer, Signal]:
    """The layer and its output; window and strides are those of the kernel as it is here."""
    rank = kernel.ndim - 2
    if layer.data_format != "channels_last":
        raise FieldError(
            ("network",), f'layer "{layer.name}": expected data_format channels_last, got {layer.data_format}'
        )
    return _layer(
        f"{kind}{rank}d", name, shape, source, kernel, kernel_type, bias,
        window=tuple(kernel.shape[:rank]), strides=tuple(layer.strides)[:rank], padding=padding,
    )  # fmt: skip


def _layer(
    kind: str,
    name: str,
    shape: tuple[int, ...],
    source: Signal,
    kernel: Ints,
    kernel_type: FixedPoint,
    bias: tuple[Ints, FixedPoint] | None,
    **geometry: Any,
) -> tuple[HlsLayer, Signal]:
    low, high = source.low, source.high
    if geometry.get("padding") == "same":  # zeros from outside of the image
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    values = kernel * kernel_type.step
    shifts = np.zeros(shape[-1]) if bias is None else bias[0] * bias[1].step
    bits = source.type.fraction + kernel_type.fraction
    if bias is not None:
        bits = max(bits, bias[1].fraction)
    accum, bounds = _sums(name, values, shifts, low, high, bits, per_channel=kind.startswith("depthwise"))
    lowered = HlsLayer(
        name, kind, "", (source.name,), source.shape, shape, source.type, accum,
        weight_type=kernel_type, bias_type=None if bias is None else bias[1], accum_type=accum,
        weights=kernel, biases=None if bias is None else bias[0], **geometry,
    )  # fmt: skip
    return lowered, Signal(name, shape, accum, *bounds)


def _sums(
    name: str, kernel: Reals, bias: Reals, low: Doubles, high: Doubles, fraction: int, *, per_channel: bool
) -> tuple[FixedPoint, tuple[Doubles, Doubles]]:
    """The accumulator's type, and the bounds of each output: sums of each term's least (greatest) value.

    Args:
        kernel: (..., channels in, outputs), or, where each channel is summed by itself, (..., channels, 1).
        low, high: of each channel that comes in.
        fraction: fractional bits of the terms.
    """
    terms = kernel.reshape(-1, len(low), kernel.shape[-1])  # (positions of the window, channels in, outputs)
    at_low, at_high = terms * low[:, None], terms * high[:, None]
    least, greatest = np.minimum(at_low, at_high), np.maximum(at_low, at_high)

    def total(values: Doubles) -> Doubles:
        summed: Doubles = values.sum(axis=0)[:, 0] if per_channel else values.sum(axis=(0, 1))
        return summed

    bounds = total(least) + bias, total(greatest) + bias
    partial_low = total(np.minimum(least, 0)) + np.minimum(bias, 0)  # the least that any part of a sum can be
    partial_high = total(np.maximum(greatest, 0)) + np.maximum(bias, 0)
    try:
        return FixedPoint.covering(float(partial_low.min()), float(partial_high.max()), fraction), bounds
    except ValueError as error:
        raise FieldError(
            ("precision", "layers"),
            f'layer "{name}" needs sums from {partial_low.min():g} to {partial_high.max():g} with {fraction} '
            "fractional bits, more than a double holds: give its weights or its input fewer bits",
        ) from error


def _bias(layer: Any) -> tuple[Ints, FixedPoint] | None:
    return weights.exact(layer, "bias") if layer.use_bias else None


def _dilated(kernel: Ints, rates: Sequence[int]) -> Ints:
    """A kernel (*window, channels, outputs) with `rate - 1` zeros between neighbours along each axis of the window."""
    for axis, rate in enumerate(tuple(rates)[: kernel.ndim - 2]):
        shape = list(kernel.shape)
        shape[axis] = (shape[axis] - 1) * rate + 1
        wide = np.zeros(shape, kernel.dtype)
        wide[(slice(None),) * axis + (slice(None, None, rate),)] = kernel
        kernel = wide
    return kernel


def _ungrouped(kernel: Ints, groups: int) -> Ints:
    """A kernel (*window, channels / groups, outputs) with zeros for the channels of other groups."""
    if groups == 1:
        return kernel
    *window, channels, outputs = kernel.shape
    whole = np.zeros((*window, channels * groups, outputs), kernel.dtype)
    for group in range(groups):
        rows = slice(group * channels, (group + 1) * channels)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[..., rows, columns] = kernel[..., columns]
    return whole
