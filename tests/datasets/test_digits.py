"""scikit-learn's digits."""

from __future__ import annotations

import numpy as np

from fpga_flow import datasets
from fpga_flow.datasets import digits


def test_digits() -> None:
    data = datasets.load(digits.Options(name="digits"), 1)
    assert data.name == "digits"
    assert data.classes == tuple("0123456789")
    assert data.input_shape == (8, 8, 1)
    assert [len(part.x) for part in (data.train, data.validation, data.test)] == [1295, 143, 359]
    assert data.train.x.dtype == np.float32
    assert (data.train.x.min(), data.train.x.max()) == (0.0, 16.0)
    assert data.train.y.shape == (1295, 10)


def test_digits_by_a_share() -> None:
    options = digits.Options(name="digits", scale=16.0, split=digits.Split(test=0.5, validation=0.0))
    data = datasets.load(options, 1)
    assert len(data.validation.x) == 0
    assert abs(len(data.test.x) - 1797 / 2) < 10
    assert data.train.x.max() == 1.0
