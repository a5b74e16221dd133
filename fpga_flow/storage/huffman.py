"""Canonical Huffman coding of streams of symbols, for streams of any length in bounded memory.

Codes have at most 15 bits and are optimal under that limit (package-merge: Larmore and Hirschberg 1990, "A fast
algorithm for optimal length-limited Huffman codes"). An alphabet of one symbol needs no bits at all.

A stream is cut into blocks of `BLOCK` symbols. One that has more than one block stands in chunks of up to
`CHUNK_BLOCKS` blocks, each chunk beginning with the number of bits of each of its blocks: so a decoder can decode all
blocks of a chunk in step, which is what makes numpy fast here, or skip to any of them. Of each chunk, the bits are
filled up to whole bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fpga_flow.storage.bits import BitReader, BitWriter, Damaged, Reader

MAX_LENGTH = 15
#: The largest alphabet; with 4 bits for a length, a symbol fits into 16 bits.
MAX_SYMBOLS = 4096
BLOCK = 4096
CHUNK_BLOCKS = 1024
CHUNK = CHUNK_BLOCKS * BLOCK
#: Bytes of the number of bits of a block.
_SIZE = np.dtype("<u2")
#: The codes of a table of lengths: the first length is compared with this one.
_USUAL = 4


def code_lengths(counts: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The number of bits of each symbol's code (n,), from how often each occurs (n,); 0 for those that never do, and
    for one that is the only one.
    """
    lengths = np.zeros(len(counts), np.uint8)
    used = np.flatnonzero(counts)
    if len(used) < 2:
        return lengths
    used = used[np.argsort(counts[used], kind="stable")]
    leaves = counts[used].astype(np.int64)
    items, levels = leaves, [np.ones(len(leaves), bool)]
    for _ in range(MAX_LENGTH - 1):
        packages = items[: len(items) // 2 * 2].reshape(-1, 2).sum(axis=1)
        both = np.concatenate([leaves, packages])
        order = np.argsort(both, kind="stable")
        items = both[order]
        levels.append(order < len(leaves))
    taken = 2 * len(leaves) - 2
    for level in reversed(levels):
        count = int(level[:taken].sum())
        lengths[used[:count]] += 1
        taken = 2 * (taken - count)
    return lengths


def write_lengths(lengths: NDArray[np.uint8]) -> bytes:
    """The lengths of an alphabet's codes as bytes. Each is compared with the one before it: equal is the bit 0, one
    more 100, one less 101, anything else 11 and its 4 bits.
    """
    bits, before = BitWriter(), _USUAL
    for length in lengths.tolist():
        if length == before:
            bits.write(0, 1)
        elif abs(length - before) == 1:
            bits.write(0b100 + (length < before), 3)
        else:
            bits.write(0b11 << 4 | length, 6)
        before = length
    return bits.bytes()


def read_lengths(reader: Reader, symbols: int) -> NDArray[np.uint8]:
    """What `write_lengths` wrote for an alphabet of so many symbols.

    Raises:
        Damaged: they are the lengths of no code in which every string of bits means something.
    """
    start, bits, before, lengths = reader.offset, BitReader(reader, "code lengths"), _USUAL, []
    for _ in range(symbols):
        if bits.read(1):
            before = bits.read(4) if bits.read(1) else before - 1 if bits.read(1) else before + 1
        if not 0 <= before <= MAX_LENGTH:
            raise Damaged(f"expected code lengths of 0 to {MAX_LENGTH} bits, got {before}", start)
        lengths.append(before)
    made = np.array(lengths, np.uint8)
    filled = int((1 << MAX_LENGTH - made[made > 0].astype(np.int64)).sum())
    if filled != 1 << MAX_LENGTH and not (symbols == 1 and filled == 0):
        raise Damaged("expected the code lengths of a complete code", start)
    return made


def coded_bits(counts: NDArray[np.integer], lengths: NDArray[np.uint8]) -> int:
    """The bits of a stream with so many of each symbol, without what its blocks add."""
    return int(counts.astype(np.int64) @ lengths.astype(np.int64))


def overhead_bytes(symbols: int) -> int:
    """What the sizes of a stream's blocks need."""
    return 0 if symbols <= BLOCK else -(-symbols // BLOCK) * _SIZE.itemsize


def _canonical(lengths: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """The symbols that have codes, in the order of their codes, and each symbol's code."""
    order = np.lexsort((np.arange(len(lengths)), lengths))
    order = order[lengths[order] > 0]
    sizes = 1 << MAX_LENGTH - lengths[order].astype(np.int64)
    codes = np.zeros(len(lengths), np.uint32)
    codes[order] = np.cumsum(sizes) - sizes >> MAX_LENGTH - lengths[order].astype(np.int64)
    return order, codes


class Encoder:
    """Symbols in pieces of any size become bytes: join what `write` and at last `finish` return."""

    def __init__(self, lengths: NDArray[np.uint8]) -> None:
        self._lengths, self._codes = lengths, _canonical(lengths)[1]
        self._waiting: list[NDArray[np.integer]] = []
        self._count, self._is_long = 0, False

    def write(self, symbols: NDArray[np.integer]) -> bytes:
        """Take symbols (n,); the bytes of the chunks that are complete by now."""
        made = []
        while len(symbols):
            room = CHUNK - self._count
            self._waiting.append(symbols[:room])
            self._count += len(symbols[:room])
            symbols = symbols[room:]
            if self._count == CHUNK:
                made.append(self._chunk())
        return b"".join(made)

    def finish(self) -> bytes:
        """The bytes of the last chunk."""
        return self._chunk() if self._count else b""

    def _chunk(self) -> bytes:
        symbols = np.concatenate(self._waiting)
        self._is_long = self._is_long or len(symbols) > BLOCK
        self._waiting, self._count = [], 0
        if not self._lengths.any():  # the only symbol of its alphabet
            return b""
        data, ends = _joined(self._codes[symbols], self._lengths[symbols])
        sizes = np.diff(ends, prepend=0).astype(_SIZE).tobytes() if self._is_long else b""
        return sizes + data


def _joined(codes: NDArray[np.uint32], lengths: NDArray[np.uint8]) -> tuple[bytes, NDArray[np.int64]]:
    """Codes (n,) of so many bits each (n,) one behind the other, and the bit at which each block ends.

    Codes are first joined in fours, of up to 60 bits, then those that begin in the same 64-bit word are.
    """
    codes, lengths = (np.concatenate([each, np.zeros(-len(each) % 4, each.dtype)]) for each in (codes, lengths))
    codes, lengths = codes[::2] << lengths[1::2] | codes[1::2], lengths[::2] + lengths[1::2]
    wide = codes.astype(np.uint64)
    wide, fours = wide[::2] << lengths[1::2] | wide[1::2], (lengths[::2] + lengths[1::2]).astype(np.int64)
    ends = np.cumsum(fours)
    starts = ends - fours
    words = starts >> 6
    shifts = 64 - (starts & 63) - fours
    spills = np.flatnonzero(shifts < 0)
    over = -shifts[spills]
    heads = wide << np.maximum(shifts, 0).astype(np.uint64)
    heads[spills] = wide[spills] >> over.astype(np.uint64)
    firsts = np.flatnonzero(np.diff(words, prepend=-1))
    made = np.zeros(int(words[-1]) + 2, np.uint64)
    made[words[firsts]] = np.bitwise_or.reduceat(heads, firsts)
    made[words[spills] + 1] |= wide[spills] << (64 - over).astype(np.uint64)
    step = BLOCK // 4
    block_ends = np.append(ends[step - 1 : -1 : step], ends[-1])
    return made.astype(">u8").tobytes()[: -(-int(ends[-1]) // 8)], block_ends


class Decoder:
    """Reads a stream of `count` symbols from where a reader is; the reader is left behind what was decoded.

    Raises:
        Damaged: there are fewer bits than the symbols need at least, before anything is allocated for them.
    """

    def __init__(self, lengths: NDArray[np.uint8], count: int, reader: Reader) -> None:
        used = lengths[lengths > 0]
        self._constant = len(used) == 0
        if not self._constant and count * int(used.min()) > 8 * reader.left:
            raise Damaged(f"expected {count} symbols of at least {used.min()} bits, got {reader.left} bytes",
                          reader.offset)  # fmt: skip
        self._reader, self._left, self._is_long = reader, count, count > BLOCK
        self._width = int(lengths.max(initial=0))
        if not self._constant:
            order = _canonical(lengths)[0]
            entries = (order << 4 | lengths[order]).astype(np.uint16)
            self._table = np.repeat(entries, 1 << self._width - lengths[order].astype(np.int64))

    def chunks(self) -> Iterator[NDArray[np.uint16]]:
        """The symbols, in pieces of up to `CHUNK`."""
        while self._left:
            count = min(self._left, CHUNK)
            self._left -= count
            yield np.zeros(count, np.uint16) if self._constant else self._chunk(count)

    def all(self) -> NDArray[np.uint16]:
        """All symbols (count,)."""
        made, done = np.empty(self._left, np.uint16), 0
        for chunk in self.chunks():
            made[done : done + len(chunk)] = chunk
            done += len(chunk)
        return made

    def _chunk(self, count: int) -> NDArray[np.uint16]:
        start, reader = self._reader.offset, self._reader
        blocks = -(-count // BLOCK)
        if self._is_long:
            sizes = np.frombuffer(reader.take(blocks * _SIZE.itemsize, "block sizes"), _SIZE).astype(np.int64)
        else:  # only decoding finds the end
            sizes = np.array([8 * min(reader.left, BLOCK * MAX_LENGTH)])
        ends = np.cumsum(sizes)
        data = reader.data[reader.offset : reader.offset + -(-int(ends[-1]) // 8)]
        if 8 * len(data) < ends[-1]:
            raise Damaged(f"expected {ends[-1]} bits of codes, got {len(data)} bytes", start)
        made, last = self._in_step(np.frombuffer(data, np.uint8), ends - sizes, count)
        if not self._is_long:
            ends = last
        if not np.array_equal(last, ends) or last[-1] > 8 * len(data):
            raise Damaged("expected blocks of codes that end where the next ones begin", start)
        reader.take(-(-int(last[-1]) // 8), "codes")
        return made

    def _in_step(
        self, data: NDArray[np.uint8], starts: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """`count` symbols of the blocks that begin at the bits `starts` (blocks,), and the bit at which each ends.

        One symbol of each block is decoded at a time. The last block goes on over its end like the others, which
        means nothing.
        """
        steps = min(count, BLOCK)
        spare = np.zeros(steps * MAX_LENGTH // 8 + 8, np.uint32)
        wide = np.concatenate([data.astype(np.uint32), spare])
        windows = wide[:-3] << 24 | wide[1:-2] << 16 | wide[2:-1] << 8 | wide[3:]
        position, last_steps = starts.copy(), count - (len(starts) - 1) * BLOCK
        last_end = 0
        entries = np.empty((steps, len(starts)), np.uint16)
        shift, unused = np.empty_like(starts), np.uint32(32 - self._width)
        place, window = np.empty_like(starts), np.empty(len(starts), np.uint32)
        for step in range(steps):
            np.right_shift(position, 3, out=place)
            windows.take(place, out=window, mode="clip")
            np.bitwise_and(position, 7, out=shift)
            window <<= shift.astype(np.uint32)
            window >>= unused
            entry = entries[step]
            self._table.take(window, out=entry, mode="clip")
            position += entry & 15
            if step + 1 == last_steps:
                last_end = int(position[-1])
        position[-1] = last_end
        symbols: NDArray[np.uint16] = (entries.T >> np.uint16(4)).reshape(-1)[:count]
        return symbols, position
