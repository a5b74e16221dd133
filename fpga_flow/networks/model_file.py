"""Trained Keras 2 and QKeras models from files, loaded without running code of theirs.

A file is looked at before Keras sees it: it must have one of the three forms, its JSON configuration may name only
classes and functions of Keras and QKeras, and an archive may hold only the files that Keras writes. What Keras makes a
model of is that configuration alone, without what the file says of compilation; nothing is unpickled.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fpga_flow.errors import FieldError, InputError
from fpga_flow.keras import keras, qkeras, quietly
from fpga_flow.networks import call_order, quantizer_limits
from fpga_flow.spec.yaml_file import shortened

PATH, WEIGHTS = ("network", "path"), ("network", "weights")

#: The files of a .keras archive, and the most bytes that each may have.
_MEMBERS = {"metadata.json": 10**6, "config.json": 10**8, "model.weights.h5": 2 * 10**9}
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
_OUR_LAYERS = ("Clamp", "DeformableSampling")
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


@dataclass(frozen=True)
class ModelFile:
    """A model file that has been looked at: its configuration as JSON values, and the file of its weights."""

    path: Path
    config: dict[str, Any]
    weights: Path

    def findings(self) -> list[Finding]:
        """All that is not Keras' or QKeras' own (Lambda layers, unknown classes, references to functions), all layers
        that can't become HLS code, and all that would take for ever: quantizers of too many bits, calls of layers in no
        order.
        """
        return findings(self.config)


def read(path: str, weights: str | None) -> ModelFile:
    """Look at a file: .keras (a zip archive), .h5 or .hdf5, .json with its weights in a .h5 file, or .fpz.

    Raises:
        FieldError: it is missing, damaged, of another form, or of another version of Keras.
    """
    file = _existing(path, PATH)
    form = file.suffix.lower()
    if form == ".json":
        if weights is None:
            raise FieldError(PATH, f'expected weights for "{path}", which has none: give their .h5 file as `weights`')
        config, version = _json_config(file)
        weights_file = _existing(weights, WEIGHTS)
        if weights_file.suffix.lower() not in (".h5", ".hdf5"):
            raise FieldError(WEIGHTS, f'expected a .h5 file, got "{weights}"')
        _check_h5(weights_file, WEIGHTS)
    else:
        if weights is not None:
            raise FieldError(WEIGHTS, f'expected no weights beside "{path}", which has its own: only .json needs them')
        weights_file = file
        if form == ".keras":
            config, version = _keras_config(file)
        elif form in (".h5", ".hdf5"):
            config, version = _h5_config(file)
        elif form == ".fpz":
            config, version = _stored(file).config, None
        else:
            raise FieldError(PATH, f'expected a file .keras, .h5, .hdf5, .json or .fpz, got "{path}"')
    if version is not None and not version.startswith("2."):
        raise FieldError(PATH, f'expected a model of Keras 2 (tf_keras), but "{path}" was saved by Keras {version}')
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise _damaged(file, PATH, "its configuration is no model's")
    return ModelFile(file, _without_compilation(config), weights_file)


def load(file: ModelFile, *, trust_code: bool = False) -> Any:
    """The Keras model with its weights, not compiled.

    Args:
        trust_code: whether Python code in the file (Lambda layers), or that it names, may be run.

    Raises:
        FieldError: the file needs code that is not trusted; Keras can't make a model of it; the weights don't fit, or
            are not finite.
    """
    if not trust_code and (reason := untrusted(file)):
        raise FieldError(PATH, reason)
    for each in file.findings():
        if not each.code:
            raise FieldError(PATH, f"{each.where} {each.what}")
    if file.path.suffix.lower() == ".fpz":
        from fpga_flow.storage import building  # it imports this module

        try:
            return building.build(_stored(file.path), str(file.path)).model
        except InputError as error:
            raise _damaged(file.path, PATH, error.problems[0].message) from error
    try:
        with quietly():
            model = make(file.config, trust_code=trust_code)
    except FieldError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # Keras raises anything at a configuration that it can't read
        raise _damaged(file.path, PATH, _text(error)) from error
    if not isinstance(model, keras.Model):
        raise FieldError(PATH, f'expected a model, but "{file.path}" holds a layer: {type(model).__name__}')
    where = PATH if file.weights == file.path else WEIGHTS
    try:
        with quietly():
            model.load_weights(str(file.weights))
    except Exception as error:  # h5py and Keras raise anything at what is damaged, or does not fit
        text = f'expected the weights of the model in "{file.weights}", which are damaged or do not fit: {_text(error)}'
        raise FieldError(where, text) from error
    for variable in model.weights:
        if not np.isfinite(values := variable.numpy()).all():
            count = int(np.sum(~np.isfinite(values)))
            raise FieldError(
                where, f"expected finite weights, got {count} of {values.size} that are not in {variable.name}"
            )
    return model


def untrusted(file: ModelFile) -> str:
    """Why a file may be loaded only if its code is trusted, in words; empty if it holds none."""
    found = [each for each in file.findings() if each.code]
    if not found:
        return ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return (
        f'{found[0].where} of "{file.path}" is {found[0].what}{more}, whose code would be run: '
        "pass --trust-code if you trust it"
    )


def _existing(path: str, where: tuple[str, ...]) -> Path:
    file = Path(path)
    if file.is_dir():
        raise FieldError(where, f'expected a file, got the folder "{path}"')
    if not file.is_file():
        raise FieldError(where, f'no such file: "{path}"')
    return file


def _stored(path: Path) -> Any:
    """What a .fpz file holds, as `storage.file.split` gives it."""
    from fpga_flow.storage import file

    try:
        return file.split(path.read_bytes(), str(path))
    except InputError as error:
        raise _damaged(path, PATH, error.problems[0].message) from error


def _json_config(file: Path) -> tuple[Any, str | None]:
    config = _parsed(file, file.read_bytes())
    return config, config.get("keras_version") if isinstance(config, dict) else None


def _keras_config(file: Path) -> tuple[Any, str | None]:
    """The configuration and the version of Keras in a .keras archive, whose names and sizes are checked first."""
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename not in _MEMBERS:
                    raise FieldError(
                        PATH,
                        f'expected only the files {", ".join(_MEMBERS)} in "{file}", got "{member.filename}"',
                    )
                if member.file_size > (most := _MEMBERS[member.filename]):
                    raise FieldError(
                        PATH,
                        f'expected at most {most:,} bytes in {member.filename} of "{file}", got {member.file_size:,}',
                    )
            if bad := archive.testzip():
                raise _damaged(file, PATH, f"wrong checksum of {bad}")
            config, metadata = (_parsed(file, archive.read(name)) for name in ("config.json", "metadata.json"))
            if "model.weights.h5" not in archive.namelist():
                raise _damaged(file, PATH, "it holds no model.weights.h5")
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(file, PATH, _text(error)) from error
    return config, metadata.get("keras_version") if isinstance(metadata, dict) else None


def _h5_config(file: Path) -> tuple[Any, str | None]:
    import h5py

    _check_h5(file, PATH)
    with h5py.File(file, "r") as data:
        config, version = (data.attrs.get(name) for name in ("model_config", "keras_version"))
    if config is None:
        raise FieldError(
            PATH,
            f'expected a whole model in "{file}", got none: give the .json of its model, and this as `weights`',
        )
    texts = [each.decode() if isinstance(each, bytes) else each for each in (config, version)]
    return _parsed(file, str(texts[0])), texts[1]


def _check_h5(file: Path, where: tuple[str, ...]) -> None:
    """Read all of a HDF5 file once, which finds what is damaged; links into other files are refused."""
    import h5py

    def visit(group: Any) -> None:
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise FieldError(where, f'expected no links into other files in "{file}", got one at {name}')
            each = group[name]
            if isinstance(each, h5py.Group):
                visit(each)
            elif each.external:
                raise FieldError(where, f'expected no data of other files in "{file}", got some at {name}')
            else:
                each[()]

    try:
        with h5py.File(file, "r") as data:
            visit(data)
            for value in data.attrs.values():
                _ = value
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, RecursionError) as error:
        raise _damaged(file, where, _text(error)) from error


def _parsed(file: Path, content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, PATH, _text(error)) from error


def classes() -> dict[str, Any]:
    """The classes, by their names, that Keras must be told of to make a model of QKeras' and our own layers."""
    from fpga_flow.networks import quantizers, sampling

    ours = {name: getattr(quantizers, name) for name in _OURS}
    ours |= {name: getattr(sampling, name) for name in _OUR_LAYERS}
    names = (*_QLAYERS, *_QUANTIZERS, *_QOTHERS)
    return {**ours, **{name: getattr(qkeras, name) for name in names}, "QActivation": _qactivation()}


def findings(config: dict[str, Any]) -> list[Finding]:
    """See `ModelFile.findings`."""
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
    from fpga_flow.networks.sites import LAYERS

    return (*LAYERS, *_QLAYERS, *_MODELS, "Softmax", "DepthwiseConv1D")


def _without_compilation(value: Any) -> Any:
    """The configuration without what Keras would need for training on: optimizers, losses, metrics."""
    if isinstance(value, dict):
        return {key: _without_compilation(each) for key, each in value.items() if key != "compile_config"}
    return [_without_compilation(each) for each in value] if isinstance(value, list) else value


def _unknown(name: str, value: dict[str, Any]) -> str:
    """What an object of a configuration is, in words, if it is not one of Keras' or QKeras' own."""
    module = value.get("module")
    if name in ("Lambda", "__lambda__"):
        return "a Lambda layer" if name == "Lambda" else "a Python lambda"
    if module is not None and not (isinstance(module, str) and _MODULES.fullmatch(module)):
        return f'of the unknown class "{module}.{name}"'
    if name == "function":
        known = _is_known_function(value.get("config")) and module in (None, "builtins", "keras.activations")
        return "" if known else f'the unknown function "{value.get("config")}"'
    plain = name.rpartition(">")[2]
    if plain in (*_QLAYERS, *_QUANTIZERS, *_QOTHERS, *_OURS, *_OUR_LAYERS, *_VALUES):
        return ""
    if name in ("TFOpLambda", "SlicingOpLambda"):
        return f"a call of a TensorFlow function ({name})"
    homes = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    if name in _MODELS or any(isinstance(getattr(home, name, None), type) for home in homes):
        return ""
    return f'of the unknown class "{name}"'


def _is_known_function(text: Any) -> bool:
    name = str(text).partition("(")[0]
    return name in (*_QUANTIZERS, *_PLAIN, "softmax") or callable(getattr(keras.activations, name, None))


def _damaged(file: Path, where: tuple[str, ...], text: str) -> FieldError:
    return FieldError(where, f'expected a whole model file, but "{file}" is damaged: {text}')


def _text(error: Exception) -> str:
    return printable(" ".join(f"{error}".split())[:200]) or type(error).__name__


def printable(text: str) -> str:
    """A text from a file as it can be printed anywhere: what is no character is written as its code."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
