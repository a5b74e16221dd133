"""A data set in memory, and how raw samples become one: split, scaled and one-hot coded as the spec declares.

A data set is a module with

    Options               its section of the spec, derived from `DataOptions`; its field `name` is a Literal of the name
    load(options, seed)   -> the Dataset that `make` makes of raw samples. It raises a `FieldError` where the options
                          don't suit the data, and an `InputError` where a file is damaged
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import FieldError, InputError
from fpga_flow.spec.base import Fraction, PositiveFloat, PositiveInt, Section

#: Samples that are scaled at a time: the doubles of all of MNIST would take 380 MB.
_CHUNK = 4096

Scale = Literal["none", "minmax", "standard"] | PositiveFloat


class Split(Section):
    """Which share of the samples is kept for validation and for testing, class by class (stratified), by the seed. Test
    data never touch training or scaling.

    validation  the share of what is left for training
    test        the share of all samples; data sets that come with their own test set refuse it
    """

    validation: Fraction = 0.1
    test: Fraction | None = None


class DataOptions(Section):
    """What every data set takes.

    name           of the data set
    split          what is kept for validation and testing
    scale          a number divides the values by it; `minmax` and `standard` are fitted, feature by feature, on the
                   training samples
    one_hot        train on one-hot coded labels; false: on class numbers (the loss is the same)
    train_samples  at most so many training (with validation) samples, taken by the seed; left out: all
    test_samples   at most so many test samples, taken by the seed; left out: all
    """

    name: str
    split: Split = Split()
    scale: Scale = "none"
    one_hot: bool = True
    train_samples: PositiveInt | None = None
    test_samples: PositiveInt | None = None


@dataclass(frozen=True)
class Part:
    """Samples `x` (n, *shape) float32, scaled, and labels `y`: (n, classes) float32 if one-hot, else (n,) int64.

    Both are read-only.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]


@dataclass(frozen=True)
class Dataset:
    """The three disjoint parts, the names of the classes, and the scaling that a host must apply to its inputs.

    scaling     `{"method": "none" | "divide" | "minmax" | "standard", "offset": [...], "factor": [...]}`:
                scaled = (raw - offset) * factor, computed in double and then rounded to float32; each list holds a
                single number, or one per feature (flat)
    digest      SHA-256 of everything that the parts depend on (raw data, options, seed)
    note        what whoever reads its accuracies should know of the data, if anything
    """

    name: str
    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...]
    scaling: dict[str, Any]
    digest: str
    note: str = ""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.train.x.shape[1:]


@dataclass(frozen=True)
class Samples:
    """Raw samples: finite numbers `x` (n, *shape) of any real type, and class numbers `y` (n,) int64 from 0."""

    x: NDArray[Any]
    y: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Samples:
        """The samples of these rows, in their order."""
        return Samples(self.x[rows], self.y[rows])


def make(
    options: DataOptions,
    seed: int,
    classes: Sequence[str],
    samples: Samples,
    test: Samples | None = None,
    *,
    source: str,
    note: str = "",
) -> Dataset:
    """Split, limit, scale and code raw samples.

    Args:
        options: of the data set, whose `name` becomes the name of the result.
        seed: what the split and the limits are drawn by.
        classes: names of the classes; `y` of the samples counts in them.
        samples: all samples, or those for training and validation where there is a `test` set.
        test: the test set that the data come with. It keeps its order.
        source: the file or data set that errors name.
        note: becomes that of the result.

    Raises:
        FieldError: `split.test` is missing, or given although there is a test set; a limit leaves a class without
            samples; scaled values don't fit into float32.
        InputError: a class has too few samples to be split.
    """
    _check_split(options, source, has_test=test is not None)
    digest = _digest(options, seed, classes, samples, *([test] if test else []))
    generator = np.random.default_rng(seed)
    parts = ["training", *(["validation"] if options.split.validation else [])]

    pool = np.arange(len(samples.y))
    rare = _rare_class(samples.y, classes, parts if test else [*parts, "testing"])
    if rare:
        raise InputError.at(source, rare)
    if test is None:
        pool, tested = _split(samples.y, pool, options.split.test or 0.0, generator, least_kept=len(parts))
        test = samples.take(tested)
    if options.train_samples:
        pool = _limit(samples.y, pool, options.train_samples, generator)
        rare = _rare_class(samples.y[pool], classes, parts)
        if rare:
            raise FieldError(("data", "train_samples"), f"{rare}; got {options.train_samples} samples in all")
    if options.test_samples:
        test = test.take(_limit(test.y, np.arange(len(test.y)), options.test_samples, generator))
    trained, validated = _split(samples.y, pool, options.split.validation, generator, least_kept=1)
    train = samples.take(trained)

    method, offset, factor = _fit(train.x, options.scale)
    train_part, validation_part, test_part = (
        _part(part, offset, factor, len(classes) if options.one_hot else 0)
        for part in (train, samples.take(validated), test)
    )
    return Dataset(
        name=options.name,
        train=train_part,
        validation=validation_part,
        test=test_part,
        classes=tuple(classes),
        scaling={"method": method, "offset": offset.tolist(), "factor": factor.tolist()},
        digest=digest,
        note=note,
    )


def _check_split(options: DataOptions, source: str, *, has_test: bool) -> None:
    share = options.split.test
    if has_test and share is not None:
        raise FieldError(
            ("data", "split", "test"),
            f"{source} comes with its own test set: expected no share for testing, got {share}",
        )
    if not has_test and not share:
        got = "none" if share is None else f"{share}"
        raise FieldError(
            ("data", "split", "test"),
            f"{source} comes without a test set: expected the share of samples for testing, for example 0.2, got {got}",
        )


def _rare_class(y: NDArray[np.int64], classes: Sequence[str], parts: Sequence[str]) -> str:
    """What is wrong where a class has fewer samples than there are parts to share them; empty if nothing."""
    counts = np.bincount(y, minlength=len(classes))
    rarest = int(np.argmin(counts))
    if counts[rarest] >= len(parts):
        return ""
    shared = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
    each = "one each" if len(parts) > 1 else "one"
    samples = "sample" if counts[rarest] == 1 else "samples"
    return (
        f'class "{classes[rarest]}" has {counts[rarest]} {samples}, expected at least {len(parts)}: {each} for {shared}'
    )


def _split(
    y: NDArray[np.int64], rows: NDArray[np.int64], share: float, generator: np.random.Generator, *, least_kept: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw `share` of each class from `rows`, at least one of it and at most all but `least_kept`: (kept, drawn)."""
    kept, drawn = [], []
    for label in np.unique(y[rows]):
        members = generator.permutation(rows[y[rows] == label])
        count = min(max(round(len(members) * share), 1), len(members) - least_kept) if share else 0
        drawn.append(members[:count])
        kept.append(members[count:])
    # shuffled, so that the first samples of a part are not all of one class
    return generator.permutation(np.concatenate(kept)), generator.permutation(np.concatenate(drawn))


def _limit(
    y: NDArray[np.int64], rows: NDArray[np.int64], limit: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """At most `limit` of the `rows`, in their order, the classes in the proportion that they have there."""
    if len(rows) <= limit:
        return rows
    labels, counts = np.unique(y[rows], return_counts=True)
    shares = counts * limit / len(rows)
    take = np.floor(shares).astype(np.int64)
    largest = np.argsort(take - shares, kind="stable")[: limit - take.sum()]
    take[largest] += 1
    drawn = [generator.permutation(rows[y[rows] == label])[:count] for label, count in zip(labels, take, strict=True)]
    return rows[np.isin(rows, np.concatenate(drawn))]


def _fit(x: NDArray[Any], scale: str | float) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
    """Method, offset and factor of the scaling (see `Dataset.scaling`); constant features are only moved to zero."""
    if not isinstance(scale, str):
        return "divide", np.zeros(1), np.array([1 / scale])
    if scale == "none":
        return "none", np.zeros(1), np.ones(1)
    flat = x.reshape(len(x), -1)
    low, high = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
    if scale == "minmax":
        offset, spread = low, high - low
    else:
        offset = sum(chunk.sum(axis=0) for chunk in _chunks(flat)) / len(flat)
        spread = np.sqrt(sum(((chunk - offset) ** 2).sum(axis=0) for chunk in _chunks(flat)) / len(flat))
    # by its extremes: the deviation of a constant feature may be just above zero by rounding
    return scale, np.where(low == high, low, offset), 1 / np.where(low == high, 1.0, spread)


def _chunks(flat: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """The rows (n, features) as doubles, some at a time."""
    for start in range(0, len(flat), _CHUNK):
        yield flat[start : start + _CHUNK].astype(np.float64)


def _part(samples: Samples, offset: NDArray[np.float64], factor: NDArray[np.float64], one_hot: int) -> Part:
    """Scaled samples and their labels, one-hot coded into `one_hot` classes if that isn't 0."""
    x = np.empty(samples.x.shape, np.float32)
    flat = samples.x.reshape(len(x), -1) if len(x) else samples.x
    with np.errstate(over="ignore"):  # such values are reported below
        for number, chunk in enumerate(_chunks(flat)):
            start = number * _CHUNK
            x[start : start + _CHUNK] = ((chunk - offset) * factor).reshape(-1, *x.shape[1:])
    if not np.isfinite(x).all():
        raise FieldError(("data", "scale"), "expected scaled values that float32 holds, got some beyond 3.4e38")
    y = np.eye(one_hot, dtype=np.float32)[samples.y] if one_hot else samples.y.copy()
    x.setflags(write=False)
    y.setflags(write=False)
    return Part(x, y)


def _digest(options: DataOptions, seed: int, classes: Sequence[str], *samples: Samples) -> str:
    """SHA-256 over the raw arrays, the options and the seed. The path is left out: the same file may be anywhere."""
    digest = hashlib.sha256(options.model_dump_json(exclude={"path"}).encode())
    digest.update(json.dumps([seed, list(classes)]).encode())
    for array in (array for part in samples for array in (part.x, part.y)):
        portable = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{portable.dtype.str}{portable.shape}".encode())
        digest.update(portable.data)
    return digest.hexdigest()
