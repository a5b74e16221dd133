"""Trained Keras 2 and QKeras models from files, loaded without running code of theirs.

A file is looked at before Keras sees it: it must have one of the forms, its JSON configuration may name only what
`model_config` knows, and an archive may hold only the files that Keras writes. What Keras makes a model of is that
configuration alone, without what the file says of compilation; nothing is unpickled.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from fpga_flow import sizes, storage
from fpga_flow.errors import FieldError, InputError
from fpga_flow.keras import keras, quietly
from fpga_flow.networks import hdf5_file, model_config
from fpga_flow.printing import printable
from fpga_flow.spec.yaml_file import shortened
from fpga_flow.storage import building
from fpga_flow.storage import file as storage_file

PATH, WEIGHTS = ("network", "path"), ("network", "weights")

#: The files of a .keras archive, and the most bytes that each may have.
_MEMBERS = {"metadata.json": 10**6, "config.json": 10**8, "model.weights.h5": 2 * 10**9}
#: Levels of JSON: models in models have four more, each.
_MAX_DEPTH = 200


@dataclass(frozen=True)
class ModelFile:
    """A model file that has been looked at: its configuration as JSON values, and the file of its weights."""

    path: Path
    config: dict[str, Any]
    weights: Path

    def findings(self) -> list[model_config.Finding]:
        """What of it can't be loaded, see `model_config.findings`."""
        return model_config.findings(self.config)


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
    if version is not None and not str(version).startswith("2."):
        got = printable(shortened(str(version)))
        raise FieldError(PATH, f'expected a model of Keras 2 (tf_keras), but "{path}" was saved by Keras {got}')
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
        try:
            return building.build(_stored(file.path), str(file.path)).model
        except InputError as error:
            raise _damaged(file.path, PATH, error.problems[0].message) from error
    try:
        with quietly():
            model = model_config.make(file.config, trust_code=trust_code)
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
    if os.path.isdir(file):
        raise FieldError(where, f'expected a file, got the folder "{path}"')
    if not os.path.isfile(file):
        raise FieldError(where, f'no such file: "{path}"')
    return file


def _stored(path: Path) -> Any:
    """What a .fpz file holds, as `storage.file.split` gives it."""
    try:
        return storage_file.split(storage.content(path), str(path))
    except InputError as error:
        raise _damaged(path, PATH, error.problems[0].message) from error


def _json_config(file: Path) -> tuple[Any, str | None]:
    try:
        content = sizes.read_bytes(file, _MEMBERS["config.json"])
    except OSError as error:
        raise _damaged(file, PATH, error.strerror or _text(error)) from error
    config = _parsed(file, content)
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
            if len(set(archive.namelist())) != len(archive.namelist()):
                raise _damaged(file, PATH, "it holds two files of one name")
            sizes.check_entries(archive, file.stat().st_size)
            if bad := archive.testzip():
                raise _damaged(file, PATH, f"wrong checksum of {bad}")
            config, metadata = (_parsed(file, archive.read(name)) for name in ("config.json", "metadata.json"))
            if "model.weights.h5" not in archive.namelist():
                raise _damaged(file, PATH, "it holds no model.weights.h5")
            _check_h5(file, PATH, io.BytesIO(archive.read("model.weights.h5")))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, ValueError, RuntimeError) as error:
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


def _check_h5(file: Path, where: tuple[str, ...], content: IO[bytes] | None = None) -> None:
    """Look at a HDF5 file, or at one that another file holds as `content`."""
    try:
        hdf5_file.check(file if content is None else content)
    except hdf5_file.Outside as error:
        raise FieldError(where, f'expected no {error.what} in "{file}", got some at {error.name}') from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, RecursionError) as error:
        raise _damaged(file, where, _text(error)) from error


def _parsed(file: Path, content: bytes | str) -> Any:
    """The JSON values of a file's content, of which no number is infinite, and nothing is nested without an end."""
    try:
        if len(content) > _MEMBERS["config.json"]:
            raise ValueError(f"expected at most {_MEMBERS['config.json']:,} bytes of JSON, got {len(content):,}")
        value = json.loads(content, parse_constant=_no_number)
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, PATH, _text(error)) from error
    return value


def _no_number(text: str) -> None:
    raise ValueError(f"expected numbers, got {text}")


def _check_depth(value: Any) -> None:
    """Raise ValueError where values are nested so deep that to walk through them would end in a traceback."""
    level, depth = [value], 0
    while level := [each for holder in level for each in _held(holder)]:
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"expected at most {_MAX_DEPTH} levels of JSON, got more")


def _held(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _without_compilation(value: Any) -> Any:
    """The configuration without what Keras would need for training on: optimizers, losses, metrics."""
    if isinstance(value, dict):
        return {key: _without_compilation(each) for key, each in value.items() if key != "compile_config"}
    return [_without_compilation(each) for each in value] if isinstance(value, list) else value


def _damaged(file: Path, where: tuple[str, ...], text: str) -> FieldError:
    return FieldError(where, f'expected a whole model file, but "{file}" is damaged: {text}')


def _text(error: Exception) -> str:
    return printable(" ".join(f"{error}".split())[:200]) or type(error).__name__
