"""`npz`: the user's own numpy archive with samples and labels, and a test set if it has one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow import sizes
from fpga_flow.datasets import base, user
from fpga_flow.errors import FieldError, InputError, suggest
from fpga_flow.saved import UNREADABLE

_DEFAULT_TEST = ("x_test", "y_test")


class Options(user.Options):
    """The names of the arrays.

    x       the array of the samples, (n, ...)
    y       that of the classes: (n,) whole numbers or text, or (n, classes) one-hot
    x_test  the samples of the test set; left out: the array of this name, where the file has it
    y_test  the classes of the test set; left out: the array of this name, where the file has it
    """

    name: Literal["npz"]
    x: str = "x"
    y: str = "y"
    x_test: str | None = None
    y_test: str | None = None


def load(options: Options, seed: int) -> base.Dataset:
    """The samples of the file, split, scaled and coded as the options say. Pickled objects are never loaded.

    Raises:
        FieldError: no such file or array; the options don't suit the data.
        InputError: the file is damaged, or an array isn't of the expected form.
    """
    path = options.path
    user.existing_file(path)
    arrays = _arrays(options)
    samples = checked(arrays, options.x, options.y, path)
    classes = user.classes_of(samples[1], path)
    train = base.Samples(user.reshaped(samples[0], options.shape), user.numbered(samples[1], classes, path, options.y))
    test = None
    names = _test_names(options, set(arrays))
    if names:
        x, y = checked(arrays, *names, path)
        if x.shape[1:] != samples[0].shape[1:]:
            raise InputError.at(
                path,
                f"expected samples of shape {samples[0].shape[1:]} as in {options.x}, got {x.shape[1:]}",
                field=names[0],
            )
        test = base.Samples(user.reshaped(x, options.shape), user.numbered(y, classes, path, names[1]))
    return base.make(options, seed, classes, train, test, source=path)


def _arrays(options: Options) -> dict[str, NDArray[Any]]:
    """The arrays that the options name, and those of a test set with the default names."""
    wanted = [name for name in (options.x, options.y, options.x_test, options.y_test) if name is not None]
    return read(options.path, (*wanted, *_DEFAULT_TEST), lambda known: _check_names(options, known))


def read(path: str, wanted: Sequence[str], check: Callable[[list[str]], None]) -> dict[str, NDArray[Any]]:
    """Those of the wanted arrays that the file has; `check` sees the names of all that it has, before one is read.

    Raises:
        InputError: the file or one of these arrays is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise InputError.at(path, "expected an .npz file (numpy.savez), got something else or a damaged one")
    name = ""
    try:
        sizes.check_archive(Path(path))
        # opened here, as numpy leaves a damaged file open
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            known = list(archive.files)
            check(known)
            arrays = {}
            for name in [name for name in known if name in wanted]:
                arrays[name] = archive[name]
                if not isinstance(arrays[name], np.ndarray):  # numpy hands out other files as bytes
                    raise ValueError("not a numpy array")
    except UNREADABLE as error:
        raise InputError.at(path, f"the array can't be read: {error}", field=name) from error
    return arrays


def _check_names(options: Options, known: list[str]) -> None:
    for field in ("x", "y", "x_test", "y_test"):
        name = getattr(options, field)
        if name is not None and name not in known:
            raise FieldError(
                ("data", field), f'expected an array of "{options.path}", got "{name}": {suggest(name, known)}'
            )


def _test_names(options: Options, known: set[str]) -> tuple[str, str] | None:
    """The names of the arrays of the test set; None if there is none."""
    x, y = options.x_test or _DEFAULT_TEST[0], options.y_test or _DEFAULT_TEST[1]
    if x in known and y in known:
        return x, y
    if x in known or y in known:
        present, missing = (x, y) if x in known else (y, x)
        raise InputError.at(options.path, f"expected the array {missing} too, as there is {present}")
    return None


def checked(arrays: dict[str, NDArray[Any]], x: str, y: str, path: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The samples (n, ...), finite numbers, and their labels (n,), whole numbers or text, of the arrays x and y.

    Raises:
        InputError: they are something else.
    """
    values = _checked_values(arrays[x], x, path)
    labels = _checked_labels(arrays[y], y, path)
    if len(values) != len(labels):
        raise InputError.at(
            path, f"expected {len(values)} labels, as there are samples in {x}, got {len(labels)}", field=y
        )
    return values, labels


def _checked_values(x: NDArray[Any], name: str, path: str) -> NDArray[Any]:
    if x.dtype.kind not in "buif":
        raise InputError.at(path, f"expected numbers, got an array of type {x.dtype}", field=name)
    if x.ndim < 2 or x.size == 0:
        raise InputError.at(path, f"expected samples of shape (n, values) or (n, ...), got {x.shape}", field=name)
    wrong = np.argwhere(~np.isfinite(x))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError.at(path, f"expected a finite number, got {x[tuple(wrong[0])]}{more}", field=f"{name}[{place}]")
    return x


def _checked_labels(y: NDArray[Any], name: str, path: str) -> NDArray[Any]:
    """Labels (n,): whole numbers or text; one-hot rows become the number of their column."""
    if y.dtype.kind not in "buifSU":
        raise InputError.at(
            path, f"expected classes (whole numbers, text or one-hot rows), got type {y.dtype}", field=name
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.size == 0 or y.ndim > 2 or y.ndim == 0 or (y.ndim == 2 and y.dtype.kind in "SU"):
        raise InputError.at(path, f"expected classes of shape (n,) or one-hot (n, classes), got {y.shape}", field=name)
    if y.ndim == 2:
        return _from_one_hot(y, name, path)
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "U":
        if not _is_text(y):
            raise InputError.at(path, "expected classes of characters of Unicode, got something else", field=name)
        return y
    if y.dtype.kind == "f":
        wrong = np.flatnonzero(~(np.isfinite(y) & (y == np.trunc(y)) & (np.abs(y) < 2**53)))
        if len(wrong):
            raise InputError.at(
                path, f"expected a whole number as class, got {y[wrong[0]]}", field=f"{name}[{wrong[0]}]"
            )
    return y.astype(np.int64)


def _is_text(y: NDArray[np.str_]) -> bool:
    """Whether numbers of characters in an array are such; numpy takes any four bytes for one, Python does not."""
    if y.dtype.itemsize == 0:
        return True
    numbers = np.ascontiguousarray(y).view(np.dtype(np.uint32).newbyteorder(y.dtype.byteorder))
    return bool(((numbers < 0xD800) | ((numbers > 0xDFFF) & (numbers <= 0x10FFFF))).all())


def _from_one_hot(y: NDArray[Any], name: str, path: str) -> NDArray[Any]:
    wrong = np.flatnonzero(((y == 1).sum(axis=1) != 1) | ((y != 0).sum(axis=1) != 1))
    if len(wrong):
        raise InputError.at(
            path,
            f"expected a one-hot row, one 1 and otherwise 0, got {y[wrong[0]].tolist()}",
            field=f"{name}[{wrong[0]}]",
        )
    columns: NDArray[np.int64] = y.argmax(axis=1)
    return columns
