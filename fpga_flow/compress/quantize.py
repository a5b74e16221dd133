"""`quantize`: weights, biases and activations get fixed-point types, and the network is retrained knowing them.

Source: quantisation-aware training with straight-through gradients, as in QKeras (Coelho et al. 2021).
A layer without an activation function, such as the one that gives the logits, keeps the full precision of its sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fpga_flow.compress.base import Context, retrain
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy, rebuild
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import PositiveFloat, Retraining

USES_PRECISION = True


class Options(Retraining):
    """Retraining of the quantized network. Its types stand in the spec's `precision` section."""

    learning_rate: PositiveFloat | None = 5e-4


@dataclass(frozen=True)
class Site:
    """A layer that needs types: the names by which patterns find it, and which of `weight`, `bias`, `activation`."""

    layer: Any
    names: tuple[str, ...]
    keys: tuple[str, ...]


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Every layer must be of a kind that can be quantized and find its types; every given type must be used."""
    if precision is None:
        yield FieldError(path, "expected a section `precision` with the types of the input and of the layers, got none")
        return
    try:
        sites = _sites(split_activations(model))
    except FieldError as error:
        yield error
        return
    names = {name for site in sites for name in site.names}
    for pattern, message in unmatched(precision.layers, sorted(names)).items():
        yield FieldError(("precision", "layers", pattern), message)
    for pattern, types in precision.layers.items():
        matched = [site for site in sites if matching({pattern: True}, *site.names)]
        for key in types.model_fields_set if matched and pattern != "*" else ():
            if not any(key in site.keys for site in matched):
                layers = ", ".join(site.layer.name for site in matched)
                yield FieldError(
                    ("precision", "layers", pattern, key), f"expected a layer with {_WHAT[key]}, got {layers}"
                )
    for site in sites:
        types = _types(site, precision)
        if missing := [key for key in site.keys if key not in types]:
            yield FieldError(
                ("precision", "layers"),
                f'expected a pattern that gives layer "{site.layer.name}" its type of {" and ".join(missing)}, '
                "got none",
            )


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """The same network of QKeras layers, each with its types, retrained."""
    quantized = Network(quantize_model(network.model, context.precision), network.promises)
    history = retrain(quantized, dataset, options, context)
    return quantized, {"history": history}


def quantize_model(model: Any, precision: Any) -> Any:
    """`model` with its layers replaced by QKeras', and its input quantized; weights are copied.

    Raises:
        FieldError: a layer is of a kind that can't be quantized.
        KeyError: `precision` lacks a type (see `check`).
    """
    from fpga_flow.networks import quantizers  # its classes are QKeras', so it loads TensorFlow

    model = split_activations(model)
    types = {site.layer.name: _types(site, precision) for site in _sites(model)}

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return [qkeras.QActivation(quantizers.linear(precision.input), name=f"{layer.name}_quantized")]
        if _is_input_quantizer(layer):
            return []
        kind = _kind(layer)
        if kind == "activation":
            return [qkeras.QActivation(quantizers.relu(types[layer.name]["activation"]), name=layer.name)]
        if kind == "weighted":
            return [_quantized(layer, types[layer.name])]
        return [copy(layer)]

    return rebuild(model, replace)


def split_activations(model: Any) -> Any:
    """`model` with activation functions inside of layers, and ReLU layers, turned into Activation layers of their own.

    Raises:
        FieldError: an activation function or a layer is not among those that can be quantized.
    """

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        kind, config = _kind(layer), layer.get_config()
        if kind == "weighted" and (function := _function(layer)) != "linear":
            split = layer.__class__.from_config({**config, "activation": "linear"})
            return [split, keras.layers.Activation(function, name=f"{layer.name}_{function}")]
        if isinstance(layer, keras.layers.ReLU):
            return [keras.layers.Activation("relu", name=layer.name)]
        return [copy(layer)]

    return rebuild(model, replace)


_WHAT = {"weight": "weights", "bias": "a bias", "activation": "an activation function"}
_WEIGHTED = ("Dense", "Conv2D", "QDense", "QConv2D")
_PASSED_ON = ("InputLayer", "MaxPooling2D", "AveragePooling2D", "Flatten", "Dropout")


def _kind(layer: Any) -> str:
    """`weighted`, `activation` or `passed on`."""
    name = type(layer).__name__
    if name in _WEIGHTED:
        _function(layer)
        return "weighted"
    if name in ("Activation", "QActivation") and (_function(layer) == "relu" or _is_input_quantizer(layer)):
        return "activation"
    if name == "ReLU" and layer.max_value is None and not layer.negative_slope and not layer.threshold:
        return "activation"
    if name in _PASSED_ON:
        return "passed on"
    raise FieldError(
        ("network",),
        f'layer "{layer.name}" ({name}) can\'t be quantized: expected Dense, Conv2D, ReLU, MaxPooling2D, '
        "AveragePooling2D, Flatten or Dropout",
    )


def _function(layer: Any) -> str:
    """`linear` or `relu`, the activation function of a layer."""
    if isinstance(layer, qkeras.QActivation):
        return "relu" if type(layer.quantizer).__name__ in ("quantized_relu", "ShiftedRelu") else "linear"
    if layer.activation in (None, keras.activations.linear):
        return "linear"
    if layer.activation is keras.activations.relu:
        return "relu"
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    raise FieldError(
        ("network",), f'activation "{name}" of layer "{layer.name}" can\'t be quantized: expected relu or none'
    )


def _is_input_quantizer(layer: Any) -> bool:
    before = layer.inbound_nodes[0].inbound_layers if isinstance(layer, qkeras.QActivation) else []
    return isinstance(before, keras.layers.InputLayer)


def _sites(model: Any) -> list[Site]:
    sites = []
    for layer in model.layers:
        kind = _kind(layer)
        if kind == "weighted":
            sites.append(Site(layer, (layer.name,), ("weight", "bias") if layer.use_bias else ("weight",)))
        elif kind == "activation" and not _is_input_quantizer(layer):
            sites.append(Site(layer, (layer.name, *_weighted_before(layer)), ("activation",)))
    return sites


def _weighted_before(layer: Any) -> tuple[str, ...]:
    """The name of the weighted layer whose sums reach an activation; none where several layers meet before it."""
    while not isinstance(layer, (list, keras.layers.InputLayer)):
        if _kind(layer) == "weighted":
            return (layer.name,)
        layer = layer.inbound_nodes[0].inbound_layers
    return ()


def _types(site: Site, precision: Any) -> dict[str, FixedPoint]:
    """For each key of the site the type that the most specific pattern gives."""
    found = matching(precision.layers, *site.names)
    given = {key: [type_ for each in found if (type_ := getattr(each, key)) is not None] for key in site.keys}
    return {key: types[0] for key, types in given.items() if types}


def _quantized(layer: Any, types: dict[str, FixedPoint]) -> Any:
    """The QKeras layer in place of a Dense or Conv2D."""
    from fpga_flow.networks import quantizers

    config = layer.get_config()
    kept = ("name", "units", "filters", "kernel_size", "strides", "padding", "use_bias", "dilation_rate", "groups")
    options = {key: config[key] for key in kept if key in config}
    options["kernel_quantizer"] = quantizers.linear(types["weight"])
    options["bias_quantizer"] = quantizers.linear(types["bias"]) if layer.use_bias else None
    return (qkeras.QDense if "units" in config else qkeras.QConv2D)(**options)
