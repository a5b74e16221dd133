"""Numbers as bytes and bits: the smallest parts of a .fpz file. Bits are filled into bytes from the highest down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: No whole number of the format has more bits; the C decoder counts on it.
MAX_VARINT_BITS = 63
#: The widest numbers that `pack` takes.
MAX_WIDTH = 32
#: So many numbers are packed or unpacked at a time.
_CHUNK = 1 << 18


class Damaged(ValueError):  # noqa: N818  (it says what a file is)
    """A part of a file that can't be what an encoder wrote; `offset` is the place in that part, in bytes."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def varint(number: int) -> bytes:
    """A whole number from 0 as bytes of 7 bits, the lowest first, all but the last with their highest bit set."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def signed_varint(number: int) -> bytes:
    """A whole number of any sign: 0, -1, 1, -2, ... are written as 0, 1, 2, 3, ..."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


class Reader:
    """Reads the parts of `data` one after the other; every read is checked against its end."""

    def __init__(self, data: bytes | memoryview, start: int = 0) -> None:
        self.data, self.offset = memoryview(data), start

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return len(self.data) - self.offset

    def take(self, count: int, what: str) -> memoryview:
        """The next `count` bytes; `what` names them in the message of the error."""
        if count > self.left:
            raise Damaged(f"expected {count} bytes of {what}, but {self.left} are left", self.offset)
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def byte(self, what: str) -> int:
        """The next byte."""
        return self.take(1, what)[0]

    def varint(self, what: str, most: int = (1 << MAX_VARINT_BITS) - 1) -> int:
        """A whole number as `varint` writes it, at most `most`."""
        start, number, shift = self.offset, 0, 0
        while True:
            byte = self.byte(what)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= MAX_VARINT_BITS:
                raise Damaged(f"expected {what} of at most {MAX_VARINT_BITS} bits, got more", start)
        if number > most:
            raise Damaged(f"expected {what} of at most {most}, got {number}", start)
        return number

    def signed_varint(self, what: str, most: int) -> int:
        """A whole number from -most to most as `signed_varint` writes it."""
        start = self.offset
        number = self.varint(what, 2 * most)
        value = number // 2 if number % 2 == 0 else -(number + 1) // 2
        if value < -most:
            raise Damaged(f"expected {what} of at least {-most}, got {value}", start)
        return value


class BitWriter:
    """Short strings of bits one after the other, for tables of codes."""

    def __init__(self) -> None:
        self._digits: list[str] = []

    def write(self, value: int, width: int) -> None:
        """The `width` lowest bits of `value`."""
        if width:
            self._digits.append(f"{value:0{width}b}")

    def bytes(self) -> bytes:
        """All that was written, filled up to whole bytes with zeros."""
        digits = "".join(self._digits)
        digits += "0" * (-len(digits) % 8)
        return int("1" + digits, 2).to_bytes(len(digits) // 8 + 1, "big")[1:]


class BitReader:
    """Reads what `BitWriter` wrote, beginning at the reader's next byte."""

    def __init__(self, reader: Reader, what: str) -> None:
        self._reader, self._what = reader, what
        self._kept, self._count = 0, 0

    def read(self, width: int) -> int:
        """The next `width` bits as a number. Whole bytes are taken from the reader as they are needed."""
        while self._count < width:
            self._kept = self._kept << 8 | self._reader.byte(self._what)
            self._count += 8
        self._count -= width
        value = self._kept >> self._count
        self._kept &= (1 << self._count) - 1
        return value


def packed_bytes(count: int, width: int) -> int:
    """The bytes that `pack` makes of `count` numbers."""
    return -(-count * width // 8)


def pack(numbers: NDArray[np.integer], width: int) -> bytes:
    """Whole numbers (n,) from 0 below 2**width, `width` bits each, filled up to whole bytes."""
    if width == 0:
        return b""
    parts = []
    for start in range(0, len(numbers), _CHUNK):
        big = numbers[start : start + _CHUNK].astype(">u4")
        digits = np.unpackbits(big.view(np.uint8)).reshape(-1, MAX_WIDTH)[:, MAX_WIDTH - width :]
        parts.append(np.packbits(digits).tobytes())
    return b"".join(parts)


def unpack(data: memoryview, count: int, width: int) -> NDArray[np.uint32]:
    """What `pack` packed: `count` numbers (count,)."""
    made = np.zeros(count, np.uint32)
    if width == 0:
        return made
    raw = np.frombuffer(data, np.uint8)
    for start in range(0, count, _CHUNK):
        number = min(_CHUNK, count - start)
        first = start * width // 8
        digits = np.unpackbits(raw[first : first + packed_bytes(number, width)], count=number * width)
        wide = np.zeros((number, MAX_WIDTH), np.uint8)
        wide[:, MAX_WIDTH - width :] = digits.reshape(number, width)
        made[start : start + number] = np.packbits(wide, axis=1).view(">u4").ravel()
    return made
