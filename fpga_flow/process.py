"""Running outside commands: each with a time limit, and in a process group of its own, which is ended as a whole if the
command is given up.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from fpga_flow.errors import ToolError

#: Seconds that a command has to end after it was asked to.
_GRACE = 5.0
#: Seconds between two looks at what a command has printed.
_PAUSE = 0.1
#: What has been started and has not ended, by whichever thread.
_RUNNING: set[subprocess.Popen[bytes]] = set()


class TookTooLongError(ToolError):
    """A command was stopped at its time limit."""


@dataclass(frozen=True)
class Deadline:
    """Until when commands may run: `end` on the clock of `time.monotonic`, `minutes` after it was set."""

    end: float
    minutes: float

    @classmethod
    def after(cls, minutes: float) -> Deadline:
        """So many minutes from now."""
        return cls(time.monotonic() + 60 * minutes, minutes)

    @property
    def seconds(self) -> float:
        """What is left, at least 0."""
        return max(0.0, self.end - time.monotonic())


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (less than 0: the signal that ended it), and what it said on both outputs."""

    code: int
    said: str


def run(
    command: Sequence[str],
    deadline: Deadline,
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    log: Path | None = None,
    watch: Callable[[list[str]], None] = lambda lines: None,
) -> Ended:
    """Run a command to its end.

    Args:
        folder: where it runs; left out: here.
        variables: of its environment, beside those of this process.
        log: a file that gets the command in its first line, and all that it says.
        watch: gets the lines that it printed; the last may not be finished.

    Raises:
        TookTooLongError: it did not end in time, and was stopped.
        ToolError: it can't be started.
    """
    # It writes into a file, no pipe: no process that it leaves behind can keep us waiting for more.
    with tempfile.TemporaryFile() if log is None else open(log, "w+b") as output:
        if log is not None:
            output.write(os.fsencode(f"{shlex.join(command)}\n"))
            output.flush()
        start = seen = output.tell()
        with started(command, output, folder=folder, variables=variables) as process:
            while process.returncode is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(_PAUSE, deadline.seconds))
                new = _read(output, seen)
                seen += len(new)
                if new:
                    watch(new.decode(errors="replace").splitlines())
                if process.returncode is None and not deadline.seconds:
                    name, minutes = Path(command[0]).name, deadline.minutes
                    limit = f"{minutes:g} minute{'' if minutes == 1 else 's'}"
                    raise TookTooLongError(f"{name} did not end within {limit} and was stopped")
        return Ended(process.returncode, _read(output, start).decode(errors="replace"))


@contextmanager
def started(
    command: Sequence[str],
    output: IO[Any],
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that prints into a file; it is ended with all that it started if the block fails or is given up.

    Args:
        folder, variables: as for `run`.
        pass_fds: file descriptors that it gets, too.

    Raises:
        ToolError: it can't be started.
    """
    try:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(variables or {})}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, process_group=0, pass_fds=pass_fds,
        )  # fmt: skip
    except OSError as error:
        raise ToolError(f"{command[0]} can't be started: {error.strerror}") from error
    _RUNNING.add(process)
    try:
        yield process
    except BaseException:  # Ctrl-C, too
        _end(process)
        raise
    finally:
        _RUNNING.discard(process)


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads, in which commands may run. Given up, it ends these commands: Ctrl-C reaches this thread alone,
    and the others would wait for them.
    """
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_RUNNING):
                _end(process)
            raise


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end a command as Ctrl-C does (only the main thread can), but for what is ignored, as
    `nohup` does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]
    previous = {each: signal.signal(each, _interrupt) for each in heard}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _read(file: IO[bytes], start: int) -> bytes:
    """What is in a file from there on. Its position, which the command shares, stays."""
    return os.pread(file.fileno(), max(0, os.fstat(file.fileno()).st_size - start), start)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: first by asking, then by force, at a second Ctrl-C, too."""
    with contextlib.suppress(ProcessLookupError):
        try:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
