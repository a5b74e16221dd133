"""Tables of OpenML: their download, and reading them as the ARFF or Parquet files that OpenML hands out.

scikit-learn's `fetch_openml` is not used: it has no time limit and no limit on the size of what it loads, keeps text
that it parses anew each time, and reads no file that the user has already.
"""

from __future__ import annotations

import gzip
import json
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.datasets import download
from fpga_flow.datasets.base import Samples
from fpga_flow.errors import InputError

#: The description of a table, as JSON, is behind its number here.
API = "https://www.openml.org/api/v1/json/data"
#: Bytes of the largest file that is fetched.
MOST_TABLE = 1 << 30

_MOST_DESCRIPTION = 1 << 20  # bytes
_MOST_LINE = 1 << 16  # characters
_MOST_HEADER = 1000  # lines
_MOST_ROWS = 10_000_000
_SAID = 10_000  # lines after which it is said how many there are so far

#: What numpy says of a cell that is no number.
_NO_NUMBER = re.compile(r"could not convert string '(.*)' to float32 at row")


def fetch(number: int, path: Path) -> None:
    """Write the ARFF file of the table with this number on OpenML.

    Raises:
        OSError, http.client.HTTPException: it can't be had.
        ValueError: what came is no description of a table, or not the file that it describes.
    """
    answer = download.fetch(f"{API}/{number}", _MOST_DESCRIPTION)
    try:
        described = json.loads(answer)["data_set_description"]
        url, md5 = described["url"], described["md5_checksum"]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{API}/{number}: expected a description with url and md5_checksum") from error
    if not str(url).startswith(("https://", "http://")):  # never a file of this machine
        raise ValueError(f"{API}/{number}: expected a URL of https or http, got {url}")
    got = download.fetch_into(path, url, MOST_TABLE)
    if got != md5:
        raise ValueError(f"{url}: expected content with MD5 {md5}, got {got}")


def read(path: Path, features: Sequence[str], classes: Sequence[str]) -> Samples:
    """The samples (n, features) float32 of a table, ARFF (compressed by gzip or not) or Parquet by its content.

    Args:
        path: the file.
        features: the names of its columns with numbers, in the order that they get; one column more has the classes.
        classes: their names, in the order that the class numbers count in.

    Raises:
        InputError: it can't be read, is damaged, or holds something else.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            x, y = _parquet(path, features, classes)
        elif start[:2] == b"\x1f\x8b":
            with gzip.open(path, "rb") as packed:
                x, y = _arff(packed, str(path), features, classes)
        else:
            with open(path, "rb") as file:
                x, y = _arff(file, str(path), features, classes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError.at(str(path), f"the file can't be read: {error}") from error
    wrong = np.argwhere(~np.isfinite(x))
    if len(wrong):
        row, column = wrong[0]
        raise InputError.at(
            str(path), f"expected a finite number, got {x[row, column]} in row {row} (from 0)", field=features[column]
        )
    return Samples(x, y)


class _Lines:
    """The lines of a text, none too long and not too many, and the number (from 1) of the last one that was taken."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self.file, self.number = file, 0

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(_MOST_LINE):
            self.number += 1
            if self.number % _SAID == 0:
                doing.now(f"reading the table: {self.number:,} lines so far")
            if len(line) == _MOST_LINE:
                raise ValueError(f"expected lines of less than {_MOST_LINE} characters")
            if self.number > _MOST_ROWS:
                raise ValueError(f"expected at most {_MOST_ROWS} lines")
            yield line.decode("utf-8")


def _arff(
    file: IO[bytes] | gzip.GzipFile, name: str, features: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    lines = _Lines(file)
    try:
        names = _attributes(lines)
        *columns, label = _columns(names, features)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are no rows is said below
            table = np.loadtxt(
                _rows(lines, len(names)),
                dtype=np.float32,
                comments="%",
                delimiter=",",
                converters={label: _Numbers(classes)},
                ndmin=2,
                encoding="utf-8",
            )
        if not table.size:
            raise ValueError("expected rows behind @data, got none")
    except ValueError as error:  # of which UnicodeDecodeError is one
        raise InputError.at(name, f"damaged ARFF table: {_reason(error)}", line=lines.number) from error
    return table[:, columns], table[:, label].astype(np.int64)


def _reason(error: ValueError) -> str:
    """What is wrong with a table, in our words where numpy has its own."""
    if isinstance(error.__cause__, _ClassError):
        return str(error.__cause__)
    found = _NO_NUMBER.match(str(error))
    return f'expected a number, got "{found[1]}"' if found else str(error)


def _attributes(lines: _Lines) -> list[str]:
    """The names of the columns, from a header which ends with the line @data."""
    names: list[str] = []
    for line in lines:
        keyword, _, rest = line.strip().partition(" ")
        if keyword.lower() == "@data":
            return names
        if keyword.lower() == "@attribute":
            quote = rest.strip()[:1]
            names.append(rest.split(quote)[1] if quote in ("'", '"') else rest.split()[0] if rest.split() else "")
        if lines.number > _MOST_HEADER:
            break
    raise ValueError("expected a header with @attribute for each column and @data at its end, got none")


def _rows(lines: _Lines, columns: int) -> Iterator[str]:
    for line in lines:
        if not line.isspace() and not line.startswith("%") and line.count(",") != columns - 1:
            raise ValueError(f"expected {columns} values, got {line.count(',') + 1}")
        yield line


def _columns(names: Sequence[str], features: Sequence[str]) -> list[int]:
    """The places of the features, in their order, and of the class in a table with columns of these names."""
    others = [name for name in names if name not in features]
    if len(others) != 1 or len(names) != len(features) + 1 or len(set(names)) != len(names):
        missing = [name for name in features if name not in names]
        got = f"no {', '.join(missing)}" if missing else f"beside them {', '.join(others) or 'none'}"
        expected = f"the columns {', '.join(features)} and one with the class"
        raise ValueError(f"expected {expected}, got {got if names else 'none'}")
    return [names.index(name) for name in (*features, *others)]


class _ClassError(ValueError):
    """A name that is none of the classes'."""


class _Numbers:
    """The number of a class by its name."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.numbers = {name: number for number, name in enumerate(classes)}

    def __call__(self, text: str) -> int:
        name = text.strip().strip("'\"")
        if name not in self.numbers:
            raise _ClassError(f'expected a class ({", ".join(self.numbers)}), got "{name}"')
        return self.numbers[name]


def _parquet(
    path: Path, features: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from pyarrow import ArrowException, parquet  # only who has such a file needs it loaded

    try:
        with parquet.ParquetFile(path) as file:
            rows = file.metadata.num_rows
            if rows > _MOST_ROWS:
                raise ValueError(f"expected at most {_MOST_ROWS} rows, got {rows}")
            names = file.schema_arrow.names
            *columns, label = _columns(names, features)
            x = np.empty((rows, len(features)), np.float32)
            for place, column in enumerate(columns):  # one at a time: less memory
                x[:, place] = _column(file, names[column])
            labels, codes = np.unique(_column(file, names[label]).astype(str), return_inverse=True)
        numbers = np.array([_Numbers(classes)(name) for name in labels], np.int64)
    except (ArrowException, ValueError, TypeError) as error:
        raise InputError.at(str(path), f"damaged Parquet table: {error}") from error
    return x, numbers[codes]


def _column(file: Any, name: str) -> NDArray[Any]:
    values: NDArray[Any] = file.read(columns=[name]).column(0).to_numpy()
    return values
