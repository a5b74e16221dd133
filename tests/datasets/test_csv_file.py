"""The user's own tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import datasets
from fpga_flow.datasets import csv_file
from fpga_flow.datasets.base import Dataset, Split
from fpga_flow.errors import FieldError, InputError

#: 30 rows: number, half of it, class.
ROWS = [f"{number},{number / 2},{'abc'[number % 3]}" for number in range(30)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def load(file: Path | str, **options: Any) -> Dataset:
    options.setdefault("split", Split(test=0.2))
    return datasets.load(csv_file.Options(name="csv", path=str(file), **options), 1)


def check(data: Dataset, classes: str = "abc") -> None:
    """The parts hold the samples of `ROWS` with their labels."""
    assert data.classes == tuple(classes)
    seen = []
    for part in (data.train, data.validation, data.test):
        for (number, half), label in zip(part.x, part.y.argmax(axis=1), strict=True):
            assert half == number / 2
            assert label == number % 3
            seen.append(int(number))
    assert sorted(seen) == list(range(30))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("\n".join(ROWS), {}),
        ("\n".join(ROWS) + "\n\n  \n", {}),
        ("\r\n".join(ROWS) + "\r\n", {}),
        ("\ufeff" + "\n".join(ROWS), {}),
        ("\n".join(["first,second,class", *ROWS]), {}),
        ("\n".join(["first,second,class", *ROWS]), {"header": True, "label": "class"}),
        ("\n".join(["1,2,3", *ROWS]), {"header": True}),
        ("\n".join(ROWS), {"header": False, "label": 2}),
        ("\n".join(ROWS).replace(",", ";"), {"delimiter": ";"}),
        ("\n".join(ROWS).replace(",", "\t"), {"delimiter": "\t"}),
        ("\n".join(ROWS).replace(",", " , "), {}),
        ("\n".join('"' + row.replace(",", '","') + '"' for row in ROWS), {}),
        ("\n".join(",".join(reversed(row.split(","))) for row in ROWS), {"label": 0}),
    ],
    ids=[
        "plain", "blank lines", "crlf", "bom", "header", "label by name", "numbers as header", "label by number",
        "semicolon", "tab", "spaces", "quotes", "label first",
    ],
)  # fmt: skip
def test_ways_to_write_it(file: Path, text: str, options: dict[str, Any]) -> None:
    file.write_bytes(text.encode())
    data = load(file, **options)
    if options.get("label") == 0:  # the features come in the other order
        assert data.train.x[:, 1].tolist() == (data.train.x[:, 0] * 2).tolist()
    else:
        check(data)


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (["1", "2", "10"], ("1", "2", "10")),
        (["1.0", "2.0", "3.0"], ("1", "2", "3")),
        (["-1", "0", "1"], ("-1", "0", "1")),
        (["b", "10", "9"], ("10", "9", "b")),
        (["0.5", "1", "2"], ("0.5", "1", "2")),
        (["äpfel", "1_0", "x"], ("1_0", "x", "äpfel")),
    ],
)
def test_classes(file: Path, written: list[str], classes: tuple[str, ...]) -> None:
    file.write_text("\n".join(f"{number},{written[number % 3]}" for number in range(30)), "utf-8")
    data = load(file, header=False)
    assert data.classes == classes
    name = {float(text) if text[-1] in "0123456789" and "_" not in text else text for text in classes}
    assert len(name) == 3
    for (number,), label in zip(data.train.x, data.train.y.argmax(axis=1), strict=True):
        assert written[int(number) % 3] in (classes[label], f"{classes[label]}.0")


def test_shape(file: Path) -> None:
    file.write_text("\n".join(ROWS))
    assert load(file, shape=[2, 1, 1]).input_shape == (2, 1, 1)
    assert field_error(file, shape=[8, 8, 1]) == "data.shape: expected the shape of 2 values, got [8, 8, 1] for 64"


def field_error(file: Path | str, **options: Any) -> str:
    with pytest.raises(FieldError) as caught:
        load(file, **options)
    return str(caught.value)


def test_wrong_options(file: Path, tmp_path: Path) -> None:
    file.write_text("\n".join(["first,second,class,class", *[f"{row},0" for row in ROWS]]))
    assert field_error("nowhere.csv") == 'data.path: no such file: "nowhere.csv"'
    assert field_error(tmp_path) == f'data.path: expected a file, got the folder "{tmp_path}"'
    assert field_error(file, label="clas") == (
        f'data.label: expected a column of "{file}", got "clas": did you mean "class"?'
    )
    assert field_error(file, label="class") == f'data.label: expected a column that "{file}" has once, got "class"'
    assert field_error(file, label=4) == "data.label: expected a column from -4 to 3, got 4"
    assert field_error(file, label=-5) == "data.label: expected a column from -4 to 3, got -5"
    file.write_text("\n".join(ROWS))
    assert field_error(file, label="class") == (
        f'data.label: expected the number of a column, as "{file}" has no header, got "class"'
    )
    assert field_error(file, split=Split()) == (
        f"data.split.test: {file} comes without a test set: expected the share of samples for testing, "
        "for example 0.2, got none"
    )


def problems(file: Path, text: str | bytes, **options: Any) -> list[str]:
    """The problems of a file with this content, without its name."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as caught:
        load(file, **options)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


def test_all_problems_at_once(file: Path) -> None:
    rows = ["first,second,class", *ROWS]
    rows[2] = "x,2,a"
    rows[5] = "1,2"
    rows[6] = "1,2,a,b"
    rows[10] = ",nan,c"
    rows[12] = "1,1_000,c"
    rows[20] = "inf,-1e999,b"
    rows[30] = "1,2,"
    assert problems(file, "\n".join(rows)) == [
        '3:1: expected a number, got "x"',
        "6: expected 3 columns, as in line 1, got 2",
        "7: expected 3 columns, as in line 1, got 4",
        "11:1: expected a number, got an empty cell",
        '11:2: expected a finite number, got "nan"',
        '13:2: expected a number, got "1_000"',
        '21:1: expected a finite number, got "inf"',
        '21:2: expected a finite number, got "-1e999"',
        "31:3: expected a class, got an empty cell",
    ]


def test_lines_are_those_of_the_file(file: Path) -> None:
    rows = ['1,2,"a\nb"', "", "1,2,c", "1,z,c"]
    assert problems(file, "\n".join(rows)) == ['5:2: expected a number, got "z"']


def test_at_most_twenty_problems(file: Path) -> None:
    rows = [*ROWS, *["x,y,a"] * 15]
    found = problems(file, "\n".join(rows))
    assert len(found) == 20
    assert found[0] == '31:1: expected a number, got "x"'
    assert found[-1] == '40:2: expected a number, got "y" (and 10 more)'


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("", {}, " expected rows of numbers and a class, got an empty file"),
        ("\n \n", {}, " expected rows of numbers and a class, got an empty file"),
        ("first,second,class\n", {}, " expected rows of numbers and a class, got only a header"),
        ("1,2,3\n", {"header": True}, " expected rows of numbers and a class, got only a header"),
        ("\n1;2;a\n1;2;b", {}, '2: expected at least two columns between delimiters ",", got 1'),
        ("1,2,a\n3,4,a", {}, ' expected at least two classes, got only "a"'),
        ('1,2,a\n1,"2"x,b', {}, "2: damaged table: ',' expected after '\"'"),
        ('1,2,a\n1,"2,b', {}, "2: damaged table: unexpected end of data"),
        (b"1,2,\xff\n", {}, "1: expected text in UTF-8, got the byte 0xff"),
        (
            "\n".join([*ROWS, "1,2,d", "1,2,d"]),
            {},
            ' class "d" has 2 samples, expected at least 3: one each for training, validation and testing',
        ),
    ],
)
def test_wrong_files(file: Path, text: str | bytes, options: dict[str, Any], problem: str) -> None:
    assert problems(file, text, **options) == [problem]


def test_real_table(real_data: Path) -> None:
    data = load(real_data / "uci" / "cardio_dataset.csv", delimiter=";", scale="standard", label="Y")
    assert (data.input_shape, data.classes) == ((21,), ("1", "2", "3"))
    assert sum(len(part.x) for part in (data.train, data.validation, data.test)) == 2126
    assert np.abs(data.test.x.mean(axis=0)).max() < 0.5
