"""The work on one point of a sweep, in whatever process it is done: run its spec, and measure what comes out.

What goes in and comes out are plain values, which reach other processes and machines as they are.
"""

from __future__ import annotations

import os
import socket
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fpga_flow import compress, datasets, flow, runs
from fpga_flow.errors import CheckFailed, FieldError, FlowError, InputError
from fpga_flow.hls.layers.plugin import LAYERS
from fpga_flow.networks import FAMILIES
from fpga_flow.runs import Stage
from fpga_flow.spec import load, yaml_file
from fpga_flow.stages import Ui
from fpga_flow.sweep.floor import Floor

#: Packages whose versions a point's numbers depend on.
PACKAGES = ("tensorflow", "tf_keras", "QKeras", "hls4ml", "da4ml", "numpy")
#: Trainings seed the whole process: one at a time.
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Task:
    """A point to work on.

    number       of the trial
    data         the point's spec, as YAML has it; `file` names it in messages
    out          the folder of all runs, absolute
    samples      that are simulated; None: as the spec says, with a report that needs no other file
    floor        the accuracy below which the point is of no use
    environment  what `environment()` must be where the work is done
    """

    number: int
    data: Mapping[str, Any]
    file: str
    out: str
    samples: int | None
    environment: str
    floor: Floor | None = None
    trust_code: bool = False


@dataclass(frozen=True)
class Measured:
    """What came out. `state` is that of the trial, see `result.Trial`; `curve` the best validation accuracy after each
    epoch of the last training; `failures` are checks that did not pass.
    """

    state: str
    measures: dict[str, float | None] = field(default_factory=dict)
    fits: bool | None = None
    folder: str | None = None
    simulated: int = 0
    curve: tuple[float, ...] = ()
    error: str = ""
    worker: str = ""
    peak_bytes: int = 0


#: What is done with a task: `do`, or in tests what takes its place. All workers must be able to import it.
Do: TypeAlias = Callable[[Task], Measured]


class OtherEnvironment(Exception):  # noqa: N818  (it says what is wrong)
    """A worker has other versions of the packages than the process that gives it work, or runs in another folder."""


class _Stopped(Exception):  # noqa: N818  (not an error)
    """The training is not worth to be gone on with."""


def environment() -> str:
    """The versions on which a point's numbers depend, as a text that is the same where they are."""
    found = {"fpga_flow code": _code(), **runs.versions(*PACKAGES), **_plugins()}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _plugins() -> dict[str, str]:
    """Each plugin that works, with the version and the digest of its code."""
    registries = (compress.PASSES, datasets.DATASETS, FAMILIES, LAYERS)
    return {
        f"{plugin.group}:{name}": f"{plugin.package} {plugin.identity['code']}"
        for registry in registries
        for name in registry
        if (plugin := registry.plugin(name)) is not None
    }


@cache
def _code() -> str:
    return runs.code_digest(".")


def do(task: Task) -> Measured:
    """Work on a point. What the flow refuses is a result, too.

    Raises:
        OtherEnvironment: this process is not like the one that asks.
        ToolError: a tool is missing or failed.
        OSError: the disk is full, or the like.
    """
    if (own := environment()) != task.environment:
        raise OtherEnvironment(f"expected {task.environment} on worker {_here()}, got {own}")
    with _ALONE:
        try:
            measured = _outcome(task)
        finally:
            _forget_models()
    return replace(measured, worker=_here(), peak_bytes=_peak())


def _outcome(task: Task) -> Measured:
    """What comes of a point, whatever it is."""
    watch = _Watch(task)
    try:
        return _measured(task, watch)
    except _Stopped as stopped:
        return Measured("stopped", curve=watch.curve(), error=str(stopped))
    except InputError as error:
        return Measured("refused", error=str(error))
    except CheckFailed as error:
        return Measured("failed", error=str(error))
    except (FlowError, OSError):
        raise
    except Exception as error:  # a bug, which shows itself here: the other points can be worked on all the same
        summary = "".join(traceback.format_exception_only(error)).strip()  # first, as lists show the first line
        return Measured("failed", error=f"{summary}\n{traceback.format_exc()}")


def _measured(task: Task, watch: _Watch) -> Measured:
    data = dict(task.data)
    if task.samples is not None:
        data["csim"] = {**(data.get("csim") or {}), "samples": task.samples}
    document = yaml_file.Document(task.file, data)
    loaded = load.from_document(document)
    if loaded.spec is None:
        raise InputError(loaded.problems)
    out = Path(task.out)
    try:
        dataset = datasets.load(loaded.spec.data, loaded.spec.seed)
    except FieldError as error:
        raise InputError([loaded.place(error)]) from error
    outcome = flow.run(
        loaded, out, watch, trust_code=task.trust_code, shared_script=task.samples is not None, dataset=dataset
    )
    record = outcome.record
    if record["csim"]["mismatches"]:
        raise CheckFailed("\n".join(outcome.failures))
    return Measured(
        "done",
        {**_numbers(record), **_accuracies(outcome.folder, dataset)},
        _fits(record),
        str(outcome.folder.relative_to(out)),
        record["csim"]["samples"],
        watch.curve(),
    )


def _numbers(record: Mapping[str, Any]) -> dict[str, float | None]:
    """The measures that a run's record has."""
    resources = _post_synthesis(record)
    return {
        **{name: resources[name] for name in ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii")},
        "bytes": record["size"]["bytes_encoded"],
        "test_accuracy": record["metrics"]["final"]["accuracy"],
    }


def _accuracies(folder: Path, dataset: datasets.Dataset) -> dict[str, float | None]:
    """The accuracy on the validation samples, and the energy, of the converted network; its emulator must give what the
    network gives on all test samples.

    Raises:
        CheckFailed: it does not.
    """
    from fpga_flow import training
    from fpga_flow.hls.emulate import Emulator, softmax
    from fpga_flow.resources.energy import energy
    from fpga_flow.resources.numbers import find_project

    project = find_project(folder)
    layers = [layer for layer in project.layers if layer.function != "softmax"]
    emulator = Emulator(layers)
    outputs = emulator.predict(dataset.test.x)
    expected = np.load(next(folder.glob("*-hls/expected.npy")), allow_pickle=False)
    if not np.array_equal(softmax(outputs) if len(layers) < len(project.layers) else outputs, expected):
        raise CheckFailed(f"the emulator of the C++ in {folder} does not give the outputs of the network")
    validation = dataset.validation
    accuracy = training.accuracy(emulator.predict(validation.x), validation.y) if len(validation.x) else None
    return {"accuracy": accuracy, "energy": energy(project.layers)}


def _post_synthesis(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The most certain estimate of a run."""
    found: Mapping[str, Any] = next(each for each in record["resources"] if each["stage"] == "post-synthesis")
    return found


def _fits(record: Mapping[str, Any]) -> bool | None:
    found: bool | None = _post_synthesis(record)["fits"]
    return found


class _Watch(Ui):
    """Follows the last training of a run, and breaks it off when it can't reach the floor."""

    def __init__(self, task: Task) -> None:
        self.floor = task.floor
        passes = [next(iter(each)) for each in task.data.get("compress") or ()]
        self.last = (1 + len(passes), passes[-1] if passes else "float")
        self.watching = False
        self.accuracies: list[float] = []

    def start(self, stage: Stage) -> None:
        """Watch from the stage of the last pass on."""
        self.watching = (stage.number, stage.name) == self.last

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """Note the epoch."""
        if not self.watching or row["val_accuracy"] is None:
            return
        self.accuracies.append(row["val_accuracy"])
        if self.floor is not None and (why := self.floor.hopeless(self.curve(), epochs)):
            raise _Stopped(why)

    def curve(self) -> tuple[float, ...]:
        """The best accuracy after each epoch."""
        return tuple(np.maximum.accumulate(self.accuracies).tolist()) if self.accuracies else ()


def _forget_models() -> None:
    from fpga_flow.keras import keras

    keras.backend.clear_session()


def _here() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def relative_files(data: Any, path: Sequence[str] = ()) -> list[str]:
    """The fields of a spec that name files relative to the folder in which it is run."""
    found: list[str] = []
    if isinstance(data, dict):
        for key, value in data.items():
            names_file = key in ("path", "weights", "function") or (key == "board" and str(value).endswith(".yaml"))
            if names_file and isinstance(value, str) and not Path(value).is_absolute():
                found.append(".".join([*path, key]))
            found += relative_files(value, (*path, key))
    elif isinstance(data, list):
        found += [each for number, value in enumerate(data) for each in relative_files(value, (*path, str(number)))]
    return found
