"""Canonical Huffman codes: optimal, limited, compact tables, streams in pieces."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from fpga_flow.storage import huffman
from fpga_flow.storage.bits import Damaged, Reader


def unlimited_cost(counts: np.ndarray) -> int:
    """The bits of Huffman's own algorithm: the sum of all the nodes that it makes."""
    heap = [int(count) for count in counts if count]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    return cost


@pytest.mark.parametrize("seed", range(20))
def test_codes_are_optimal(seed):
    rng = np.random.default_rng(seed)
    counts = rng.geometric(0.02, rng.integers(2, 300)) * (rng.random() < 0.5 or rng.integers(0, 2))
    lengths = huffman.code_lengths(counts)
    assert huffman.coded_bits(counts, lengths) == unlimited_cost(counts)
    assert np.array_equal(lengths > 0, counts > 0) or np.count_nonzero(counts) < 2


def test_codes_are_limited():
    counts = np.array([1, 1, *(2**power for power in range(40))])
    lengths = huffman.code_lengths(counts)
    assert lengths.max() == huffman.MAX_LENGTH
    assert (2.0 ** -lengths.astype(float)).sum() == 1
    fewer = huffman.code_lengths(counts[:15])  # they just fit without a limit
    assert huffman.coded_bits(counts[:15], fewer) == unlimited_cost(counts[:15])
    # as good as the best code of four symbols and 15 bits can't be checked by hand; of many symbols, none is longer
    assert huffman.code_lengths(np.arange(1, 4097) ** 3).max() <= huffman.MAX_LENGTH


def test_one_symbol_needs_no_bits():
    assert huffman.code_lengths(np.array([0, 7, 0])).tolist() == [0, 0, 0]
    encoder = huffman.Encoder(np.zeros(1, np.uint8))
    assert encoder.write(np.zeros(9000, np.uint16)) + encoder.finish() == b""
    assert huffman.Decoder(np.zeros(1, np.uint8), 9000, Reader(b"")).all().tolist() == [0] * 9000


@pytest.mark.parametrize("lengths", [[1, 2, 3, 3], [0, 0, 1, 0, 1], [4] * 16, [15, 15, *range(14, 0, -1)], [0]])
def test_tables_are_read_back(lengths):
    data = huffman.write_lengths(np.array(lengths, np.uint8))
    reader = Reader(data + b"x")
    assert huffman.read_lengths(reader, len(lengths)).tolist() == lengths
    assert reader.left == 1
    assert len(data) <= (6 * len(lengths) + 7) // 8


@pytest.mark.parametrize("lengths", [[1, 2], [1, 1, 1], [0, 0], [1], []])
def test_tables_of_no_complete_code_are_refused(lengths):
    with pytest.raises(Damaged, match="expected the code lengths of a complete code"):
        huffman.read_lengths(Reader(huffman.write_lengths(np.array(lengths, np.uint8))), len(lengths))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 4095, 4096, 4097, 8192, 50_001, huffman.CHUNK + 5000])
def test_streams_come_back(count):
    rng = np.random.default_rng(count)
    symbols = np.minimum(rng.geometric(0.3, count), 20).astype(np.uint16)
    symbols[:1] = 0
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=40) + (np.arange(40) < 5))
    encoder = huffman.Encoder(lengths)
    cuts = np.sort(rng.integers(0, count, 5))
    data = b"".join(encoder.write(piece) for piece in np.split(symbols, cuts)) + encoder.finish()
    assert len(data) <= -(-int(lengths[symbols].sum()) // 8) + huffman.overhead_bytes(count) + count // huffman.CHUNK
    reader = Reader(b"__" + data + b"behind", 2)
    decoder = huffman.Decoder(lengths, count, reader)
    np.testing.assert_array_equal(np.concatenate(list(decoder.chunks())), symbols)
    assert reader.left == 6


def test_longest_codes_come_back():
    counts = np.array([1, 1, *(2**power for power in range(14))])
    lengths = huffman.code_lengths(counts)
    symbols = np.tile(np.arange(16, dtype=np.uint16)[:, None], (1, 700)).ravel()
    encoder = huffman.Encoder(lengths)
    data = encoder.write(symbols) + encoder.finish()
    np.testing.assert_array_equal(huffman.Decoder(lengths, len(symbols), Reader(data)).all(), symbols)


def test_damaged_streams_are_refused():
    lengths = np.array([1, 2, 2], np.uint8)
    encoder = huffman.Encoder(lengths)
    symbols = np.tile(np.array([0, 1, 2], np.uint16), 3000)
    data = encoder.write(symbols) + encoder.finish()
    with pytest.raises(Damaged, match="expected 9000 symbols of at least 1 bits, got 1000 bytes"):
        huffman.Decoder(lengths, 9000, Reader(data[:1000]))
    with pytest.raises(Damaged, match="expected 14999 bits of codes, got 1793 bytes|bits of codes, got"):
        huffman.Decoder(lengths, 9000, Reader(data[:1800])).all()
    sizes = np.frombuffer(data[:6], "<u2").copy()
    sizes[0] -= 1
    with pytest.raises(Damaged, match="expected blocks of codes that end where the next ones begin"):
        huffman.Decoder(lengths, 9000, Reader(sizes.tobytes() + data[6:])).all()
