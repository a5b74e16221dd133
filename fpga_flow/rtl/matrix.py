"""The product of a vector and a constant matrix, in shared shifts and additions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from da4ml.cmvm import solve
from da4ml.types import QInterval
from numpy.typing import NDArray

from fpga_flow.rtl.arithmetic import Numbers, constant, is_constant


@dataclass
class Matrices:
    """Solves matrices; equal ones with equal inputs, as the positions of a convolution have, once."""

    _solutions: dict[Any, Any] = field(default_factory=dict)

    def product(self, numbers: Numbers, matrix: NDArray[np.floating]) -> Numbers:
        """A vector (n_in,) times a matrix (n_in, n_out): (n_out,)."""
        like = numbers[0]
        varies = np.array([not is_constant(number) for number in numbers]) & matrix.any(axis=1)
        known = np.zeros(matrix.shape[1])
        for number, row in zip(numbers[~varies], matrix[~varies], strict=True):
            known += float(number.low) * row
        if not varies.any():
            return np.array([constant(value, like) for value in known], object)
        sums: Numbers = self._solution(numbers[varies], matrix[varies])(numbers[varies])
        return sums + known

    def _solution(self, numbers: Numbers, matrix: NDArray[np.floating]) -> Any:
        intervals = [QInterval(float(each.low), float(each.high), float(each.step)) for each in numbers]
        # only what one input comes later than another counts
        first = min(each.latency for each in numbers)
        latencies = [float(each.latency - first) for each in numbers]
        key = (matrix.shape, matrix.tobytes(), tuple(intervals), tuple(latencies))
        if key not in self._solutions:
            hardware = numbers[0].hwconf
            self._solutions[key] = solve(
                np.ascontiguousarray(matrix, np.float32),
                qintervals=intervals,
                latencies=latencies,
                adder_size=hardware.adder_size,
                carry_size=hardware.carry_size,
                search_all_decompose_dc=False,  # in all that we tried as good, and ten times as fast
            )
        return self._solutions[key]
