"""Run folders: `runs/<name>/<digest>/`, one folder per stage in each, and the digests that name what is in them.

A stage folder appears by one rename, whole or not at all. What a killed stage left lies in a folder `.<stage>.partial`,
from which the stage goes on if it can; what only serves that is in its `unfinished/`. A stage that any run of the same
`runs/` folder has finished is copied, not done again. `runs/<name>/latest` leads to the last run of a command.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock

from fpga_flow.errors import InputError
from fpga_flow.whole import clear, whole_file

_PACKAGE = Path(__file__).parent
_RECORD = "stage.json"
#: In a stage's partial folder: what it goes on from if it is killed, and what is removed when all else is written.
UNFINISHED = "unfinished"


def digest(*parts: Any) -> str:
    """A digest of plain values (JSON types) that depends on nothing else: 16 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_digest(*names: str) -> str:
    """A digest of the package's own files (or folders of files): a stage done by other code is another stage."""
    files: list[Path] = []
    for name in names:
        path = _PACKAGE / name
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return sources_digest(_PACKAGE, files)


def sources_digest(root: Path, files: Iterable[Path]) -> str:
    """A digest of those of some files that are code, with their paths from `root`."""
    sources = [file for file in files if file.suffix in (".py", ".cpp", ".h", ".j2", ".so", ".pyd")]
    return digest([[file.relative_to(root).as_posix(), file_digest(file)] for file in sources])


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of packages."""
    return {name: metadata.version(name) for name in packages}


@dataclass(frozen=True)
class Stage:
    """A stage to be done: its place in the order, its name, and the digest of all that its outcome depends on."""

    number: int
    name: str
    digest: str

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.number}-{self.name}"


@dataclass(frozen=True)
class Done:
    """A finished stage: its folder, what it has to tell (JSON values), and whether it was read back."""

    stage: Stage
    folder: Path
    result: dict[str, Any]
    seconds: float
    cached: bool


class Run:
    """One run folder. Only one process works on it at a time; others wait."""

    def __init__(self, root: Path, name: str, digest: str, stages: tuple[Stage, ...]) -> None:
        self.root, self.name, self.digest, self.stages = root, name, digest, stages
        self.folder = root / name / digest

    @contextmanager
    def locked(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Make the folder and hold its lock; `waiting` is called once if another process holds it.

        Raises:
            InputError: a folder in it is a link to elsewhere.
        """
        partial = (self._partial(stage) for stage in self.stages)
        check_no_links(self.root, self.folder, self._locks, *partial)
        self.folder.mkdir(parents=True, exist_ok=True)
        with _held(self.folder / ".lock", waiting):
            yield

    @contextmanager
    def alone(self, stage: Stage, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock of a stage: of several runs that have it in common one does it, the others wait for it;
        `waiting` is called once in these.
        """
        self._locks.mkdir(parents=True, exist_ok=True)
        with _held(self._locks / f"{stage.name}-{stage.digest}", waiting):
            yield

    def has(self, stage: Stage) -> bool:
        """Whether the stage is there whole, in this run or another one."""
        return _is_whole(self.folder / stage.folder, stage) or any(
            _is_whole(each, stage) for each in self._elsewhere(stage)
        )

    def finished(self, stage: Stage) -> Done | None:
        """The stage if it is there whole, from this run or copied from another one; else None."""
        folder = self.folder / stage.folder
        if not _is_whole(folder, stage):
            found = next((each for each in self._elsewhere(stage) if _is_whole(each, stage)), None)
            if found is None:
                return None
            self._set_aside(folder)
            partial = self._partial(stage)
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(found, partial)
            partial.rename(folder)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return Done(stage, folder, record["result"], record["seconds"], cached=True)

    def do(self, stage: Stage, work: Callable[[Path], dict[str, Any]]) -> Done:
        """Do a stage: `work` gets the partial folder (which may hold what a killed run left) and returns the result."""
        partial, folder = self._partial(stage), self.folder / stage.folder
        if partial.is_dir() and not (partial / f".stage-{stage.digest}").is_file():
            shutil.rmtree(partial)
        clear(partial)
        if not _is_whole(partial, stage):  # else it was killed just before the end
            self._work(stage, partial, work)
        shutil.rmtree(partial / UNFINISHED, ignore_errors=True)
        self._set_aside(folder)
        partial.rename(folder)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return Done(stage, folder, record["result"], record["seconds"], cached=False)

    def _work(self, stage: Stage, partial: Path, work: Callable[[Path], dict[str, Any]]) -> None:
        """Fill the partial folder, its record last."""
        partial.mkdir(exist_ok=True)
        (partial / f".stage-{stage.digest}").touch()
        started = time.monotonic()
        try:
            result = json.loads(json.dumps(work(partial), allow_nan=False))  # as it will be read back
        except OSError as error:
            raise _located(error, partial) from error
        seconds = round(time.monotonic() - started, 3)
        record = {"name": stage.name, "digest": stage.digest, "seconds": seconds, "result": result}
        record["files"] = {str(file.relative_to(partial)): file_digest(file) for file in _files(partial)}
        write_json(partial / _RECORD, record)

    def forget(self, stage: Stage) -> None:
        """Leave a finished or half-done stage out, so that it is done again."""
        self._set_aside(self.folder / stage.folder)
        shutil.rmtree(self._partial(stage), ignore_errors=True)

    @property
    def _locks(self) -> Path:
        return self.root / ".locks"

    def _partial(self, stage: Stage) -> Path:
        return self.folder / f".{stage.folder}.partial"

    def _elsewhere(self, stage: Stage) -> Iterator[Path]:
        for marker in sorted(self.root.glob(f"*/*/*-{stage.name}/.stage-{stage.digest}")):
            yield marker.parent

    def _set_aside(self, folder: Path) -> None:
        """Keep a stage folder that isn't what its record says (a user may have worked in it) under another name."""
        if not folder.exists():
            return
        number = 1
        while (kept := folder.with_name(f"{folder.name}.old-{number}")).exists():
            number += 1
        folder.rename(kept)


@contextmanager
def _held(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock; `waiting` is called once if another process holds it."""
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def check_no_links(root: Path, *folders: Path) -> None:
    """Raise InputError where a folder below `root`, or one between them, is a link: nothing is written elsewhere."""
    for folder in folders:
        for each in (folder, *folder.parents[: len(folder.relative_to(root).parts) - 1]):
            check_no_link(each, "a folder")


def check_no_link(path: Path, expected: str) -> None:
    """Raise InputError where a path leads to a link in the place of what is expected."""
    if path.is_symlink():
        raise InputError.at(str(path), f"expected {expected}, got a link to {os.readlink(path)}")


def write_text(path: Path, text: str) -> None:
    """Write a text file by one rename: readers never see half of it.

    Raises:
        OSError: it can't be written; its `filename` is the path, and nothing is left behind.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file by one rename, see `write_text`."""
    try:
        with whole_file(path) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file by one rename, see `write_text`."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def mark_latest(folder: Path) -> None:
    """Let `latest` beside a run's folder lead to it: a name that stays, for the next command.

    What else stands there under that name is left alone, and where a system has no symbolic links nothing is done.
    """
    link, new = folder.with_name("latest"), folder.with_name(f".latest.{os.getpid()}")
    if link.is_symlink() or not link.exists():
        try:
            new.unlink(missing_ok=True)
            new.symlink_to(folder.name, target_is_directory=True)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                return
            raise
        new.replace(link)


def _located(error: OSError, folder: Path) -> OSError:
    """The error with what is left out or mistaken where a disk is full: the folder (copying names the file that is
    read), and that it is full (numpy only counts what it wrote).
    """
    number = error.errno
    if number is None and shutil.disk_usage(folder).free < 2**16:
        number = errno.ENOSPC
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OSError(number, os.strerror(number), str(folder))
    return OSError(number or 0, error.strerror or str(error), error.filename or str(folder))


def _files(folder: Path) -> list[Path]:
    """The files of a stage but for its record, and what it leaves behind when it is finished."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != _RECORD]
    return sorted(file for file in files if folder / UNFINISHED not in file.parents)


def _is_whole(folder: Path, stage: Stage) -> bool:
    """Whether the folder holds this stage, with every file as it was written."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return record["digest"] == stage.digest and all(
            file_digest(folder / name) == expected for name, expected in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False  # missing, cut off, or not a record
