"""The files of golden records: `.npz` archives that `numpy.load` opens.

Values are stored as the whole numbers that stand for them in hardware, where their type is a fixed-point one, else as
doubles. The array `metadata` holds JSON: what made the record, and name, type and SHA-256 of each array; `sha256` is
that of the metadata. The same record always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationError

from fpga_flow.csim import arrays
from fpga_flow.csim.golden.values import Golden, Signal, fixed_point
from fpga_flow.errors import InputError
from fpga_flow.saved import UNREADABLE
from fpga_flow.spec import messages
from fpga_flow.spec.base import Section
from fpga_flow.whole import whole_file

#: The version of the file's form; it rises whenever an older reader would misunderstand a newer file.
FORMAT = 1
_GROUPS = ("inputs", "outputs", "layers")
#: Values that a record may hold; in double, these are a gigabyte.
MAX_VALUES = 2**27
_MAX_METADATA = 2**22


def file_of(path: Path) -> Path:
    """The file that a user means: `.npz` is added where it is left out."""
    return path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"expected printable characters, got {text!r}")
    return text


#: Text of a record that reports show on a terminal.
_Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]


class _Array(Section):
    """What the metadata say of an array, which is named after its group and number in it: `layers.3`."""

    name: Annotated[_Text, Field(min_length=1)]
    type: _Text
    size: Annotated[int, Field(ge=1, le=arrays.MAX_BYTES)]
    dtype: Literal["|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f8"]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Metadata(Section):
    """The metadata of a record."""

    format: int
    version: _Text
    top: _Text
    digest: _Text
    headers: Literal["kernels", "light", "bundled"]
    samples: Annotated[int, Field(ge=1, le=arrays.MAX_BYTES)]
    inputs: Annotated[list[_Array], Field(min_length=1)]
    outputs: Annotated[list[_Array], Field(min_length=1)]
    layers: list[_Array]


def save(golden: Golden, path: Path) -> None:
    """Write a record by one rename; folders are made.

    Raises:
        InputError: it is larger than `load` reads.
        OSError: it can't be written.
    """
    stored: dict[str, NDArray[Any]] = {}
    described: dict[str, list[dict[str, Any]]] = {group: [] for group in _GROUPS}
    for group in _GROUPS:
        for number, signal in enumerate(getattr(golden, group)):
            array = _encoded(signal)
            stored[f"{group}.{number}"] = array
            described[group].append({
                "name": signal.name, "type": signal.type, "size": signal.size, "dtype": array.dtype.str,
                "sha256": _sha256(array),
            })  # fmt: skip
    total = sum(array.size for array in stored.values())
    if total > MAX_VALUES:
        raise InputError.at(str(path), f"expected at most {MAX_VALUES:,} values, got {total:,}: record fewer samples")
    metadata = {"format": FORMAT, "version": golden.version, "top": golden.top, "digest": golden.digest,
                "headers": golden.headers, "samples": len(golden), **described}  # fmt: skip
    text = np.frombuffer(json.dumps(metadata, indent=1).encode(), np.uint8)
    stored = {"metadata": text, "sha256": np.frombuffer(bytes.fromhex(_sha256(text)), np.uint8), **stored}
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as unfinished:
            with open(unfinished, "wb") as file:
                np.savez_compressed(file, allow_pickle=False, **stored)
            arrays.check_size(sum(array.nbytes for array in stored.values()), unfinished.stat().st_size)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    except ValueError as error:
        raise InputError.at(str(path), f"the record can't be written: {error}") from error


def load(path: Path) -> Golden:
    """Read a record and check every part of it.

    Raises:
        InputError: there is none, or it is damaged, of a newer version, or something else; the message says which part.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InputError.at(str(path), f"expected a golden record (made by fpga-flow csim --record), got {what}")
    part = ""
    try:
        with open(path, "rb") as file, arrays.open_archive(path, file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if "metadata" not in names or "sha256" not in names:
                raise ValueError("it is no golden record of fpga_flow: it has no metadata")
            part = "metadata"
            metadata = _metadata(archive)
            groups = {}
            _check_whole(metadata, names)
            for group in _GROUPS:
                signals = []
                for number, described in enumerate(getattr(metadata, group)):
                    part = f'{group}.{number} ("{described.name}")'
                    signals.append(_signal(archive, f"{group}.{number}", described, metadata.samples))
                groups[group] = tuple(signals)
    except ValidationError as error:
        wrong = "; ".join(str(each) for each in messages.mistakes(error, _Metadata))
        raise InputError.at(str(path), f"the golden record can't be read: {wrong}", field=part) from error
    except UNREADABLE as error:
        raise InputError.at(str(path), f"the golden record can't be read: {_words(error)}", field=part) from error
    return Golden(
        top=metadata.top, digest=metadata.digest, headers=metadata.headers, version=metadata.version, **groups
    )  # fmt: skip


def _metadata(archive: zipfile.ZipFile) -> _Metadata:
    entry = archive.getinfo("metadata.npy")
    if entry.file_size > _MAX_METADATA:
        raise ValueError(f"expected at most {_MAX_METADATA:,} bytes, got {entry.file_size:,}")
    text, checksum = _array(archive, "metadata"), _array(archive, "sha256")
    if text.dtype != np.uint8 or checksum.tobytes().hex() != _sha256(text):
        raise ValueError("the checksum is wrong")
    data = json.loads(text.tobytes())
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        newer = ": it was made by a newer fpga_flow" if isinstance(version, int) and version > FORMAT else ""
        raise ValueError(f"expected the format {FORMAT}, got {messages.show(version)}{newer}")
    return _Metadata.model_validate_json(text.tobytes())


def _check_whole(metadata: _Metadata, names: Sequence[str]) -> None:
    """Raise ValueError if arrays are missing, there are others, or they hold too many values."""
    described = {f"{group}.{number}" for group in _GROUPS for number in range(len(getattr(metadata, group)))}
    described |= {"metadata", "sha256"}
    if missing := sorted(described - set(names)):
        raise ValueError(f"the array {missing[0]} is missing")
    if unknown := sorted(set(names) - described):
        raise ValueError(f'it holds "{unknown[0]}", of which its metadata say nothing')
    total = metadata.samples * sum(each.size for group in _GROUPS for each in getattr(metadata, group))
    if total > MAX_VALUES:
        raise ValueError(f"expected at most {MAX_VALUES:,} values, got {total:,}")
    for group in _GROUPS:
        known = [each.name for each in getattr(metadata, group)]
        if len(set(known)) != len(known):
            raise ValueError(f"expected different names of the {group}, got two that are the same")


def _signal(archive: zipfile.ZipFile, name: str, described: _Array, samples: int) -> Signal:
    array = _array(archive, name)
    shape = (samples, described.size)
    if array.shape != shape or array.dtype != np.dtype(described.dtype):
        raise ValueError(f"expected the shape {shape} of {described.dtype}, got {array.shape} of {array.dtype.str}")
    if _sha256(array) != described.sha256:
        raise ValueError("the checksum is wrong")
    fixed = fixed_point(described.type)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError("expected finite numbers")
        return Signal(described.name, described.type, array)
    if fixed is None:
        raise ValueError(f'expected doubles for the type "{described.type}", got {described.dtype}')
    return Signal(described.name, described.type, array * fixed.step)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        return arrays.read_array(file)


def _encoded(signal: Signal) -> NDArray[Any]:
    """A signal's values as they are stored: in the smallest integers that hold every value of its type."""
    type_ = fixed_point(signal.type)
    if type_ is None or not type_.holds(signal.values):
        return np.ascontiguousarray(signal.values, "<f8")
    bits = next(bits for bits in (8, 16, 32, 64) if type_.width <= bits)
    return np.ascontiguousarray(signal.values / type_.step).astype(f"<{'i' if type_.signed else 'u'}{bits // 8}")


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
