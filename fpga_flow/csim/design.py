"""`Design`: an HLS project as C simulation sees it, one of ours or any folder that hls4ml itself wrote.

All is read from the project's own files: what it was made of (a Keras model, a spec) is not needed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fpga_flow import sizes
from fpga_flow.csim import weights
from fpga_flow.errors import InputError, Place, Problem, reason
from fpga_flow.hls.backends import BACKENDS, Backend, Simulation

_CPP = (".h", ".hpp", ".cpp")
#: Weights are read when the simulation runs; libraries are what hls4ml made of the project.
_NEVER_INCLUDED = (".txt", ".dat", ".so", ".o")
_IO_TYPES = ("io_parallel", "io_stream")
_NAME = re.compile(r"[A-Za-z_]\w*")
_WEIGHTS = re.compile(r'nnet::load_\w*weights_from_txt<[^>]*>\(\w+, "([^"]+)"\)')
_INPUT = re.compile(r"nnet::convert_data<double, ([\w:]+), ([^>]+)>\((\w+), ")
_OUTPUT = re.compile(r"nnet::convert_data(?:_back)?<([\w:]+), double, ([^>]+)>\([\w.]+, (\w+)\)")


@dataclass(frozen=True)
class Port:
    """An input or output of the top function: its name, and C++ for its type and for the number of its values."""

    name: str
    type: str
    size: str


@dataclass(frozen=True)
class Design:
    """An HLS project that can be simulated.

    folder      of the project
    top         the name of its C++ function; files are named by it
    namespace   of the design's types; empty: none
    """

    folder: Path
    top: str
    backend: Backend
    simulation: Simulation
    io_type: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    namespace: str = ""

    @classmethod
    def read(cls, folder: Path) -> Design:
        """Read the project in a folder.

        Raises:
            InputError: there is none, it lacks files, or its backend can't be simulated here.
        """
        top, backend, io_type = _settings(folder)
        if backend.simulation is None:
            message = f"expected a project that can be simulated here, got one of {backend.name}: {backend.unsimulated}"
            raise InputError.at(str(folder), message)
        sources = [source.format(top=top) for source in backend.simulation.sources]
        _check_files(folder, top, sources, backend.simulation)
        bridge = folder / f"{top}_bridge.cpp"
        inputs, outputs, namespace = _ports(bridge, top)
        return cls(folder, top, backend, backend.simulation, io_type, inputs, outputs, namespace)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that are compiled, as one unit; the top function's first, the bridge last."""
        return tuple(self.folder / source.format(top=self.top) for source in self.simulation.sources)

    def files(self) -> Iterator[Path]:
        """Every file of the project that its C++ may include, in a fixed order, whatever it is called."""
        yield from sorted(file for file in self.folder.iterdir() if file.suffix in _CPP and file.is_file())
        seen = set()
        # folders that many projects share may be links; a link to what it stands in must not lead round and round
        for folder, folders, names in os.walk(self.folder / "firmware", followlinks=True):
            folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(folder, name)) not in seen)
            seen.add(os.path.realpath(folder))
            yield from (Path(folder, name) for name in sorted(names) if Path(name).suffix not in _NEVER_INCLUDED)


def _settings(folder: Path) -> tuple[str, Backend, str]:
    """Name, backend and io_type of a project, from our own file or hls4ml's."""
    own, theirs = folder / "project.json", folder / "hls4ml_config.yml"
    if own.is_file():
        config = _json(own).get("settings", {})
        keys, found = ("project", "backend", "io_type"), own
        backends: dict[str, Backend] = dict(BACKENDS)
    elif theirs.is_file():
        config = _yaml(theirs)
        keys, found = ("ProjectName", "Backend", "IOType"), theirs
        backends = {backend.hls4ml.lower(): backend for backend in BACKENDS.values()}
    else:
        what = "there is no such folder" if not folder.is_dir() else "it has neither project.json nor hls4ml_config.yml"
        raise InputError.at(str(folder), f"expected the folder of an HLS project, but {what}")
    top, name, io_type = (str(config.get(key, "")) for key in keys)
    name = name if found == own else name.lower()
    problems = []
    if not _NAME.fullmatch(top):
        problems.append(Problem(Place(str(found)), keys[0], f'expected a C++ name, got "{top}"'))
    if name not in backends:
        problems.append(Problem(Place(str(found)), keys[1], f'expected one of {", ".join(backends)}, got "{name}"'))
    if io_type not in _IO_TYPES:
        problems.append(Problem(Place(str(found)), keys[2], f'expected {" or ".join(_IO_TYPES)}, got "{io_type}"'))
    if problems:
        raise InputError(problems)
    return top, backends[name], io_type


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(sizes.read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.at(
            str(path), f"expected an HLS project's description as JSON, got: {reason(error)}"
        ) from error
    return value if isinstance(value, dict) else {}


class _Loader(yaml.SafeLoader):
    """hls4ml writes tags with Python objects; what they hold is not needed, and never constructed."""


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        # the loader makes plain values only
        value = yaml.load(sizes.read_text(path), _Loader)  # noqa: S506
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError.at(str(path), f"expected hls4ml's configuration as YAML, got: {reason(error)}") from error
    return value if isinstance(value, dict) else {}


def _check_files(folder: Path, top: str, sources: list[str], simulation: Simulation) -> None:
    """Raise one error for all files and folders that the project lacks."""
    needed = [*sources, f"firmware/{top}.h", "firmware/defines.h", "firmware/parameters.h", "firmware/nnet_utils"]
    missing = [name for name in [*needed, simulation.includes[0]] if not (folder / name).exists()]
    read: list[str] = []
    if f"firmware/{top}.cpp" not in missing:
        text = _read(folder / "firmware" / f"{top}.cpp")
        read = _WEIGHTS.findall(text)
        missing += [name for each in read if not (folder / (name := f"firmware/weights/{each}")).is_file()]
    if missing:
        message = (
            "expected this part of the HLS project, but it is not there; make the project anew "
            "(hls4ml's ModelGraph.write(), or fpga-flow run), or copy it whole"
        )
        raise InputError([Problem(Place(str(folder / name)), "", message) for name in missing])
    weights.check(folder / "firmware" / "weights", read)


def _ports(bridge: Path, top: str) -> tuple[tuple[Port, ...], tuple[Port, ...], str]:
    """Inputs and outputs from the function that hls4ml's own `predict` calls, and the namespace of their types."""
    _, found, body = _read(bridge).partition(f"void {top}_double(")
    body = body.partition("\n}")[0]
    inputs, outputs = (
        tuple(Port(name, type_, size.strip()) for type_, size, name in pattern.findall(body))
        for pattern in (_INPUT, _OUTPUT)
    )
    if not found or not inputs or not outputs:
        message = f"expected hls4ml's function {top}_double with conversions of inputs and outputs, but it is not there"
        raise InputError.at(str(bridge), message)
    namespace = re.search(r"using namespace (\w+);", body)
    return inputs, outputs, namespace[1] if namespace else ""


def _read(path: Path) -> str:
    try:
        return sizes.read_text(path)
    except ValueError as error:
        raise InputError.at(str(path), f"expected C++ in UTF-8, got: {reason(error)}") from error
