"""The .fpz file: sections with checksums around an architecture and the weights of each layer.

Its format is described in docs/reference/fpz.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.errors import InputError
from fpga_flow.networks.promises import Promise
from fpga_flow.storage import architecture, decoder, encoder
from fpga_flow.storage.bits import Damaged, Reader, varint
from fpga_flow.storage.decoder import Weight
from fpga_flow.storage.streams import Coding

MAGIC = b"FPZ\x01"
#: The most bytes of float32 that the weights of a file may have, if not asked for otherwise.
MAX_BYTES = 1 << 30
_CRC_BYTES = 4

#: A weight to be written, with what was promised of it.
Source = tuple[NDArray[np.float32], Sequence[Promise]]


@dataclass(frozen=True)
class Contents:
    """What a file holds, before Keras has made a model of it: the architecture as Keras' configuration, the weights of
    each layer that has some, and the bytes of the file's frame and of its architecture.
    """

    config: dict[str, Any]
    layers: tuple[tuple[Weight, ...], ...]
    size: int
    architecture_bytes: int
    checksum_bytes: int


def join(architecture_bytes: bytes, layers: Iterator[Sequence[Source]], coding: Coding = "huffman") -> bytes:
    """A whole file. Layers are taken one at a time, so that not all weights need to be in memory twice."""
    bodies = []
    for number, weights in enumerate(layers, 1):
        doing.now(f"coding the weights of layer {number}")
        coded = [encoder.encode(values, promised, coding) for values, promised in weights]
        bodies.append(b"".join(varint(len(each)) + each for each in coded))
    made, crc = [MAGIC], zlib.crc32(MAGIC)
    for body in [varint(len(bodies)) + architecture_bytes, *bodies]:
        head = varint(len(body))
        crc = zlib.crc32(body, zlib.crc32(head, crc))
        made += [head, body, crc.to_bytes(_CRC_BYTES, "little")]
    return b"".join(made)


def split(data: bytes | memoryview, name: str, max_bytes: int = MAX_BYTES, *, with_rows: bool = False) -> Contents:
    """What a file holds. Its checksums and the size of all its weights are checked before any of them is decoded.

    Args:
        data: the file's content; `name` is for the messages of errors.
        max_bytes: the most bytes of float32 that its weights may have.
        with_rows: whether each weight is to tell of its parts.

    Raises:
        InputError: it is no such file, damaged, of another version, or too large.
    """
    reader = Reader(data)
    with _located(name, "header", 0):
        _check_magic(reader)
    with _located(name, "architecture", 0):
        body, crc = _section(reader, zlib.crc32(MAGIC))
    with _located(name, "architecture", begin := _begin(reader, body)):
        inner = Reader(body)
        count = inner.varint("the number of layers", reader.left)
    with _located(name, "architecture", begin + inner.offset):
        config = architecture.read(body[inner.offset :])
    sections, left = [], max_bytes
    for number in range(1, count + 1):
        with _located(name, f"layer {number}", 0):
            body, crc = _section(reader, crc)
        with _located(name, f"layer {number}", begin := _begin(reader, body)):
            sections.append([(begin + start, weight) for start, weight in _weights(Reader(body))])
        for place, (begin, weight) in enumerate(sections[-1], 1):
            with _located(name, f"layer {number}, weight {place}", begin):
                left -= decoder.read_header(Reader(weight)).extent * np.dtype(np.float32).itemsize
                if left < 0:
                    raise Damaged(f"expected weights of at most {max_bytes:,} bytes in all, got more", 0)
    with _located(name, "end", 0):
        if reader.left:
            raise Damaged(f"expected the end of the file, got {reader.left} more bytes", reader.offset)
    layers = []
    for number, section in enumerate(sections, 1):
        made = []
        for place, (begin, weight) in enumerate(section, 1):
            with _located(name, f"layer {number}, weight {place}", begin):
                made.append(decoder.decode(Reader(weight), with_row=with_rows))
        layers.append(tuple(made))
    return Contents(config, tuple(layers), len(data), len(inner.data) - inner.offset, _CRC_BYTES * (1 + count))


@contextmanager
def _located(name: str, where: str, begin: int) -> Iterator[None]:
    """Name the file, the part and the byte in errors of what is read; offsets in them count from `begin`."""
    try:
        yield
    except Damaged as error:
        raise InputError.at(name, f"{where}, byte {begin + error.offset}: {error}") from error


def _begin(reader: Reader, body: memoryview) -> int:
    """Where the section that was read last begins."""
    return reader.offset - _CRC_BYTES - len(body)


def _check_magic(reader: Reader) -> None:
    magic = bytes(reader.take(min(len(MAGIC), reader.left), "magic"))
    if magic == MAGIC:
        return
    if magic[:3] == MAGIC[:3] and len(magic) == len(MAGIC):
        raise Damaged(f"expected version {MAGIC[3]} of the format, got {magic[3]}", 3)
    raise Damaged("expected a .fpz file, which begins with FPZ", 0)


def _section(reader: Reader, crc: int) -> tuple[memoryview, int]:
    """The body of the next section, and the checksum of all up to it."""
    start = reader.offset
    length = reader.varint("the length of a section")
    head = reader.data[start : reader.offset]
    body = reader.take(length, "a section")
    stored = int.from_bytes(reader.take(_CRC_BYTES, "checksum"), "little")
    found = zlib.crc32(body, zlib.crc32(head, crc))
    if stored != found:
        raise Damaged(f"expected the checksum {stored:08x}, got {found:08x}: the file is damaged", start)
    return body, found


def _weights(reader: Reader) -> Iterator[tuple[int, memoryview]]:
    """The weights of a layer, and where in its section each begins."""
    while reader.left:
        length = reader.varint("the length of a weight")
        yield reader.offset, reader.take(length, "a weight")
