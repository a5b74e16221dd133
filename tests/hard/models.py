"""Model files (.h5, .keras, .json) with bytes, values of their configuration, or parts of their HDF5 data changed."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fpga_flow.networks import model_file
from tests.hard.specs import changed


def mutated(files: dict[str, bytes], form: str, count: int, seed: int) -> Iterator[bytes]:
    """`count` changed files of a form ("h5", "keras" or "json"), the same for the same seed."""
    rng = random.Random(seed)
    content = files[form]
    for number in range(count):
        if number % 3 == 0:
            yield _scribbled(content, rng)
        elif form == "json":
            yield _config(content, rng)
        elif form == "h5":
            yield _hdf5(content, rng)
        else:
            yield _archive(content, rng)


def load(file: Path, weights: Path | None = None) -> Any:
    """The model of a file as the flow loads it, without trusting it."""
    return model_file.load(model_file.read(str(file), None if weights is None else str(weights)))


def _scribbled(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, length = rng.randrange(len(made)), rng.randint(1, 64)
        match rng.randrange(4):
            case 0:
                made[at] ^= 1 << rng.randrange(8)
            case 1:
                made[at : at + length] = rng.randbytes(length)
            case 2:
                del made[at : at + length]
            case _:
                if rng.random() < 0.2:
                    del made[at:]
                    if not made:
                        return b""
    return bytes(made)


def _config(text: bytes, rng: random.Random) -> bytes:
    tree = json.loads(text)
    for _ in range(rng.choice([1, 1, 2, 3])):
        tree = changed(tree, json.loads(text), rng)
    return json.dumps(tree).encode()


def _hdf5(content: bytes, rng: random.Random) -> bytes:
    file = io.BytesIO(content)
    with h5py.File(file, "a") as data:
        if "model_config" in data.attrs and rng.random() < 0.6:
            text = data.attrs["model_config"]
            made = _config(text if isinstance(text, bytes) else text.encode(), rng)
            if len(made) < 60_000:  # what an attribute can hold
                data.attrs["model_config"] = made.decode()
        else:
            _replace(data, rng)
    return file.getvalue()


def _replace(data: Any, rng: random.Random) -> None:
    """Something else in the place of some data, or a changed attribute."""
    names: list[str] = []
    data.visit(names.append)
    name = rng.choice(names)
    each = data[name]
    if each.attrs and rng.random() < 0.3:
        key = rng.choice(list(each.attrs))
        each.attrs[key] = rng.choice([0, "x", b"\xff", [b"a"] * 3, [1.5]])
        return
    shape, parent = getattr(each, "shape", (3,)), each.parent
    del data[name]
    own = name.rpartition("/")[2]
    match rng.randrange(7):
        case 0:
            parent[own] = np.full(shape, rng.choice([np.nan, np.inf, 1e38, 1e-45, 0]), "f4")
        case 1:
            parent[own] = np.zeros((*shape, 2), rng.choice(["f4", "f8", "i1", "c8"]))
        case 2:
            parent[own] = h5py.SoftLink(rng.choice(["/", f"/{name}", "/nowhere"]))
        case 3:
            parent[own] = h5py.ExternalLink("elsewhere.h5", "/x")
        case 4:
            parent.create_dataset(own, (2**40,), "f4", chunks=(1024,))
        case 5:
            parent.create_dataset(own, data="text" * rng.randint(0, 3))
        case _:
            parent.create_group(own)


def _archive(content: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(["config.json", "config.json", "model.weights.h5", "metadata.json", "other"])
    if name == "config.json":
        members[name] = _config(members[name], rng)
    elif name == "model.weights.h5":
        members[name] = _hdf5(members[name], rng)
    elif name == "metadata.json":
        members[name] = _config(members[name], rng)
    elif rng.random() < 0.5:
        members[rng.choice(["../x", "/x", "x/y", "config.json/x"])] = b"x"
    else:
        members.pop(rng.choice(list(members)))
    made, method = io.BytesIO(), rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(made, "w", method) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    return made.getvalue()


def made_files(folder: Path) -> dict[str, bytes]:
    """A small model in each form, and the `weights` of the .json."""
    from tests.networks.test_imported import qkeras_model, save

    model, found = qkeras_model(), {}
    for form in ("h5", "keras", "json"):
        (folder / form).mkdir()
        written = save(model, folder / form, form)
        found[form] = Path(written["path"]).read_bytes()
    found["weights"] = Path(written["weights"]).read_bytes()
    return found
