"""How much a file may hold, or say that it holds: a small one that unpacks to gigabytes is there to fill the memory."""

from __future__ import annotations

import errno
import stat
import zipfile
from pathlib import Path

#: Bytes of a text that is read whole: a description, a report, a table of samples.
MOST_TEXT = 10**8

#: What unpacks to more bytes than this must have at least a `_RATIO`th of them in the file.
_SMALL, _RATIO = 2**28, 256


def check_file(path: Path, most: int | None = None) -> None:
    """Raise OSError, which says what was expected, where a path leads to no file, or to one of more than `most` bytes:
    a pipe or a device may give bytes for ever, or none, and wait.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "expected a file, got a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected a file, got a pipe or a device", str(path))
    if most is not None and found.st_size > most:
        raise OSError(errno.EINVAL, f"expected at most {most:,} bytes, got {found.st_size:,}", str(path))


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """All of a file of at most so many bytes. Raises OSError as `check_file` does."""
    check_file(path, most)
    return path.read_bytes()


def read_text(path: Path, most: int = MOST_TEXT, *, errors: str = "strict") -> str:
    """All of a text file in UTF-8 of at most so many bytes, with the ends of its lines as Python has them.

    Raises:
        OSError: as `check_file` does.
        UnicodeDecodeError: it is no UTF-8, and `errors` is "strict".
    """
    check_file(path, most)
    return path.read_text(encoding="utf-8-sig", errors=errors)


def check(unpacked: int, packed: int) -> None:
    """Raise ValueError for a file of `packed` bytes that unpacks to more than honest data would."""
    if unpacked > _SMALL and unpacked > _RATIO * packed:
        raise ValueError(f"expected at most {_RATIO} times the size of the file, {packed:,} bytes, got {unpacked:,}")


def check_archive(path: Path) -> None:
    """Raise ValueError for a zip archive (.npz) that is compressed otherwise than by deflate, or unpacks to more than
    honest data would.

    Raises:
        ValueError, zipfile.BadZipFile, OSError: it is damaged.
    """
    check_file(path)
    with zipfile.ZipFile(path) as archive:
        check_entries(archive, path.stat().st_size)


def check_entries(archive: zipfile.ZipFile, packed: int) -> None:
    """Raise ValueError for an open archive (.npz, .keras) of `packed` bytes, see `check_archive`. LZMA would take
    gigabytes for a dictionary, whatever is in it.
    """
    for entry in archive.infolist():
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f'expected files compressed by deflate, got another method for "{entry.filename}"')
    check(sum(entry.file_size for entry in archive.infolist()), packed)
