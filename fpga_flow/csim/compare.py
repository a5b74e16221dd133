"""Comparing what the C++ computed with what the network computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint


@dataclass(frozen=True)
class Mismatch:
    """The first difference: sample and output by number, both values, and the first layer whose output differs."""

    sample: int
    output: int
    expected: float
    got: float
    type: str
    layer: str = ""

    def __str__(self) -> str:
        where = f'; the first layer that differs is "{self.layer}"' if self.layer else ""
        return (
            f"sample {self.sample}, output {self.output}: expected {_value(self.expected, self.type)}, "
            f"got {_value(self.got, self.type)}{where}"
        )


def first_mismatch(
    expected: NDArray[np.float64], got: NDArray[np.float64], type_: FixedPoint, tolerance: float
) -> Mismatch | None:
    """The first sample and output (both arrays are (n, outputs)) that differ by more than `tolerance`; NaN differs."""
    wrong = differing(expected, got, tolerance)
    if not wrong.any():
        return None
    sample, output = (int(number) for number in np.argwhere(wrong)[0])
    return Mismatch(sample, output, float(expected[sample, output]), float(got[sample, output]), str(type_))


def differing(expected: NDArray[np.float64], got: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Where two arrays of one shape differ by more than `tolerance`, or one holds NaN."""
    return ~(np.abs(expected - got) <= tolerance)


def _value(value: float, type_: str) -> str:
    """A value with the whole number that stands for it in hardware."""
    step = FixedPoint.parse(type_).step
    return f"{value:.17g} ({value / step:g} in {type_})"
