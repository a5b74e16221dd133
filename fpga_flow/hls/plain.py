"""Lowered layers as a Keras model without quantizers, which hls4ml converts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin
from fpga_flow.keras import keras


def plain_model(layers: Sequence[HlsLayer]) -> Any:
    """A Keras model from (batch, *input_shape) to the last layer's output, each layer with its name and weights, in
    float32. Nothing rounds in it: hls4ml rounds by the types that it is given.
    """
    inputs = keras.Input(layers[0].input_shape, name="inputs")
    tensors = {"inputs": inputs}
    for layer in layers:
        sources = [tensors[name] for name in layer.inputs]
        made = _MAKERS.get(layer.kind, plugin.keras_layer)(layer)
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


def _dense(layer: HlsLayer) -> Any:
    return keras.layers.Dense(layer.n_out, use_bias=layer.biases is not None, name=layer.name)


def _conv(layer: HlsLayer) -> Any:
    if layer.grouped_or_dilated:
        from fpga_flow.hls.layers.group_conv import GroupConv1D, GroupConv2D

        own = {"conv1d": GroupConv1D, "conv2d": GroupConv2D}[layer.kind]
        return own(
            layer.n_out, layer.window, layer.strides, dilation_rate=layer.dilation, groups=layer.groups,
            use_bias=layer.biases is not None, name=layer.name,
        )  # fmt: skip
    make = {"conv1d": keras.layers.Conv1D, "conv2d": keras.layers.Conv2D}[layer.kind]
    return make(
        layer.n_out, layer.window, layer.strides, layer.padding,
        use_bias=layer.biases is not None, name=layer.name,
    )  # fmt: skip


def _depthwise(layer: HlsLayer) -> Any:
    make = {"depthwise1d": keras.layers.DepthwiseConv1D, "depthwise2d": keras.layers.DepthwiseConv2D}[layer.kind]
    return make(layer.window, layer.strides, layer.padding, use_bias=layer.biases is not None, name=layer.name)


def _activation(layer: HlsLayer) -> Any:
    if layer.function == "lookup":
        from fpga_flow.hls.layers.lookup import Lookup

        channels = 1 if layer.table is None else len(layer.table)
        return Lookup(str(layer.input_type), channels, name=layer.name)
    return keras.layers.Activation(layer.function, name=layer.name)


def _pool(layer: HlsLayer) -> Any:
    name = {"max": "MaxPooling", "average": "AveragePooling"}[layer.function]
    make = getattr(keras.layers, f"{name}{len(layer.window)}D")
    return make(layer.window, layer.strides, layer.padding, name=layer.name)


def _global_pool(layer: HlsLayer) -> Any:
    name = {"max": "GlobalMaxPooling", "average": "GlobalAveragePooling"}[layer.function]
    return getattr(keras.layers, f"{name}{len(layer.window)}D")(name=layer.name)


def _merge(layer: HlsLayer) -> Any:
    options = {"axis": layer.axis + 1} if layer.function == "concatenate" else {}
    return getattr(keras.layers, layer.function.capitalize())(name=layer.name, **options)


def _reshape(layer: HlsLayer) -> Any:
    if len(layer.output_shape) == 1:
        return keras.layers.Flatten(name=layer.name)
    return keras.layers.Reshape(layer.output_shape, name=layer.name)


def _permute(layer: HlsLayer) -> Any:
    return keras.layers.Permute(tuple(axis + 1 for axis in layer.order), name=layer.name)


def _shuffle(layer: HlsLayer) -> Any:
    from fpga_flow.networks.layers import ChannelShuffle

    return ChannelShuffle(layer.groups, name=layer.name)


def _crelu(layer: HlsLayer) -> Any:
    from fpga_flow.networks.layers import CReLU

    return CReLU(name=layer.name)


def _of_rank(name: str, value: Callable[[HlsLayer], tuple[Any, ...]]) -> Callable[[HlsLayer], Any]:
    """Makes `name`1D or `name`2D with a value for each axis of the image; for a single axis Keras takes it bare."""

    def make(layer: HlsLayer) -> Any:
        values = value(layer)
        argument = values[0] if len(values) == 1 else values
        return getattr(keras.layers, f"{name}{len(values)}D")(argument, name=layer.name)

    return make


def _deformable(layer: HlsLayer) -> Any:
    from fpga_flow.networks.sampling import DeformableSampling

    return DeformableSampling(layer.window, layer.strides, layer.padding, name=layer.name)


_MAKERS: dict[str, Callable[[HlsLayer], Any]] = {
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
    "shuffle": _shuffle,
    "crelu": _crelu,
    "deformable": _deformable,
}
