"""Samples for a C simulation: a user's file, the project's own test data, or random ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import sizes
from fpga_flow.csim import arrays
from fpga_flow.csim.golden.file import MAX_VALUES
from fpga_flow.csim.golden.values import fixed_point
from fpga_flow.errors import InputError, Place, Problem
from fpga_flow.saved import UNREADABLE

if TYPE_CHECKING:
    from fpga_flow.csim.build import Tensor

#: How many problems of a file are told.
MOST_PROBLEMS = 10
#: What a file of numbers may be called.
TEXT = (".csv", ".dat", ".txt")
_NAMES = ("x", "inputs")
#: Of a text, which takes many times that in memory.
MOST_BYTES = 2**30


def read(path: Path, size: int, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """The samples (n, size) of a file: `.npy`, `.npz` (a single array, or `x` or `inputs`), or a sample a line.

    Args:
        size: values of a sample.
        shape: of a sample in the network, which arrays may have as well.

    Raises:
        InputError: the file is missing, damaged or something else, or holds no samples of this size; all that is wrong
            with it at once, with line, sample and position (both from 0).
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InputError.at(str(path), f"expected a file of samples, got {what}")
    if path.suffix in TEXT:
        return _text(path, size)
    if path.suffix not in (".npy", ".npz"):
        known = ", ".join((".npy", ".npz", *TEXT))
        raise InputError.at(str(path), f'expected a file that ends with one of {known}, got "{path.suffix}"')
    name, values = _array(path)
    expected = f"(n, {size})" + (f" or {('n', *shape)}".replace("'", "") if len(shape) > 1 else "")
    if values.ndim < 2 or values.shape[1:] not in ((size,), shape):
        raise InputError.at(str(path), f"expected samples of the shape {expected}, got {values.shape}", field=name)
    if not len(values):
        raise InputError.at(str(path), "expected at least one sample, got none", field=name)
    samples = values.reshape(len(values), size).astype(np.float64)
    if len(wrong := np.argwhere(~np.isfinite(samples))):
        places = [f"{samples[sample, number]} as value {number} of sample {sample}" for sample, number in wrong]
        raise InputError.at(str(path), f"expected finite numbers, got {_first(places, ', ')}", field=name)
    return samples


def check_count(samples: int, size: int) -> None:
    """Raise an InputError if so many samples of so many values are more than a golden record holds."""
    if samples * size > MAX_VALUES:
        got = f"{samples:,} samples of {size:,}"
        raise InputError.at("--samples", f"expected at most {MAX_VALUES:,} values, got {got}")


def random(tensors: Sequence[Tensor], samples: int, seed: int) -> NDArray[np.float64]:
    """Random samples (n, sum of sizes): any values of the inputs' types alike; for types that are no fixed-point ones,
    numbers between -1 and 1.
    """
    rng = np.random.default_rng(seed)
    columns: list[NDArray[np.float64]] = []
    for tensor in tensors:
        type_ = fixed_point(tensor.type)
        if type_ is None:
            columns.append(rng.uniform(-1.0, 1.0, (samples, tensor.size)))
            continue
        least, greatest = int(type_.min / type_.step), int(type_.max / type_.step)
        raw = rng.integers(least, greatest, (samples, tensor.size), endpoint=True)
        columns.append(raw.astype(np.float64) * type_.step)
    return np.concatenate(columns, axis=1)


def _text(path: Path, size: int) -> NDArray[np.float64]:
    """A sample a line, its numbers with spaces or commas between them; lines that are blank don't count."""
    try:
        lines = sizes.read_text(path, MOST_BYTES).splitlines()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError.at(str(path), f"expected text in UTF-8, got the byte 0x{byte:02x}") from error
    except OSError as error:
        raise InputError.at(str(path), f"the samples can't be read: {error.strerror}") from error
    rows: list[list[float]] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if cells := line.replace(",", " ").split():
            if wrong := list(_wrong_cells(cells, size)):
                problems.append(Problem(Place(str(path), number), f"sample {len(rows)}", _first(wrong, "; ")))
            rows.append([] if wrong else [float(cell) for cell in cells])
    if not rows:
        raise InputError.at(str(path), f"expected samples of {size:,} numbers, one a line, got none")
    if (more := len(problems) - MOST_PROBLEMS) > 0:
        last = problems[MOST_PROBLEMS - 1]
        problems[MOST_PROBLEMS - 1] = Problem(last.place, last.field, f"{last.message} (and {more:,} more lines)")
    if problems:
        raise InputError(problems[:MOST_PROBLEMS])
    return np.array(rows, np.float64)


def _first(texts: Sequence[str], joint: str) -> str:
    """The first of some texts as one, and how many more there are."""
    more = f" and {len(texts) - MOST_PROBLEMS:,} more" if len(texts) > MOST_PROBLEMS else ""
    return joint.join(texts[:MOST_PROBLEMS]) + more


def _wrong_cells(cells: Sequence[str], size: int) -> Iterator[str]:
    """What is wrong with the numbers of a line."""
    if len(cells) != size:
        yield f"expected {size:,} numbers, got {len(cells):,}"
    for number, cell in enumerate(cells):
        if not _is_number(cell):
            yield f'value {number}: expected a finite number, got "{cell[:40]}"'


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _array(path: Path) -> tuple[str, NDArray[Any]]:
    """The array of samples in a file of numpy's, with its name in it."""
    name = ""
    try:
        with open(path, "rb") as file:
            if path.suffix == ".npy":
                return "", arrays.read_array(file)
            with arrays.open_archive(path, file) as archive:
                names = [each.removesuffix(".npy") for each in archive.namelist() if each.endswith(".npy")]
                wanted = names if len(names) == 1 else [each for each in names if each in _NAMES]
                if len(wanted) != 1:
                    got = ", ".join(f'"{each}"' for each in names[:MOST_PROBLEMS]) or "none"
                    raise ValueError(f'expected a single array, or one that is called "x" or "inputs", got {got}')
                name = wanted[0]
                with archive.open(f"{name}.npy") as entry:
                    return name, arrays.read_array(entry)
    except UNREADABLE as error:
        words = str(error) or type(error).__name__
        raise InputError.at(str(path), f"the samples can't be read: {words}", field=name) from error
