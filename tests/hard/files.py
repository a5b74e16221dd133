"""Mutated .fpz files and golden records, as `judging.judge` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fpga_flow import storage
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.storage import file as storage_file
from tests.csim.test_golden import assert_same, make
from tests.storage import mutations, nets

#: What an .fpz file may unpack to here.
_MOST_BYTES = 2**20


def stored(count: int, seed: int) -> Iterator[bytes]:
    """`count` mutated .fpz files."""
    files = [storage.encode(nets.made(next(iter(nets.NETWORKS)))), storage.encode(nets.clustered())]
    yield from mutations.mutated(files, count, seed)


def read_stored(path: Path) -> None:
    """Read an .fpz file as far as its weights; what is taken keeps to the limit."""
    contents = storage_file.split(path.read_bytes(), str(path), _MOST_BYTES, with_rows=True)
    if sum(each.values.nbytes for layer in contents.layers for each in layer) > _MOST_BYTES:
        raise AssertionError("it unpacked to more than the limit")


def golden(count: int, seed: int, folder: Path) -> Iterator[bytes]:
    """`count` mutated golden records."""
    rng = np.random.default_rng(seed)
    golden_file.save(make(), folder / "original.npz")
    content = (folder / "original.npz").read_bytes()
    for _ in range(count):
        yield mutations.mutate(content, content[::-1], rng)


def read_golden(path: Path) -> None:
    """Read a golden record; what is taken is what was recorded."""
    assert_same(make(), golden_file.load(path))
