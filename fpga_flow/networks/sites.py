"""The layers of a network that need number types, and what becomes of each kind of layer when it is quantized.

dense, convolutions      QKeras' layer with the types `weight` and `bias`; where their sums reach other such layers
unrounded and there is a type `result`, a quantizer into that behind
ReLU                     a quantizer that is a ReLU into the type `activation`
other functions          the function, then a quantizer into the type `activation`: HLS code has a table of both;
before it, if there is a type `input`, a quantizer into that
averages                 of a power of two of values: themselves; of another number of values: as other functions
BatchNormalization       folded into the layer before it (`networks/fold.py`)
quantizers into a type,
clamps                   a quantizer into the type `activation`
all that moves, joins, compares or is for training only: itself
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, qkeras, tf
from fpga_flow.networks.fold import NORMALIZATIONS, fold, refused
from fpga_flow.networks.rebuild import copy, opened, rebuild
from fpga_flow.patterns import matching


@dataclass(frozen=True)
class Site:
    """A layer that needs types: the names by which patterns find it, and which of `weight`, `bias`, `activation`.

    optional  other keys that it may have
    signed  the layer's name and function where the type of `activation` must hold negative values
    why     the reason for which the type is needed, where that is not plain
    """

    layer: Any
    names: tuple[str, ...]
    keys: tuple[str, ...]
    signed: str = ""
    why: str = ""
    optional: tuple[str, ...] = ()


def prepare(model: Any) -> Any:
    """`model` without nested models and BatchNormalization, and with activation functions inside of layers turned into
    layers of their own: only layers of which each needs its own types, or none.

    Raises:
        FieldError: a layer is not among those that can be quantized.
    """
    flat = opened(model)
    for error in refusals(flat):
        raise error

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        if _name(layer) in WEIGHTED and (inside := layer.activation) not in (None, keras.activations.linear):
            split = copy(layer, activation="linear")
            if isinstance(inside, qkeras.BaseQuantizer):
                return [split, qkeras.QActivation(inside, name=f"{layer.name}_activation")]
            return [split, keras.layers.Activation(inside, name=f"{layer.name}_{inside.__name__}")]
        if isinstance(layer, keras.layers.ReLU) and kind_of(layer) == "relu":
            return [keras.layers.Activation("relu", name=layer.name)]
        return [copy(layer)]

    return rebuild(fold(flat), replace)


def refusals(model: Any) -> Iterator[FieldError]:
    """An error for each layer of a flat model that can't be quantized."""
    for layer in model.layers:
        try:
            kind_of(layer)
        except FieldError as error:
            yield error


def find_sites(model: Any) -> list[Site]:
    """The layers of a prepared model that need types, in their order."""
    sites = []
    for layer in model.layers:
        kind = kind_of(layer)
        if kind == "weighted":
            keys = ("weight", "bias") if layer.use_bias else ("weight",)
            optional = ("weight_per", "result") if _unrounded(layer) else ("weight_per",)
            sites.append(Site(layer, (layer.name,), keys, optional=optional))
        elif kind in ("relu", "rounding"):
            names = (layer.name, *_weighted_before(layer))
            sites.append(Site(layer, names, ("activation",), signed=_offsets(layer)))
        elif kind == "function" and (count := averaged(layer)):
            why = f", as an average of {count} values is no fixed-point number"
            sites.append(Site(layer, (layer.name,), ("activation",), why=why, optional=("input",)))
        elif kind == "function":
            names = (layer.name, *_weighted_before(layer))
            sites.append(Site(layer, names, ("activation",), signed=_negative(layer), optional=("input",)))
    return sites


WEIGHTED = {
    **dict.fromkeys(("Dense", "QDense"), "QDense"),
    **dict.fromkeys(("Conv1D", "QConv1D"), "QConv1D"),
    **dict.fromkeys(("Conv2D", "QConv2D"), "QConv2D"),
    **dict.fromkeys(("DepthwiseConv2D", "QDepthwiseConv2D"), "QDepthwiseConv2D"),
    **dict.fromkeys(("SeparableConv1D", "QSeparableConv1D"), "QSeparableConv1D"),
    **dict.fromkeys(("SeparableConv2D", "QSeparableConv2D"), "QSeparableConv2D"),
}
_FUNCTIONS = ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "CReLU")
_AVERAGES = (
    "AveragePooling1D", "AveragePooling2D", "QAveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "QGlobalAveragePooling2D",
)  # fmt: skip
_FOR_TRAINING = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
    "ActivityRegularization",
)  # fmt: skip
_PASSED_ON = (
    "InputLayer", "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Add", "Subtract",
    "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Flatten", "Reshape", "Permute", "ZeroPadding1D",
    "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ChannelShuffle", "DeformableSampling",
    *_FOR_TRAINING,
)  # fmt: skip
#: The classes of all layers that can be quantized.
LAYERS = tuple(
    dict.fromkeys(
        (*WEIGHTED, "Activation", "QActivation", "Clamp", *_FUNCTIONS, *_AVERAGES, *NORMALIZATIONS, *_PASSED_ON)
    )
)
#: What to do instead of a layer that can't be quantized, where there is more to say than which ones can.
_WAYS_OUT = {
    "DepthwiseConv1D": "QKeras has no such layer: use SeparableConv1D, or Conv1D with as many groups as channels",
    "Softmax": "train on logits; softmax is computed by the host, or with hls.softmax: true",
}


def way_out(name: str) -> str:
    """What to do instead of a layer of a class that can't be quantized."""
    kinds = "a dense, convolution, activation, pooling, merging, reshaping, padding, cropping or upsampling layer"
    return _WAYS_OUT.get(name, f"expected {kinds}")


def kind_of(layer: Any) -> str:
    """`weighted`, `relu`, `rounding`, `function`, `folded`, `passed on`, or `cut`: a quantizer that its input's own
    takes the place of.

    Raises:
        FieldError: the layer is of none of these kinds.
    """
    from fpga_flow.hls.layers import plugin

    name = _name(layer)
    if name in WEIGHTED:
        _check_function(layer, layer.activation)
        return "weighted"
    if name == "QActivation":
        return _kind_of_quantizer(layer)
    if name == "Clamp":
        return "rounding"
    if name in NORMALIZATIONS:
        if error := refused(layer):
            raise error
        return "folded"
    if name == "Activation":
        _check_function(layer, layer.activation)
        functions = {keras.activations.linear: "passed on", None: "passed on", keras.activations.relu: "relu"}
        return functions.get(layer.activation, "function")
    if name in _FUNCTIONS:
        plain = name == "ReLU" and layer.max_value is None and not layer.negative_slope and not layer.threshold
        return "relu" if plain else "function"
    if name in _AVERAGES:
        return "function" if averaged(layer) else "passed on"
    if name in _PASSED_ON or name in plugin.LAYERS:
        return "passed on"
    raise FieldError(("network",), f'layer "{layer.name}" ({name}) can\'t be quantized: {way_out(name)}')


def _name(layer: Any) -> str:
    return type(layer).__name__


def _check_function(layer: Any, function: Any) -> None:
    """Refuse an activation function that does not act on each value by itself."""
    from fpga_flow.hls.lower.activation import ELEMENTWISE

    if function in (None, keras.activations.linear) or isinstance(function, qkeras.BaseQuantizer):
        return
    name = getattr(function, "__name__", type(function).__name__)
    if name == "softmax":
        raise FieldError(
            ("network",), f'activation "softmax" of layer "{layer.name}" can\'t be quantized: {_WAYS_OUT["Softmax"]}'
        )
    if name not in ELEMENTWISE:
        raise FieldError(
            ("network",),
            f'activation "{name}" of layer "{layer.name}" can\'t be quantized: expected one of '
            f"{', '.join(ELEMENTWISE)} or none",
        )


def _kind_of_quantizer(layer: Any) -> str:
    """A quantizer that is there already: the new types take its place."""
    from fpga_flow.networks import quantizers

    before = layer.inbound_nodes[0].inbound_layers
    if isinstance(before, keras.layers.InputLayer):
        return "cut"
    if _name(layer.quantizer) in quantizers.RELUS:
        return "relu"
    if quantizers.type_of(layer.quantizer) is None and quantizers.symmetric_type_of(layer.quantizer) is None:
        text = f'layer "{layer.name}" has a quantizer of its own, {_name(layer.quantizer)}, which no type can replace'
        raise FieldError(("network",), f"{text}: leave out the quantize pass, or the quantizer")
    after = [node.layer for node in layer.outbound_nodes]
    if len(after) == 1 and layer.name == f"{after[0].name}_input":
        return "cut"
    return "cut" if not isinstance(before, list) and kind_of(before) == "function" else "rounding"


def averaged(layer: Any) -> int:
    """Over how many values a layer takes averages, where their number is no power of two; else 0."""
    if _name(layer) not in _AVERAGES:
        return 0
    shape = layer.input_shape[1:-1] if "Global" in _name(layer) else layer.pool_size
    count = math.prod(shape) if isinstance(shape, tuple) else int(shape)
    of_qkeras = getattr(layer, "average_quantizer", None) or getattr(layer, "activation", None)
    return count if of_qkeras or count & (count - 1) else 0


def _negative(layer: Any) -> str:
    """The layer and its function in words if that has negative values."""
    values = np.asarray(layer.call(tf.linspace([-16.0], [16.0], 1025)))
    if values.min() >= 0:
        return ""
    function = getattr(getattr(layer, "activation", None), "__name__", _name(layer))
    return f'layer "{layer.name}" ({function})'


def _offsets(layer: Any) -> str:
    """The layer in words if its result is the offsets of a sampling, which may be negative."""
    for node in layer.outbound_nodes:
        if _name(node.layer) == "DeformableSampling" and node.keras_inputs[1] is layer.get_output_at(0):
            return f'layer "{layer.name}" (offsets of "{node.layer.name}")'
    return ""


def _unrounded(layer: Any) -> bool:
    """Whether what a layer gives reaches a layer with weights with no type of an activation on the way."""
    for node in layer.outbound_nodes:
        kind = kind_of(node.layer)
        if kind == "weighted" or (kind == "passed on" and _unrounded(node.layer)):
            return True
    return False


def _weighted_before(layer: Any) -> tuple[str, ...]:
    """The name of the weighted layer whose sums reach an activation; none where several layers meet before it."""
    while not isinstance(layer, (list, keras.layers.InputLayer)):
        if _name(layer) in WEIGHTED:
            return (layer.name,)
        layer = layer.inbound_nodes[0].inbound_layers
    return ()


def written_types(site: Site, precision: Any) -> dict[str, Any]:
    """For each key of the site the type that the most specific pattern gives."""
    found = matching(precision.layers, *site.names)
    keys = (*site.keys, *site.optional)
    given = {key: [type_ for each in found if (type_ := getattr(each, key)) is not None] for key in keys}
    return {key: types[0] for key, types in given.items() if types}
