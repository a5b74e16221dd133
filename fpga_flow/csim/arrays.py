"""Reading numpy's files that nobody vouches for: no pickles, and nothing is allocated that the file does not hold."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import sizes

#: Bytes that an array of a file may have: a gigabyte.
MAX_BYTES = 2**30


def read_array(file: IO[bytes]) -> NDArray[Any]:
    """The array of numbers in a file of numpy's `.npy` form.

    Raises:
        ValueError: it is larger than `MAX_BYTES`, its values are no numbers, or the file is cut off or goes on; for
            files that are damaged otherwise, any of `saved.UNREADABLE`.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"expected version 1.0 of numpy's format, got {version[0]}.{version[1]}")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ValueError(f"expected numbers, got values of the type {dtype}")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES or any(length < 0 for length in shape):
        raise ValueError(f"expected an array of at most {MAX_BYTES:,} bytes, got the shape {shape} of {dtype}")
    content = file.read(size + 1)
    if len(content) != size:
        got = "more" if len(content) > size else f"{len(content):,}"
        raise ValueError(f"expected {size:,} bytes for the shape {shape} of {dtype}, got {got}")
    values = np.frombuffer(content, dtype)
    return values.reshape(shape[::-1]).T if fortran_order else values.reshape(shape)


def open_archive(path: Path, file: IO[bytes]) -> zipfile.ZipFile:
    """The archive (`.npz`) in an open file, if what it says of its sizes is plausible.

    Raises:
        ValueError: it is not; for files that are damaged otherwise, any of `saved.UNREADABLE`.
    """
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) != len(entries):
        raise ValueError("expected each array once, got two of one name")
    check_size(sum(entry.file_size for entry in entries), path.stat().st_size)
    sizes.check_entries(archive, path.stat().st_size)
    return archive


def check_size(unpacked: int, packed: int) -> None:
    """Raise ValueError for an archive that unpacks to too many bytes, or to more than honest data would."""
    if unpacked > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES:,} bytes in all arrays, got {unpacked:,}")
    sizes.check(unpacked, packed)
