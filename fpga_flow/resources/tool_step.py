"""Steps of tools, such as a synthesis: each leaves a log, those who wait are told of it, and a failure is quoted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from fpga_flow import process
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline, TookTooLongError
from fpga_flow.resources.vendor import log

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
    timeout_minutes: float,
    step: Step,
    ui: Ui = QUIET,
) -> str:
    """Run a step's command in a folder, with its output in a log; what it printed.

    Raises:
        ToolError: it can't be started, took too long, failed, or reported errors, which the message quotes; the message
            begins with the step's name.
    """
    try:
        ended = process.run(command, Deadline.after(timeout_minutes), folder=folder, log=log_file, watch=ui.lines)
    except TookTooLongError as error:
        raise ToolError(f"step {step.name}: {error}; its output: {log_file}") from error
    except ToolError as error:
        raise ToolError(f"step {step.name}: {error}") from error
    code, errors = ended.code, log.parse(ended.said)
    if code != 0 or errors.failed:
        how = (
            f"was ended by signal {-code}" if code < 0 else f"failed (exit code {code})" if code else "reported errors"
        )
        quoted = _quote(errors, ended.said)
        raise ToolError(f"step {step.name}: {Path(command[0]).name} {how}; its output: {log_file}\n{quoted}")
    return ended.said


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


def _quote(errors: log.Log, said: str) -> str:
    """The tool's own words about what went wrong."""
    if errors.errors:
        return "\n".join(errors.errors[:_QUOTED_ERRORS])
    return "\n".join([line for line in said.splitlines() if line.strip()][-_QUOTED_END:]) or "(it printed nothing)"
