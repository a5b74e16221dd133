"""Running a tool in a process of its own, with its output in a log, a time limit, and an end to all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

import filelock

from fpga_flow.errors import ToolError
from fpga_flow.resources.vendor import log

#: Seconds that a tool has to end after it was asked to.
_GRACE = 5.0
#: Seconds between two looks at what a tool has printed.
_PAUSE = 0.1
#: Lines that an error quotes: the tool's error messages, or without any the end of its log.
_QUOTED_ERRORS, _QUOTED_END = 20, 10


@dataclass(frozen=True)
class Step:
    """Something that a tool does."""

    name: str
    title: str


class Ui:
    """Who watches the tools is told of their progress. This one keeps quiet; others override what they show."""

    def start(self, step: Step, log_file: Path) -> None:
        """A step begins."""

    def lines(self, texts: Sequence[str]) -> None:
        """The tool printed these lines; the last may not be finished."""

    def done(self, step: Step, log_file: Path, seconds: float) -> None:
        """A step is finished, and its report read."""


QUIET = Ui()


def run(
    command: Sequence[str],
    folder: Path,
    log_file: Path,
    timeout: float,
    step: Step,
    ui: Ui = QUIET,
) -> str:
    """Run a command in a folder, with its output in a log, and what it starts with it; what it printed.

    Args:
        timeout: seconds.
        step: what it does; each message begins with its name.

    Raises:
        ToolError: it can't be started, took too long, failed, or reported errors, which the message quotes.
    """
    tool = Path(command[0]).name
    with open(log_file, "w", encoding="utf-8") as output:
        head = f"{' '.join(command)}\n"
        output.write(head)
        output.flush()
        try:
            code = _run(command, folder, output, log_file, timeout, ui)
        except TimeoutError as error:
            minutes = f"{timeout / 60:g} minute{'' if timeout == 60 else 's'}"
            message = f"step {step.name}: {tool} did not end within {minutes} and was stopped; its output: {log_file}"
            raise ToolError(message) from error
        except OSError as error:
            raise ToolError(f"step {step.name}: {command[0]} can't be started: {error.strerror}") from error
    said = log_file.read_text(encoding="utf-8", errors="replace").removeprefix(head)
    errors = log.parse(said)
    if code != 0 or errors.failed:
        how = (
            f"was ended by signal {-code}" if code < 0 else f"failed (exit code {code})" if code else "reported errors"
        )
        raise ToolError(f"step {step.name}: {tool} {how}; its output: {log_file}\n{_quote(errors, said)}")
    return said


@contextmanager
def locked(file: Path, taken: str) -> Iterator[None]:
    """Let one process at a time in here.

    Raises:
        ToolError: another one is; `taken` says so.
    """
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ToolError(f"{taken}; wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the tool as Ctrl-C does (only the main thread can)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {each: signal.signal(each, _interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _quote(errors: log.Log, said: str) -> str:
    """The tool's own words about what went wrong."""
    if errors.errors:
        return "\n".join(errors.errors[:_QUOTED_ERRORS])
    return "\n".join([line for line in said.splitlines() if line.strip()][-_QUOTED_END:]) or "(it printed nothing)"


def _run(
    command: Sequence[str],
    folder: Path,
    output: TextIO,
    log_file: Path,
    timeout: float,
    ui: Ui,
) -> int:
    """Run a command with its output into the log, and what it starts with it; its exit code.

    The tool writes to the log itself: no process that it leaves behind can keep us waiting for more.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        OSError: it can't be started.
    """
    deadline = time.monotonic() + timeout
    head = log_file.stat().st_size  # what we wrote ourselves
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, process_group=0
    )
    try:
        with open(log_file, encoding="utf-8", errors="replace") as watched:
            watched.seek(head)
            while True:
                try:
                    process.wait(_PAUSE)
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline:
                        raise TimeoutError from None
                if texts := watched.read().splitlines():
                    ui.lines(texts)
                if process.returncode is not None:
                    return process.returncode
    except BaseException:  # a timeout, Ctrl-C, ...: nothing of the tool may go on
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: first by asking, then by force."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, ask)
        except ProcessLookupError:
            return
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
