"""Files that are damaged in many ways, some so that all checksums are right again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from fpga_flow.storage.bits import Reader, varint
from fpga_flow.storage.file import MAGIC

_EXTREMES = [0, 1, 127, 128, 255, 4096, 4097, 2**16, 2**31, 2**32, 2**48, 2**62, 2**63 - 1, 2**64, 2**70]


def bodies(data: bytes) -> list[bytes]:
    """The sections of a whole file."""
    reader, found = Reader(data, len(MAGIC)), []
    while reader.left:
        found.append(bytes(reader.take(reader.varint(""), "")))
        reader.take(4, "")
    return found


def joined(sections: list[bytes]) -> bytes:
    """A file of these sections with the right checksums."""
    made, crc = [MAGIC], zlib.crc32(MAGIC)
    for body in sections:
        head = varint(len(body))
        crc = zlib.crc32(body, zlib.crc32(head, crc))
        made += [head, body, crc.to_bytes(4, "little")]
    return b"".join(made)


def weights(body: bytes) -> list[bytes]:
    """The weights in a layer's section."""
    reader, found = Reader(body), []
    while reader.left:
        found.append(bytes(reader.take(reader.varint(""), "")))
    return found


def mutate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The bytes changed in one of several ways: bits, bytes, cut, a piece gone, twice or of `other`, a number."""
    made = bytearray(data)
    place = int(rng.integers(len(made) + 1))
    length = int(rng.integers(1, 9))
    match rng.integers(8):
        case 0:
            for _ in range(int(rng.integers(1, 4))):
                if made:
                    made[int(rng.integers(len(made)))] ^= 1 << int(rng.integers(8))
        case 1:
            made[place : place + 1] = bytes([int(rng.integers(256))])
        case 2:
            del made[place:]
        case 3:
            del made[place : place + length]
        case 4:
            made[place:place] = made[place : place + length]
        case 5:
            start = int(rng.integers(len(other) + 1))
            made[place:] = other[start:]
        case 6:
            made[place : place + int(rng.integers(3))] = varint(int(rng.choice(np.array(_EXTREMES, object))))
        case _:
            made[place : place + length] = rng.bytes(length)
    return bytes(made)


def mutated(files: list[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` damaged files; in two of three the checksums are right."""
    rng = np.random.default_rng(seed)
    sections = [bodies(data) for data in files]
    for number in range(count):
        chosen, other = (int(each) for each in rng.integers(len(files), size=2))
        if number % 3 == 0:
            yield mutate(files[chosen], files[other], rng)
            continue
        made = list(sections[chosen])
        place = int(rng.integers(len(made)))
        others = sections[other]
        if number % 3 == 1 or place == 0:
            made[place] = mutate(made[place], others[place % len(others)], rng)
        else:  # one weight, with the right length around it
            parts = weights(made[place])
            which = int(rng.integers(len(parts)))
            other_parts = weights(others[1 + place % (len(others) - 1)])
            parts[which] = mutate(parts[which], other_parts[which % len(other_parts)], rng)
            made[place] = b"".join(varint(len(part)) + part for part in parts)
        yield joined(made)
