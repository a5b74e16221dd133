"""Files and folders that appear by one rename, whole or not at all, and temporary ones, of which nothing stays behind.

Each is made under a name of its own, on which the process holds a lock (flock) that ends with it, however it ends. So
what a killed process has left is known by its lock that nobody holds, and is removed when the next one makes the same;
what another process is still at work with is left alone.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_UNFINISHED = ".unfinished"
_SCRATCH = "fpga_flow_command_"


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder` when all is done, or is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with held(folder.parent, f".{folder.name}.", _UNFINISHED) as unfinished:
        yield unfinished
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The name of a file to write, which is there and takes the place of `path` when all is done, or is removed."""
    with held(path.parent, f".{path.name}.", _UNFINISHED, file=True) as unfinished:
        yield unfinished
        unfinished.replace(path)


@contextmanager
def held(parent: Path, prefix: str, suffix: str = "", *, file: bool = False) -> Iterator[Path]:
    """A new folder (or file) of such a name, which is removed in the end if it is still there. What killed processes
    have left of that kind is removed before.

    Raises:
        OSError: it can't be made.
    """
    clear(parent, prefix, suffix)
    made, lock = _make(parent, prefix, suffix, file=file)
    try:
        yield made
    finally:
        if _is_locked_by(lock, made):
            _remove(made)
        os.close(lock)


def clear(parent: Path, prefix: str = ".", suffix: str = _UNFINISHED) -> None:
    """Remove the files and folders of such names in a folder that no living process holds."""
    try:
        with os.scandir(parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix) and entry.name.endswith(suffix)]
    except FileNotFoundError:
        return
    for name in names:
        left = parent / name
        with suppress(OSError):  # another process's, or of another user: not ours to remove
            if os.lstat(left).st_uid != os.geteuid():
                continue
            lock = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_locked_by(lock, left):
                    _remove(left)
            finally:
                os.close(lock)


@cache
def own_temporary_files() -> None:
    """Have all temporary files of this process, of its libraries and of the tools that it starts in a folder of its
    own, which it removes when it ends; or the next process of the user's that calls this, if it is killed.
    """
    # not tempfile.gettempdir(), which writes a file to find out whether it can, and may be killed then
    parent = Path(next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp"))  # noqa: S108
    try:
        clear(parent, _SCRATCH, "")
        folder, _ = _make(parent, _SCRATCH, "", file=False, mode=0o700)  # locked until the process ends
    except OSError:
        return  # what needs temporary files looks for another place, or says that there is none
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)


def _make(parent: Path, prefix: str, suffix: str, *, file: bool, mode: int = 0o777) -> tuple[Path, int]:
    """A new file or folder, and the lock on it."""
    while True:
        made = parent / f"{prefix}{secrets.token_hex(4)}{suffix}"
        if file:
            lock = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode & 0o666)
        else:
            made.mkdir(mode)
            try:
                lock = os.open(made, os.O_RDONLY)
            except FileNotFoundError:
                continue  # it was taken for a killed process's before it could be locked
        with suppress(OSError):  # a file system without locks, where what a killed process leaves stays there
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_locked_by(lock, made):
            return made, lock
        os.close(lock)  # it was taken for a killed process's before it was locked


def _is_locked_by(lock: int, path: Path) -> bool:
    """Whether the path is still that of the open file."""
    try:
        return os.path.samestat(os.fstat(lock), os.lstat(path))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
