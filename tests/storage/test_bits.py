"""Numbers as bytes and bits."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.storage.bits import BitReader, BitWriter, Damaged, Reader, pack, signed_varint, unpack, varint


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1])
def test_whole_numbers_come_back(number):
    assert Reader(varint(number)).varint("it") == number
    if number < 2**31:
        for signed in (number, -number):
            assert Reader(signed_varint(signed)).signed_varint("it", 2**31) == signed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected 1 bytes of it, but 0 are left"),
        (b"\x80\x80", "expected 1 bytes of it, but 0 are left"),
        (b"\x80" * 12, "expected it of at most 63 bits, got more"),
        (varint(101), "expected it of at most 100, got 101"),
    ],
)
def test_wrong_numbers_are_refused(data, message):
    with pytest.raises(Damaged) as caught:
        Reader(data).varint("it", 100)
    assert str(caught.value) == message


@pytest.mark.parametrize("width", [0, 1, 3, 5, 8, 11, 17, 31, 32])
def test_numbers_are_packed(width):
    count = 1_000 if width % 2 else 600_001
    numbers = np.random.default_rng(width).integers(1 << width, size=count, dtype=np.uint64).astype(np.uint32)
    data = pack(numbers, width)
    assert len(data) == -(-count * width // 8)
    np.testing.assert_array_equal(unpack(memoryview(data), count, width), numbers)
    if width == 8:
        assert data == numbers.astype(np.uint8).tobytes()


def test_strings_of_bits():
    writer = BitWriter()
    written = [(5, 3), (0, 0), (1, 1), (77, 7), (1023, 10), (0, 4)]
    for value, width in written:
        writer.write(value, width)
    data = writer.bytes()
    assert len(data) == 4
    reader = BitReader(Reader(data), "bits")
    assert [reader.read(width) for _, width in written] == [value for value, _ in written]
