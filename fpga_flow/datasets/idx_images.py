"""What `mnist` and `fashion_mnist` share: four idx-gz files in a folder, downloaded where there are none."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow.datasets import base, download, idx
from fpga_flow.errors import FieldError, InputError

#: In the order training images, training labels, test images, test labels.
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
PIXELS = (28, 28)

_PATH = ("data", "path")
_MOST_COMPRESSED = 64 << 20  # twice the largest file
_MOST_CONTENT = 128 << 20


class Options(base.DataOptions):
    """Images in four idx-gz files.

    path  the folder of the four files; left out, they are looked for, else downloaded
    """

    path: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set of this form: its classes, the URLs of folders with its files, and what the files must contain.

    `sha256` is of the content, not of the compressed file: mirrors compress the same content differently.
    """

    name: str
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str]


def load(source: Source, options: Options, seed: int) -> base.Dataset:
    """The images (28, 28, 1), 0 to 255, split, scaled and coded as the options say; the test set is the test part.

    Raises:
        FieldError: the files are not where the options say and can't be downloaded; the options don't suit the data.
        InputError: a file is damaged.
    """
    folder = find(source, options)
    train, test = (_samples(folder, images, labels, source.classes) for images, labels in (FILES[:2], FILES[2:]))
    return base.make(options, seed, source.classes, train, test, source=source.name)


def find(source: Source, options: Options) -> Path:
    """The folder that holds the four files, which are downloaded into the cache if they are nowhere.

    Raises:
        FieldError: `path` is no folder or lacks files; or the download fails.
    """
    if options.path is not None:
        folder = Path(options.path)
        if not os.path.isdir(folder):
            raise FieldError(_PATH, f'no such folder: "{options.path}"')
        missing = _missing(folder)
        if missing:
            all_of = f"the {len(FILES)} files of {source.name}"
            raise FieldError(_PATH, f'expected {all_of} in "{options.path}", missing: {", ".join(missing)}')
        return folder
    for folder in download.folders(source.name):
        if not _missing(folder):
            return folder
    return _download(source)


def _missing(folder: Path) -> list[str]:
    return [file for file in FILES if not (folder / file).is_file()]


def _download(source: Source) -> Path:
    """Fetch the files that the cache lacks, from $FPGA_FLOW_MIRROR/<name>, else from the mirrors in their order.

    Raises:
        FieldError: no mirror gave a file with the right content, or the cache can't be written.
    """
    folder = download.cache() / source.name
    mirror = download.mirror(source.name)
    mirrors = (mirror,) if mirror else source.mirrors
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in _missing(folder):
            download.write_at_once(folder / file, _fetch_any(mirrors, file, source.sha256.get(file)))
    except OSError as error:
        raise FieldError(
            _PATH,
            f"{source.name} can't be downloaded ({error}): expected {', '.join(FILES)} "
            f'in "{folder}", or their folder here',
        ) from error
    return folder


def _fetch_any(mirrors: Sequence[str], file: str, sha256: str | None) -> bytes:
    """The file from the first mirror that has it with the right content. OSError says what went wrong at each."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}/{file}"
        try:
            content = download.fetch(url, _MOST_COMPRESSED)
            _check(content, sha256)
        except (OSError, http.client.HTTPException, ValueError, EOFError, zlib.error) as error:
            failures.append(f"{url}: {error}")
        else:
            return content
    raise OSError("; ".join(failures))


def _check(compressed: bytes, sha256: str | None) -> None:
    """Compare the SHA-256 of what is compressed."""
    decompressor = zlib.decompressobj(wbits=31)  # 31: gzip
    content = decompressor.decompress(compressed, _MOST_CONTENT)
    if not decompressor.eof:
        raise gzip.BadGzipFile("the gzip file is incomplete")
    got = hashlib.sha256(content).hexdigest()
    if sha256 is not None and got != sha256:
        raise ValueError(f"expected content with SHA-256 {sha256}, got {got}")


def _samples(folder: Path, images_file: str, labels_file: str, classes: Sequence[str]) -> base.Samples:
    images: np.ndarray[Any, np.dtype[np.uint8]] = idx.read(folder / images_file, 3)
    labels = idx.read(folder / labels_file, 1)
    if images.shape[1:] != PIXELS:
        got = "x".join(map(str, images.shape[1:]))
        raise InputError.at(str(folder / images_file), f"expected images of 28x28 pixels, got {got}")
    if len(images) == 0:
        raise InputError.at(str(folder / images_file), "expected at least one image, got none")
    if len(images) != len(labels):
        raise InputError.at(
            str(folder / labels_file), f"expected {len(images)} labels, as there are images, got {len(labels)}"
        )
    wrong = np.flatnonzero(labels >= len(classes))
    if len(wrong):
        raise InputError.at(
            str(folder / labels_file),
            f"expected labels from 0 to {len(classes) - 1}, got {labels[wrong[0]]} for image {wrong[0]} (from 0)",
        )
    return base.Samples(images[..., np.newaxis], labels.astype(np.int64))
