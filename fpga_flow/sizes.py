"""How much a file may say that it holds: a small one that unpacks to gigabytes is there to fill the memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

#: What unpacks to more bytes than this must have at least a `_RATIO`th of them in the file.
_SMALL, _RATIO = 2**24, 256


def check(unpacked: int, packed: int) -> None:
    """Raise ValueError for a file of `packed` bytes that unpacks to more than honest data would."""
    if unpacked > _SMALL and unpacked > _RATIO * packed:
        raise ValueError(f"expected at most {_RATIO} times the size of the file, {packed:,} bytes, got {unpacked:,}")


def check_archive(path: Path) -> None:
    """Raise ValueError for a zip archive (.npz, .keras) that unpacks to more than honest data would.

    Raises:
        ValueError, zipfile.BadZipFile, OSError: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        check(sum(entry.file_size for entry in archive.infolist()), path.stat().st_size)
