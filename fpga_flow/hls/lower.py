"""From a QKeras network to plain layers with all their types: what HLS code and the exact reference are made from.

The types of sums are not guessed: interval analysis with the network's own weights bounds every sum, in whatever order
it is added up, and the accumulator is the narrowest type that holds the bounds and every fractional bit. So no
accumulator overflows and none rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.keras import keras
from fpga_flow.networks.network import weight_type

#: Of the outputs of softmax, between 0 and 1.
SOFTMAX_TYPE = FixedPoint(16, 1, signed=False)


@dataclass(frozen=True)
class Signal:
    """What is known of a tensor: its type, and for each channel (last axis) the least and greatest value it takes."""

    type: FixedPoint
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def lower(model: Any, softmax: bool = False) -> tuple[HlsLayer, ...]:
    """The layers of a quantized network, in the order of computation, without the input's quantizer and dropout.

    Args:
        softmax: whether HLS code shall compute softmax of the logits, too.

    Raises:
        FieldError: a layer is of a kind, or has an option, that is not known to be computed exactly; or something has
        no
            fixed-point type; or a sum needs more bits than a double has.
    """
    layers: list[HlsLayer] = []
    signals: dict[int, tuple[str, Signal]] = {}  # by the identity of a Keras tensor: the HLS layer it comes from
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        source = layer.input
        if isinstance(source, list):
            raise FieldError(("network",), f'layer "{layer.name}" has {len(source)} inputs: expected one')
        if id(source) not in signals:
            signals[id(layer.output)] = ("inputs", _input_signal(layer))
            continue
        before, signal = signals[id(source)]
        if isinstance(layer, keras.layers.Dropout):
            signals[id(layer.output)] = (before, signal)
            continue
        rule = _RULES.get(type(layer).__name__)
        if rule is None:
            raise FieldError(
                ("network",),
                f'layer "{layer.name}" ({type(layer).__name__}) has no exact HLS code here: '
                f"expected {', '.join(sorted(_RULES))} or Dropout",
            )
        lowered, signal = rule(layer, before, signal)
        layers.append(lowered)
        signals[id(layer.output)] = (layer.name, signal)
    return (*layers[:-1], *_softmax(layers[-1])) if softmax else tuple(layers)


def input_type(model: Any) -> FixedPoint:
    """The type of the network's input: that of the quantizer right behind it.

    Raises:
        FieldError: the input is not quantized.
    """
    first = next(layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer))
    return _input_signal(first).type


def _input_signal(layer: Any) -> Signal:
    type_ = _activation_type(layer) if type(layer).__name__ == "QActivation" else None
    if type_ is None:
        raise FieldError(
            ("precision",), f'the input has no fixed-point type: expected it quantized before "{layer.name}"'
        )
    channels = layer.output_shape[-1]
    return Signal(type_, np.full(channels, type_.min), np.full(channels, type_.max))


def _activation_type(layer: Any) -> FixedPoint | None:
    from fpga_flow.networks import quantizers  # its classes are QKeras', so it loads TensorFlow

    return quantizers.type_of(layer.quantizer)


def _shapes(layer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(layer.input_shape[1:]), tuple(layer.output_shape[1:])


def _weighted(layer: Any, before: str, signal: Signal) -> tuple[HlsLayer, Signal]:
    """QDense and QConv2D."""
    input_shape, output_shape = _shapes(layer)
    kernel_type = _needed_type(layer, "kernel")
    bias_type = _needed_type(layer, "bias") if layer.use_bias else None
    kernel = kernel_type.quantize(layer.kernel.numpy())
    bias = np.zeros(kernel.shape[-1]) if bias_type is None else bias_type.quantize(layer.bias.numpy())
    conv = kernel.ndim == 4
    options = {}
    if conv:
        _refuse_conv_options(layer)
        options = {"window": tuple(layer.kernel_size), "strides": tuple(layer.strides), "padding": layer.padding}
    low, high = signal.low, signal.high
    if conv and layer.padding == "same":  # zeros from outside of the image
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    if not conv and len(input_shape) != 1:
        raise FieldError(("network",), f'layer "{layer.name}" gets samples of shape {input_shape}: flatten them before')
    accum, result = _sums(layer.name, kernel, bias, low, high, signal.type.fraction, kernel_type, bias_type)
    lowered = HlsLayer(
        layer.name,
        "conv2d" if conv else "dense",
        "",
        (before,),
        input_shape,
        output_shape,
        signal.type,
        accum,
        kernel_type,
        bias_type,
        accum,
        np.round(kernel / kernel_type.step).astype(np.int64),
        None if bias_type is None else np.round(bias / bias_type.step).astype(np.int64),
        **options,
    )
    return lowered, Signal(accum, *result)


def _needed_type(layer: Any, name: str) -> FixedPoint:
    type_ = weight_type(layer, name)
    if type_ is None:
        raise FieldError(("precision", "layers"), f'layer "{layer.name}": its {name} has no fixed-point type')
    return type_


def _sums(
    name: str,
    kernel: NDArray[np.float64],
    bias: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    fraction: int,
    kernel_type: FixedPoint,
    bias_type: FixedPoint | None,
) -> tuple[FixedPoint, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The accumulator's type, and the bounds of each output: sums of each term's least (greatest) value."""
    terms = kernel.reshape(-1, len(low), kernel.shape[-1])  # (positions of the window, channels in, outputs)
    at_low, at_high = terms * low[:, None], terms * high[:, None]
    least, greatest = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    bounds = least.sum(axis=(0, 1)) + bias, greatest.sum(axis=(0, 1)) + bias
    partial_low = np.minimum(least, 0).sum(axis=(0, 1)) + np.minimum(bias, 0)  # the least that any part of a sum can be
    partial_high = np.maximum(greatest, 0).sum(axis=(0, 1)) + np.maximum(bias, 0)
    bits = fraction + kernel_type.fraction
    if bias_type is not None:
        bits = max(bits, bias_type.fraction)
    try:
        return FixedPoint.covering(float(partial_low.min()), float(partial_high.max()), bits), bounds
    except ValueError as error:
        raise FieldError(
            ("precision", "layers"),
            f'layer "{name}" needs sums from {partial_low.min():g} to {partial_high.max():g} with {bits} fractional '
            "bits, more than a double holds: give its weights or its input fewer bits",
        ) from error


def _refuse_conv_options(layer: Any) -> None:
    for option, expected in (("dilation_rate", (1, 1)), ("groups", 1), ("data_format", "channels_last")):
        if (got := getattr(layer, option)) != expected:
            raise FieldError(("network",), f'layer "{layer.name}": expected {option} {expected}, got {got}')


def _activation(layer: Any, before: str, signal: Signal) -> tuple[HlsLayer, Signal]:
    """QActivation with a quantized ReLU."""
    type_ = _activation_type(layer)
    if type_ is None or type(layer.quantizer).__name__ not in ("quantized_relu", "ShiftedRelu"):
        raise FieldError(("network",), f'activation "{layer.name}" ({layer.quantizer}): expected a quantized ReLU')
    lowered = HlsLayer(layer.name, "activation", "relu", (before,), *_shapes(layer), signal.type, type_)
    return lowered, Signal(type_, type_.quantize(signal.low), type_.quantize(signal.high))


def _pool(layer: Any, before: str, signal: Signal) -> tuple[HlsLayer, Signal]:
    """MaxPooling2D and AveragePooling2D whose windows do not overlap; averages over powers of two, kept exact."""
    function = "max" if "Max" in type(layer).__name__ else "average"
    size = int(np.prod(layer.pool_size))
    if layer.padding != "valid" or tuple(layer.strides) != tuple(layer.pool_size):
        raise FieldError(
            ("network",),
            f'pooling "{layer.name}": expected windows that neither overlap nor reach beyond the image '
            f"(padding valid, strides {tuple(layer.pool_size)}), got padding {layer.padding}, "
            f"strides {tuple(layer.strides)}",
        )
    result, accum = signal.type, None
    if function == "average":
        bits = size.bit_length() - 1
        if size != 2**bits:
            raise FieldError(
                ("network",), f'pooling "{layer.name}": expected an average over a power of two of pixels, got {size}'
            )
        accum = FixedPoint(signal.type.width + 2 * bits, signal.type.integer + bits, signal.type.signed)
        result = FixedPoint(signal.type.width + bits, signal.type.integer, signal.type.signed)
    lowered = HlsLayer(
        layer.name,
        "pool",
        function,
        (before,),
        *_shapes(layer),
        signal.type,
        result,
        accum_type=accum,
        window=tuple(layer.pool_size),
        strides=tuple(layer.strides),
        padding=layer.padding,
    )
    return lowered, Signal(result, signal.low, signal.high)


def _flatten(layer: Any, before: str, signal: Signal) -> tuple[HlsLayer, Signal]:
    """Flatten: the channels' bounds repeat pixel by pixel."""
    input_shape, output_shape = _shapes(layer)
    repeats = output_shape[0] // len(signal.low)
    lowered = HlsLayer(layer.name, "reshape", "", (before,), input_shape, output_shape, signal.type, signal.type)
    return lowered, Signal(signal.type, np.tile(signal.low, repeats), np.tile(signal.high, repeats))


def _softmax(logits: HlsLayer) -> tuple[HlsLayer, HlsLayer]:
    """The layer of the logits, and softmax behind it.

    hls4ml's stable softmax subtracts each logit from the greatest one in a type as wide as the logits' without their
    sign: the logits get a bit more, or the difference of two of them would overflow.
    """
    type_ = FixedPoint(logits.result_type.width + 1, logits.result_type.integer + 1)
    shape = logits.output_shape
    layer = HlsLayer("softmax", "activation", "softmax", (logits.name,), shape, shape, type_, SOFTMAX_TYPE)
    return replace(logits, result_type=type_), layer


_RULES: dict[str, Callable[[Any, str, Signal], tuple[HlsLayer, Signal]]] = {
    "QDense": _weighted,
    "QConv2D": _weighted,
    "QActivation": _activation,
    "MaxPooling2D": _pool,
    "AveragePooling2D": _pool,
    "Flatten": _flatten,
}
