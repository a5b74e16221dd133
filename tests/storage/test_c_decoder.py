"""fpz.h reads what Python reads."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.networks.promises import Sharing
from fpga_flow.storage import file
from fpga_flow.storage.decoder import Weight
from fpga_flow.storage.file import Contents
from tests.storage import nets
from tests.storage.test_encoder import ARRAYS, NONE

#: Of the C decoder's errors.
CHECKSUM, NO_FIXED, UNSUPPORTED = 4, 8, 9


def dumped(program: Path, files: list[bytes]) -> list[str]:
    """What `fpz_dump.c` says of each file."""
    data = b"".join(len(each).to_bytes(4, "little") + each for each in files)
    done = subprocess.run([program], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:3000]
    return done.stdout.decode().splitlines()


def check_agrees(line: str, contents: Contents) -> None:
    """Check what it says of a file against what Python read of it."""
    opened, *said = line.split()
    assert opened == "0"
    for weight, text in zip([each for layer in contents.layers for each in layer], said, strict=True):
        found, error, rule, crc, whole_error, fraction, whole_crc = text.split(",")
        values = _stored(weight)
        assert (found, error) == ("0", "0"), text
        assert (rule != "0") == bool(weight.promises and getattr(weight.promises[0], "rule", {}))
        assert int(crc, 16) == zlib.crc32(values.tobytes()), text
        if int(whole_error) == NO_FIXED:
            assert weight.row.coding.startswith("float32")
            continue
        assert whole_error == "0"
        wholes = np.ldexp(values.astype(np.float64), int(fraction))
        # float32 rounds wholes of more bits, and has no values below
        if np.abs(wholes).max(initial=0) < 2**24 and np.abs(values[values != 0]).min(initial=1) > 2.0**-126:
            assert int(whole_crc, 16) == zlib.crc32(wholes.astype(np.int32).tobytes()), text


def _stored(weight: Weight) -> np.ndarray:
    """The values that the file has: of a rule, those of the groups."""
    first = weight.promises[0] if weight.promises else None
    if isinstance(first, Sharing) and first.rule:
        return np.asarray(first.values(weight.values), np.float32)
    return weight.values


@pytest.mark.parametrize("language", ["c", "c++"])
def test_it_reads_what_python_reads(language, request):
    program = request.getfixturevalue({"c": "dump_c", "c++": "dump_cpp"}[language])
    files = [storage.encode(nets.made(name)) for name in nets.NETWORKS] + [storage.encode(nets.clustered())]
    arrays = [array for array in ARRAYS.values() if language == "c" or array.size < 10**6]  # that one takes seconds
    files.append(file.join(NONE, iter([[(array, ())] for array in arrays])))
    for data, line in zip(files, dumped(program, files), strict=True):
        check_agrees(line, split(data))


def split(data: bytes) -> Contents:
    """The contents of a file, with rows."""
    return file.split(data, "x.fpz", with_rows=True)


def test_rules(dump_c, fake_rules):
    data = file.join(NONE, iter([[fake_rules("hash"), fake_rules("circulant")]]))
    (line,) = dumped(dump_c, [data])
    check_agrees(line, split(data))


def test_what_it_refuses(dump_c):
    data = storage.encode(nets.made("mlp"))
    damaged = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    lines = dumped(dump_c, [b"", b"FPX\x01", b"FPZ\x02", data[:-1], damaged, data + b"x"])
    assert [int(line) for line in lines] == [1, 1, 2, 3, CHECKSUM, 5]
