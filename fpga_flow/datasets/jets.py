"""`jets`: which particle made a jet, from 16 of its properties (hls4ml_lhc_jets_hlf, OpenML 42468): 830,000 jets.

J. Duarte et al., "Fast inference of deep neural networks in FPGAs for particle physics", JINST 13 P07027, 2018; the
features are those of its table 1.
"""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.datasets import base, download, npz_file, openml
from fpga_flow.datasets.digits import Split
from fpga_flow.errors import FieldError, InputError
from fpga_flow.whole import held

#: In the order of the network's inputs.
FEATURES = (
    "zlogz",
    *("c1_b0_mmdt", "c1_b1_mmdt", "c1_b2_mmdt", "c2_b1_mmdt", "c2_b2_mmdt"),
    *("d2_b1_mmdt", "d2_b2_mmdt", "d2_a1_b1_mmdt", "d2_a1_b2_mmdt"),
    *("m2_b1_mmdt", "m2_b2_mmdt", "n2_b1_mmdt", "n2_b2_mmdt"),
    *("mass_mmdt", "multiplicity"),
)
#: Gluon, light quark, top quark, W and Z boson: in the order of the alphabet, as hls4ml's tutorial numbers them.
CLASSES = ("g", "q", "t", "w", "z")

NUMBER = 42468  # on OpenML
ROWS = 830_000
#: The names by which the data set is found in a folder, the first that is there: as this package keeps it, as OpenML
#: hands it out, as scikit-learn keeps that; last a small sample.
FILES = (
    "hls4ml_lhc_jets_hlf.npz",
    "dataset_42468.pq",
    "hls4ml_lhc_jets_hlf.arff",
    "hls4ml_lhc_jets_hlf.arff.gz",
    "jets_600.npz",
)
#: The folders of other programs' data sets that may have it, next to that of its own name.
FOLDERS = ("jets", "jsc")

_PATH = ("data", "path")
_ARFF = FILES[2]


class Options(base.DataOptions):
    """16 properties of 830,000 jets, in 5 classes; standardised, and a fifth kept for testing, if nothing else is said.
    Which jets are for testing follows from the seed.

    path  a file, OpenML's (ARFF or Parquet) or an .npz with the arrays x (n, 16) and y (n,), or a folder with one; left
          out, it is looked for and else downloaded
    """

    name: Literal["jets"]
    path: str | None = None
    split: Split = Split()
    scale: base.Scale = "standard"


def load(options: Options, seed: int) -> base.Dataset:
    """The jets, split, scaled and coded as the options say. Of a part of them, the note says so.

    Raises:
        FieldError: there is no such file and it can't be downloaded; the options don't suit the data.
        InputError: the file is damaged or holds something else.
    """
    path = _given(Path(options.path)) if options.path is not None else _find() or _download()
    samples = _npz(str(path)) if path.suffix == ".npz" else openml.read(path, FEATURES, CLASSES)
    note = ""
    if len(samples.y) < ROWS:
        note = (
            f"data: {path.name} has {len(samples.y)} of the data set's {ROWS} jets: its accuracies can't be compared "
            "with published ones"
        )
    return base.make(options, seed, CLASSES, samples, source=str(path), note=note)


def _given(path: Path) -> Path:
    """The user's file."""
    if os.path.isfile(path):
        return path
    if not os.path.isdir(path):
        raise FieldError(_PATH, f'no such file or folder: "{path}"')
    for name in FILES:
        if (path / name).is_file():
            return path / name
    raise FieldError(_PATH, f'expected one of {", ".join(FILES)} in "{path}", got none')


def _find() -> Path | None:
    """The file where data sets are looked for: a small sample only if the whole is nowhere."""
    for name in FILES:
        for folder in (folder for names in FOLDERS for folder in download.folders(names)):
            if (folder / name).is_file():
                return folder / name
    return None


def _download() -> Path:
    """Fetch the data set from $FPGA_FLOW_MIRROR/jets, else from OpenML, and keep it as the .npz file in the cache."""
    folder = download.cache() / FOLDERS[0]
    mirror = download.mirror(FOLDERS[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder, ".", ".unfinished") as unfinished:
            table = unfinished / _ARFF
            if mirror:
                download.fetch_into(table, f"{mirror}/{_ARFF}", openml.MOST_TABLE)
            else:
                openml.fetch(NUMBER, table)
            samples = openml.read(table, FEATURES, CLASSES)
            if len(samples.y) != ROWS:
                raise ValueError(f"expected {ROWS} jets, got {len(samples.y)}")
            packed = unfinished / FILES[0]
            np.savez(packed, allow_pickle=False, x=samples.x, y=samples.y)
            return packed.replace(folder / FILES[0])
    except (OSError, http.client.HTTPException, ValueError, InputError) as error:
        source = f"{mirror}/{_ARFF}" if mirror else f"{openml.API}/{NUMBER}"
        raise FieldError(
            _PATH,
            f"jets can't be downloaded ({source}: {error}): expected {', '.join(FILES[:-1])} "
            f'in "{folder}", or the file or its folder here',
        ) from error


def _npz(path: str) -> base.Samples:
    """The samples of an .npz file, whose classes are their names or their places in `CLASSES`."""
    arrays = npz_file.read(path, ("x", "y"), lambda known: _check_names(known, path))
    x, labels = npz_file.checked(arrays, "x", "y", path)
    if x.shape[1:] != (len(FEATURES),):
        raise InputError.at(path, f"expected samples of shape (n, {len(FEATURES)}), got {x.shape}", field="x")
    return base.Samples(x, _class_numbers(labels, path))


def _check_names(known: list[str], path: str) -> None:
    if not {"x", "y"} <= set(known):
        raise InputError.at(path, f"expected the arrays x and y, got {', '.join(known) or 'none'}")


def _class_numbers(labels: NDArray[Any], path: str) -> NDArray[np.int64]:
    values, places = np.unique(labels, return_inverse=True)
    known = CLASSES if values.dtype.kind == "U" else range(len(CLASSES))
    for value in values:
        if value not in known:
            names = ", ".join(f"{number} or {name}" for number, name in enumerate(CLASSES))
            raise InputError.at(path, f'expected a class ({names}), got "{value}"', field="y")
    return np.array([known.index(value) for value in values], np.int64)[places]
