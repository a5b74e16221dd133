"""What the users' own files share: their options, and how labels of any form become numbered classes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.datasets.base import DataOptions
from fpga_flow.errors import FieldError, InputError
from fpga_flow.printing import printable
from fpga_flow.spec.base import PositiveInt
from fpga_flow.spec.yaml_file import shortened


class Options(DataOptions):
    """A file of the user's.

    path   the file
    shape  what each sample is reshaped to, for example [8, 8, 1]; left out: it stays as it is
    """

    path: str
    shape: Annotated[list[PositiveInt], Field(min_length=1)] | None = None


def existing_file(path: str) -> Path:
    """The path as a file.

    Raises:
        FieldError: there is none.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for names that are too long
        raise FieldError(("data", "path"), f'expected a file, got the folder "{path}"')
    if not os.path.isfile(path):
        raise FieldError(("data", "path"), f'no such file: "{path}"')
    return Path(path)


def reshaped(x: NDArray[Any], shape: Sequence[int] | None) -> NDArray[Any]:
    """Samples (n, ...) as (n, *shape).

    Raises:
        FieldError: a sample has another number of values.
    """
    if shape is None:
        return x
    values = math.prod(x.shape[1:])
    if math.prod(shape) != values:
        raise FieldError(
            ("data", "shape"), f"expected the shape of {values} values, got {list(shape)} for {math.prod(shape)}"
        )
    return x.reshape(len(x), *shape)


def classes_of(labels: NDArray[Any], source: str) -> tuple[str, ...]:
    """The names of the classes in labels (n,), whole numbers or text, in the order of their values.

    Raises:
        InputError: there is only one, or one that can't be printed.
    """
    values = np.unique(labels)
    if len(values) < 2:
        raise InputError.at(source, f'expected at least two classes, got only "{values[0]}"')
    classes = tuple(str(value) for value in values)
    for name in classes:
        if (shown := printable(name)) != name:
            raise InputError.at(source, f'expected classes without control characters, got "{shortened(shown)}"')
    return classes


def numbered(labels: NDArray[Any], classes: Sequence[str], source: str, field: str = "") -> NDArray[np.int64]:
    """The place of each label (n,) in `classes`.

    Raises:
        InputError: a label is none of them (a test set with a class that training doesn't know).
    """
    numbers = {name: number for number, name in enumerate(classes)}
    values, places = np.unique(labels, return_inverse=True)
    for value in values:
        if str(value) not in numbers:
            raise InputError.at(
                source, f'expected only classes of the training set ({", ".join(classes)}), got "{value}"', field=field
            )
    return np.array([numbers[str(value)] for value in values], np.int64)[places]
