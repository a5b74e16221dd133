"""A model's architecture as few bytes: Keras' configuration without all that it takes for granted.

Left out are default values, what only training needs (initializers, regularizers, constraints), names of modules, and
the connections of a layer that reads the one before it. What is left is JSON, deflated with a preset dictionary of the
words that such a configuration mostly has.

A configuration's objects (quantizers and the like) are written as {"!class": settings}, layers as
[name, class, settings, inputs], where inputs are relative numbers of layers, or what Keras has. A model is
[class, name, layers, input layers, output layers], the last two only if they are not its first and last layer.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

from fpga_flow.keras import keras, qkeras, quietly
from fpga_flow.storage.bits import Damaged

#: The most bytes that the JSON of an architecture may have, and the most layers.
MAX_BYTES, MAX_LAYERS = 1 << 22, 4096
_MODELS = ("Functional", "Model", "Sequential")
#: Parts of a configuration that a trained model does not need; settings of an object end in these words.
_UNUSED = ("module", "registered_name", "build_config", "compile_config")
_TRAINING = ("_initializer", "_regularizer", "_constraint", "_range")
_DICTIONARY = b"""\
"global_average_pooling","GlobalAveragePooling2D","zero_padding","ZeroPadding2D",{"padding":[[1,1],[1,1]]}]\
"QSeparableConv1D","QConv1D","Conv1D","SeparableConv1D","depthwise","DepthwiseConv2D",{"depth_multiplier":1,\
"QSeparableConv2D","separable_1",{"pointwise_quantizer":{"!"SeparableConv2D","QDepthwiseConv2D",{"depthwise_quantizer"\
:{"!binary":{"alpha":1.0}}!ternary":{"threshold":0.5!quantized_po2":{"max_value":"!quantized_relu_po2"\
"Concatenate",{},[-1,-2]]["concatenate"["add","Add",{},[-2,-5]]["multiply","Multiply""_shortcut"\
"batch_normalization_1","BatchNormalization",{"axis":[3]}]"scale":false"epsilon":1e-05"momentum":0.9"QBatchNormalization"\
"average_pooling","AveragePooling2D","max_pooling","MaxPooling1D",{"strides":[2,2]"pool_1","MaxPooling2D",{}],\
"softmax","Softmax"]"Reshape",{"target_shape":[1,1"dropout","Dropout",{"rate":0.5}]"sigmoid""tanh"\
"dilation_rate":[2,2]"groups":2"data_format":"channels_first""LeakyReLU",{"alpha":0.1"dense_1_relu","ReLU",{}]\
"ShiftedRelu":{"bits":4,"integer":-1}}"!ShiftedBits":{"bits":8,"integer":-2,"keep_negative":true}}"use_bias":false,\
"conv_1","Conv2D",{"filters":16,"kernel_size":[3,3],"strides":[2,2],"padding":"same","activation":"relu"}],\
["flatten","Flatten",{}],["dense_1","Dense",{"units":64}],["output","Dense",{"units":10}]]]\
["conv_1","QConv2D",{"filters":32,"kernel_size":[5,5],"padding":"same","kernel_quantizer":{"!quantized_bits":{"bits":8,\
"keep_negative":false,"integer":2,"alpha":"auto_po2"}}["Functional","model",["Functional","resnet",\
["Functional","cnn",["Functional","mlp",[["inputs","InputLayer",{"batch_input_shape":[null,28,28,1]}],\
["inputs_quantized","QActivation",{"activation":{"!quantized_bits":{"keep_negative":false,"alpha":1.0}}}],\
["dense_1","QDense",{"units":32,"kernel_quantizer":{"!quantized_bits":{"bits":5,"alpha":1.0}},\
"bias_quantizer":{"!quantized_bits":{"bits":6,"integer":1,"alpha":1.0}}}],\
["conv_1_relu","Activation",{"activation":"relu"}],\
["dense_1_relu","QActivation",{"activation":{"!quantized_relu":{"bits":6,"integer":2}}}],\
["output","QDense",{"units":10,"kernel_quantizer":{"!quantized_bits":{"bits":6,"alpha":1.0}},\
"bias_quantizer":{"!quantized_bits":{"alpha":1.0}}}]]]"""


def write(model: Any) -> bytes:
    """The architecture of a functional or Sequential model."""
    text = json.dumps(_short_model(type(model).__name__, _config(model), model), separators=(",", ":"))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_DICTIONARY)
    return deflate.compress(text.encode()) + deflate.flush()


def read(data: bytes | memoryview) -> dict[str, Any]:
    """The configuration that `write` shortened, in Keras' older form, without what was left out. Nothing is made of
    it, and it may be anyone's: it has to be looked at before Keras sees it.

    Raises:
        Damaged: it is none, or too large.
    """
    inflate = zlib.decompressobj(-15, zdict=_DICTIONARY)
    try:
        text = inflate.decompress(data, MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise Damaged(f"expected an architecture of at most {MAX_BYTES:,} bytes", 0)
        if not inflate.eof or inflate.unused_data:
            raise Damaged("expected the end of the deflated architecture, got " +
                          ("more bytes" if inflate.eof else "none"), 0)  # fmt: skip
        short = json.loads(text)
        if text.count(b"[") > 32 * MAX_LAYERS:
            raise Damaged(f"expected an architecture of at most {MAX_LAYERS} layers", 0)
        return _long_model(short)
    except (zlib.error, ValueError, RecursionError, TypeError, IndexError, KeyError, AttributeError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"expected an architecture, got: {' '.join(str(error).split())[:120]}", 0) from error


def are_equal(one: Any, other: Any) -> bool:
    """Whether two models have the same architecture, apart from what only training needs."""
    return bool(normal(_config(one)) == normal(_config(other)))


def normal(config: Any) -> Any:
    """A configuration without what is left out of files whatever its value is, for comparisons."""
    if isinstance(config, dict):
        return {key: normal(value) for key, value in config.items() if not _is_unused(key)}
    return [normal(each) for each in config] if isinstance(config, list) else config


def _is_unused(key: str) -> bool:
    return key in _UNUSED or key.endswith(_TRAINING)


def _config(model: Any) -> Any:
    with quietly():  # Keras warns of how QKeras writes its quantizers
        return _named(_plain(model.get_config()))


def _named(config: Any) -> Any:
    """A configuration in which quantizers that a QActivation got as text are objects, as in a decoded model."""
    if isinstance(config, list):
        return [_named(each) for each in config]
    if not isinstance(config, dict):
        return config
    settings: Any = config.get("config")
    if config.get("class_name") == "QActivation" and isinstance(settings["activation"], str):
        quantizer = keras.saving.serialize_keras_object(qkeras.get_quantizer(settings["activation"]))
        return {**config, "config": {**settings, "activation": _plain(quantizer)}}
    return {key: _named(each) for key, each in config.items()}


def _plain(config: Any) -> Any:
    """A configuration as JSON has it: no tuples, no classes of numbers."""
    return json.loads(json.dumps(config, default=_number))


def _number(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy's
        return value.item()
    if hasattr(value, "as_list"):  # a shape
        return value.as_list()
    return dict(value)


def _short_model(kind: str, config: dict[str, Any], model: Any) -> list[Any]:
    layers = {layer.name: layer for layer in model.layers}
    entries = config["layers"]
    names = [entry["config"]["name"] for entry in entries]
    short = []
    for number, entry in enumerate(entries):
        name, class_ = names[number], entry["class_name"]
        if class_ in _MODELS:
            made = [name, class_, _short_model(class_, entry["config"], layers[name])]
        else:
            made = [name, class_, _short_layer(layers.get(name), class_, entry["config"])]
        if (inputs := _short_inputs(entry, names, number)) is not None:
            made.append(inputs)
        short.append(made)
    made = ["Functional" if kind != "Sequential" else kind, config["name"], short]
    if kind != "Sequential":
        ends = [config["input_layers"], config["output_layers"]]
        if ends != _usual_ends(names):
            made += ends
    return made


def _usual_ends(names: list[str]) -> list[Any]:
    return [[[names[0], 0, 0]], [[names[-1], 0, 0]]] if names else []


def _short_inputs(entry: dict[str, Any], names: list[str], number: int) -> Any | None:
    """What of `inbound_nodes` a layer's entry needs: nothing, numbers of layers relative to it, or all of it."""
    nodes = entry.get("inbound_nodes")
    if nodes is None or (not nodes and entry["class_name"] == "InputLayer"):
        return None
    plain = len(nodes) == 1 and all(each[1:] == [0, 0, {}] and each[0] in names for each in nodes[0])
    if not plain:
        return {"nodes": nodes}
    relative = [names.index(each[0]) - number for each in nodes[0]]
    return None if relative == [-1] else relative


def _short_layer(layer: Any, class_: str, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a layer that making it again from the others does not give by itself."""
    kept = {key: _short_object(value) for key, value in config.items() if key != "name" and not _is_unused(key)}
    wanted = normal(_plain(config))
    return _fewest(kept, lambda settings: _made(class_, {"name": config["name"], **_long(settings)}) == wanted)


def _made(class_: str, config: dict[str, Any]) -> Any:
    """The configuration of a layer that is made from one; None if it can't be."""
    try:
        with quietly(), keras.utils.custom_object_scope(_classes()):
            layer = keras.layers.deserialize({"class_name": class_, "config": config})
            return normal(_plain(keras.saving.serialize_keras_object(layer)["config"]))
    except Exception:  # Keras raises anything at a configuration that lacks something
        return None


def _classes() -> dict[str, Any]:
    from fpga_flow.networks import model_config

    return model_config.classes()


def _short_object(value: Any) -> Any:
    """A value of a configuration, in which each object is {"!class": settings}, without its default settings."""
    if isinstance(value, list):
        return [_short_object(each) for each in value]
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("class_name"), str) or not isinstance(value.get("config"), dict):
        return {key: _short_object(each) for key, each in value.items() if not _is_unused(key)}
    class_ = value["class_name"].rpartition(">")[2]
    kept = {key: _short_object(each) for key, each in value["config"].items() if not _is_unused(key)}
    type_ = _classes().get(class_)
    if type_ is not None and hasattr(type_, "from_config"):
        wanted = normal(value["config"])
        kept = _fewest(kept, lambda settings: _quantizer(type_, _long(settings)) == wanted)
    return {f"!{class_}": kept}


def _quantizer(type_: Any, config: dict[str, Any]) -> Any:
    try:
        return normal(_plain(type_.from_config(config).get_config()))
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _fewest(settings: dict[str, Any], is_enough: Any) -> dict[str, Any]:
    """The settings without those that can be left out, one after the other; all of them if even they are not enough."""
    if not is_enough(settings):
        return settings
    for key in list(settings):
        fewer = {other: value for other, value in settings.items() if other != key}
        if is_enough(fewer):
            settings = fewer
    return settings


def _long(value: Any) -> Any:
    """The inverse of `_short_object`."""
    if isinstance(value, list):
        return [_long(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (key := next(iter(value))).startswith("!"):
        return {"class_name": key[1:], "config": _long(value[key])}
    return {key: _long(each) for key, each in value.items()}


def _long_model(short: list[Any]) -> dict[str, Any]:
    kind, name, entries, *ends = short
    if kind not in _MODELS or not isinstance(name, str) or not isinstance(entries, list) or len(ends) not in (0, 2):
        raise Damaged("expected a model's class, name, layers and ends", 0)
    if len(entries) > MAX_LAYERS:
        raise Damaged(f"expected at most {MAX_LAYERS} layers, got {len(entries)}", 0)
    names = [entry[0] for entry in entries]
    if not all(isinstance(each, str) for each in names) or len(set(names)) < len(names):
        raise Damaged("expected layers with names of their own", 0)
    layers = list(_long_layers(kind, entries, names))
    config: dict[str, Any] = {"name": name, "layers": layers}
    if kind != "Sequential":
        config["input_layers"], config["output_layers"] = ends or _usual_ends(names)
    return {"class_name": kind, "config": config}


def _long_layers(kind: str, entries: list[Any], names: list[str]) -> Iterator[dict[str, Any]]:
    for number, (name, class_, settings, *inputs) in enumerate(entries):
        if not isinstance(class_, str) or len(inputs) > 1:
            raise Damaged("expected a layer's name, class, settings and inputs", 0)
        if class_ in _MODELS:
            made = {"class_name": class_, "config": {**_long_model(settings)["config"], "name": name}}
        else:
            made = {"class_name": class_, "config": {"name": name, **_long(settings)}}
        if kind != "Sequential":
            made["name"] = name
            made["inbound_nodes"] = _long_inputs(class_, inputs, names, number)
        yield made


def _long_inputs(class_: str, inputs: list[Any], names: list[str], number: int) -> Any:
    if inputs and isinstance(inputs[0], dict):
        return inputs[0]["nodes"]
    if class_ == "InputLayer" and not inputs:
        return []
    places = [number + each for each in (inputs[0] if inputs else [-1])]
    if any(not 0 <= place < len(names) for place in places):
        raise Damaged(f"expected layers before or behind layer {number}, got {places}", 0)
    return [[[names[place], 0, 0, {}] for place in places]]
