"""What compilers made, kept from one run to the next in a folder of the user's, by digest.

The folder is $FPGA_FLOW_CACHE, else `fpga_flow` in $XDG_CACHE_HOME or ~/.cache; where none of them can be written, one
that lasts as long as the process. An entry is a folder that appears by one rename, whole or not at all. It says what
is in it: what a cleaner of old files, a full disk or a crash of the machine left of one is made anew.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from fpga_flow.whole import held

#: Bytes that all entries together may have; those that were not used for the longest time make room.
LIMIT = 2**30
#: Seconds for which an entry is kept whatever its size: someone may be at work with it.
_IN_USE = 3600.0
#: The file in an entry that has the size of each of its other files.
_CONTENTS = "contents.json"


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
    """The folder of an entry, made by `make` in a new folder if it is not there whole; and whether it was."""
    found = folder() / digest
    if _is_whole(found):
        os.utime(found)  # used now
        return found, True
    with held(folder(), ".") as partial:
        make(partial)
        (partial / _CONTENTS).write_text(json.dumps(_sizes(partial)), encoding="utf-8")
        if not _is_whole(found):
            remove(found)
        try:
            partial.rename(found)
        except OSError:
            if not found.is_dir():  # else another process was faster, with the same
                raise
    _make_room(keep=found)
    return found, False


def _is_whole(path: Path) -> bool:
    """Whether an entry is there, with all that it was made with."""
    try:
        contents = json.loads((path / _CONTENTS).read_bytes())
        return all((path / name).stat().st_size == size for name, size in contents.items())
    except (OSError, ValueError):
        return False


def _sizes(path: Path) -> dict[str, int]:
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.stat().st_size for file in files}


def remove(path: Path) -> None:
    """Remove an entry, or what is left of it."""
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


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
