"""`csv`: the user's own table, one sample per row: numbers, and its class in one of the columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.datasets import base, user
from fpga_flow.errors import FieldError, InputError, Place, Problem, suggest
from fpga_flow.sizes import check_file
from fpga_flow.spec.yaml_file import shortened

#: How many problems of a file are shown.
MOST_PROBLEMS = 20
#: Larger tables would take more memory than there is.
_MOST_BYTES = 2**31


class Options(user.Options):
    """How the file is written.

    delimiter  the character between two cells
    header     whether the first row holds the names of the columns; `auto`: it does if none of its cells is a number
    label      the column of the class: its name, or its number from 0 (negative: from the last, which is -1)
    """

    name: Literal["csv"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    header: Literal["auto"] | bool = "auto"
    label: int | str = -1


@dataclass(frozen=True)
class _Row:
    """The cells of a row without surrounding spaces, and the line of the file where it starts (from 1)."""

    line: int
    cells: list[str]


def load(options: Options, seed: int) -> base.Dataset:
    """The rows of the file, split, scaled and coded as the options say.

    Raises:
        FieldError: no such file or column; the options don't suit the data.
        InputError: everything that is wrong with the rows, with line and column (the number of the cell, from 1).
    """
    path = options.path
    user.existing_file(path)
    rows = list(_rows(path, options.delimiter))
    names = rows.pop(0) if rows and _has_header(rows[0], options.header) else None
    first = names or (rows[0] if rows else None)
    if first is None or not rows:
        got = "an empty file" if first is None else "only a header"
        raise InputError.at(path, f"expected rows of numbers and a class, got {got}")
    columns = len(first.cells)
    if columns < 2:
        raise InputError.at(
            path,
            f'expected at least two columns between delimiters "{options.delimiter}", got {columns}',
            line=first.line,
        )
    label = _label_column(options, names.cells if names else None, columns)
    x, labels = _table(path, rows, first, label)
    classes = user.classes_of(labels, path)
    samples = base.Samples(user.reshaped(x, options.shape), user.numbered(labels, classes, path))
    return base.make(options, seed, classes, samples, source=path)


def _rows(path: str, delimiter: str) -> Iterator[_Row]:
    """The rows of the file that are not blank."""
    line = 1
    try:
        check_file(Path(path), _MOST_BYTES)
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield _Row(line, stripped)
                line = reader.line_num + 1  # a quoted cell may hold line breaks
    except csv.Error as error:
        raise InputError.at(path, f"damaged table: {error}", line=line) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except OSError as error:
        raise InputError.at(path, f"the file can't be read: {error.strerror}") from error


def _not_utf8(path: str) -> InputError:
    """The error for the first line that is no UTF-8; where it is is not known while a file is read in pieces."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return InputError.at(path, f"expected text in UTF-8, got the byte 0x{byte:02x}", line=number)
    raise AssertionError(f"{path} has changed while it was read")


def _has_header(first: _Row, header: Literal["auto"] | bool) -> bool:
    if header == "auto":
        return not any(_is_number(cell) for cell in first.cells)
    return header


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    if "_" in cell:  # Python's float reads 1_000
        raise ValueError(cell)
    return float(cell)


def _label_column(options: Options, names: Sequence[str] | None, columns: int) -> int:
    """The number of the column of the class, from 0."""
    label, path = options.label, ("data", "label")
    if isinstance(label, int):
        if not -columns <= label < columns:
            raise FieldError(path, f"expected a column from {-columns} to {columns - 1}, got {label}")
        return label % columns
    if names is None:
        raise FieldError(path, f'expected the number of a column, as "{options.path}" has no header, got "{label}"')
    if label not in names:
        raise FieldError(path, f'expected a column of "{options.path}", got "{label}": {suggest(label, names)}')
    if names.count(label) > 1:
        raise FieldError(path, f'expected a column that "{options.path}" has once, got "{label}"')
    return names.index(label)


def _table(path: str, rows: Sequence[_Row], first: _Row, label: int) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Features (n, columns - 1) and labels (n,) of rows as long as the `first`, or all that is wrong with them."""
    problems: list[Problem] = []
    values, labels = [], []
    for row in rows:
        if len(row.cells) != len(first.cells):
            message = f"expected {len(first.cells)} columns, as in line {first.line}, got {len(row.cells)}"
            problems.append(Problem(Place(path, row.line), "", message))
            continue
        features, wrong = _features(path, row, label)
        problems += wrong
        values.append(features)
        labels.append(row.cells[label])
    if problems:
        raise InputError(_first(problems))
    return np.array(values, np.float64), _typed(labels)


def _features(path: str, row: _Row, label: int) -> tuple[list[float], list[Problem]]:
    """The numbers of a row without its class, and what is wrong with its cells."""
    features, problems = [], []
    for column, cell in enumerate(row.cells):
        message = ""
        if column == label:
            message = "" if cell else "expected a class, got an empty cell"
        else:
            try:
                value = _number(cell)
            except ValueError:
                message = (
                    f'expected a number, got "{shortened(cell)}"' if cell else "expected a number, got an empty cell"
                )
            else:
                features.append(value)
                message = "" if math.isfinite(value) else f'expected a finite number, got "{shortened(cell)}"'
        if message:
            problems.append(Problem(Place(path, row.line, column + 1), "", message))
    return features, problems


def _first(problems: list[Problem]) -> list[Problem]:
    """The first problems of the file; the last of them says how many more there are."""
    shown = sorted(problems)[:MOST_PROBLEMS]
    more = len(problems) - len(shown)
    if more:
        last = shown[-1]
        shown[-1] = Problem(last.place, last.field, f"{last.message} (and {more} more)")
    return shown


def _typed(labels: list[str]) -> NDArray[Any]:
    """Labels (n,) as whole numbers if all of them are, so that class 10 comes after class 9; else as text."""
    try:
        numbers = np.array([_number(label) for label in labels])
    except ValueError:
        return np.array(labels)
    whole = np.isfinite(numbers) & (numbers == np.trunc(numbers)) & (np.abs(numbers) < 2**53)
    return numbers.astype(np.int64) if whole.all() else np.array(labels)
