"""fpz.h reads what Python reads."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.networks.promises import Sharing
from fpga_flow.storage import file, rules
from fpga_flow.storage.decoder import Weight
from fpga_flow.storage.file import Contents
from tests.storage import nets
from tests.storage.test_encoder import ARRAYS, NONE
from tests.storage.test_file import EMPTY, with_weight

#: Sanitizers take seconds for more values.
LARGE = 10**6
#: Of the C decoder's errors.
CHECKSUM, TOO_SMALL, NO_FIXED, UNSUPPORTED = 4, 7, 8, 9


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
        found, error, groups, crc, whole_error, fraction, whole_crc = text.split(",")
        values = _stored(weight)
        assert (found, error) == ("0", "0"), text
        assert int(groups) == _groups(weight), text
        if not _all_used(weight):  # the file has values that no weight shows
            continue
        assert int(crc, 16) == zlib.crc32(values.tobytes()), text
        if int(whole_error) == NO_FIXED:
            assert weight.row.coding.startswith("float32")
            continue
        assert whole_error == "0"
        wholes = np.ldexp(values.astype(np.float64), int(fraction))
        # float32 rounds wholes of more bits, and has no values below
        if np.abs(wholes).max(initial=0) < 2**24 and np.abs(values[values != 0]).min(initial=1) > 2.0**-126:
            assert int(whole_crc, 16) == zlib.crc32(wholes.astype(np.int32).tobytes()), text


def _all_used(weight: Weight) -> bool:
    """Whether each value of a rule's groups is that of a weight."""
    first = weight.promises[0] if weight.promises else None
    return not isinstance(first, Sharing) or not first.rule or len(np.unique(first.groups)) == first.count


def _groups(weight: Weight) -> int:
    """A sum over the groups of the first weights of a rule."""
    first = weight.promises[0] if weight.promises else None
    total = 0
    if isinstance(first, Sharing) and first.rule:
        signs = np.ones(first.groups.size) if first.signs is None else first.signs.ravel()
        for group, sign in zip(first.groups.ravel()[:1000].tolist(), signs, strict=False):
            total = (total * 31 + group * 2 + int(sign > 0)) % 2**64
    return total & 0xFFFFFFFF


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
    files.append(file.join(NONE, iter([[(array, ())] for array in ARRAYS.values() if array.size < LARGE])))
    for data, line in zip(files, dumped(program, files), strict=True):
        check_agrees(line, split(data))


@pytest.mark.slow
def test_it_reads_streams_of_more_than_one_chunk(dump_c):
    data = file.join(NONE, iter([[(array, ()) for array in ARRAYS.values() if array.size > LARGE]]))
    (line,) = dumped(dump_c, [data])
    check_agrees(line, split(data))


def split(data: bytes) -> Contents:
    """The contents of a file, with rows."""
    return file.split(data, "x.fpz", with_rows=True)


def test_rules(dump_c, shared_by_rule):
    data = file.join(NONE, iter([[shared_by_rule(kind) for kind in rules.RULES]]))
    (line,) = dumped(dump_c, [data])
    check_agrees(line, split(data))


def test_what_it_refuses(dump_c):
    data = storage.encode(nets.made("mlp"))
    damaged = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    lines = dumped(dump_c, [b"", b"FPX\x01", b"FPZ\x02", data[:-1], damaged, data + b"x"])
    assert [int(line) for line in lines] == [1, 1, 2, 3, CHECKSUM, 5]


def test_long_axes_of_empty_weights_are_refused(dump_c):
    assert dumped(dump_c, [with_weight(EMPTY["axes"])]) == [f"0 {TOO_SMALL}"]
