"""Streams of values: the table of their alphabet, then the values as symbols.

Kinds of alphabets: float32 numbers as they are (no alphabet), a range of whole numbers times a power of two (a
fixed-point type), whole numbers times a power of two that are listed, and float32 numbers that are listed (a codebook).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.storage import streams
from fpga_flow.storage.alphabet import MAX_FRACTION, MAX_WHOLE, Alphabet
from fpga_flow.storage.bits import Damaged, Reader, pack, packed_bytes, signed_varint, unpack, varint
from fpga_flow.storage.huffman import MAX_SYMBOLS
from fpga_flow.storage.streams import Coding

#: The numbers of the kinds in a file.
FLOATS, RANGE, LISTED, CODEBOOK = 0, 1, 2, 3
NAMES = {FLOATS: "float32", RANGE: "fixed-point", LISTED: "fixed-point codebook", CODEBOOK: "float32 codebook"}
_FLOAT = np.dtype("<f4")


@dataclass(frozen=True)
class ValuePlan:
    """How a stream of values can be coded: its kind, the bytes of its alphabet, and the coding of its symbols, which
    occur as often as `counts` says. `first` is the whole number of symbol 0 of a range, `size` how many numbers it has.
    """

    kind: int
    head: bytes
    stream: streams.Plan
    counts: NDArray[np.int64]
    first: int = 0
    size: int = 0

    @property
    def total(self) -> int:
        """Bytes in all."""
        return len(self.head) + self.stream.total


def plain(count: int) -> ValuePlan:
    """`count` values as they are."""
    return ValuePlan(FLOATS, b"", streams.Plan(streams.PACKED, b"", count * _FLOAT.itemsize), np.zeros(0, np.int64))


def plans(alphabet: Alphabet, counts: NDArray[np.int64], coding: Coding) -> Iterator[ValuePlan]:
    """The ways to code values that occur so often (n,), all of them above zero, with this alphabet (n,)."""
    total = int(counts.sum())
    if not total:
        return
    wholes = alphabet.wholes
    if wholes is None:
        head = varint(len(counts)) + alphabet.values.astype(_FLOAT).tobytes()
        yield ValuePlan(CODEBOOK, head, streams.plan(counts, coding), counts)
        return
    start = signed_varint(alphabet.fraction) + signed_varint(int(wholes[0]))
    steps = np.diff(wholes) - 1
    width = int(steps.max(initial=0)).bit_length()
    listed = start + varint(len(counts)) + bytes([width]) + pack(steps, width)
    yield ValuePlan(LISTED, listed, streams.plan(counts, coding), counts)
    size = int(wholes[-1] - wholes[0]) + 1
    head = start + varint(size)
    if size <= MAX_SYMBOLS:
        wide = np.zeros(size, np.int64)
        wide[wholes - wholes[0]] = counts
        yield ValuePlan(RANGE, head, streams.plan(wide, coding), wide, int(wholes[0]))
    else:
        yield in_range(alphabet.fraction, int(wholes[0]), size, total)


def in_range(fraction: int, first: int, size: int, count: int) -> ValuePlan:
    """`count` whole numbers from `first` below `first + size`, packed."""
    head = signed_varint(fraction) + signed_varint(first) + varint(size)
    data = streams.Plan(streams.PACKED, b"", packed_bytes(count, streams.width(size)))
    return ValuePlan(RANGE, head, data, np.zeros(0, np.int64), first, size)


def read(reader: Reader, kind: int, coder: int, count: int) -> tuple[NDArray[np.float32], streams.Content]:
    """`count` values, and the stream of their symbols: an alphabet and the symbols behind it.

    Raises:
        Damaged: see the message.
    """
    start = reader.offset
    if kind == FLOATS:
        if coder != streams.PACKED:
            raise Damaged("expected float32 values without a code", start)
        found = _read_floats(reader, count)
        return found, streams.Content(np.zeros(0, np.uint16), 0, found.nbytes, bits=8 * found.nbytes)
    if kind == CODEBOOK:
        size = reader.varint("the size of a codebook", MAX_SYMBOLS)
        values = _read_floats(reader, size)
    else:
        fraction = reader.signed_varint("a binary point", MAX_FRACTION)
        first = reader.signed_varint("a least value", MAX_WHOLE)
        size = reader.varint("the size of an alphabet", 2 * MAX_WHOLE + 1 if kind == RANGE else MAX_SYMBOLS)
        if kind == RANGE:
            if first + size - 1 > MAX_WHOLE:
                raise Damaged(f"expected values of at most {MAX_WHOLE}, got {size} from {first}", start)
            if size > MAX_SYMBOLS:
                content = streams.read(reader, coder, size, count)
                values = _scaled(content.symbols.astype(np.int64) + first, fraction, start)
                return values, streams.Content(content.symbols[:0], 0, content.size, bits=8 * content.size)
            values = _scaled(np.arange(first, first + size), fraction, start)
        else:
            values = _scaled(_read_listed(reader, first, size), fraction, start)
    if size < 1:
        raise Damaged("expected an alphabet of at least one value", start)
    content = streams.read(reader, coder, size, count)
    return values[content.symbols], content


def _read_floats(reader: Reader, count: int) -> NDArray[np.float32]:
    start = reader.offset
    found = np.frombuffer(reader.take(count * _FLOAT.itemsize, "float32 values"), _FLOAT).astype(np.float32)
    if not np.isfinite(found).all():
        raise Damaged("expected finite values, got others", start)
    return found


def _read_listed(reader: Reader, first: int, size: int) -> NDArray[np.int64]:
    start = reader.offset
    width = reader.byte("the width of an alphabet's steps")
    if width > 32:
        raise Damaged(f"expected steps of at most 32 bits, got {width}", start)
    count = max(size - 1, 0)
    steps = unpack(reader.take(packed_bytes(count, width), "an alphabet's steps"), count, width)
    wholes = np.concatenate([[first], first + np.cumsum(steps.astype(np.int64) + 1)])
    if wholes[-1] > MAX_WHOLE:
        raise Damaged(f"expected values of at most {MAX_WHOLE}, got {wholes[-1]}", start)
    return wholes


def _scaled(wholes: NDArray[np.integer], fraction: int, start: int) -> NDArray[np.float32]:
    values = np.ldexp(wholes.astype(np.float64), -fraction)
    if not np.abs(values).max(initial=0) <= np.finfo(np.float32).max:
        raise Damaged("expected values that float32 holds, got larger ones", start)
    return values.astype(np.float32)
