"""What the network computes, exactly: the numbers that the C simulation must give.

QKeras computes in float32, which is exact while every sum has at most 24 bits: then its own predictions are the
reference. Wider networks are computed in float64 by a plain Keras model with the same weights and the same rounding;
sums of more than 53 bits are refused when the network is lowered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import input_type
from fpga_flow.keras import keras, tf
from fpga_flow.networks.rebuild import rebuild

#: The bits of a float32 significand.
FLOAT32_BITS = 24


def predict(
    model: Any, layers: Sequence[HlsLayer], x: NDArray[np.floating], every_layer: bool = False
) -> dict[str, NDArray[np.float64]]:
    """The outputs of a quantized network for samples (n, *input_shape), exact, by layer name: (n, *output_shape).

    Only the last layer's, or with `every_layer` those of all layers that become HLS code. Softmax, which HLS code looks
    up in tables, is computed in double.

    Args:
        layers: what `lower` made of the model.
    """
    exact = model if _float32_is_exact(layers) else float64_model(model, layers)
    own = [layer.name for layer in layers if layer.function != "softmax"]
    names = own if every_layer else own[-1:]
    outputs = keras.Model(exact.inputs, [exact.get_layer(name).output for name in names])
    quantized = input_type(model).quantize(x)  # far outside of its type, QKeras' own rounding is off in its last bits
    results = outputs.predict(quantized, batch_size=1024, verbose=0)
    results = results if isinstance(results, list) else [results]
    found = {name: np.asarray(result, np.float64) for name, result in zip(names, results, strict=True)}
    if layers[-1].function == "softmax":
        found[layers[-1].name] = softmax(found[names[-1]])
    return found


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(x) / sum(exp(x)) over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normal: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return normal


def float64_model(model: Any, layers: Sequence[HlsLayer]) -> Any:
    """The network as a plain Keras model in float64, its weights on their types' values, its rounding spelled out."""
    by_name = {layer.name: layer for layer in layers}

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return [_rounding(f"{layer.name}_quantized", input_type(model))]
        lowered = by_name.get(layer.name)
        if lowered is None:
            return []
        if lowered.kind == "activation":
            return [_rounding(layer.name, lowered.result_type)]
        return [plain(layer, "float64")]

    exact = rebuild(model, replace)
    set_weights(exact, layers)
    return exact


def set_weights(model: Any, layers: Sequence[HlsLayer]) -> None:
    """Give a plain Keras model the weights of the lowered layers of the same names."""
    for layer in layers:
        if weights := plain_weights(layer):
            model.get_layer(layer.name).set_weights(weights)


def plain(layer: Any, dtype: str) -> Any:
    """A Keras layer without quantizers in place of a QDense or QConv2D; pooling and Flatten as they are."""
    config = layer.get_config()
    kept = ("name", "units", "filters", "kernel_size", "pool_size", "strides", "padding", "use_bias")
    options = {key: config[key] for key in kept if key in config}
    return getattr(keras.layers, type(layer).__name__.removeprefix("Q"))(**options, dtype=dtype)


def plain_weights(layer: HlsLayer) -> list[NDArray[np.float64]]:
    """Kernel and bias (where there are any) as real numbers, in Keras' order."""
    pairs = ((layer.weights, layer.weight_type), (layer.biases, layer.bias_type))
    return [np.multiply(values, type_.step) for values, type_ in pairs if values is not None and type_ is not None]


def _rounding(name: str, type_: FixedPoint) -> Any:
    """Rounding half to even and saturation into a type; into an unsigned one it is a ReLU, too."""

    def quantize(x: Any) -> Any:
        return tf.clip_by_value(tf.round(tf.cast(x, tf.float64) / type_.step) * type_.step, type_.min, type_.max)

    return keras.layers.Lambda(quantize, name=name, dtype="float64")


def _float32_is_exact(layers: Sequence[HlsLayer]) -> bool:
    return all((layer.accum_type or layer.result_type).width <= FLOAT32_BITS for layer in layers)
