"""Talking to an executable C simulation, which runs in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

from fpga_flow import process
from fpga_flow.errors import ToolError

#: Minutes after which a simulation that gets no further, not by a sample, counts as hanging.
HANGS_MINUTES = 60.0
#: Characters of the project's own output that a message quotes.
_QUOTED = 2000


def words(executable: Path, arguments: Sequence[str], folder: Path) -> Iterator[list[str]]:
    """The words of each line that the simulation (runner.cpp) says, which is started in `folder`.

    It says them through a pipe of its own: standard output and error are left to the project.

    Raises:
        ToolError: it can't be started, crashes, exits, hangs or prints an error; the message quotes what the project
            printed.
    """
    crash: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        try:
            with _started([str(executable), *arguments], folder, printed) as (running, said):
                for line in _lines(said):
                    found = line.split("\t")
                    if found[0] == "crash":
                        crash = found[1:]
                    else:
                        yield found
                code = running.wait(60 * HANGS_MINUTES)
            failed, how = bool(crash or code), _how_it_ended(crash, code)
        except (TimeoutError, subprocess.TimeoutExpired):
            failed, how = True, f"the C simulation got no further within {HANGS_MINUTES:g} minutes and was stopped"
        quoted, error = _tail(printed)
    if failed or error:
        raise ToolError(f"{how}: {quoted or 'it said nothing'}")


@contextmanager
def _started(command: list[str], folder: Path, printed: IO[str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The process, and the pipe through which it speaks."""
    reading, writing = os.pipe()
    with (
        open(reading, "rb", buffering=0) as said,
        open(writing, "wb") as its_end,
        process.started([*command, str(writing)], printed, folder=folder, pass_fds=(writing,)) as running,
    ):
        its_end.close()  # else there would be no end of what is said
        yield running, said


def _lines(said: IO[bytes]) -> Iterator[str]:
    """The lines that come through a pipe.

    Raises:
        TimeoutError: for too long there came none but repetitions: it goes on telling how many samples are done.
    """
    part, previous, end = b"", b"", time.monotonic() + 60 * HANGS_MINUTES
    with DefaultSelector() as selector:
        selector.register(said, EVENT_READ)
        while selector.select(end - time.monotonic()):
            if not (new := said.read(2**16)):
                return
            *lines, part = (part + new).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
                if line != previous:
                    previous, end = line, time.monotonic() + 60 * HANGS_MINUTES
    raise TimeoutError


def _how_it_ended(crash: Sequence[str], code: int) -> str:
    if crash:
        sample, kind, number = crash
        by = _signal(int(number)) if kind == "signal" else f"exit({number})"
        return f"sample {sample}: the C simulation was ended by {by}"
    if code < 0:
        return f"the C simulation was ended by {_signal(-code)}"
    return f"the C simulation gave exit code {code}"


def _tail(printed: IO[str]) -> tuple[str, bool]:
    """The end of what was printed, and whether an error is in it."""
    tail, error = "", False
    printed.seek(0)
    for part in iter(partial(printed.read, 2**16), ""):
        error = error or "ERROR" in tail[-len("ERROR") :] + part
        tail = (tail + part)[-_QUOTED:]
    return tail.strip(), error


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
