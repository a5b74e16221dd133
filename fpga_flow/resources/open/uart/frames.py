"""Samples as the bytes that go to the board, and the results of the bytes that come back.

A value is as many bits as its type has, in two's complement. The bits of a sample stand in a row, those of its first
value lowest, and are cut into bytes from the lowest on; what is left of the last byte is 0. There is nothing else: no
length, no checksum. A board answers each sample before it hears the next one, and takes a byte that comes after a tenth
of a second of silence for the first one of a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.rtl.simulate import pack, unpack


def frame(values: ArrayLike, type_: FixedPoint) -> bytes:
    """The bytes of one sample.

    Args:
        values: of any shape, each one of the type's own.

    Raises:
        ValueError: a value is none of the type's.
    """
    given = np.asarray(values, np.float64).ravel()
    if not type_.holds(given):
        raise ValueError(f"expected values of {type_}, got others")
    return pack(given[None], type_).tobytes()[: size(len(given), type_)]


def parse(data: bytes, count: int, type_: FixedPoint) -> NDArray[np.float64]:
    """The values (count,) of the bytes of one result.

    Raises:
        ValueError: the bytes are more or fewer than such a result has.
    """
    if len(data) != size(count, type_):
        raise ValueError(f"expected {size(count, type_)} bytes with {count} values of {type_}, got {len(data)}")
    words = np.frombuffer(data.ljust(len(data) + -len(data) % 4, b"\0"), "<u4")
    return np.asarray(unpack(words[None], count, type_)[0])


def size(count: int, type_: FixedPoint) -> int:
    """The bytes of so many values."""
    return (count * type_.width + 7) // 8
