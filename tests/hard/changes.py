"""Doing something at a chosen change of the file system: what Python is about to write, rename, make or remove.

Python tells its audit hooks of all of these (PEP 578), before they are done. What libraries in C write by themselves
(HDF5, SQLite) it doesn't tell of.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"}


class _Watch:
    """Counts the changes below a folder; `at` is called with the number and the path of each."""

    def __init__(self) -> None:
        self.below, self.count, self.at = "", 0, lambda number, path: None

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.below or not _changes(event, arguments):
            return
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike) or not os.path.abspath(os.fsdecode(path)).startswith(
            self.below
        ):
            return
        self.count += 1
        self.at(self.count, os.fsdecode(path))


def _changes(event: str, arguments: tuple) -> bool:
    if event in ("os.remove", "os.rmdir") and arguments[1] != -1:
        return False  # within a folder that is being removed, by a name of which the folder is not known
    if event != "open":
        return event in _CHANGES
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


_watch: _Watch | None = None


@contextmanager
def watched(below: Path, at: Callable[[int, str], None] = lambda number, path: None) -> Iterator[Callable[[], int]]:
    """Call `at` with the number (from 1) and the path of each change below a folder; what it raises, the change raises.

    Gives a function that says how many there were. Hooks can't be taken away, so there is one, which sleeps otherwise.
    """
    global _watch
    if _watch is None:
        _watch = _Watch()
        sys.addaudithook(_watch.hook)
    watch = _watch
    watch.count, watch.at, watch.below = 0, at, str(below.absolute())
    try:
        yield lambda: watch.count
    finally:
        watch.below = ""
