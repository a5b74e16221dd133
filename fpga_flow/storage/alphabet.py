"""The distinct values of a weight, and each weight as the number of its value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.storage.huffman import MAX_SYMBOLS

#: Whole numbers of an alphabet are from -MAX_WHOLE to MAX_WHOLE.
MAX_WHOLE = 2**31 - 1
#: Positions of the binary point that a file may name: all float32 values are multiples of 2**-149 below 2**128.
MAX_FRACTION = 149
_SAMPLE, _FEW, _TRIES, _PIECE = 1 << 16, 1000, 200, 1 << 20
#: Alphabets up to this size are looked up in a table that is found by trying, larger ones by searching.
_HASHED = 700


@dataclass(frozen=True)
class Alphabet:
    """Distinct values in rising order: `values` (n,) are float32, zero is +0.0.

    wholes    the same as whole numbers (n,), where value = whole * 2**-fraction; None where they are on no such grid
    """

    values: NDArray[np.float32]
    wholes: NDArray[np.int64] | None
    fraction: int

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Alphabet:
        """The alphabet of distinct values in rising order."""
        found = wholes(values)
        return cls(values, None, 0) if found is None else cls(values, *found)


def wholes(values: NDArray[np.float32]) -> tuple[NDArray[np.int64], int] | None:
    """Values (n,) as whole numbers times 2**-fraction, and the fraction; None if no such numbers up to `MAX_WHOLE` are
    the same.
    """
    for sample in (values[:: max(1, len(values) // _FEW)], values):
        try:
            fraction = FixedPoint.holding(sample).fraction
        except ValueError:
            return None
        scaled = np.ldexp(values.astype(np.float64), fraction)
        found = scaled.astype(np.int64) if np.abs(scaled).max(initial=0) <= MAX_WHOLE else None
        if found is None or abs(fraction) > MAX_FRACTION:
            return None
        if (found == scaled).all():
            return found, fraction
    return None


def distinct(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint16]] | None:
    """The distinct values (m,) in rising order, and the number of each value (n,) among them; None if there are more
    than `MAX_SYMBOLS`. `values` (n,) hold no -0.0.
    """
    step = max(1, len(values) // _SAMPLE)
    found = np.unique(values[::step])
    while len(found) <= MAX_SYMBOLS:
        numbers = np.empty(len(values), np.uint16)
        number_of, missing = _numbering(found), []
        for start in range(0, len(values), _PIECE):
            piece = values[start : start + _PIECE]
            numbers[start : start + _PIECE] = got = number_of(piece)
            if (wrong := found[got] != piece).any():
                missing.append(np.unique(piece[wrong]))
                if sum(map(len, missing)) > MAX_SYMBOLS:
                    break
        if not missing:
            return found, numbers
        found = np.union1d(found, np.concatenate(missing))
    return None


class _Search:
    """The number of each value by binary search."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = values

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.integer]:
        return np.minimum(np.searchsorted(self._values, values), len(self._values) - 1)


class _Table:
    """The number of each value by a table over 16 bits, into which a multiplication takes the bits of the values."""

    def __init__(self, factor: np.uint32, table: NDArray[np.uint16]) -> None:
        self._factor, self._table = factor, table

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.integer]:
        found: NDArray[np.integer] = self._table[values.view(np.uint32) * self._factor >> 16]
        return found


def _numbering(values: NDArray[np.float32]) -> _Search | _Table:
    """What finds the numbers of these values; for others, it gives any number."""
    bits = values.view(np.uint32)
    factors = np.random.default_rng(0).integers(1 << 31, size=_TRIES, dtype=np.uint32) * 2 + 1
    for factor in factors if len(values) <= _HASHED else ():
        places = bits * factor >> 16
        if len(np.unique(places)) == len(places):
            table = np.zeros(1 << 16, np.uint16)
            table[places] = np.arange(len(values))
            return _Table(factor, table)
    return _Search(values)
