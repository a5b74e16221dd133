"""Asymmetric numeral systems (Duda 2013, "Asymmetric numeral systems"), by the package `constriction`.

They come within a fraction of a percent of the entropy, where Huffman codes lose up to a few; but the C decoder does
not read them.

The package's model of a stream is made from a table of whole-numbered frequencies in the file, of a power of two in
all, so that encoder and decoder have the same numbers to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import ToolError
from fpga_flow.storage.bits import BitReader, BitWriter, Damaged, Reader, varint

#: All frequencies of a table add up to this.
TOTAL_BITS = 12
_WORD = np.dtype("<u4")


def require() -> Any:
    """The package.

    Raises:
        ToolError: it is not installed.
    """
    try:
        import constriction
    except ImportError as error:
        raise ToolError('coding "ans" needs the package constriction: pip install "fpga_flow[ans]"') from error
    return constriction


def frequencies(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Frequencies (n,) nearly proportional to `counts` (n,): at least 1 where a symbol occurs, 2**TOTAL_BITS in all."""
    shares = counts / counts.sum() * (1 << TOTAL_BITS)
    found = np.where(counts > 0, np.maximum(np.round(shares), 1), 0).astype(np.int64)
    while excess := int(found.sum()) - (1 << TOTAL_BITS):
        step = -1 if excess > 0 else 1
        # where a change by one costs the fewest bits for each symbol that occurs
        changed = np.maximum(found + step, 1e-9)
        costs = np.where(found + step > 0, -counts * np.log2(changed / np.maximum(found, 1)), np.inf)
        costs[counts == 0] = np.inf
        places = np.argsort(costs, kind="stable")[: max(1, min(abs(excess), np.count_nonzero(found > 1) // 4))]
        found[places] += step
    return found


def plan(counts: NDArray[np.integer]) -> tuple[bytes, int]:
    """The table for a stream with so many of each symbol (n,), and about how many bytes its codes have."""
    found = frequencies(counts)
    used = found > 0
    bits = float(counts[used] @ (TOTAL_BITS - np.log2(found[used])))
    words = int(bits // 32) + 2
    return _write_table(found), words * _WORD.itemsize + len(varint(words))


def encode(counts: NDArray[np.integer], symbols: NDArray[np.integer]) -> bytes:
    """The codes of symbols (m,) that occur as often as `counts` says: how many words there are, then the words."""
    model, used = _model(frequencies(counts))
    numbers = np.zeros(len(counts), np.int32)
    numbers[used] = np.arange(len(used))
    coder = require().stream.stack.AnsCoder()
    coder.encode_reverse(numbers[symbols], model)
    words = coder.get_compressed()
    data: bytes = words.astype(_WORD).tobytes()
    return varint(len(words)) + data


def decode(reader: Reader, frequencies: NDArray[np.int64], count: int) -> NDArray[np.uint16]:
    """`count` symbols of these frequencies (n,), of which two or more are above zero."""
    start = reader.offset
    words = reader.varint("the number of words", reader.left // _WORD.itemsize)
    data = np.frombuffer(reader.take(words * _WORD.itemsize, "codes"), _WORD).astype(np.uint32)
    model, used = _model(frequencies)
    try:
        coder = require().stream.stack.AnsCoder(data)
    except ValueError as error:
        raise Damaged(f"expected words of an ANS coder, got: {error}", start) from error
    numbers = coder.decode(model, count)
    if not coder.is_empty():
        raise Damaged("expected codes that end with the last symbol", start)
    made: NDArray[np.uint16] = used[numbers].astype(np.uint16)
    return made


def _model(frequencies: NDArray[np.int64]) -> tuple[Any, NDArray[np.int64]]:
    """The package's model of the symbols that occur, and these symbols."""
    used = np.flatnonzero(frequencies)
    shares = (frequencies[used] / (1 << TOTAL_BITS)).astype(np.float32)
    return require().stream.model.Categorical(shares, perfect=False), used


def _write_table(frequencies: NDArray[np.int64]) -> bytes:
    """Each frequency plus one by the Elias gamma code: as many zeros as it has bits behind its first one, then it."""
    bits = BitWriter()
    for number in (frequencies + 1).tolist():
        bits.write(number, 2 * number.bit_length() - 1)
    return bits.bytes()


def read_table(reader: Reader, alphabet: int) -> NDArray[np.int64]:
    """The frequencies of an alphabet (n,), as its table has them."""
    start, bits, found = reader.offset, BitReader(reader, "frequencies"), []
    for _ in range(alphabet):
        zeros = 0
        while not bits.read(1):
            zeros += 1
            if zeros > TOTAL_BITS:
                raise Damaged(f"expected frequencies of at most {TOTAL_BITS} bits", start)
        found.append((1 << zeros | bits.read(zeros)) - 1)
    made = np.array(found, np.int64)
    if made.sum() != 1 << TOTAL_BITS or np.count_nonzero(made) < 2:
        raise Damaged(f"expected frequencies of {1 << TOTAL_BITS} in all, got {made.sum()}", start)
    return made
