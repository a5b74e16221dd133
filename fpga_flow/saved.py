"""Files from which interrupted work goes on: plain values and lists of arrays, in numpy's `.npz` form."""

from __future__ import annotations

import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.whole import whole_file

#: What numpy, zipfile, zlib and h5py raise for damaged files.
UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RuntimeError,
    SyntaxError, MemoryError, struct.error, tokenize.TokenError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def write(path: Path, told: Any, **lists: Sequence[NDArray[Any]]) -> None:
    """Write what there is to tell (JSON values) and lists of arrays by one rename."""
    arrays = {f"{name}_{number}": array for name, each in lists.items() for number, array in enumerate(each)}
    head = json.dumps([told, {name: len(each) for name, each in lists.items()}])
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:  # numpy would add a suffix to a name
        np.savez(file, allow_pickle=False, head=np.array(head), **arrays)


def read(path: Path) -> tuple[Any, dict[str, list[NDArray[Any]]]]:
    """What `write` wrote.

    Raises:
        one of UNREADABLE: there is no such file, or it is damaged.
    """
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:  # numpy leaves a damaged file open
        told, counts = json.loads(str(data["head"]))
        lists = {name: [data[f"{name}_{number}"] for number in range(count)] for name, count in counts.items()}
    return told, lists


def check_alike(values: Sequence[NDArray[Any]], own: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError unless these are as many arrays as one's own, each of the same shape and type."""
    got, expected = ([(each.shape, each.dtype) for each in arrays] for arrays in (values, own))
    if got != expected:
        raise ValueError(f"expected arrays of the shapes and types {expected}, got {got}")
