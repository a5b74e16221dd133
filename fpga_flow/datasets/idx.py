"""The idx format of MNIST: a magic number, the sizes, then the values; here unsigned bytes, compressed by gzip.

byte 0, 1   zero
byte 2      type of the values, 8 for unsigned bytes
byte 3      number of dimensions
then        the size of each dimension, 4 bytes, most significant first; then the values, last dimension fastest
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import InputError
from fpga_flow.sizes import read_bytes

_UNSIGNED_BYTES = 8
_CHUNK = 1 << 20
#: Bytes of a file, and of what is in it: more than twenty times what MNIST has.
_MOST = 1 << 30


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an idx-gz file of unsigned bytes with so many dimensions.

    Raises:
        InputError: the file can't be read, is no gzip or idx file, or its data are more or less than its header says.
    """
    try:
        compressed = read_bytes(path, _MOST)
    except OSError as error:
        raise InputError.at(str(path), f"the file can't be read: {error.strerror}") from error
    return parse(compressed, str(path), dimensions)


def parse(compressed: bytes, name: str, dimensions: int) -> NDArray[np.uint8]:
    """The array of the idx-gz file `name` with the content `compressed`; see `read`."""
    if compressed[:2] != b"\x1f\x8b":
        raise InputError.at(name, "expected a file compressed by gzip")
    with gzip.GzipFile(fileobj=io.BytesIO(compressed)) as stream:
        try:
            header = stream.read(4 + 4 * dimensions)
            sizes = _sizes(header, name, dimensions)
            size = math.prod(sizes)
            data = _read_up_to(stream, min(size, _MOST) + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError.at(name, f"damaged gzip file: {error}") from error
    if len(data) > _MOST:
        raise InputError.at(name, f"expected at most {_MOST:,} bytes of data, got more")
    if len(data) != size:
        shape = "x".join(map(str, sizes))
        got = f"{len(data)}" if len(data) < size else "more"
        raise InputError.at(name, f"expected {size} bytes of data, as its header says ({shape}), got {got}")
    return np.frombuffer(data, np.uint8).reshape(sizes)


def _sizes(header: bytes, name: str, dimensions: int) -> tuple[int, ...]:
    magic = bytes([0, 0, _UNSIGNED_BYTES, dimensions])
    if header[:4] != magic:
        raise InputError.at(
            name,
            f"expected an idx file of unsigned bytes in {dimensions}D (it starts with {magic.hex()}), "
            f"got {header[:4].hex() or 'nothing'}",
        )
    if len(header) < 4 + 4 * dimensions:
        raise InputError.at(name, f"expected an idx header of {4 + 4 * dimensions} bytes, got {len(header)}")
    return tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))


def _read_up_to(stream: gzip.GzipFile, limit: int) -> bytearray:
    """At most `limit` bytes, in steps: a single `read` would allocate whatever a damaged header says."""
    data = bytearray()
    while len(data) < limit:
        chunk = stream.read(min(_CHUNK, limit - len(data)))
        if not chunk:
            break
        data += chunk
    return data
