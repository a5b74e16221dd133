"""Talking to an executable C simulation, which runs in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from fpga_flow.errors import ToolError

#: Characters of the project's own output that a message quotes.
_QUOTED = 2000


def words(executable: Path, arguments: Sequence[str], folder: Path) -> Iterator[list[str]]:
    """The words of each line that the simulation (runner.cpp) says, which is started in `folder`.

    It says them through a pipe of its own: standard output and error are left to the project.

    Raises:
        ToolError: it can't be started, crashes, exits or prints an error; the message quotes what the project printed.
    """
    ended: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        process, said = _start([str(executable), *arguments], folder, printed)
        try:
            with said:
                for line in said:
                    found = line.rstrip("\n").split("\t")
                    if found[0] == "crash":
                        ended = found[1:]
                    else:
                        yield found
            code = process.wait()
        finally:  # if nobody wants to hear more
            process.kill()
            process.wait()
        quoted, error = _tail(printed)
    how = f"the C simulation gave exit code {code}" if code >= 0 else f"the C simulation was ended by {_signal(-code)}"
    if ended:
        sample, kind, number = ended
        by = _signal(int(number)) if kind == "signal" else f"exit({number})"
        how = f"sample {sample}: the C simulation was ended by {by}"
    if ended or code or error:
        raise ToolError(f"{how}: {quoted or 'it said nothing'}")


def _start(command: list[str], folder: Path, printed: IO[str]) -> tuple[subprocess.Popen[bytes], IO[str]]:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, str(writing)], cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
            pass_fds=(writing,),
        )  # fmt: skip
    except OSError as error:
        os.close(reading)
        raise ToolError(f"the C simulation {command[0]} can't be started: {error.strerror}") from error
    finally:
        os.close(writing)
    return process, open(reading, encoding="utf-8", errors="replace")


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
