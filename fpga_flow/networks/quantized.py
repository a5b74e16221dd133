"""A network of QKeras layers in place of a float network, by the types that it is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.keras import keras, qkeras, quietly
from fpga_flow.networks.network import QUANTIZERS, kernels
from fpga_flow.networks.ranges import Channels, Closed, Ranges, Rule, Types
from fpga_flow.networks.rebuild import copy, rebuild
from fpga_flow.networks.sites import WEIGHTED, find_sites, kind_of, prepare, written_types


def quantize_model(model: Any, precision: Any, x: NDArray[np.floating] | None = None, rule: Rule = "mse") -> Any:
    """`model` with its layers replaced by QKeras', and its input quantized; weights are copied.

    Args:
        precision: the spec's section.
        x: samples (n, *input_shape), if the type of the input or of an activation is left open.
        rule: by which open types are closed, see `networks/ranges.py`.

    Raises:
        FieldError: a layer is of a kind that can't be quantized.
        KeyError: `precision` lacks a type (see `compress.quantize.check`).
    """
    prepared = prepare(model)
    return with_types(prepared, types_of(prepared, precision, x, rule))


def types_of(prepared: Any, precision: Any, x: NDArray[np.floating] | None, rule: Rule) -> Types:
    """The types that `precision` gives to a prepared network (see `sites.prepare`), all of them closed."""
    sites = find_sites(prepared)
    written = {site.layer.name: written_types(site, precision) for site in sites}
    return Ranges(prepared, sites, x, rule).types(precision.input, written)


def with_types(prepared: Any, types: Types) -> Any:
    """A prepared network with QKeras layers of these types; kernels of layers without a type of weight stay floats."""
    return rebuild(prepared, lambda layer: _replaced(layer, types))


def give_types(model: Any, prepared: Any, types: Types, names: Collection[str]) -> None:
    """Give some layers of a model that `with_types` made of a prepared network other types, in place. It must have had
    types of the same keys. Only what is called without a graph, and what reads the quantizers, follows.

    Args:
        names: the prepared network's layers; an empty one means the input.
    """
    for layer in prepared.layers:
        name = "" if isinstance(layer, keras.layers.InputLayer) else layer.name
        for made in _replaced(layer, types) if name in names else ():
            given = model.get_layer(made.name)
            for attribute in ("quantizer", *QUANTIZERS.values()):
                if hasattr(made, attribute):
                    setattr(given, attribute, getattr(made, attribute))


def _replaced(layer: Any, types: Types) -> list[Any]:
    """The layers in place of one of a prepared network."""
    from fpga_flow.networks import quantizers  # its classes are QKeras', so it loads TensorFlow

    if isinstance(layer, keras.layers.InputLayer):
        return [qkeras.QActivation(quantizers.linear(types.input), name=f"{layer.name}_quantized")]
    kind = kind_of(layer)
    if kind == "cut":
        return []
    if kind == "relu":
        return [qkeras.QActivation(quantizers.relu(types.layers[layer.name]["activation"]), name=layer.name)]
    if kind == "rounding":
        return [qkeras.QActivation(quantizers.linear(types.layers[layer.name]["activation"]), name=layer.name)]
    if kind == "function":
        return _looked_up(layer, types.layers[layer.name])
    if kind == "weighted":
        given = types.layers[layer.name]
        return [_quantized(layer, given), *_rounded(layer, given)]
    return [copy(layer)]


def _rounded(layer: Any, types: Mapping[str, Any]) -> list[Any]:
    """The quantizer of a layer's sums, if there is a type for them."""
    from fpga_flow.networks import quantizers

    if "result" not in types:
        return []
    return [qkeras.QActivation(quantizers.linear(types["result"]), name=f"{layer.name}_result")]


def _looked_up(layer: Any, types: Mapping[str, Any]) -> list[Any]:
    """A function or an average between the quantizers of what it gets (if there is a type for it) and gives."""
    from fpga_flow.networks import quantizers

    behind = qkeras.QActivation(quantizers.linear(types["activation"]), name=f"{layer.name}_quantized")
    if "input" not in types:
        return [copy(layer), behind]
    return [qkeras.QActivation(quantizers.linear(types["input"]), name=f"{layer.name}_input"), copy(layer), behind]


_KEPT = (
    "name", "units", "filters", "kernel_size", "strides", "padding", "use_bias", "data_format", "dilation_rate",
    "groups", "depth_multiplier",
)  # fmt: skip


def _quantized(layer: Any, types: Mapping[str, Any]) -> Any:
    """The QKeras layer in place of a layer with weights; both kernels of a separable one have the same type. Without
    a type for them they stay floats.
    """
    from fpga_flow.networks import quantizers

    with quietly():  # Keras warns of how QKeras writes its quantizers
        config = layer.get_config()
    options = {key: config[key] for key in _KEPT if key in config}
    if options.get("groups") == 1:  # depthwise and separable layers take no groups
        del options["groups"]
    for name in kernels(layer):
        key = name.removesuffix("_kernel")
        options[f"{key}_initializer"] = "zeros"  # weights are copied; QKeras would fit random ones to the quantizer
        if "weight" not in types:
            continue
        quantizer = _of_weights(types["weight"], name)
        options[f"{key}_quantizer"] = quantizer
        if isinstance(quantizer, quantizers.LevelWeights):  # beyond its values a weight would only take long to return
            options[f"{key}_constraint"] = qkeras.Clip(quantizer.min(), quantizer.max())
    options["bias_quantizer"] = quantizers.linear(types["bias"]) if layer.use_bias else None
    return getattr(qkeras, WEIGHTED[type(layer).__name__])(**options)


def set_weights(layer: Any, source: Any, type_: Closed) -> None:
    """Give a layer the kernels of another one, rounded into a type."""
    for name, variable in kernels(source).items():
        getattr(layer, name).assign(_of_weights(type_, name)(variable))


def _of_weights(type_: Closed, kernel: str) -> Any:
    from fpga_flow.networks import quantizers

    if isinstance(type_, Channels):
        return quantizers.of_channels(type_.type, type_.exponents[kernel])
    return quantizers.of_weights(type_)
