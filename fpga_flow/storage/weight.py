"""One weight of a layer (kernel, bias, ...) as bytes: every sensible coding is weighed, the smallest is taken.

The bytes, in their order (see docs/fpz.md):

    coding      2 bits kind of values, 2 bits coder of values, then a bit each: sparse, first axis fastest, zeros are
                promised, equal values are promised
    axes        4 bits number of axes; a bit: shared by a rule
    shape       a number for each axis
    rule        its kind and settings, then the number of its groups: what follows are the values of these
    indices     if sparse: number of nonzero weights; if there are any, a byte (4 bits width of a gap, 2 bits coder), the
                number of escapes, table and codes
    values      alphabet, table and codes
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.storage import rules, sparse, streams, values
from fpga_flow.storage.alphabet import Alphabet, distinct
from fpga_flow.storage.bits import Damaged, Reader, varint
from fpga_flow.storage.values import ValuePlan

MAX_AXES = 8
#: Who made the promises of a decoded network.
MADE_BY = "storage"
#: Above this share of nonzero weights a Huffman code of all values needs fewer bits than indices would.
_DENSE = 0.65
#: After so many widths of a gap that are no better than the best one, wider ones are not tried.
_PATIENCE = 3
_SPARSE, _TRANSPOSED, _ZEROS, _EQUALS = 16, 32, 64, 128
_RULE = 16


@dataclass(frozen=True)
class Row:
    """What a weight became: counts of its values, bytes of each part, bits that an ideal coder of the same streams
    would need (float32 values count whole), and how many codes of each length (0 to 15 bits) its streams have.
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


@dataclass(frozen=True)
class _Indices:
    """A way to code the places of the nonzero values, which are at `positions` in the order of the file."""

    positions: NDArray[np.int64]
    bits: int
    transposed: bool
    stream: streams.Plan
    head: bytes
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        return len(self.head) + self.stream.total


def encode(array: NDArray[np.float32], promised: Sequence[Promise], *, with_ans: bool = False) -> tuple[bytes, Row]:
    """A weight of any shape with finite values as bytes, and what became of it; -0.0 is stored as 0.0."""
    array = np.array(array, np.float32, order="C")
    array += np.float32(0)
    shared = [(each.rule, rules.group_values(each, array)) for each in promised if isinstance(each, Sharing)]
    rule, stored = next(((rule, found) for rule, found in shared if found is not None), ({}, array.ravel()))
    shape = (len(stored),) if rule else array.shape
    numbered = distinct(stored)
    is_zero = stored == 0
    nonzero = len(stored) - int(np.count_nonzero(is_zero))
    dense, symbols = _best_values(stored, numbered, with_ans)
    indices = None
    if nonzero <= _DENSE * len(stored):
        places = _best_indices(~is_zero, shape, with_ans)
        # the values stand in the order of their indices
        order = sparse.restored(places.positions, shape) if places.transposed else places.positions
        few = None if numbered is None else (numbered[0], numbered[1][order])
        found, few_symbols = _best_values(stored[order], few, with_ans)
        if len(varint(nonzero)) + places.total + found.total < dense.total:
            dense, symbols, indices = found, few_symbols, places
    coding = dense.kind | dense.stream.coder << 2
    coding |= _SPARSE * (indices is not None) | _TRANSPOSED * (indices is not None and indices.transposed)
    coding |= _ZEROS * any(isinstance(each, Mask) for each in promised)
    coding |= _EQUALS * any(_is_by_value(each, array) for each in promised if not rule)
    head = bytes([coding, array.ndim | _RULE * bool(rule)]) + b"".join(map(varint, array.shape))
    if rule:
        head += rules.write(rule) + varint(len(stored))
    index_data = b""
    if indices is not None:
        head += varint(nonzero) + indices.head
        if nonzero:
            index_data = streams.write(indices.stream, indices.counts, sparse.symbols(sparse.gaps(indices.positions), indices.bits))
    value_data = _write_values(dense, symbols)
    index_table = indices.stream.table if indices is not None else b""
    tables = [index_table, dense.head, dense.stream.table]
    row = Row(
        array.shape, array.size, int(np.count_nonzero(array)), _describe(dense, indices, rule),
        indices.bits if indices is not None else 0,
        len(head), len(index_data), len(value_data), sum(map(len, tables)),
        _entropy(dense, len(symbols)) + (streams.entropy(indices.counts) if indices is not None else 0.0),
        _lengths(indices.stream, indices.counts) if indices is not None else [],
        _lengths(dense.stream, dense.counts),
    )  # fmt: skip
    return b"".join([head, index_table, index_data, dense.head, dense.stream.table, value_data]), row


def read_header(reader: Reader) -> Header:
    """The beginning of a weight's bytes; nothing is allocated for the weight yet."""
    start = reader.offset
    coding, axes = reader.byte("a coding"), reader.byte("a number of axes")
    if axes & ~(_RULE | 15) or (axes & 15) > MAX_AXES or (coding >> 2 & 3) not in streams.NAMES:
        raise Damaged(f"expected a known coding of at most {MAX_AXES} axes, got {coding} and {axes}", start)
    if coding & _TRANSPOSED and not coding & _SPARSE:
        raise Damaged("expected an order of sparse weights alone", start)
    shape = tuple(reader.varint("a length of an axis", 1 << 32) for _ in range(axes & 15))
    rule = rules.read(reader) if axes & _RULE else {}
    stored = reader.varint("the number of groups", math.prod(shape)) if rule else math.prod(shape)
    return Header(coding, shape, rule, stored)


def decode(reader: Reader, layer: str = "", name: str = "") -> tuple[NDArray[np.float32], list[Promise]]:
    """A weight and what is promised of it, from all of a reader's bytes. Its header must have been looked at before:
    it says how large the weight is.

    Args:
        layer: the name of its layer, for the promises; `name` is the weight's.
    """
    header = read_header(reader)
    kind, coder = header.coding & 3, header.coding >> 2 & 3
    if header.coding & _SPARSE:
        nonzero = reader.varint("the number of nonzero weights", header.stored)
        places = _read_indices(reader, header, nonzero)
        stored = np.zeros(header.stored, np.float32)
        if nonzero:
            stored[places] = values.read(reader, kind, coder, nonzero)
    else:
        stored = values.read(reader, kind, coder, header.stored) if header.stored else np.zeros(0, np.float32)
    if reader.left:
        raise Damaged(f"expected the end of the weight, got {reader.left} more bytes", reader.offset)
    promised: list[Promise] = []
    array = stored.reshape(header.shape) if not header.rule else stored
    if header.rule:
        array, promise = rules.spread(header.rule, header.shape, stored, (MADE_BY, layer, name))
        promised.append(promise)
    if header.coding & _ZEROS:
        promised.append(Mask(MADE_BY, layer, name, array != 0))
    if header.coding & _EQUALS:
        found = np.unique(array[array != 0], return_inverse=True)[1]
        groups = np.full(array.shape, -1, np.int32)
        groups[array != 0] = found
        promised.append(Sharing(MADE_BY, layer, name, groups))
    return array, promised


def _best_values(
    stored: NDArray[np.float32], numbered: tuple[NDArray[np.float32], NDArray[np.uint16]] | None, with_ans: bool
) -> tuple[ValuePlan, NDArray[Any]]:
    """The smallest coding of values (n,), and the values as it wants them: symbols, or float32. `numbered` are some
    values and the number of each of `stored` among them.
    """
    best = values.plain(len(stored))
    if numbered is None:
        return _fixed_point(stored) or (best, stored)
    counts = streams.histogram(numbered[1], len(numbered[0]))
    used = counts > 0
    alphabet = Alphabet.of(numbered[0][used])
    for plan in values.plans(alphabet, counts[used], with_ans=with_ans):
        if plan.total < best.total:
            best = plan
    if best.kind == values.FLOATS:
        return best, stored
    symbol_of = np.zeros(len(used), np.int64)
    if best.kind == values.RANGE and alphabet.wholes is not None:
        symbol_of[used] = alphabet.wholes - best.first
    else:
        symbol_of[used] = np.arange(len(alphabet.values))
    return best, symbol_of.astype(np.uint16 if symbol_of.max() < 1 << 16 else np.uint32)[numbered[1]]


def _fixed_point(stored: NDArray[np.float32]) -> tuple[ValuePlan, NDArray[Any]] | None:
    """More distinct values than an alphabet may have, as packed whole numbers, if that is smaller than float32."""
    if Alphabet.of(stored[:: max(1, len(stored) // 1000)]).wholes is None:
        return None
    alphabet = Alphabet.of(stored)
    if alphabet.wholes is None:
        return None
    first, last = int(alphabet.wholes.min()), int(alphabet.wholes.max())
    plan = values.in_range(alphabet.fraction, first, last - first + 1, len(stored))
    if plan.total >= values.plain(len(stored)).total:
        return None
    return plan, (alphabet.wholes - first).astype(np.uint32)


def _write_values(plan: ValuePlan, symbols: NDArray[Any]) -> bytes:
    if plan.kind == values.FLOATS:
        return symbols.astype("<f4").tobytes()
    if not len(plan.counts):
        size = Reader(plan.head)
        for _ in range(2):
            size.varint("")
        return streams.pack(symbols, streams.width(size.varint("")))
    return streams.write(plan.stream, plan.counts, symbols)


def _best_indices(kept: NDArray[np.bool_], shape: tuple[int, ...], with_ans: bool) -> _Indices:
    """The best width and order for indices of the values (n,) that are kept."""
    best = None
    for transposed in (False, True)[: 1 + (len(shape) > 1)]:
        positions = np.flatnonzero(kept.reshape(shape).transpose() if transposed else kept)
        if not len(positions):
            return _Indices(positions, 0, False, streams.Plan(streams.PACKED, b"", 0), b"", np.zeros(0, np.int64))
        histogram, worse = np.bincount(sparse.gaps(positions)), 0
        for bits in range(1, sparse.MAX_BITS + 1):
            counts = sparse.counts(histogram, bits)
            plan = streams.plan(counts, with_ans=with_ans)
            head = bytes([bits | plan.coder << 4]) + varint(int(counts[-1]))
            found = _Indices(positions, bits, transposed, plan, head, counts)
            if best is None or found.total < best.total:
                best, worse = found, 0
            elif (worse := worse + 1) == _PATIENCE:
                break
            if counts[-1] == 0:
                break  # wider gaps have no more to tell
    assert best is not None  # noqa: S101  (there is at least one order and one width)
    return best


def _read_indices(reader: Reader, header: Header, nonzero: int) -> NDArray[np.int64]:
    """The places of the nonzero values, in the order in which their values stand."""
    if not nonzero:
        return np.zeros(0, np.int64)
    start = reader.offset
    byte = reader.byte("a width of gaps")
    bits, coder = byte & 15, byte >> 4
    if not 1 <= bits <= sparse.MAX_BITS or coder not in streams.NAMES:
        raise Damaged(f"expected gaps of 1 to {sparse.MAX_BITS} bits and a known coder, got {byte}", start)
    escapes = reader.varint("the number of escapes", header.stored)
    symbols = streams.read(reader, coder, 1 << bits, nonzero + escapes)
    try:
        places = sparse.positions(symbols, bits, nonzero, header.stored)
    except Damaged as error:
        raise Damaged(str(error), start) from error
    shape = (header.stored,) if header.rule else header.shape
    return sparse.restored(places, shape) if header.coding & _TRANSPOSED else places


def _is_by_value(promise: Promise, array: NDArray[np.float32]) -> bool:
    """Whether a promise of shared values says no more and no less than that equal weights stay equal."""
    if not isinstance(promise, Sharing) or promise.signs is not None:
        return False
    member = array != 0
    groups, found = promise.groups[member], array[member]
    if (groups < 0).any() or promise.broken(array):
        return False
    return len(np.unique(groups)) == len(np.unique(found))


def _entropy(plan: ValuePlan, count: int) -> float:
    if not len(plan.counts):
        return 8.0 * plan.stream.size if count else 0.0
    return streams.entropy(plan.counts)


def _lengths(plan: streams.Plan, counts: NDArray[np.int64]) -> list[int]:
    """How many codes of each length a stream has; empty if it is not Huffman-coded."""
    if plan.lengths is None:
        return []
    return np.bincount(plan.lengths, weights=counts, minlength=16).astype(int).tolist()


def _describe(plan: ValuePlan, indices: _Indices | None, rule: dict[str, Any]) -> str:
    words = [f"{values.NAMES[plan.kind]}{'' if plan.kind == values.FLOATS else f', {streams.NAMES[plan.stream.coder]}'}"]
    if indices is not None:
        order = ", first axis fastest" if indices.transposed else ""
        words.append(f"sparse ({streams.NAMES[indices.stream.coder]}{order})" if indices.bits else "all zero")
    return "; ".join([*words, *([f"shared by {rule['kind']}"] if rule else [])])
