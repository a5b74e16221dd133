"""Damaged, cut, foreign and too large files: what is wrong, and where."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.errors import InputError
from fpga_flow.storage import file
from tests.storage import mutations
from tests.storage.test_encoder import ARRAYS, NONE

DATA = file.join(NONE, iter([[(ARRAYS["dense"], ()), (ARRAYS["few"], ())], [(ARRAYS["sparse"], ())]]))
_BODIES = mutations.bodies(DATA)
#: Where the sections begin.
_FIRST = 4
_SECOND = _FIRST + 1 + len(_BODIES[0]) + 4
_THIRD = _SECOND + 2 + len(_BODIES[1]) + 4


def changed(place: int, value: int | None = None) -> bytes:
    """The file with one byte changed."""
    return DATA[:place] + bytes([DATA[place] ^ 1 if value is None else value]) + DATA[place + 1 :]


def resized(number: int, body: bytes) -> bytes:
    """The file with another body of a section, and checksums that fit."""
    return mutations.joined([*_BODIES[:number], body, *_BODIES[number + 1 :]])


def with_weight(weight: bytes) -> bytes:
    """A file with this weight alone."""
    return mutations.joined([b"\x01" + _BODIES[0][1:], bytes([len(weight)]) + weight])


CASES = {
    "empty": (b"", "header, byte 0: expected a .fpz file, which begins with FPZ"),
    "foreign": (b"\x89HDF\r\n", "header, byte 0: expected a .fpz file, which begins with FPZ"),
    "version": (changed(3, 2), "header, byte 3: expected version 1 of the format, got 2"),
    "cut": (DATA[:-1], f"layer 2, byte {len(DATA) - 4}: expected 4 bytes of checksum, but 3 are left"),
    "cut in a section": (
        DATA[: _THIRD + 9],
        f"layer 2, byte {_THIRD + 2}: expected {len(_BODIES[2])} bytes of a section, but 7 are left",
    ),
    "no sections": (DATA[:4], "architecture, byte 4: expected 1 bytes of the length of a section, but 0 are left"),
    "bit": (changed(_SECOND + 40), f"layer 1, byte {_SECOND}: expected the checksum "),
    "more": (DATA + b"more", f"end, byte {len(DATA)}: expected the end of the file, got 4 more bytes"),
    "order": (mutations.joined([_BODIES[0], _BODIES[2]]) + DATA[_SECOND:_THIRD], "layer 2, byte"),
    "deflate": (resized(0, _BODIES[0][:1] + b"\xff" * 9), f"architecture, byte {_FIRST + 2}: expected an architecture"),
    "weight": (
        resized(2, _BODIES[2][:-1]),
        f"layer 2, byte {_THIRD + 4}: expected {len(_BODIES[2]) - 2} bytes of a weight, but ",
    ),
    "axes": (
        resized(2, b"\x03\x00\x0f\x02"),
        f"layer 2, weight 1, byte {_THIRD + 2}: expected a known coding of at most 8 axes",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_files_are_refused(name):
    data, message = CASES[name]
    with pytest.raises(InputError) as caught:
        file.split(data, "model.fpz")
    assert str(caught.value).startswith(f"model.fpz: {message}")


def test_any_changed_byte_is_noticed():
    small = file.join(NONE, iter([[(ARRAYS["few"], ())]]))
    for place in range(len(small)):
        for flip in (1, 128):
            with pytest.raises(InputError):
                file.split(small[:place] + bytes([small[place] ^ flip]) + small[place + 1 :], "x")


def test_large_weights_are_refused_before_they_are_made():
    with pytest.raises(
        InputError, match=r"layer 2, weight 1, byte .*: expected weights of at most 50,000 bytes in all, got more"
    ):
        file.split(DATA, "x", 50_000)
    bomb = b"\x10\x02" + b"\xff\xff\x03" * 2 + b"\x00"  # 65535 x 65535 zeros
    data = file.join(NONE, iter([]))
    data = mutations.joined([b"\x01" + mutations.bodies(data)[0][1:], bytes([len(bomb)]) + bomb])
    with pytest.raises(InputError, match=r"expected weights of at most 1,073,741,824 bytes in all, got more"):
        file.split(data, "x")
    wide = b"\x10\x08" + b"\x80\x80\x80\x80\x10" * 8 + b"\x00"
    with pytest.raises(InputError, match=r"expected weights of at most"):
        file.split(mutations.joined([b"\x01" + _BODIES[0][1:], bytes([len(wide)]) + wide]), "x")


#: Empty weights with long axes: (0, 2**32) shared by circulant blocks of 8, and (0, 2**32, 2**32, 2**32).
EMPTY = {"circulant": b"\x00\x12\x00" + b"\x80\x80\x80\x80\x10" + b"\x02\x08\x00",
         "axes": b"\x00\x04\x00" + b"\x80\x80\x80\x80\x10" * 3}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_long_axes_of_empty_weights_are_refused(name):
    with pytest.raises(InputError, match=r"layer 1, weight 1, byte .*: expected weights of at most 1,073,741,824 byte"):
        file.split(with_weight(EMPTY[name]), "x")


def test_files_are_written_and_read(tmp_path):
    path = tmp_path / "a.fpz"
    storage.write(path, DATA)
    assert path.read_bytes() == DATA
    assert [each.name for each in tmp_path.iterdir()] == ["a.fpz"]
    contents = file.split(storage.content(path), str(path))
    np.testing.assert_array_equal(contents.layers[1][0].values, ARRAYS["sparse"])
    with pytest.raises(InputError, match=r"expected a .fpz file, got a folder"):
        storage.read(tmp_path)
    with pytest.raises(InputError, match=r"expected a .fpz file, got: No such file"):
        storage.read(tmp_path / "b.fpz")
