"""Streams of symbols as bytes: the table of a code, then the codes. There are several coders; the best one is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.storage import ans, huffman
from fpga_flow.storage.bits import Damaged, Reader, pack, packed_bytes, unpack

#: The numbers of the coders in a file.
PACKED, HUFFMAN, ANS = 0, 1, 2
NAMES = {PACKED: "packed", HUFFMAN: "Huffman", ANS: "ANS"}
_PIECE = 1 << 20
#: The coders that an encoder may take: numbers of fixed width alone, Huffman codes too, or those and ANS.
Coding = Literal["packed", "huffman", "ans"]


@dataclass(frozen=True)
class Plan:
    """How a stream can be coded, and what that needs.

    coder    one of `NAMES`
    table    the code's table as bytes
    size     bytes of the codes; of ANS about so many
    lengths  of a Huffman code, the length of each symbol's code (symbols,)
    """

    coder: int
    table: bytes
    size: int
    lengths: NDArray[np.uint8] | None = None

    @property
    def total(self) -> int:
        """Bytes in all."""
        return len(self.table) + self.size


@dataclass(frozen=True)
class Content:
    """A stream that was read: its symbols (n,), all below `alphabet`, the bytes of their codes, its coder, and the
    lengths of its codes if it is Huffman-coded.
    """

    symbols: NDArray[np.integer]
    alphabet: int
    size: int
    coder: int = PACKED
    lengths: NDArray[np.uint8] | None = None
    bits: int = 0

    def entropy(self) -> float:
        """The bits that an ideal coder needs which knows only how often each symbol occurs; `bits` where there are
        no symbols.
        """
        return float(self.bits) or entropy(histogram(self.symbols, self.alphabet))

    def lengths_used(self) -> list[int]:
        """How many codes of each length, 0 to 15 bits, there are; empty if it is not Huffman-coded."""
        if self.lengths is None:
            return []
        counts = histogram(self.symbols, self.alphabet)
        found: list[int] = np.bincount(self.lengths, weights=counts, minlength=16).astype(int).tolist()
        return found


NOTHING = Content(np.zeros(0, np.uint16), 0, 0)


def width(symbols: int) -> int:
    """The bits of a number below `symbols`."""
    return (symbols - 1).bit_length()


def packed(counts: NDArray[np.integer]) -> Plan:
    """The coding of a stream with so many of each symbol (symbols,) as numbers of a fixed width."""
    return Plan(PACKED, b"", packed_bytes(int(counts.sum()), width(len(counts))))


def plan(counts: NDArray[np.integer], coding: Coding) -> Plan:
    """The smallest of the codings allowed of a stream with so many of each symbol (symbols,)."""
    total = int(counts.sum())
    best = packed(counts)
    if coding != "packed" and len(counts) <= huffman.MAX_SYMBOLS and total:
        lengths = huffman.code_lengths(counts)
        size = -(-huffman.coded_bits(counts, lengths) // 8)
        size += huffman.overhead_bytes(total) if lengths.any() else 0
        best = min(best, Plan(HUFFMAN, huffman.write_lengths(lengths), size, lengths), key=lambda each: each.total)
        if coding == "ans" and np.count_nonzero(counts) > 1:
            best = min(best, Plan(ANS, *ans.plan(counts)), key=lambda each: each.total)
    return best


def write(plan: Plan, counts: NDArray[np.integer], symbols: NDArray[np.integer]) -> bytes:
    """The codes of symbols (n,) that occur as often as `counts` (symbols,) says."""
    if plan.coder == PACKED:
        return pack(symbols, width(len(counts)))
    if plan.lengths is None:
        return ans.encode(counts, symbols)
    encoder = huffman.Encoder(plan.lengths)
    parts = [encoder.write(symbols[start : start + huffman.CHUNK]) for start in range(0, len(symbols), huffman.CHUNK)]
    return b"".join([*parts, encoder.finish()])


def read(reader: Reader, coder: int, alphabet: int, count: int) -> Content:
    """`count` symbols below `alphabet`: a table and the codes behind it."""
    start = reader.offset
    if coder == PACKED:
        size = packed_bytes(count, width(alphabet))
        found = unpack(reader.take(size, "packed numbers"), count, width(alphabet))
        if len(found) and int(found.max()) >= alphabet:
            raise Damaged(f"expected numbers below {alphabet}, got {found.max()}", start)
        return Content(found, alphabet, size)
    if not count:
        raise Damaged("expected a code for some symbols, got one for none", start)
    if alphabet > huffman.MAX_SYMBOLS:
        raise Damaged(f"expected at most {huffman.MAX_SYMBOLS} symbols in a code, got {alphabet}", start)
    if coder == ANS:
        table = ans.read_table(reader, alphabet)
        start = reader.offset
        return Content(ans.decode(reader, table, count), alphabet, reader.offset - start, coder)
    lengths = huffman.read_lengths(reader, alphabet)
    start = reader.offset
    symbols = huffman.Decoder(lengths, count, reader).all()
    return Content(symbols, alphabet, reader.offset - start, coder, lengths)


def histogram(symbols: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """How often each symbol below `size` occurs (size,)."""
    counts = np.zeros(size, np.int64)
    for start in range(0, len(symbols), _PIECE):
        counts += np.bincount(symbols[start : start + _PIECE], minlength=size)
    return counts


def entropy(counts: NDArray[np.integer]) -> float:
    """The bits that an ideal coder needs which knows only how often each symbol occurs."""
    used = counts[counts > 0].astype(np.float64)
    return float(used @ (np.log2(used.sum()) - np.log2(used))) if len(used) else 0.0
