"""The work on a point without any training: quick, and told what to do by the point itself."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpga_flow.errors import ToolError
from fpga_flow.sweep import work
from fpga_flow.sweep.floor import Floor
from fpga_flow.sweep.work import Measured, Task


def measured(data: Mapping[str, Any], folder: str | None = None) -> Measured:
    """What is measured of a point: the more a + b, the more accurate and the larger."""
    size = float(data.get("a", 0)) + float(data.get("b", 0))
    measures = {"accuracy": 1 - 1 / (2 + size), "lut": 100 * size, "dsp": size, "latency_cycles": 10.0}
    return Measured("done", measures, fits=size < 1000, folder=folder, simulated=10, curve=(0.1, 0.2))


def do(task: Task) -> Measured:
    """Work on a point as its fields say, and note each beginning and end in a file beside the runs."""
    data = task.data
    if data.get("child"):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    note(task, "begins")
    if data.get("wait"):
        time.sleep(data["wait"])
    how = data.get("how", "well")
    if how == "dies once" and not any(" dies" in line for line in notes(Path(task.out)) if _is(line, task)):
        note(task, "dies")
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "no tool":
        raise ToolError("expected the compiler, got none")
    if how == "disk full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), task.out)
    if how == "other environment":
        raise work.OtherEnvironment("expected a worker like this, got another")
    note(task, "ends")
    if how in ("refused", "failed", "stopped"):
        return Measured(how, error=f"it is {how}", curve=(0.1,))
    if how == "fails in proof" and task.samples is None:
        return Measured("failed", error="the C simulation differs")
    return measured(data)


def grows(task: Task) -> Measured:
    """Says that its process has had so much memory, and which one it is."""
    return Measured("done", worker=str(os.getpid()), peak_bytes=task.data["peak"])


def floor_is_given(task: Task) -> Measured:
    """What was given as the floor becomes the error's text of a stopped point; without one, the point is done."""
    if isinstance(task.floor, Floor) and task.floor.gains:
        return Measured("stopped", error=f"below {task.floor.accuracy}")
    return measured(task.data)


def note(task: Task, word: str) -> None:
    """Add a line, in one piece."""
    line = f"{task.number} {'proof' if task.samples is None else 'search'} {_key(task)} {os.getpid()} {word}\n"
    with open(Path(task.out) / "notes.txt", "a") as file:
        file.write(line)


def notes(out: Path) -> list[str]:
    """The lines that were noted."""
    path = out / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


def ends(out: Path, kind: str = "search") -> list[str]:
    """The points whose work went through to its end, in any process, as often as it did."""
    return [line.split()[2] for line in notes(out) if line.endswith(" ends") and line.split()[1] == kind]


def _key(task: Task) -> str:
    return ",".join(f"{name}={task.data[name]}".replace(" ", "_") for name in sorted(task.data) if name != "name")


def _is(line: str, task: Task) -> bool:
    return line.split()[2] == _key(task)
