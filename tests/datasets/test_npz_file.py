"""The user's own .npz files."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import datasets
from fpga_flow.datasets import npz_file
from fpga_flow.datasets.base import Dataset, Split
from fpga_flow.errors import FieldError, InputError

X = np.random.default_rng(2).normal(size=(30, 6)).astype(np.float32)
Y = np.arange(30) % 3
ONE_HOT = np.eye(3)[Y]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


def load(file: Path | str, **options: Any) -> Dataset:
    options.setdefault("split", Split(test=0.2))
    return datasets.load(npz_file.Options(name="npz", path=str(file), **options), 1)


def row_of(data: Dataset, y: Any) -> None:
    """Every sample of the parts has the label that it has in the file."""
    for part in (data.train, data.validation, data.test):
        for sample, label in zip(part.x, part.y.argmax(axis=1), strict=True):
            (row,) = np.flatnonzero((sample.reshape(-1) == X).all(axis=1))
            assert data.classes[label] == str(y[row])


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (Y, Y),
        (Y.astype(np.uint8), Y),
        (Y.astype(np.float32), Y),
        (Y[:, np.newaxis], Y),
        (ONE_HOT, Y),
        (ONE_HOT.astype(bool), Y),
        (Y * 5 - 5, Y * 5 - 5),
        (np.array(["b", "a", "Ü"])[Y], np.array(["b", "a", "Ü"])[Y]),
        (np.array([b"b", b"a", b"c"])[Y], np.array(["b", "a", "c"])[Y]),
    ],
    ids=["int", "uint8", "float", "column", "one-hot", "bool one-hot", "any ints", "text", "bytes"],
)
def test_forms_of_labels(file: Path, y: Any, classes: Any) -> None:
    np.savez(file, x=X, y=y)
    data = load(file)
    assert data.classes == tuple(str(value) for value in np.unique(classes))
    row_of(data, classes)


def test_classes_are_ordered_as_numbers(file: Path) -> None:
    np.savez(file, x=X, y=np.array([10, 9, -1])[Y])
    assert load(file).classes == ("-1", "9", "10")


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float16, np.float64, bool, ">f4", ">i2"])
def test_types_of_samples(file: Path, kind: Any) -> None:
    np.savez_compressed(file, x=(X > 0).astype(kind), y=Y)
    data = load(file)
    assert data.train.x.dtype == np.float32
    assert sorted(np.unique(data.train.x)) == [0.0, 1.0]


def test_shapes(file: Path) -> None:
    np.savez(file, x=X.reshape(30, 3, 2), y=Y)
    assert load(file).input_shape == (3, 2)
    assert load(file, shape=[2, 3, 1]).input_shape == (2, 3, 1)
    row_of(load(file, shape=[1, 6]), Y)


def test_a_test_set_in_the_file(file: Path) -> None:
    np.savez(file, x=X, y=Y, x_test=X[:7] + 1, y_test=Y[:7])
    data = load(file, split=Split(), shape=[2, 3])
    np.testing.assert_array_equal(data.test.x.reshape(7, 6), X[:7] + 1)
    assert data.test.y.argmax(axis=1).tolist() == Y[:7].tolist()
    assert len(data.train.x) + len(data.validation.x) == 30


def test_other_names(file: Path) -> None:
    np.savez(file, images=X, labels=Y, a=X[:5], b=Y[:5], x_test=np.array(3), notes=np.array("any"))
    data = load(file, x="images", y="labels", x_test="a", y_test="b", split=Split())
    assert len(data.test.x) == 5


def test_equal_content_has_an_equal_digest(file: Path, tmp_path: Path) -> None:
    np.savez(file, x=X, y=Y)
    np.savez_compressed(tmp_path / "other.npz", x=X, y=Y, more=X)
    assert load(file).digest == load(tmp_path / "other.npz").digest
    assert load(file).digest != load(file, shape=[6, 1]).digest


def field_error(file: Path | str, **options: Any) -> str:
    with pytest.raises(FieldError) as caught:
        load(file, **options)
    return str(caught.value)


def test_wrong_options(file: Path, tmp_path: Path) -> None:
    np.savez(file, x=X, y=Y)
    assert field_error("nowhere.npz") == 'data.path: no such file: "nowhere.npz"'
    assert field_error(tmp_path) == f'data.path: expected a file, got the folder "{tmp_path}"'
    assert field_error(file, x="X_train") == (f'data.x: expected an array of "{file}", got "X_train": known are x, y')
    assert field_error(file, y_test="yy") == f'data.y_test: expected an array of "{file}", got "yy": did you mean "y"?'
    assert field_error(file, shape=[2, 2]) == "data.shape: expected the shape of 6 values, got [2, 2] for 4"
    assert field_error(file, split=Split()) == (
        f"data.split.test: {file} comes without a test set: expected the share of samples for testing, "
        "for example 0.2, got none"
    )
    np.savez(file, x=X, y=Y, x_test=X, y_test=Y)
    assert field_error(file) == (
        f"data.split.test: {file} comes with its own test set: expected no share for testing, got 0.2"
    )


def changed(array: Any, place: Any, value: Any) -> Any:
    array = array.astype(type(value)) if not isinstance(value, list) else array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": changed(X, (3, 2), np.nan)}, "x[3, 2]: expected a finite number, got nan"),
        ({"x": changed(X, [4, 5], -np.inf)}, "x[4, 0]: expected a finite number, got -inf (and 11 more)"),
        ({"x": X + 1j}, "x: expected numbers, got an array of type complex64"),
        ({"x": X.astype(str)}, "x: expected numbers, got an array of type <U32"),
        ({"x": X[:, 0]}, "x: expected samples of shape (n, values) or (n, ...), got (30,)"),
        ({"x": X[:0]}, "x: expected samples of shape (n, values) or (n, ...), got (0, 6)"),
        ({"x": X[:29]}, "y: expected 29 labels, as there are samples in x, got 30"),
        ({"y": Y.astype(complex)}, "y: expected classes (whole numbers, text or one-hot rows), got type complex128"),
        ({"y": ONE_HOT[:, :, np.newaxis]}, "y: expected classes of shape (n,) or one-hot (n, classes), got (30, 3, 1)"),
        ({"y": np.array(3)}, "y: expected classes of shape (n,) or one-hot (n, classes), got ()"),
        ({"y": changed(Y, 4, 0.5)}, "y[4]: expected a whole number as class, got 0.5"),
        ({"y": changed(Y, 7, np.nan)}, "y[7]: expected a whole number as class, got nan"),
        (
            {"y": changed(ONE_HOT, 5, [1, 1, 0])},
            "y[5]: expected a one-hot row, one 1 and otherwise 0, got [1.0, 1.0, 0.0]",
        ),
        (
            {"y": changed(ONE_HOT, 6, [0, 0.5, 0.5])},
            "y[6]: expected a one-hot row, one 1 and otherwise 0, got [0.0, 0.5, 0.5]",
        ),
        ({"y": np.full(30, 4)}, 'expected at least two classes, got only "4"'),
        (
            {"y": changed(Y, [0, 3], [7, 7])},
            'class "7" has 2 samples, expected at least 3: one each for training, validation and testing',
        ),
        ({"x_test": X}, "expected the array y_test too, as there is x_test"),
        ({"y_test": Y}, "expected the array x_test too, as there is y_test"),
        ({"x_test": X[:, :5], "y_test": Y}, "x_test: expected samples of shape (6,) as in x, got (5,)"),
        ({"x_test": X, "y_test": Y + 1}, 'y_test: expected only classes of the training set (0, 1, 2), got "3"'),
        ({"x_test": X[:2], "y_test": Y}, "y_test: expected 2 labels, as there are samples in x_test, got 30"),
    ],
)
def test_wrong_arrays(file: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(file, **{"x": X, "y": Y, **arrays})
    with pytest.raises(InputError) as caught:
        load(file, split=Split(test=None if "x_test" in arrays and "y_test" in arrays else 0.2))
    assert str(caught.value) == f"{file}: {message}"


def test_objects_are_refused(file: Path) -> None:
    np.savez(file, x=np.array([{"a": 1}] * 30, object), y=Y)
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file}: x: the array can't be read: Object arrays cannot be loaded when allow_pickle=False"
    )


def test_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    message = f"{file}: expected an .npz file (numpy.savez), got something else or a damaged one"
    np.save(tmp_path / "array.npy", X)
    for content in (b"", b"text", (tmp_path / "array.npy").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(InputError) as caught:
            load(file)
        assert str(caught.value) == message
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x", "no array")
        archive.writestr("y", "no array")
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: x: the array can't be read: not a numpy array"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_anywhere_is_an_input_error(file: Path, save: Any) -> None:
    save(file, x=X[:, :2], y=Y)
    good = file.read_bytes()
    for place in range(0, len(good), 3):
        for content in (good[:place], good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :]):
            file.write_bytes(content)
            with suppress(InputError, FieldError):  # FieldError: the name of an array is damaged
                load(file)


def test_a_header_that_promises_too_much(file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13, 6)})
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(80))
        archive.writestr("y.npy", header.getvalue() + bytes(80))
    with pytest.raises(InputError, match=r"x: the array can't be read: Unable to allocate"):
        load(file)


def test_real_files(real_data: Path) -> None:
    data = load(real_data / "kws01" / "kws01_lfbe.npz", shape=[49, 10, 1])
    assert (data.input_shape, len(data.classes)) == ((49, 10, 1), 12)
    assert load(real_data / "jsc" / "jets_600.npz").input_shape == (16,)
