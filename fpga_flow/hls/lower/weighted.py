"""Layers with weights: dense, convolutions of all kinds.

A depthwise convolution that is dilated, or has a multiplier, is a convolution with as many groups as channels. For what
becomes of groups and dilation in C++ see `hls/written.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
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
    return _convolution(
        "conv", call.name, call.shape, layer, source, kernel, kernel_type, _bias(layer), groups=layer.groups
    )


def conv_batchnorm(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """QConv2DBatchnorm, QDepthwiseConv2DBatchnorm: their weights are quantized with the normalisation folded in."""
    layer = call.layer
    folded, shift = layer.get_folded_weights()
    bias = weights.quantized(layer, "bias", shift)
    if hasattr(layer, "depthwise_kernel"):
        depthwise_kernel = weights.quantized(layer, "depthwise_kernel", folded)
        return _depthwise(call.name, call.shape, layer, source, depthwise_kernel, bias)
    kernel, kernel_type = weights.quantized(layer, "kernel", folded)
    return _convolution("conv", call.name, call.shape, layer, source, kernel, kernel_type, bias, groups=layer.groups)


def depthwise(call: Call, source: Signal) -> tuple[list[HlsLayer], Signal]:
    """DepthwiseConv1D, DepthwiseConv2D, QDepthwiseConv2D."""
    kernel = weights.exact(call.layer, "depthwise_kernel")
    return _depthwise(call.name, call.shape, call.layer, source, kernel, _bias(call.layer))


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
    return [*first, second], signal


def _depthwise(
    name: str,
    shape: tuple[int, ...],
    layer: Any,
    source: Signal,
    weight: tuple[Ints, FixedPoint],
    bias: tuple[Ints, FixedPoint] | None,
) -> tuple[list[HlsLayer], Signal]:
    kernel, kernel_type = weight
    *window, channels, multiplier = kernel.shape
    if multiplier == 1 and set(layer.dilation_rate) == {1}:
        return _convolution("depthwise", name, shape, layer, source, kernel, kernel_type, bias)
    kernel = kernel.reshape(*window, 1, channels * multiplier)
    return _convolution("conv", name, shape, layer, source, kernel, kernel_type, bias, groups=channels)


def _convolution(
    kind: str,
    name: str,
    shape: tuple[int, ...],
    layer: Any,
    source: Signal,
    kernel: Ints,
    kernel_type: FixedPoint,
    bias: tuple[Ints, FixedPoint] | None,
    groups: int = 1,
) -> tuple[list[HlsLayer], Signal]:
    """The layer and its output, behind a layer that pads where it can't do so itself."""
    rank = kernel.ndim - 2
    if layer.data_format != "channels_last":
        raise FieldError(
            ("network",), f'layer "{layer.name}": expected data_format channels_last, got {layer.data_format}'
        )
    window, strides, rates = (tuple(each)[:rank] for each in (kernel.shape, layer.strides, layer.dilation_rate))
    dilation = tuple(rate if width > 1 else 1 for rate, width in zip(rates, window, strict=True))
    before, padding = [], layer.padding
    # hls4ml pads causally wrongly where there are strides
    if padding == "causal" or (padding == "same" and (groups > 1 or max(dilation) > 1)):
        pads = _pads(source.shape, shape, window, strides, dilation, causal=padding == "causal")
        padding = "valid"
        if any(map(any, pads)):
            padded, source = pad(f"{name}_padding", source, pads)
            before = [padded]
    lowered, signal = _layer(
        f"{kind}{rank}d", name, shape, source, kernel, kernel_type, bias,
        window=window, strides=strides, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    return [*before, lowered], signal


def _pads(
    sizes: tuple[int, ...],
    outs: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    *,
    causal: bool,
) -> tuple[tuple[int, int], ...]:
    """What Keras puts before and behind each axis of an image of these sizes."""
    pads = []
    for size, out, width, stride, rate in zip(sizes, outs, window, strides, dilation, strict=False):
        reach = (width - 1) * rate + 1
        total = reach - 1 if causal else max((out - 1) * stride + reach - size, 0)
        pads.append((total, 0) if causal else (total // 2, total - total // 2))
    return tuple(pads)


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
    if (groups := geometry.get("groups", 1)) > 1:  # (channels of a group, filters)
        low, high = (np.repeat(each.reshape(groups, -1), shape[-1] // groups, axis=0).T for each in (low, high))
    else:
        low, high = low[:, None], high[:, None]
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
        low, high: of each channel that comes in, (channels in, 1), or, for each output those that it reads, (channels
            in, outputs).
        fraction: fractional bits of the terms.
    """
    terms = kernel.reshape(-1, len(low), kernel.shape[-1])  # (positions of the window, channels in, outputs)
    at_low, at_high = terms * low, terms * high
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
