"""Lowered layers as a Keras model without quantizers: what hls4ml converts, and what gives exact numbers in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer, depthwise_as_conv
from fpga_flow.keras import keras, tf


def plain_model(layers: Sequence[HlsLayer], dtype: str, *, rounding: bool) -> Any:
    """A Keras model from (batch, *input_shape) to the last layer's output, each layer with its name and weights.

    Args:
        dtype: `float32` or `float64`, of weights and tensors.
        rounding: whether activations round and saturate as their types say. Without, they are Keras' own functions, and
            hls4ml rounds by the types that it is given.
    """
    if rounding:
        layers = [_runnable(layer) for layer in layers]
    inputs = keras.Input(layers[0].input_shape, name="inputs", dtype=dtype)
    tensors = {"inputs": inputs}
    for layer in layers:
        made = _rounded(layer) if rounding and _rounds(layer) else _MAKERS[layer.kind](layer, dtype)
        sources = [tensors[name] for name in layer.inputs]
        tensors[layer.name] = made(sources if len(sources) > 1 else sources[0])
    model = keras.Model(inputs, tensors[layers[-1].name])
    for layer in layers:
        if weights := plain_weights(layer):
            model.get_layer(layer.name).set_weights(weights)
    return model


def plain_weights(layer: HlsLayer) -> list[NDArray[np.float64]]:
    """Kernel and bias, or the table, (where there are any) as real numbers, in Keras' order."""
    pairs = ((layer.weights, layer.weight_type), (layer.biases, layer.bias_type), (layer.table, layer.result_type))
    return [np.multiply(values, type_.step) for values, type_ in pairs if values is not None and type_ is not None]


def _runnable(layer: HlsLayer) -> HlsLayer:
    """The layer as one that TensorFlow runs: it has no depthwise convolution with other strides along each axis."""
    if layer.weights is None or not layer.kind.startswith("depthwise") or len(set(layer.strides)) == 1:
        return layer
    return replace(layer, kind=layer.kind.replace("depthwise", "conv"), weights=depthwise_as_conv(layer.weights))


def _rounds(layer: HlsLayer) -> bool:
    return layer.kind == "activation" and layer.function in ("relu", "linear")


def _rounded(layer: HlsLayer) -> Any:
    """Rounding half to even and saturation into a type; into an unsigned one it is a ReLU, too."""
    type_ = layer.result_type
    least = _least(type_, symmetric=layer.symmetric)

    def quantize(x: Any) -> Any:
        return tf.clip_by_value(tf.round(tf.cast(x, tf.float64) / type_.step) * type_.step, least, type_.max)

    return keras.layers.Lambda(quantize, name=layer.name, dtype="float64")


def _least(type_: FixedPoint, *, symmetric: bool) -> float:
    return -type_.max if symmetric else type_.min


def _dense(layer: HlsLayer, dtype: str) -> Any:
    return keras.layers.Dense(layer.n_out, use_bias=layer.biases is not None, name=layer.name, dtype=dtype)


def _conv(layer: HlsLayer, dtype: str) -> Any:
    make = {"conv1d": keras.layers.Conv1D, "conv2d": keras.layers.Conv2D}[layer.kind]
    return make(
        layer.n_out, layer.window, layer.strides, layer.padding,
        use_bias=layer.biases is not None, name=layer.name, dtype=dtype,
    )  # fmt: skip


def _depthwise(layer: HlsLayer, dtype: str) -> Any:
    make = {"depthwise1d": keras.layers.DepthwiseConv1D, "depthwise2d": keras.layers.DepthwiseConv2D}[layer.kind]
    return make(
        layer.window, layer.strides, layer.padding, use_bias=layer.biases is not None, name=layer.name, dtype=dtype
    )


def _activation(layer: HlsLayer, dtype: str) -> Any:
    if layer.function == "lookup":
        from fpga_flow.hls.layers.lookup import Lookup

        channels = 1 if layer.table is None else len(layer.table)
        return Lookup(str(layer.input_type), channels, name=layer.name, dtype=dtype)
    return keras.layers.Activation(layer.function, name=layer.name, dtype=dtype)


def _pool(layer: HlsLayer, dtype: str) -> Any:
    name = {"max": "MaxPooling", "average": "AveragePooling"}[layer.function]
    make = getattr(keras.layers, f"{name}{len(layer.window)}D")
    return make(layer.window, layer.strides, layer.padding, name=layer.name, dtype=dtype)


def _global_pool(layer: HlsLayer, dtype: str) -> Any:
    name = {"max": "GlobalMaxPooling", "average": "GlobalAveragePooling"}[layer.function]
    return getattr(keras.layers, f"{name}{len(layer.window)}D")(name=layer.name, dtype=dtype)


def _merge(layer: HlsLayer, dtype: str) -> Any:
    options = {"axis": layer.axis + 1} if layer.function == "concatenate" else {}
    return getattr(keras.layers, layer.function.capitalize())(name=layer.name, dtype=dtype, **options)


def _reshape(layer: HlsLayer, dtype: str) -> Any:
    if len(layer.output_shape) == 1:
        return keras.layers.Flatten(name=layer.name, dtype=dtype)
    return keras.layers.Reshape(layer.output_shape, name=layer.name, dtype=dtype)


def _permute(layer: HlsLayer, dtype: str) -> Any:
    return keras.layers.Permute(tuple(axis + 1 for axis in layer.order), name=layer.name, dtype=dtype)


def _of_rank(name: str, value: Callable[[HlsLayer], tuple[Any, ...]]) -> Callable[[HlsLayer, str], Any]:
    """Makes `name`1D or `name`2D with a value for each axis of the image; for a single axis Keras takes it bare."""

    def make(layer: HlsLayer, dtype: str) -> Any:
        values = value(layer)
        argument = values[0] if len(values) == 1 else values
        return getattr(keras.layers, f"{name}{len(values)}D")(argument, name=layer.name, dtype=dtype)

    return make


_MAKERS: dict[str, Callable[[HlsLayer, str], Any]] = {
    "dense": _dense,
    "conv1d": _conv,
    "conv2d": _conv,
    "depthwise1d": _depthwise,
    "depthwise2d": _depthwise,
    "activation": _activation,
    "pool": _pool,
    "global_pool": _global_pool,
    "merge": _merge,
    "reshape": _reshape,
    "permute": _permute,
    "zero_pad": _of_rank("ZeroPadding", lambda layer: layer.pads),
    "crop": _of_rank("Cropping", lambda layer: layer.pads),
    "upsample": _of_rank("UpSampling", lambda layer: layer.window),
}
