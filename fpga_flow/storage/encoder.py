"""One weight of a layer (kernel, bias, ...) as bytes: every sensible coding is weighed, the smallest is taken.

The bytes, in their order (see docs/reference/fpz.md):

    coding      2 bits kind of values, 2 bits coder of values, then a bit each: sparse, first axis fastest, zeros are
                promised, equal values are promised
    axes        4 bits number of axes; a bit: shared by a rule
    shape       a number for each axis
    rule        its kind and settings, then the number of its groups: what follows are the values of these
    indices     if sparse: number of nonzero weights; if there are any, a byte (4 bits width of a gap, 2 bits coder),
                the number of escapes, table and codes
    values      alphabet, table and codes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.storage import layout, rules, sparse, streams, values
from fpga_flow.storage.alphabet import Alphabet, distinct, wholes
from fpga_flow.storage.bits import pack, varint
from fpga_flow.storage.streams import Coding
from fpga_flow.storage.values import ValuePlan

#: Above this share of nonzero weights a Huffman code of all values needs fewer bits than indices would.
_DENSE = 0.65
#: After so many widths of a gap that are no better than the best one, wider ones are not tried.
_PATIENCE = 3


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


def encode(array: NDArray[np.float32], promised: Sequence[Promise] = (), coding: Coding = "huffman") -> bytes:
    """A weight of any shape with finite values as bytes; -0.0 is stored as 0.0.

    Args:
        promised: what passes promised of it.
        coding: see `storage.encode`.
    """
    array = np.array(array, np.float32, order="C")
    array += np.float32(0)
    shared = [(each.rule, rules.group_values(each, array)) for each in promised if isinstance(each, Sharing)]
    rule, stored = next(((rule, found) for rule, found in shared if found is not None), ({}, array.ravel()))
    shape = (len(stored),) if rule else array.shape
    numbered = distinct(stored)
    is_zero = stored == 0
    nonzero = len(stored) - int(np.count_nonzero(is_zero))
    dense, symbols = _best_values(stored, numbered, coding)
    indices = None
    if nonzero <= _DENSE * len(stored):
        places = _best_indices(~is_zero, shape, coding)
        # the values stand in the order of their indices
        order = sparse.restored(places.positions, shape) if places.transposed else places.positions
        few = None if numbered is None else (numbered[0], numbered[1][order])
        found, few_symbols = _best_values(stored[order], few, coding)
        if len(varint(nonzero)) + places.total + found.total < dense.total:
            dense, symbols, indices = found, few_symbols, places
    flags = dense.kind | dense.stream.coder << 2
    flags |= layout.SPARSE * (indices is not None) | layout.TRANSPOSED * (indices is not None and indices.transposed)
    flags |= layout.ZEROS * any(isinstance(each, Mask) for each in promised)
    flags |= layout.EQUALS * any(_is_by_value(each, array) for each in promised if not rule)
    head = bytes([flags, array.ndim | layout.RULE * bool(rule)]) + b"".join(map(varint, array.shape))
    if rule:
        head += rules.write(rule) + varint(len(stored))
    parts = [head]
    if indices is not None:
        parts += [varint(nonzero), indices.head, indices.stream.table]
        if nonzero:
            gaps = sparse.symbols(sparse.gaps(indices.positions), indices.bits)
            parts.append(streams.write(indices.stream, indices.counts, gaps))
    return b"".join([*parts, dense.head, dense.stream.table, _write_values(dense, symbols)])


def _best_values(
    stored: NDArray[np.float32], numbered: tuple[NDArray[np.float32], NDArray[np.uint16]] | None, coding: Coding
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
    for plan in values.plans(alphabet, counts[used], coding):
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
    if (found := wholes(stored)) is None:
        return None
    numbers, fraction = found
    first, last = int(numbers.min()), int(numbers.max())
    plan = values.in_range(fraction, first, last - first + 1, len(stored))
    if plan.total >= values.plain(len(stored)).total:
        return None
    return plan, (numbers - first).astype(np.uint32)


def _write_values(plan: ValuePlan, symbols: NDArray[Any]) -> bytes:
    if plan.kind == values.FLOATS:
        return symbols.astype("<f4").tobytes()
    if not len(plan.counts):
        return pack(symbols, streams.width(plan.size))
    return streams.write(plan.stream, plan.counts, symbols)


def _best_indices(kept: NDArray[np.bool_], shape: tuple[int, ...], coding: Coding) -> _Indices:
    """The best width and order for indices of the values (n,) that are kept."""
    orders = [_best_width(np.flatnonzero(kept), False, coding)]
    if len(shape) > 1:
        orders.append(_best_width(np.flatnonzero(kept.reshape(shape).transpose()), True, coding))
    return min(orders, key=lambda each: each.total)


def _best_width(positions: NDArray[np.int64], transposed: bool, coding: Coding) -> _Indices:
    """The best width for indices in one order."""
    best = _Indices(positions, 0, transposed, streams.Plan(streams.PACKED, b"", 0), b"", np.zeros(0, np.int64))
    if not len(positions):
        return best
    histogram, worse = np.bincount(sparse.gaps(positions)), 0
    for bits in range(1, sparse.MAX_BITS + 1):
        counts = sparse.counts(histogram, bits)
        plan = streams.plan(counts, coding)
        if int(counts.sum()) > layout.SYMBOLS_PER_BYTE * plan.total:
            plan = streams.packed(counts)
        head = bytes([bits | plan.coder << 4]) + varint(int(counts[-1]))
        found = _Indices(positions, bits, transposed, plan, head, counts)
        worse += 1
        if bits == 1 or found.total < best.total:
            best, worse = found, 0
        if worse == _PATIENCE or counts[-1] == 0:  # no wider gap has more to tell
            break
    return best


def _is_by_value(promise: Promise, array: NDArray[np.float32]) -> bool:
    """Whether a promise of shared values says no more and no less than that equal weights stay equal."""
    if not isinstance(promise, Sharing) or promise.signs is not None:
        return False
    member = array != 0
    groups, found = promise.groups[member], array[member]
    if (groups < 0).any() or promise.broken(array):
        return False
    return len(np.unique(groups)) == len(np.unique(found))
