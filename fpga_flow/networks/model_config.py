"""What a model's configuration, JSON values from an untrusted file, says: whether Keras may make a model of it.

It may name only classes and functions of Keras and QKeras, and of ours; `make` runs no other code unless trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fpga_flow.keras import keras, qkeras
from fpga_flow.networks import call_order, quantizer_limits
from fpga_flow.printing import printable
from fpga_flow.spec.yaml_file import shortened

_QLAYERS = (
    "QDense", "QConv1D", "QConv2D", "QDepthwiseConv2D", "QSeparableConv1D", "QSeparableConv2D", "QActivation",
    "QAdaptiveActivation", "QBatchNormalization", "QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm", "QAveragePooling2D",
    "QGlobalAveragePooling2D",
)  # fmt: skip
_QUANTIZERS = (
    "quantized_bits", "bernoulli", "stochastic_ternary", "ternary", "stochastic_binary", "binary", "quantized_relu",
    "quantized_ulaw", "quantized_tanh", "quantized_sigmoid", "quantized_po2", "quantized_relu_po2", "quantized_hswish",
)  # fmt: skip
_QOTHERS = ("QInitializer", "Clip")
_OURS = ("ShiftedBits", "ShiftedRelu", "LevelWeights", "ChannelBits")
#: Functions that a quantizer's text may name, besides quantizers and Keras' activation functions.
_PLAIN = ("linear", "hard_tanh", "smooth_sigmoid", "hard_sigmoid", "binary_sigmoid", "binary_tanh", "smooth_tanh")
_MODULES = re.compile(r"(tf_)?keras(\..*)?|qkeras(\..*)?|builtins|fpga_flow(\..*)?")
_MODELS = ("Functional", "Sequential", "Model")
#: Values that Keras writes as if they were of a class.
_VALUES = ("__tuple__", "__ellipsis__", "TensorShape")


@dataclass(frozen=True)
class Finding:
    """Something in a model's configuration that can't be loaded: where it is, and what it is.

    kind    "code" can be if its code is trusted; a "layer" is one that the flow has no use for; what is "endless" would
            take hours or all memory, whoever is trusted
    """

    where: str
    what: str
    kind: Literal["code", "layer", "endless"] = "code"

    @property
    def code(self) -> bool:
        """Whether it can be loaded if its code is trusted."""
        return self.kind == "code"


def classes() -> dict[str, Any]:
    """The classes, by their names, that Keras must be told of to make a model of QKeras' and our own layers."""
    from fpga_flow.networks import layers, quantizers

    ours = {name: getattr(quantizers, name) for name in _OURS}
    names = (*_QLAYERS, *_QUANTIZERS, *_QOTHERS)
    return {**ours, **layers.own(), **{name: getattr(qkeras, name) for name in names}, "QActivation": _qactivation()}


def findings(config: dict[str, Any]) -> list[Finding]:
    """All that is not Keras' or QKeras' own (Lambda layers, unknown classes, references to functions), all layers that
    can't become HLS code, and all that would take for ever: quantizers of too many bits, calls of layers in no order.
    """
    return list(_walk(config, "the model"))


def make(config: dict[str, Any], *, trust_code: bool = False) -> Any:
    """The Keras model of a configuration, without trained weights. It must have no `findings`, or be trusted.

    Raises:
        Exception: whatever Keras raises where it can't make one.
    """
    custom = classes()
    with keras.utils.custom_object_scope(custom):
        if trust_code and "module" not in config:  # Keras' older way to read it would trust nothing
            home = {"Sequential": "sequential"}.get(config["class_name"], "functional")
            config = {**config, "module": f"tf_keras.src.engine.{home}", "registered_name": config["class_name"]}
        if "module" in config:
            return keras.saving.deserialize_keras_object(config, custom_objects=custom, safe_mode=not trust_code)
        return keras.models.model_from_json(json.dumps(config), custom_objects=custom)


def _qactivation() -> Any:
    """QActivation made from a configuration: QKeras keeps a quantizer's in it and then takes it for the quantizer."""

    def from_config(config: dict[str, Any]) -> Any:
        return qkeras.QActivation(**{**config, "activation": qkeras.get_quantizer(config["activation"])})

    return type("QActivation", (qkeras.QActivation,), {"from_config": staticmethod(from_config)})


def _walk(value: Any, where: str, key: str = "") -> Iterator[Finding]:
    """What in a part of a configuration is of no known class, or no use; `where` is the nearest layer around it."""
    from fpga_flow.networks.sites import way_out

    if isinstance(value, list):
        for each in value:
            yield from _walk(each, where, key)
    elif isinstance(value, str):
        if key == "activation" or "quantizer" in key:
            if not _is_known_function(value):
                yield Finding(where, f'the unknown function "{shortened(printable(value))}"')
            elif what := quantizer_limits.excess_of_text(value):
                yield Finding(where, f"({key}): {what}", "endless")
    elif isinstance(value, dict):
        name = value.get("class_name")
        if isinstance(name, str):
            config = value.get("config")
            own = config.get("name") if isinstance(config, dict) else None
            if isinstance(own, str) and key == "layers":
                shown = shortened(printable(own))
                where = f'layer "{shown}"' if where == "the model" else f'{where[:-1]}/{shown}"'
            if what := _unknown(name, value):
                yield Finding(where, printable(what))
                return
            if key == "layers" and name not in _supported():
                yield Finding(where, f"({name}) can't become HLS code: {way_out(name)}", "layer")
                return
            # of two names, Keras may take either
            kind = f"{value.get('registered_name', '')} {name}"
            if isinstance(config, dict) and (what := quantizer_limits.excess(kind, config)):
                yield Finding(where, f"({name.rpartition('>')[2]}): {what}", "endless")
                return
        elif "class_name" in value:
            yield Finding(where, "of a class without a name")
            return
        for layer in call_order.never_made(value.get("layers")):
            text = "expected a call of layers that are called before it, got one that waits for ever"
            yield Finding(f'layer "{shortened(printable(layer))}"', text, "endless")
        for each_key, each in value.items():
            yield from _walk(each, where, each_key)


def _supported() -> tuple[str, ...]:
    from fpga_flow.hls.layers import plugin
    from fpga_flow.networks.sites import LAYERS

    return (*LAYERS, *plugin.LAYERS, *_QLAYERS, *_MODELS, "Softmax", "DepthwiseConv1D")


def _unknown(name: str, value: dict[str, Any]) -> str:
    """What an object of a configuration is, in words, if it is not one of Keras' or QKeras' own, or of ours."""
    from fpga_flow.networks import layers

    module = value.get("module")
    if name in ("Lambda", "__lambda__"):
        return "a Lambda layer" if name == "Lambda" else "a Python lambda"
    plain = name.rpartition(">")[2]
    known = getattr(layers.own().get(plain), "__module__", None)  # a plugin's is known by its name alone
    if module is not None and not (isinstance(module, str) and (module == known or _MODULES.fullmatch(module))):
        return f'of the unknown class "{module}.{name}"'
    if name == "function":
        known = _is_known_function(value.get("config")) and module in (None, "builtins", "keras.activations")
        return "" if known else f'the unknown function "{value.get("config")}"'
    if plain in (*_QLAYERS, *_QUANTIZERS, *_QOTHERS, *_OURS, *layers.own(), *_VALUES):
        return ""
    if name in ("TFOpLambda", "SlicingOpLambda"):
        return f"a call of a TensorFlow function ({name})"
    homes = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    if name in _MODELS or any(isinstance(getattr(home, name, None), type) for home in homes):
        return ""
    return f'of the unknown class "{name}"'


def _is_known_function(text: Any) -> bool:
    name, bracket, arguments = str(text).partition("(")
    if bracket and (not arguments.endswith(")") or "(" in arguments):
        return False  # QKeras would make the quantizer without these arguments
    return name in (*_QUANTIZERS, *_PLAIN, "softmax") or callable(getattr(keras.activations, name, None))
