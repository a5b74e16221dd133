"""How raw samples become a data set: split, limits, scaling, coding, digest."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fpga_flow import datasets
from fpga_flow.datasets.base import DataOptions, Dataset, Samples, Split, make
from fpga_flow.errors import FieldError, InputError

CLASSES = ("a", "b", "c")


def samples(counts: tuple[int, ...] = (50, 30, 20), features: int = 4) -> Samples:
    """Samples sorted by class; the first feature is the number of the sample, the others are random."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(3).normal(5, 3, (len(y), features))
    x[:, 0] = np.arange(len(y))
    return Samples(x, y)


def build(seed: int = 1, raw: Samples | None = None, test: Samples | None = None, **options: Any) -> Dataset:
    if "split" not in options and test is None:
        options["split"] = Split(test=0.2)
    return make(DataOptions(name="some", **options), seed, CLASSES, raw or samples(), test, source="some data")


def numbers(part: datasets.Part) -> list[int]:
    """The numbers of the samples of an unscaled part."""
    return [int(number) for number in part.x[:, 0]]


def labels(part: datasets.Part) -> list[int]:
    return [int(label) for label in part.y.argmax(axis=1)]


def test_parts_are_disjoint_and_complete() -> None:
    data = build()
    every = [number for part in (data.train, data.validation, data.test) for number in numbers(part)]
    assert sorted(every) == list(range(100))


def test_parts_are_stratified() -> None:
    data = build(split=Split(test=0.2, validation=0.25))
    assert np.bincount(labels(data.test)).tolist() == [10, 6, 4]
    assert np.bincount(labels(data.validation)).tolist() == [10, 6, 4]
    assert np.bincount(labels(data.train)).tolist() == [30, 18, 12]


def test_parts_are_shuffled() -> None:
    data = build()
    for part in (data.train, data.validation, data.test):
        assert labels(part) != sorted(labels(part))


def test_labels_stay_with_their_samples() -> None:
    raw = samples()
    data = build(raw=raw)
    for part in (data.train, data.validation, data.test):
        assert labels(part) == raw.y[numbers(part)].tolist()
        np.testing.assert_array_equal(part.x, raw.x[numbers(part)].astype(np.float32))


def test_the_seed_alone_decides() -> None:
    first, again, other = build(seed=5), build(seed=5), build(seed=6)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, name).x, getattr(again, name).x)
        assert numbers(getattr(first, name)) != numbers(getattr(other, name))


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*[st.integers(3, 40)] * 3),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
    st.integers(0, 2**31 - 1),
)
def test_every_class_is_in_every_part(counts: tuple[int, ...], test: float, validation: float, seed: int) -> None:
    data = build(seed=seed, raw=samples(counts), split=Split(test=test, validation=validation))
    parts = (data.train, data.validation, data.test)
    assert [sorted(set(labels(part))) for part in parts] == [[0, 1, 2]] * 3
    assert sorted(number for part in parts for number in numbers(part)) == list(range(sum(counts)))


def test_no_validation() -> None:
    data = build(split=Split(test=0.2, validation=0))
    assert (len(data.train.x), len(data.test.x)) == (80, 20)
    assert data.validation.x.shape == (0, 4)
    assert data.validation.y.shape == (0, 3)


def test_a_given_test_set_is_kept_in_its_order() -> None:
    test = samples((5, 4, 3))
    data = build(test=test)
    assert numbers(data.test) == list(range(12))
    assert len(data.train.x) + len(data.validation.x) == 100


def test_limits() -> None:
    data = build(train_samples=40, test_samples=10)
    assert len(data.train.x) + len(data.validation.x) == 40
    assert np.bincount(labels(data.train) + labels(data.validation)).tolist() == [20, 12, 8]
    assert np.bincount(labels(data.test)).tolist() == [5, 3, 2]
    assert len(build(train_samples=1000, test_samples=1000).test.x) == 20


def test_limits_of_a_given_test_set_keep_its_order() -> None:
    kept = numbers(build(test=samples((50, 30, 20)), test_samples=10).test)
    assert len(kept) == 10
    assert kept == sorted(kept)


def test_limits_don_t_change_the_test_part() -> None:
    assert numbers(build(train_samples=30).test) == numbers(build().test)


def test_coding() -> None:
    one_hot, plain = build(), build(one_hot=False)
    assert one_hot.train.y.dtype == np.float32
    assert one_hot.train.y.shape == (72, 3)
    assert one_hot.train.y.sum(axis=1).tolist() == [1.0] * 72
    assert plain.train.y.dtype == np.int64
    np.testing.assert_array_equal(one_hot.train.y.argmax(axis=1), plain.train.y)
    assert one_hot.classes == CLASSES
    assert one_hot.name == "some"


def test_arrays_are_read_only() -> None:
    data = build()
    for part in (data.train, data.validation, data.test):
        for array in (part.x, part.y):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_raw_data_are_not_changed() -> None:
    raw = samples()
    before = raw.x.copy()
    build(raw=raw, scale="standard")
    np.testing.assert_array_equal(raw.x, before)
    assert raw.x.flags.writeable


def test_scale_none_and_by_a_number() -> None:
    raw = samples()
    none, divided = build(raw=raw), build(raw=raw, scale=16.0)
    assert none.scaling == {"method": "none", "offset": [0.0], "factor": [1.0]}
    assert divided.scaling == {"method": "divide", "offset": [0.0], "factor": [0.0625]}
    np.testing.assert_array_equal(divided.test.x, (none.test.x.astype(np.float64) / 16).astype(np.float32))


def test_minmax_is_zero_to_one_on_the_training_samples() -> None:
    data = build(scale="minmax")
    assert data.scaling["method"] == "minmax"
    assert data.train.x.min(axis=0).tolist() == [0.0] * 4
    np.testing.assert_allclose(data.train.x.max(axis=0), 1, rtol=1e-7)


def test_standard_has_mean_0_and_deviation_1_on_the_training_samples() -> None:
    data = build(scale="standard")
    assert data.scaling["method"] == "standard"
    np.testing.assert_allclose(data.train.x.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.x.std(axis=0, dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.parametrize("scale", ["none", "minmax", "standard", 255.0])
@pytest.mark.parametrize("shape", [(4,), (2, 2, 1)])
def test_a_host_can_redo_the_scaling(scale: str | float, shape: tuple[int, ...]) -> None:
    raw = Samples(samples().x.reshape(-1, *shape), samples().y)
    data = build(raw=raw, scale=scale)
    plain = build(raw=raw)  # float32, so only nearly the raw data
    offset, factor = np.array(data.scaling["offset"]), np.array(data.scaling["factor"])
    assert len(offset) == len(factor) == (4 if scale in ("minmax", "standard") else 1)
    numbers_ = [int(number) for number in plain.test.x.reshape(-1, 4)[:, 0]]
    redone = ((raw.x[numbers_].reshape(-1, 4) - offset) * factor).astype(np.float32).reshape(-1, *shape)
    np.testing.assert_array_equal(redone, data.test.x)
    assert data.input_shape == shape


@pytest.mark.parametrize("scale", ["minmax", "standard"])
def test_test_and_validation_data_never_influence_scaling(scale: str) -> None:
    raw = samples()
    before = build(raw=raw, scale=scale)
    plain = build(raw=raw)
    changed = raw.x.copy()
    changed[numbers(plain.test) + numbers(plain.validation), 1:] = 1e6
    after = build(raw=Samples(changed, raw.y), scale=scale)
    assert after.scaling == before.scaling
    np.testing.assert_array_equal(after.train.x, before.train.x)
    assert after.test.x.max() > 1e4
    given_test = Samples(np.full((3, 4), 1e6), np.array([0, 1, 2]))
    assert build(raw=raw, test=given_test, scale=scale).scaling == build(raw=raw, test=samples(), scale=scale).scaling


@pytest.mark.parametrize("scale", ["minmax", "standard"])
@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e30])
def test_constant_features_become_zero(scale: str, value: float) -> None:
    raw = samples()
    raw.x[:, 2] = value
    data = build(raw=raw, scale=scale)
    assert not data.train.x[:, 2].any()
    assert data.scaling["factor"][2] == 1.0
    assert data.scaling["offset"][2] == value


def test_digest_depends_on_data_options_and_seed_only() -> None:
    changed = samples()
    changed.x[99, 3] += 1
    digests = {
        "same": build().digest,
        "seed": build(seed=2).digest,
        "data": build(raw=changed).digest,
        "type": build(raw=Samples(samples().x.astype(np.float32), samples().y)).digest,
        "split": build(split=Split(test=0.25)).digest,
        "scale": build(scale="minmax").digest,
        "test set": build(test=samples()).digest,
    }
    assert len(set(digests.values())) == len(digests)
    assert build().digest == digests["same"]
    swapped = Samples(samples().x.astype(">f8"), samples().y.astype(">i8"))
    assert build(raw=swapped).digest == digests["same"]


def test_digest_is_the_same_in_another_process() -> None:
    code = (
        "from fpga_flow import datasets as d;"
        "print(d.load(d.DATASETS['digits'].Options(name='digits', scale='standard'), 3).digest)"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert (
        first.strip() == datasets.load(datasets.DATASETS["digits"].Options(name="digits", scale="standard"), 3).digest
    )


def field_error(**arguments: Any) -> tuple[tuple[str | int, ...], str]:
    with pytest.raises(FieldError) as caught:
        build(**arguments)
    return caught.value.path, caught.value.message


def test_a_test_share_is_needed_or_refused() -> None:
    path = ("data", "split", "test")
    without = "some data comes without a test set: expected the share of samples for testing, for example 0.2, got "
    assert field_error(split=Split()) == (path, without + "none")
    assert field_error(split=Split(test=0.0)) == (path, without + "0.0")
    assert field_error(split=Split(test=0.2), test=samples()) == (
        path,
        "some data comes with its own test set: expected no share for testing, got 0.2",
    )


@pytest.mark.parametrize(
    ("counts", "test", "validation", "message"),
    [
        (
            (9, 9, 2),
            None,
            0.1,
            'class "c" has 2 samples, expected at least 3: one each for training, validation and testing',
        ),
        (
            (9, 1, 2),
            None,
            0.1,
            'class "b" has 1 sample, expected at least 3: one each for training, validation and testing',
        ),
        ((9, 0, 9), None, 0.0, 'class "b" has 0 samples, expected at least 2: one each for training and testing'),
        (
            (1, 9, 9),
            (2, 2, 2),
            0.1,
            'class "a" has 1 sample, expected at least 2: one each for training and validation',
        ),
        ((0, 9, 9), (2, 2, 2), 0.0, 'class "a" has 0 samples, expected at least 1: one for training'),
    ],
)
def test_rare_classes(counts: Any, test: Any, validation: float, message: str) -> None:
    given_test = samples(test) if test else None
    split = Split(validation=validation, test=None if test else 0.2)
    with pytest.raises(InputError) as caught:
        build(raw=samples(counts), test=given_test, split=split)
    assert str(caught.value) == f"some data: {message}"


def test_a_limit_that_leaves_too_few() -> None:
    assert field_error(train_samples=4) == (
        ("data", "train_samples"),
        'class "b" has 1 sample, expected at least 2: one each for training and validation; got 4 samples in all',
    )


def test_scaled_values_beyond_float32() -> None:
    raw = samples()
    raw.x[5, 1] = 1e300
    assert field_error(raw=raw) == (
        ("data", "scale"),
        "expected scaled values that float32 holds, got some beyond 3.4e38",
    )


@pytest.mark.parametrize(
    "options",
    [{"scale": "max"}, {"scale": 0.0}, {"scale": -1.0}, {"train_samples": 0}, {"split": {"test": 1.0}}, {"lable": 1}],
)
def test_options_are_strict(options: dict[str, Any]) -> None:
    for module in datasets.DATASETS.values():
        with pytest.raises(ValidationError):
            module.Options.model_validate({"name": "digits", "path": "x", **options})


def test_names_of_the_registry_are_those_of_the_options() -> None:
    assert list(datasets.DATASETS) == ["digits", "mnist", "fashion_mnist", "jets", "npz", "csv"]
    for name, module in datasets.DATASETS.items():
        schema = module.Options.model_json_schema()
        assert schema["properties"]["name"]["const"] == name


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, fpga_flow.datasets; print(sorted({'sklearn', 'scipy', 'tensorflow'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
