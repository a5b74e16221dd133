"""A weight from the bytes that `encoder.encode` makes, and what is to be told of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.storage import layout, rules, sparse, streams, values
from fpga_flow.storage.alphabet import distinct
from fpga_flow.storage.bits import Damaged, Reader

#: Who made the promises of a decoded network.
MADE_BY = "storage"


@dataclass(frozen=True)
class Header:
    """The beginning of a weight's bytes. `stored` is how many values follow: all, or one for each group of a rule."""

    coding: int
    shape: tuple[int, ...]
    rule: dict[str, Any]
    stored: int

    @property
    def count(self) -> int:
        """How many values the weight has."""
        return math.prod(self.shape)

    @property
    def extent(self) -> int:
        """How many values it would have if its axes of length 0 were not: numpy and rules use the others, too."""
        return math.prod(each for each in self.shape if each)


@dataclass(frozen=True)
class Row:
    """What a weight's bytes are: how many each part has, and the bits that an ideal coder of the same streams would
    need which knows how often each symbol occurs (float32 values count whole).

    index_bits      the width of a gap, 0 where there are none
    index_lengths   how many codes of each length (0 to 15 bits) a Huffman-coded stream has, else empty
    """

    shape: tuple[int, ...]
    count: int
    nonzero: int
    coding: str
    index_bits: int
    bytes_header: int
    bytes_indices: int
    bytes_values: int
    bytes_tables: int
    entropy_bits: float
    index_lengths: list[int]
    value_lengths: list[int]

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.bytes_header + self.bytes_indices + self.bytes_values + self.bytes_tables


@dataclass(frozen=True)
class Weight:
    """A decoded weight; the promises name no layer yet. `row` is there if it was asked for."""

    values: NDArray[np.float32]
    promises: tuple[Promise, ...]
    row: Row | None


def read_header(reader: Reader) -> Header:
    """The beginning of a weight's bytes; nothing is allocated for the weight yet."""
    start = reader.offset
    coding, axes = reader.byte("a coding"), reader.byte("a number of axes")
    known = not axes & ~(layout.RULE | 15) and (coding >> 2 & 3) in streams.NAMES
    if not known or (axes & 15) > layout.MAX_AXES:
        raise Damaged(f"expected a known coding of at most {layout.MAX_AXES} axes, got {coding} and {axes}", start)
    if coding & layout.TRANSPOSED and not coding & layout.SPARSE:
        raise Damaged("expected an order of sparse weights alone", start)
    shape = tuple(reader.varint("a length of an axis", 1 << 32) for _ in range(axes & 15))
    count = math.prod(shape)
    rule = rules.read(reader) if axes & layout.RULE else {}
    stored = reader.varint("the number of groups", min(count, 1 << 62)) if rule else count
    return Header(coding, shape, rule, stored)


def decode(reader: Reader, *, with_row: bool = False) -> Weight:
    """A weight from all of a reader's bytes. Its header must have been looked at before: it says how large it is.

    Raises:
        Damaged: see the message.
    """
    header = read_header(reader)
    ends = reader.offset
    kind, coder = header.coding & 3, header.coding >> 2 & 3
    indices = streams.NOTHING
    bits = 0
    if header.coding & layout.SPARSE:
        nonzero = reader.varint("the number of nonzero weights", header.stored)
        stored = np.zeros(header.stored, np.float32)
        if nonzero:
            places, bits, indices, ends = _read_indices(reader, header, nonzero)
            found, content = values.read(reader, kind, coder, nonzero)
            stored[places] = found
        else:
            ends, content = reader.offset, streams.NOTHING
    else:
        stored, content = values.read(reader, kind, coder, header.stored)
    if reader.left:
        raise Damaged(f"expected the end of the weight, got {reader.left} more bytes", reader.offset)
    array, promised = _with_promises(header, stored)
    if not with_row:
        return Weight(array, promised, None)
    data = indices.size + content.size
    row = Row(
        header.shape, header.count, int(np.count_nonzero(array)), _describe(header, bits, indices.coder), bits,
        ends, indices.size, content.size, reader.offset - ends - data,
        indices.entropy() + content.entropy(), indices.lengths_used(), content.lengths_used(),
    )  # fmt: skip
    return Weight(array, promised, row)


def _read_indices(reader: Reader, header: Header, nonzero: int) -> tuple[NDArray[np.int64], int, streams.Content, int]:
    """The places of the nonzero values in the order in which their values stand, the width of the gaps, the stream, and
    where it begins.
    """
    start = reader.offset
    byte = reader.byte("a width of gaps")
    bits, coder = byte & 15, byte >> 4
    if not 1 <= bits <= sparse.MAX_BITS or coder not in streams.NAMES:
        raise Damaged(f"expected gaps of 1 to {sparse.MAX_BITS} bits and a known coder, got {byte}", start)
    symbols = nonzero + reader.varint("the number of escapes", header.stored)
    if symbols > layout.SYMBOLS_PER_BYTE * reader.left:
        raise Damaged(f"expected the indices of {nonzero} nonzero weights, got {reader.left} bytes", start)
    begin = reader.offset
    content = streams.read(reader, coder, 1 << bits, symbols)
    try:
        places = sparse.positions(content.symbols, bits, nonzero, header.stored)
    except Damaged as error:
        raise Damaged(str(error), start) from error
    shape = (header.stored,) if header.rule else header.shape
    if header.coding & layout.TRANSPOSED:
        places = sparse.restored(places, shape)
    return places, bits, content, begin


def _with_promises(header: Header, stored: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[Promise, ...]]:
    promised: list[Promise] = []
    if header.rule:
        array, promise = rules.spread(header.rule, header.shape, stored, MADE_BY)
        promised.append(promise)
    else:
        array = stored.reshape(header.shape)
    if header.coding & layout.ZEROS:
        promised.append(Mask(MADE_BY, "", "", array != 0))
    if header.coding & layout.EQUALS:
        promised.append(Sharing(MADE_BY, "", "", _equal(array.ravel()).reshape(array.shape)))
    return array, tuple(promised)


def _equal(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """The number of each value (n,) among the distinct ones other than 0, which gets -1."""
    few = distinct(values + np.float32(0))  # -0.0 becomes 0.0
    # sorting all values takes much more memory, which only a large file can ask for
    found, numbers = np.unique(values, return_inverse=True) if few is None else few
    number_of = np.cumsum(found != 0, dtype=np.int32) - np.int32(1)
    number_of[found == 0] = -1
    groups: NDArray[np.int32] = number_of[numbers]
    return groups


def _describe(header: Header, bits: int, index_coder: int) -> str:
    kind, coder = header.coding & 3, header.coding >> 2 & 3
    words = [values.NAMES[kind] + ("" if kind == values.FLOATS else f", {streams.NAMES[coder]}")]
    if header.coding & layout.SPARSE:
        order = ", first axis fastest" if header.coding & layout.TRANSPOSED else ""
        words = [*words, f"indices, {streams.NAMES[index_coder]}{order}"] if bits else ["all zero"]
    return "; ".join([*words, *([f"shared by {header.rule['kind']}"] if header.rule else [])])
