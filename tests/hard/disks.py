"""Disks that are full, or can't be written, from the beginning of a chosen stage on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.hard.changes import watched


class Disk(Protocol):
    """A folder `root` to work in, where from `fail` to `mend` nothing can be written."""

    root: Path

    def fail(self) -> None:
        """From now on nothing can be written."""

    def mend(self) -> None:
        """It can be written again."""


class Fake:
    """Every change that Python makes in the folder fails as it does on a full disk."""

    def __init__(self, root: Path) -> None:
        self.root, self.failing = root, False

    def fail(self) -> None:
        self.failing = True

    def mend(self) -> None:
        self.failing = False

    def at(self, number: int, path: str) -> None:
        """What is called before each change."""
        if self.failing and not os.path.exists(path):  # what is there can be removed and renamed
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


class Full:
    """A small disk in memory, which is filled but for some bytes."""

    def __init__(self, root: Path, left: int) -> None:
        self.root, self.left, self.ballast = root, left, root / "ballast"

    def fail(self) -> None:
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**16))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            file.truncate(max(0, file.tell() - self.left))

    def mend(self) -> None:
        self.ballast.unlink()


class ReadOnly:
    """A disk that can be read only: what is opened from now on is found on another mount of it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fail(self) -> None:
        subprocess.run(["mount", "--bind", str(self.root), str(self.root)], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(self.root)], check=True)

    def mend(self) -> None:
        subprocess.run(["umount", "-l", str(self.root)], check=True)


@contextmanager
def disk(kind: str, folder: Path) -> Iterator[Disk]:
    """A disk: `fake`, `full`, `nearly full` or `read only`; the test is skipped where none can be mounted."""
    if kind == "fake":
        fake = Fake(folder)
        with watched(folder, fake.at):
            yield fake
        return
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted: that needs root, and a system that allows it")
    try:
        yield ReadOnly(folder) if kind == "read only" else Full(folder, 6000 if kind == "nearly full" else 0)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
