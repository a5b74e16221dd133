"""The files of a project's weights: a simulation reads `w2.txt`, as hls4ml means it to, and HLS tools read `w2.h`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fpga_flow import sizes
from fpga_flow.errors import InputError, Place, Problem

_MOST_BYTES = 10**9
_COMMENT = re.compile(rb"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
_END = re.compile(rb"\}\s*;")


def check(folder: Path, names: Iterable[str]) -> None:
    """Check that headers have the values of the files that are simulated: else the FPGA would compute something else.

    Args:
        folder: of the weights.
        names: of the .txt files; those whose header is not there, or without values, are passed over.

    Raises:
        InputError: of all that differ.
    """
    problems = list(_differing(folder, names))
    if problems:
        raise InputError(problems)


def _differing(folder: Path, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        header = folder / Path(name).with_suffix(".h")
        try:
            values, text = sizes.read_bytes(folder / name, _MOST_BYTES), sizes.read_bytes(header, _MOST_BYTES)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Problem(Place(str(error.filename)), "", error.strerror or "can't be read")
            continue
        text = _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), text)
        begin = re.search(rb"\b%b\s*(?:\[[^\]]*\]\s*)+=\s*\{" % re.escape(header.stem).encode(), text)
        end = begin and _END.search(text, begin.end())
        if begin is None or end is None or _same(text[begin.end() : end.start()], values):
            continue
        line = text.count(b"\n", 0, begin.end()) + 1
        message = (
            f"expected the values of {name}, which are simulated, got others, which the FPGA would have: change both "
            "files, or make the project anew"
        )
        yield Problem(Place(str(header), line), "", message)


def _same(one: bytes, other: bytes) -> bool:
    """Whether two texts are the same values. hls4ml writes the same text; people may write it otherwise."""
    if one.strip() == other.strip():
        return True
    pairs = zip(_parts(one), _parts(other), strict=True)
    try:
        return all(a == b or float(a) == float(b) for a, b in pairs)
    except ValueError:  # another number of values, or no numbers
        return False


def _parts(text: bytes) -> list[bytes]:
    return re.split(rb"[\s{},]+", text.strip(b"{} \t\r\n,"))
