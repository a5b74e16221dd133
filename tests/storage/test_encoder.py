"""Weights become bytes and come back bit for bit, by the coding that is the smallest."""

from __future__ import annotations

import json
import tracemalloc
import zlib

import numpy as np
import pytest

from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.storage import architecture, decoder, encoder, rules, streams
from fpga_flow.storage.bits import Damaged, Reader

_RNG = np.random.default_rng(0)
_GRID = np.clip(np.round(_RNG.normal(0, 4, (120, 100))), -16, 15).astype(np.float32) / 16
_MASK = _RNG.random((120, 100)) < 0.1
_BOOK = np.sort(_RNG.normal(0, 1, 32) * 10 ** _RNG.uniform(-7, 2, 32)).astype(np.float32)
_MOSTLY = np.where(_MASK, _GRID, np.float32(0.5))
_SKEWED = _RNG.binomial(31, 0.15, (120, 100))
_COLUMNS = _GRID * (_RNG.random((120, 100)) < np.where(_RNG.random(100) < 0.15, 0.9, 0.01)).astype(np.float32)
_CONV = np.where(_RNG.random((3, 3, 8, 16)) < 0.2, _GRID[0, :16], np.float32(0)).astype(np.float32)

#: Of each weight: the values, and what the coding must be called.
CASES: dict[str, tuple[np.ndarray, str]] = {
    "dense": (_GRID, "fixed-point, Huffman"),
    "more than one chunk": (np.tile(_MOSTLY, (7, 51)), "fixed-point, Huffman"),
    "sparse": (_GRID * _MASK, "fixed-point, Huffman; indices, Huffman, first axis fastest"),
    "sparse in columns": (_COLUMNS, "fixed-point, Huffman; indices, Huffman, first axis fastest"),
    "sparse in rows": (np.ascontiguousarray(_COLUMNS.T), "fixed-point, Huffman; indices, Huffman"),
    "convolution": (_CONV, "fixed-point codebook, Huffman; indices, Huffman"),
    "codebook": (_BOOK[_SKEWED], "float32 codebook, Huffman"),
    "sparse codebook": (_BOOK[_SKEWED] * _MASK, "float32 codebook, Huffman; indices, Huffman"),
    "uniform codebook": (_BOOK[_RNG.integers(32, size=(40, 50))], "float32 codebook, packed"),
    "float": (_RNG.normal(0, 1, (60, 100)).astype(np.float32), "float32"),
    "sparse float": (_RNG.normal(0, 1, (120, 100)).astype(np.float32) * _MASK, "float32; indices, Huffman"),
    "16 bits": (np.round(_RNG.normal(0, 5000, (90, 100))).astype(np.float32) / 2**15, "fixed-point, packed"),
    "few": (_GRID[0, :9], "fixed-point, packed"),
    "binary": (np.where(_GRID > 0, np.float32(1), np.float32(-1)), "fixed-point codebook, packed"),
    "powers of two": ((2.0 ** _RNG.integers(-9, 2, (40, 40))).astype(np.float32), "fixed-point codebook, Huffman"),
    "tiny": (np.full((30, 30), 1e-42, np.float32) * (_GRID[:30, :30] > 0), "float32 codebook, packed"),
    "large": (np.float32(2.0) ** _RNG.integers(90, 127, (20, 20)).astype(np.float32), "float32 codebook, Huffman"),
    "all zero": (np.zeros((7, 5), np.float32), "all zero"),
    "one value": (np.full(7000, 0.25, np.float32), "fixed-point, packed"),
    "scalar": (np.array(1.5, np.float32), "fixed-point, packed"),
    "empty": (np.zeros((0, 3), np.float32), "float32"),
}
ARRAYS = {name: array for name, (array, _) in CASES.items()}


def _no_architecture() -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=architecture._DICTIONARY)
    return deflate.compress(json.dumps(["Sequential", "none", []]).encode()) + deflate.flush()


#: The architecture of a model without layers.
NONE = _no_architecture()


def round_trip(array: np.ndarray, promises=(), **options) -> decoder.Weight:
    data = encoder.encode(array, promises, **options)
    found = decoder.decode(Reader(data), with_row=True)
    assert found.values.shape == array.shape
    assert found.values.dtype == np.float32
    assert (found.values + 0.0).tobytes() == (array + np.float32(0)).tobytes()
    assert found.row.total == len(data)
    assert (found.row.count, found.row.nonzero) == (array.size, np.count_nonzero(array))
    return found


@pytest.mark.parametrize("name", CASES)
def test_weights_come_back_bit_for_bit(name):
    array, coding = CASES[name]
    assert round_trip(array).row.coding == coding


def test_codes_are_near_the_entropy():
    for name, most in (("dense", 1.02), ("sparse", 1.05), ("codebook", 1.03)):
        row = round_trip(ARRAYS[name]).row
        assert row.entropy_bits <= 8 * (row.bytes_values + row.bytes_indices) <= most * row.entropy_bits
    row = round_trip(ARRAYS["sparse"]).row
    assert sum(row.value_lengths) == row.nonzero
    assert sum(row.index_lengths) >= row.nonzero
    weighted = sum(length * count for length, count in enumerate(row.value_lengths))
    assert row.bytes_values == -(-weighted // 8)


def test_negative_zero_becomes_zero():
    data = encoder.encode(np.array([-0.0, 1.0, -0.0, 0.5], np.float32))
    assert decoder.decode(Reader(data)).values.tobytes() == np.array([0, 1, 0, 0.5], np.float32).tobytes()


def test_ans_is_smaller():
    pytest.importorskip("constriction", reason="optional")
    array = np.where(_RNG.random((200, 100)) < 0.08, np.float32(-0.5), np.float32(0.25))
    huffman, ans = round_trip(array), round_trip(array, coding="ans")
    assert ans.row.coding == "fixed-point, ANS"
    assert ans.row.total < 0.5 * huffman.row.total
    assert 8 * ans.row.bytes_values < 1.02 * ans.row.entropy_bits + 64
    for other in ARRAYS.values():
        round_trip(other, coding="ans")


@pytest.mark.parametrize("kind", ["hash", "circulant"])
def test_weights_shared_by_a_rule_are_stored_once(kind, shared_by_rule):
    array, promises = shared_by_rule(kind)
    found = round_trip(array, promises)
    assert found.row.coding.endswith(f"shared by {kind}")
    assert found.row.total < promises[0].count + 20
    (promise,) = found.promises
    np.testing.assert_array_equal(promise.groups, promises[0].groups)
    assert promise.rule == promises[0].rule
    pruned = array * (np.arange(10) % 3 > 0)  # zeros that the rule does not know of
    assert "shared" not in round_trip(pruned.astype(np.float32), promises).row.coding


def test_a_rule_with_more_groups_than_weights_is_not_stored():
    rule = {"kind": "circulant", "block": 64}
    promise = Sharing("test", "", "", rules.RULES["circulant"].groups((1, 67), rule)[0], None, rule)
    assert promise.count > 67
    assert "shared" not in round_trip(np.arange(1, 68, dtype=np.float32)[None, :], [promise]).row.coding


def test_promises_that_the_values_tell_come_back():
    mask = Mask("prune", "a", "kernel", _MASK)
    groups = np.where(_MASK, _SKEWED, -1)
    by_value = Sharing("cluster", "a", "kernel", groups)
    found = round_trip(_BOOK[_SKEWED] * _MASK, [mask, by_value]).promises
    np.testing.assert_array_equal(found[0].mask, _MASK)
    assert found[1].broken(_BOOK[_SKEWED] * _MASK) == ""
    assert found[1].count == len(np.unique(_SKEWED[_MASK]))
    per_column = Sharing("cluster", "a", "kernel", np.where(_MASK, _SKEWED + 32 * np.arange(100), -1))
    assert len(round_trip(_BOOK[_SKEWED] * _MASK, [mask, per_column]).promises) == 1  # more groups than values


def test_equal_values_of_large_weights_need_little_memory():
    array = np.full((1000, 2000), 0.25, np.float32)
    promises = [Mask("prune", "a", "kernel", array != 0), Sharing("cluster", "a", "kernel", np.zeros(array.shape, int))]
    data = encoder.encode(array, promises)
    tracemalloc.start()
    found = decoder.decode(Reader(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data) < 20
    assert len(found.promises) == 2
    assert peak < 6 * array.nbytes


@pytest.mark.parametrize(
    ("rule", "count"),
    [({"kind": "hash", "seed": 5, "buckets": 100}, 100), ({"kind": "circulant", "block": 64}, 65_536)],
)
def test_large_weights_that_follow_from_a_rule_need_little_memory(rule, count):
    tracemalloc.start()
    array, _ = rules.spread(rule, (2048, 2048), np.zeros(count, np.float32), "storage")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * array.nbytes


def test_any_number_of_equal_values_is_told_apart():
    array = np.repeat(np.arange(-3000, 3000, dtype=np.float32), 2)
    for values in (array, np.array([0.5, 0, -1, 0.5, -0.0], np.float32)):
        member = values != 0
        expected = np.full(len(values), -1)
        expected[member] = np.unique(values[member], return_inverse=True)[1]
        np.testing.assert_array_equal(decoder._equal(values), expected)


def test_counts_that_no_stream_can_hold_are_refused_before_any_allocation():
    data = bytearray(encoder.encode(np.full((1000, 4), 1, np.float32) * np.arange(4, dtype=np.float32)))
    assert data[2:4] == b"\xe8\x07"
    for count in (b"\xff\xff\xff\xff\x0f", b"\xff\xff\x7f"):
        with pytest.raises(Damaged, match=r"expected .* bytes of packed numbers, but"):
            decoder.decode(Reader(bytes(data[:2] + count + data[4:])))
    data = bytearray(encoder.encode(_GRID))
    assert data[2:4] == bytes([120, 100])
    with pytest.raises(Damaged, match=r"symbols of at least 3 bits, got"):
        decoder.decode(Reader(bytes(data[:2] + b"\xff\xff\xff\xff\x0f" + data[3:])))


def test_the_coder_is_chosen_by_size():
    uniform = streams.plan(np.full(32, 100), coding="huffman")
    assert (uniform.coder, uniform.size) == (streams.PACKED, 2000)
    skewed = streams.plan(np.array([1000, 10, 10, 10]), coding="huffman")
    assert skewed.coder == streams.HUFFMAN
    assert skewed.size < 140
