"""Running a compiled C simulation: samples in, outputs of the C++ out. It runs in processes of its own."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import cpu_count  # counts what this process may use, of a container, too
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.csim import executable
from fpga_flow.csim.build import Simulator

#: Samples that are worth a process more.
_SAMPLES = 64


@dataclass(frozen=True)
class Event:
    """What happened to the values that were converted into a type while a layer was computed, over all samples.

    layer       its name; `inputs` for the conversion of the samples
    type        such as `fixed<16,6>`
    wrapped     values that did not fit, and lost their highest bits
    saturated   values that did not fit, and became the least or largest of the type
    lowest, highest     of all values before the conversion
    """

    layer: str
    type: str
    wrapped: int
    saturated: int
    lowest: float
    highest: float


@dataclass(frozen=True)
class Traced:
    """The outputs (n, outputs) of a traced simulation, those of its layers (n, size) by name in the order of
    computation with their types, and the events, if they were counted.
    """

    outputs: NDArray[np.float64]
    layers: dict[str, NDArray[np.float64]]
    types: dict[str, str]
    events: tuple[Event, ...]


def run(
    simulator: Simulator,
    samples: NDArray[np.floating],
    *,
    jobs: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """The outputs (n, outputs) of the C++ for samples (n, ...), each of `simulator.input_size` values.

    Args:
        jobs: processes at a time; left out: one per processor, if there are samples enough for each.
        report: gets the number of samples done and of all.

    Raises:
        ToolError: the C++ crashed, and the message names the sample; or it hangs.
        ValueError: the samples have another number of values.
    """
    doing.now("samples simulated", 0, len(samples))
    jobs = jobs or min(cpu_count(), -(-len(samples) // _SAMPLES))
    with _files(simulator, samples) as (inputs, outputs):
        for words in _words(simulator, "run", str(inputs), str(outputs), str(jobs)):
            if words[0] == "done":
                report(int(words[1]), len(samples))
                doing.now("samples simulated", int(words[1]), len(samples))
        return _values(outputs, len(samples), simulator.output_size)


def trace(simulator: Simulator, samples: NDArray[np.floating]) -> Traced:
    """The same with the outputs of every layer, from a simulator that was built `traced`, in one process.

    Raises:
        ToolError: the C++ crashed, and the message names the sample; or it hangs.
        ValueError: the samples have another number of values.
    """
    with _files(simulator, samples) as (inputs, outputs):
        layers: dict[str, NDArray[np.float64]] = {}
        types: dict[str, str] = {}
        events = []
        doing.now(f"simulating {len(samples):,} samples, layer by layer")
        for words in _words(simulator, "trace", str(inputs), str(outputs)):
            if words[0] == "layer":
                number, name, size, type_ = words[1:]
                name = _new(name, layers)  # a copied stream is given to two layers under one name
                layers[name] = _values(outputs.with_name(f"{outputs.name}.{number}"), len(samples), int(size))
                types[name] = type_
            elif words[0] == "event":
                layer, type_, wrapped, saturated, lowest, highest = words[1:]
                events.append(Event(layer, type_, int(wrapped), int(saturated), float(lowest), float(highest)))
        return Traced(_values(outputs, len(samples), simulator.output_size), layers, types, tuple(events))


def _new(name: str, taken: dict[str, NDArray[np.float64]]) -> str:
    number = 1
    new = name
    while new in taken:
        number += 1
        new = f"{name}#{number}"
    return new


@contextmanager
def _files(simulator: Simulator, samples: NDArray[np.floating]) -> Iterator[tuple[Path, Path]]:
    """The files of inputs (written) and outputs, in a folder that lasts as long as they are needed."""
    values = int(np.prod(np.shape(samples)[1:]))
    if values != simulator.input_size:
        raise ValueError(f"expected samples of {simulator.input_size} values, got {values}")
    with tempfile.TemporaryDirectory(prefix="fpga_flow_csim_") as name:
        inputs, outputs = Path(name) / "inputs", Path(name) / "outputs"
        try:
            np.ascontiguousarray(samples, np.float64).tofile(inputs)
        except OSError as error:  # on a full disk numpy only counts what it wrote
            number = error.errno or errno.ENOSPC
            raise OSError(number, os.strerror(number), str(inputs)) from error
        yield inputs, outputs


def _values(path: Path, samples: int, size: int) -> NDArray[np.float64]:
    return np.fromfile(path).reshape(samples, size)


def _words(simulator: Simulator, *arguments: str) -> Iterator[list[str]]:
    return executable.words(simulator.executable, arguments, simulator.design.folder)
