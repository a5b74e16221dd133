"""Judging what becomes of bad inputs: each must be taken, or refused by one of our errors, soon, in little memory."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from fpga_flow.errors import FlowError
from tests.hard.changes import watched

#: Seconds of the processor after which an input hangs.
HANGS = 60.0
#: So many of the inputs that broke something are kept.
_KEPT = 20


class Hangs(BaseException):
    """Raised where an input takes too long; nothing that expects errors catches it."""


@dataclass
class Judgement:
    """What became of the inputs. `broken`: those that gave a traceback, hung or wrote elsewhere, in words; their bytes
    are in files beside the folder, by their numbers.
    """

    inputs: int = 0
    taken: int = 0
    refused: int = 0
    messages: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    grown_bytes: int = 0
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """What a benchmark writes down."""
        return {
            "inputs": self.inputs,
            "taken": self.taken,
            "refused": self.refused,
            "kinds_of_messages": len(self.messages),
            "broken": len(self.broken),
            "first_broken": self.broken[:5],
            "slowest_seconds": round(self.slowest_seconds, 2),
            "grown_mb": round(self.grown_bytes / 2**20),
            "seconds": round(self.seconds, 1),
        }


def judge(
    inputs: Iterator[bytes], name: str, folder: Path, work: Callable[[Path], Any], tell: Callable[[str], None] = str
) -> Judgement:
    """Let `work` read each input from a file of this name, in a folder that is the only one where it may write."""
    with _kept_environment():
        _use(folder.absolute())
        return _judge(inputs, name, folder.absolute(), work, tell)


def _judge(
    inputs: Iterator[bytes], name: str, folder: Path, work: Callable[[Path], Any], tell: Callable[[str], None]
) -> Judgement:
    found, started = Judgement(), time.monotonic()
    before = memory()
    kept = folder.parent / f"{folder.name}-broken"
    for number, content in enumerate(inputs):
        file = folder / name
        file.write_bytes(content)
        found.inputs += 1
        began = time.process_time()
        said = ""
        written: list[str] = []
        try:
            with watched(Path("/"), _noting(written, folder)), _limited():
                work(file)
            found.taken += 1
        except FlowError as error:
            found.refused += 1
            found.messages.add(_kind(str(error), file))
            said = "" if str(error).strip() else "it was refused without a word"
        except Hangs:
            said = f"it took more than {HANGS:g} seconds"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {str(error)[:150]}"
        if written:
            said = f"it wrote to {written[0]}; {said}"
        if said:
            found.broken.append(f"{number}: {said}")
            if len(found.broken) <= _KEPT:
                kept.mkdir(exist_ok=True)
                (kept / f"{number}{file.suffix}").write_bytes(content)
            tell(f"{name} {number}: {said}")
        found.slowest_seconds = max(found.slowest_seconds, time.process_time() - began)
        if number % 500 == 499:
            tell(f"{name}: {found.inputs} inputs, {found.refused} refused, {len(found.broken)} broken")
    found.grown_bytes = memory() - before
    found.seconds = time.monotonic() - started
    return found


@contextmanager
def _kept_environment() -> Iterator[None]:
    """The environment is as it was afterwards."""
    before, temporary = dict(os.environ), tempfile.tempdir
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        tempfile.tempdir = temporary


def _use(folder: Path) -> None:
    """Have temporary files and caches in the folder, and no data sets from elsewhere."""
    for name in ("TMPDIR", "XDG_CACHE_HOME", "FPGA_FLOW_CACHE", "FPGA_FLOW_DATA"):
        os.environ[name] = str(folder / name.lower())
        (folder / name.lower()).mkdir(exist_ok=True)
    os.environ["FPGA_FLOW_MIRROR"] = (folder / "no-mirror").as_uri()
    tempfile.tempdir = os.environ["TMPDIR"]


def _noting(written: list[str], allowed: Path) -> Callable[[int, str], None]:
    def note(number: int, path: str) -> None:
        if not Path(path).absolute().is_relative_to(allowed) and path != "/dev/null":
            written.append(path)

    return note


@contextmanager
def _limited() -> Iterator[None]:
    def hang(number: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _kind(message: str, file: Path) -> str:
    """The beginning of what is said, without the file, the place and the field."""
    first = message.splitlines()[0].replace(str(file), "")
    return first.split(": ")[-1][:30]


def memory() -> int:
    """The most bytes that the process has had."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
