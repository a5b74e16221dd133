"""Files of samples: each form is read, and everything wrong with them is told with its place."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.csim import inputs
from fpga_flow.csim.build import Tensor
from fpga_flow.errors import InputError

SAMPLES = np.array([[0.5, -1.25, 1e-9], [3.0, 0.0, 7.5]])


def error_of(path: Path, size: int = 3, shape: tuple[int, ...] = ()) -> str:
    with pytest.raises(InputError) as error:
        inputs.read(path, size, shape)
    return str(error.value).replace(f"{path}:", "FILE:").replace(f"{path}", "FILE")


@pytest.mark.parametrize(
    "text", ["0.5 -1.25 1e-9\n3 0 7.5\n", "0.5,-1.25,1e-9\r\n\r\n3,0,7.5", "\ufeff0.5, -1.25\t1E-9\n 3.0 , 0 7.5 \n"]
)
@pytest.mark.parametrize("suffix", inputs.TEXT)
def test_text(tmp_path, text, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(inputs.read(path, 3), SAMPLES)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8, np.bool_])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(tmp_path, dtype, order):
    values = np.asarray(np.random.default_rng(0).integers(0, 2, (5, 2, 3)), dtype, order=order)
    np.save(tmp_path / "x.npy", values)
    np.savez(tmp_path / "x.npz", anything=values)
    np.savez_compressed(tmp_path / "y.npz", x=values, y=np.zeros(5))
    for name in ("x.npy", "x.npz", "y.npz"):
        got = inputs.read(tmp_path / name, 6, (2, 3))
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, values.reshape(5, 6))


def test_everything_wrong_with_a_text_is_told_at_once(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2,3\n\n1,nan,inf\n1,2\n1,two,3\n1_0,2,3\n")
    assert error_of(path) == (
        'FILE:3: sample 1: value 1: expected a finite number, got "nan"; value 2: expected a finite number, got "inf"\n'
        "FILE:4: sample 2: expected 3 numbers, got 2\n"
        'FILE:5: sample 3: value 1: expected a finite number, got "two"\n'
        'FILE:6: sample 4: value 0: expected a finite number, got "1_0"'
    )


def test_of_very_many_problems_only_the_first_are_told(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("no " * 100 + "\n" + "1 2\n" * 30)
    lines = error_of(path).split("\n")
    assert len(lines) == 10
    assert lines[0].endswith('value 8: expected a finite number, got "no" and 91 more')
    assert lines[9] == "FILE:10: sample 9: expected 3 numbers, got 2 (and 21 more lines)"
    values = np.zeros((20, 3))
    values[5:] = np.nan
    np.save(tmp_path / "x.npy", values)
    assert error_of(tmp_path / "x.npy") == (
        "FILE: expected finite numbers, got nan as value 0 of sample 5, nan as value 1 of sample 5, "
        "nan as value 2 of sample 5, nan as value 0 of sample 6, nan as value 1 of sample 6, "
        "nan as value 2 of sample 6, nan as value 0 of sample 7, nan as value 1 of sample 7, "
        "nan as value 2 of sample 7, nan as value 0 of sample 8 and 35 more"
    )


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_no_samples(tmp_path, text):
    (tmp_path / "x.dat").write_text(text)
    assert error_of(tmp_path / "x.dat") == "FILE: expected samples of 3 numbers, one a line, got none"
    np.save(tmp_path / "x.npy", np.zeros((0, 3)))
    assert error_of(tmp_path / "x.npy") == "FILE: expected at least one sample, got none"


def test_files_that_are_none(tmp_path):
    assert error_of(tmp_path) == "FILE: expected a file of samples, got a folder"
    assert error_of(tmp_path / "no.npy") == "FILE: expected a file of samples, got no such file"
    (tmp_path / "x.h5").write_text("1 2 3")
    known = ".npy, .npz, .csv, .dat, .txt"
    assert error_of(tmp_path / "x.h5") == f'FILE: expected a file that ends with one of {known}, got ".h5"'
    (tmp_path / "x.txt").write_bytes(b"1 2 \xff")
    assert error_of(tmp_path / "x.txt") == "FILE: expected text in UTF-8, got the byte 0xff"


@pytest.mark.parametrize("shape", [(3,), (5, 4), (5, 3, 1), ()])
def test_wrong_shapes(tmp_path, shape):
    np.save(tmp_path / "x.npy", np.zeros(shape))
    assert error_of(tmp_path / "x.npy") == f"FILE: expected samples of the shape (n, 3), got {shape}"


def test_wrong_shapes_of_images(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 1, 2, 3)))
    expected = "FILE: x: expected samples of the shape (n, 6) or (n, 2, 3, 1), got (5, 1, 2, 3)"
    assert error_of(tmp_path / "x.npz", 6, (2, 3, 1)) == expected


def test_values_that_are_no_numbers(tmp_path):
    for number, values in enumerate([np.array([["a"]]), np.array([[1j]]), np.array([[None]]), np.zeros(3, "M8[s]")]):
        np.save(tmp_path / f"{number}.npy", values)
        message = "FILE: the samples can't be read: expected numbers, got values of the type "
        assert error_of(tmp_path / f"{number}.npy").startswith(message)


def test_archives_that_do_not_say_which_array(tmp_path):
    np.savez(tmp_path / "x.npz", a=SAMPLES, b=SAMPLES)
    expected = 'expected a single array, or one that is called "x" or "inputs", got "a", "b"'
    assert error_of(tmp_path / "x.npz") == f"FILE: the samples can't be read: {expected}"


def test_damaged_arrays(tmp_path):
    np.save(tmp_path / "x.npy", SAMPLES)
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:-1])
    expected = "expected 48 bytes for the shape (2, 3) of float64, got 47"
    assert error_of(tmp_path / "x.npy") == f"FILE: the samples can't be read: {expected}"
    (tmp_path / "x.npy").write_bytes(content + b"0")
    assert "expected 48 bytes for the shape (2, 3) of float64, got more" in error_of(tmp_path / "x.npy")
    (tmp_path / "x.npz").write_bytes(content)
    assert error_of(tmp_path / "x.npz") == "FILE: the samples can't be read: File is not a zip file"


def test_a_header_that_no_parser_has_memory_for(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"-" * 9000 + b"1,), }"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert error_of(tmp_path / "x.npy").startswith("FILE: the samples can't be read: ")


def test_random_samples_use_the_whole_range_of_their_types():
    tensors = (Tensor("a", 2, "fixed<3,1>"), Tensor("b", 1, "ufixed<2,2>"), Tensor("c", 1, "float"))
    values = inputs.random(tensors, 500, 3)
    assert values.shape == (500, 4)
    assert set(values[:, :2].ravel()) == set(np.arange(-1, 1, 0.25))
    assert set(values[:, 2]) == {0, 1, 2, 3}
    assert -1 <= values[:, 3].min() < -0.9
    assert 0.9 < values[:, 3].max() <= 1
    np.testing.assert_array_equal(values, inputs.random(tensors, 500, 3))
    assert (values != inputs.random(tensors, 500, 4)).any()


def test_random_samples_of_the_widest_types():
    assert np.isfinite(inputs.random((Tensor("a", 9, "fixed<53,3>"), Tensor("b", 1, "ufixed<53,60>")), 10, 0)).all()


def test_damaged_archives_never_end_in_another_error(tmp_path):
    np.savez_compressed(tmp_path / "good.npz", x=SAMPLES)
    content = (tmp_path / "good.npz").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(int(rng.integers(1, 5))):
            changed[rng.integers(len(changed))] = int(rng.integers(256))
        (tmp_path / "x.npz").write_bytes(changed[: rng.integers(len(changed) // 2, len(changed) + 1)])
        with contextlib.suppress(InputError):
            np.testing.assert_array_equal(inputs.read(tmp_path / "x.npz", 3), SAMPLES)
