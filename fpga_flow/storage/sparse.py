"""Where the nonzero weights are: relative indices (Han et al. 2015, "Deep Compression", section 2).

Each nonzero weight is written as the number of zeros between it and the one before it. These gaps are symbols of b
bits; the largest symbol is an escape that stands for 2**b - 1 more zeros. (The paper pads with a zero weight instead,
which would be coded like a value; the escape costs none.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpga_flow.storage.bits import Damaged

#: The most bits of a gap.
MAX_BITS = 12


def restored(positions: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Positions (n,) in an array of `shape` that is read with its first axis fastest, as those with its last axis
    fastest.
    """
    return np.ravel_multi_index(np.unravel_index(positions, shape, order="F"), shape).astype(np.int64)


def gaps(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of zeros before each of the positions (n,), which rise, and behind the one before it."""
    return np.diff(positions, prepend=-1) - 1


def counts(histogram: NDArray[np.integer], bits: int) -> NDArray[np.int64]:
    """How often each symbol of `bits` bits occurs, (2**bits,), where `histogram` says how often each gap does."""
    escape = (1 << bits) - 1
    sizes = np.flatnonzero(histogram)
    found = np.bincount(sizes % escape, weights=histogram[sizes], minlength=escape + 1).astype(np.int64)
    found[escape] = int(histogram[sizes] @ (sizes // escape))
    return found


def symbols(gaps: NDArray[np.int64], bits: int) -> NDArray[np.uint16]:
    """The gaps (n,) as symbols, with escapes in front of each that needs some."""
    escape = (1 << bits) - 1
    escapes = gaps // escape
    made = np.full(len(gaps) + int(escapes.sum()), escape, np.uint16)
    made[np.cumsum(escapes + 1) - 1] = gaps - escapes * escape
    return made


def positions(symbols: NDArray[np.integer], bits: int, nonzero: int, count: int) -> NDArray[np.int64]:
    """The positions of the nonzero weights that symbols tell of, where there must be `nonzero` among `count` weights.

    Raises:
        Damaged: there are more or fewer, or they reach beyond the last weight.
    """
    escape = (1 << bits) - 1
    is_escape = symbols == escape
    ends = np.cumsum(symbols.astype(np.int64) + ~is_escape) - 1
    made: NDArray[np.int64] = ends[~is_escape]
    if len(made) != nonzero:
        raise Damaged(f"expected the indices of {nonzero} nonzero weights, got {len(made)}", 0)
    if len(made) and made[-1] >= count:
        raise Damaged(f"expected indices below {count}, got {made[-1]}", 0)
    return made
