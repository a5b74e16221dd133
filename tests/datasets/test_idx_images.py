"""MNIST and Fashion-MNIST: idx-gz files in a folder, their download, and what damaged files say."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fpga_flow import datasets
from fpga_flow.datasets import fashion_mnist, idx, idx_images, mnist
from fpga_flow.datasets.base import Dataset, Split
from fpga_flow.errors import FieldError, InputError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx_gz(array: NDArray[np.uint8]) -> bytes:
    """The array as the content of an idx-gz file."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def write_images(folder: Path, train: int = 60, test: int = 20) -> None:
    """Four files with so many random images, whose first pixel is the label, all ten classes in equal parts."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    for count, images_file, labels_file in ((train, *FILES[:2]), (test, *FILES[2:])):
        images = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = np.arange(count).astype(np.uint8) % 10
        images[:, 0, 0] = labels
        (folder / images_file).write_bytes(idx_gz(images))
        (folder / labels_file).write_bytes(idx_gz(labels))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with four small idx-gz files: 60 training and 20 test images."""
    folder = tmp_path / "images"
    write_images(folder)
    return folder


def load(**options: Any) -> Dataset:
    return datasets.load(mnist.Options(name="mnist", **options), 1)


def field_error(**options: Any) -> str:
    with pytest.raises(FieldError) as caught:
        load(**options)
    return str(caught.value)


def known_content(folder: Path) -> idx_images.Source:
    """MNIST's source, expecting the content of the files in the folder."""
    digests = {file: hashlib.sha256(gzip.decompress((folder / file).read_bytes())).hexdigest() for file in FILES}
    return replace(mnist.SOURCE, sha256=digests)


def test_a_folder(images: Path) -> None:
    data = load(path=str(images))
    assert data.input_shape == (28, 28, 1)
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [50, 10, 20]
    assert data.train.x.max() == 255.0
    assert data.classes == tuple("0123456789")
    for part in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(part.x[:, 0, 0, 0], part.y.argmax(axis=1))
    assert data.test.y.argmax(axis=1).tolist() == [*range(10)] * 2  # the test set keeps its order


def test_fashion_mnist_has_names(images: Path) -> None:
    data = datasets.load(fashion_mnist.Options(name="fashion_mnist", path=str(images)), 1)
    assert data.name == "fashion_mnist"
    assert data.classes[0] == "T-shirt/top"
    assert len(data.classes) == 10


def test_the_path_is_not_in_the_digest(images: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "copy")
    assert load(path=str(images)).digest == load(path=str(tmp_path / "copy")).digest


def test_a_test_share_is_refused(images: Path) -> None:
    assert field_error(path=str(images), split=Split(test=0.1)) == (
        "data.split.test: mnist comes with its own test set: expected no share for testing, got 0.1"
    )


def test_no_folder() -> None:
    assert field_error(path="nowhere/mnist") == 'data.path: no such folder: "nowhere/mnist"'


def test_missing_files(images: Path) -> None:
    (images / FILES[1]).unlink()
    (images / FILES[2]).unlink()
    assert field_error(path=str(images)) == (
        f'data.path: expected the 4 files of mnist in "{images}", missing: train-labels-idx1-ubyte.gz, '
        "t10k-images-idx3-ubyte.gz"
    )


def test_where_files_are_looked_for(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(no_data / "mnist", train=30)
    assert len(load().train.x) == 20
    write_images(Path("data/mnist"), train=40)
    assert len(load().train.x) == 30
    monkeypatch.setenv("FPGA_FLOW_DATA", str(tmp_path / "mine"))
    assert len(load().train.x) == 30  # not there: ./data is used
    write_images(tmp_path / "mine" / "mnist", train=50)
    assert len(load().train.x) == 40


def test_download(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror" / "mnist"
    write_images(mirror)
    monkeypatch.setattr(mnist, "SOURCE", known_content(mirror))
    assert len(load().test.x) == 20
    assert sorted(path.name for path in (no_data / "mnist").iterdir()) == sorted(FILES)
    for file in FILES:
        (mirror / file).unlink()
    assert len(load().test.x) == 20  # from the cache


def test_download_takes_the_same_content_compressed_otherwise(
    no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror" / "mnist"
    write_images(mirror)
    monkeypatch.setattr(mnist, "SOURCE", known_content(mirror))
    file = mirror / FILES[0]
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1))
    assert len(load().test.x) == 20


def test_download_only_what_the_cache_lacks(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(no_data / "mnist")
    mirror = tmp_path / "mirror" / "mnist"
    write_images(mirror)
    monkeypatch.setattr(mnist, "SOURCE", known_content(mirror))
    (no_data / "mnist" / FILES[3]).unlink()
    for file in FILES[:3]:
        (mirror / file).unlink()
    assert len(load().test.x) == 20


def test_the_next_mirror_is_tried(no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FPGA_FLOW_MIRROR")
    write_images(tmp_path / "good")
    write_images(tmp_path / "other", train=70)
    mirrors = tuple((tmp_path / name).as_uri() for name in ("none", "other", "good"))
    monkeypatch.setattr(mnist, "SOURCE", replace(known_content(tmp_path / "good"), mirrors=mirrors))
    assert len(load().train.x) == 50


WANTED = (
    "expected train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
    't10k-labels-idx1-ubyte.gz in "{folder}", or their folder here'
)


def test_no_network(no_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "mirror" / "mnist" / FILES[0]
    message = field_error()
    assert message.startswith(f"data.path: mnist can't be downloaded ({file.as_uri()}: ")
    assert message.endswith("): " + WANTED.format(folder=no_data / "mnist"))
    assert list((no_data / "mnist").iterdir()) == []


def test_a_mirror_with_other_content(no_data: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror" / "mnist"
    write_images(mirror)
    got = hashlib.sha256(gzip.decompress((mirror / FILES[0]).read_bytes())).hexdigest()
    assert field_error() == (
        f"data.path: mnist can't be downloaded ({(mirror / FILES[0]).as_uri()}: expected content with SHA-256 "
        f"{mnist.SOURCE.sha256[FILES[0]]}, got {got}): {WANTED.format(folder=no_data / 'mnist')}"
    )
    assert list((no_data / "mnist").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda good: good[:-20], "the gzip file is incomplete"),
        (lambda good: b"", "the gzip file is incomplete"),
        (lambda good: b"<html>", "Error -3 while decompressing data: incorrect header check"),
    ],
)
def test_a_mirror_with_damaged_files(
    no_data: Path, tmp_path: Path, content: Callable[[bytes], bytes], reason: str
) -> None:
    mirror = tmp_path / "mirror" / "mnist"
    write_images(mirror)
    (mirror / FILES[0]).write_bytes(content((mirror / FILES[0]).read_bytes()))
    assert field_error() == (
        f"data.path: mnist can't be downloaded ({(mirror / FILES[0]).as_uri()}: {reason}): "
        + WANTED.format(folder=no_data / "mnist")
    )


def test_a_mirror_of_another_kind(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGA_FLOW_MIRROR", "data:text/plain,")
    assert "expected a URL of https, http or file" in field_error()


def test_a_cache_that_can_t_be_written(no_data: Path) -> None:
    no_data.parent.write_text("a file where the cache folder should be")
    assert re.fullmatch(
        r"data\.path: mnist can't be downloaded \(.*Not a directory.*\): "
        + re.escape(WANTED.format(folder=no_data / "mnist")),
        field_error(),
    )


def header(dimensions: int, *sizes: int, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, dimensions]) + struct.pack(f">{len(sizes)}I", *sizes)


LABELS = np.arange(60).astype(np.uint8) % 10


def packed(content: bytes) -> bytes:
    """Compressed without the time, which would give the cases other names in each process."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (0, b"", "expected a file compressed by gzip"),
        (0, b"no gzip", "expected a file compressed by gzip"),
        (
            0,
            packed(header(1, 5) + bytes(5)),
            "expected an idx file of unsigned bytes in 3D (it starts with 00000803), got 00000801",
        ),
        (
            0,
            packed(header(3, 1, 28, 28, kind=13)),
            "expected an idx file of unsigned bytes in 3D (it starts with 00000803), got 00000d03",
        ),
        (
            1,
            packed(b""),
            "expected an idx file of unsigned bytes in 1D (it starts with 00000801), got nothing",
        ),
        (0, packed(header(3, 5)), "expected an idx header of 16 bytes, got 8"),
        (
            0,
            packed(header(3, 2, 28, 28) + bytes(1000)),
            "expected 1568 bytes of data, as its header says (2x28x28), got 1000",
        ),
        (
            0,
            packed(header(3, 2, 28, 28) + bytes(1569)),
            "expected 1568 bytes of data, as its header says (2x28x28), got more",
        ),
        (
            0,
            packed(header(3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(10)),
            f"expected {(2**32 - 1) ** 3} bytes of data, as its header says (4294967295x4294967295x4294967295), got 10",
        ),
        (0, idx_gz(np.zeros((60, 20, 28), np.uint8)), "expected images of 28x28 pixels, got 20x28"),
        (0, idx_gz(np.zeros((0, 28, 28), np.uint8)), "expected at least one image, got none"),
        (1, idx_gz(LABELS[:59]), "expected 60 labels, as there are images, got 59"),
        (1, idx_gz(LABELS + 3), "expected labels from 0 to 9, got 10 for image 7 (from 0)"),
        (
            0,
            idx_gz(np.zeros((2, 28, 28), np.uint8))[:-12],
            "damaged gzip file: Compressed file ended before the end-of-stream marker was reached",
        ),
    ],
)
def test_damaged_files(images: Path, file: int, content: bytes, message: str) -> None:
    path = images / FILES[file]
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(path=str(images))
    assert str(caught.value) == f"{path}: {message}"


def test_a_wrong_checksum(images: Path) -> None:
    path = images / FILES[0]
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r": damaged gzip file: CRC check failed"):
        load(path=str(images))


def test_every_truncation_is_an_input_error() -> None:
    content = idx_gz(np.arange(40).astype(np.uint8))
    for length in range(len(content)):
        with pytest.raises(InputError):
            idx.parse(content[:length], "some file", 1)
    np.testing.assert_array_equal(idx.parse(content, "some file", 1), np.arange(40))


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(header(1, 10) + bytes(300_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(InputError, match="got more"):
        idx.parse(bomb, "bomb", 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("source", [mnist.SOURCE, fashion_mnist.SOURCE], ids=lambda source: source.name)
def test_real_files_have_the_expected_content(real_data: Path, source: idx_images.Source) -> None:
    assert known_content(real_data / source.name).sha256 == source.sha256


def test_real_mnist(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGA_FLOW_DATA", str(real_data))
    data = load(scale=255.0)
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [54001, 5999, 10000]
    assert data.test.y.argmax(axis=1)[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    everything = (data.train.x.sum(dtype=np.float64) + data.validation.x.sum(dtype=np.float64)) / (60000 * 784)
    assert everything == pytest.approx(0.1307, abs=1e-4)  # the mean that everybody quotes
