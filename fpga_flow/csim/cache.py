"""What compilers made, kept from one run to the next in a folder of the user's, by digest.

The folder is $FPGA_FLOW_CACHE, else `fpga_flow` in $XDG_CACHE_HOME or ~/.cache; where none of them can be written, one
that lasts as long as the process. An entry is a folder that appears by one rename, whole or not at all.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

#: Bytes that all entries together may have; those that were not used for the longest time make room.
LIMIT = 2**30
#: Seconds for which an entry is kept whatever its size: someone may be at work with it.
_IN_USE = 3600.0


def folder() -> Path:
    """The cache's folder, which can be written."""
    named = os.environ.get("FPGA_FLOW_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return _usable(named or os.path.join(base, "fpga_flow"))


@lru_cache
def _usable(name: str) -> Path:
    path = Path(name).absolute() / "csim"
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="fpga_flow_cache_"))
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def entry(digest: str, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The folder of an entry, made by `make` in a new folder if it is not there; and whether it was there."""
    found = folder() / digest
    try:
        os.utime(found)  # used now
        return found, True
    except FileNotFoundError:
        pass
    partial = Path(tempfile.mkdtemp(prefix=f".{digest}.", dir=folder()))
    try:
        make(partial)
        try:
            partial.rename(found)
        except OSError:
            if not found.is_dir():  # else another process was faster, with the same
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _make_room(keep=found)
    return found, False


def _make_room(keep: Path) -> None:
    """Remove what was not used for the longest time, until the rest is within the limit."""
    entries = []
    for path in folder().iterdir():
        try:
            entries.append((path.stat().st_mtime, sum(file.stat().st_size for file in path.iterdir()), path))
        except (FileNotFoundError, NotADirectoryError):  # another process removes it, too
            continue
    total = sum(size for _, size, _ in entries)
    for used, size, path in sorted(entries):
        if total <= LIMIT or time.time() - used < _IN_USE:
            return
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
            total -= size
