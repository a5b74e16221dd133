"""Inputs for stress that need no knowledge of the network: random and extreme values of the inputs' types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpga_flow.csim.build import Tensor
from fpga_flow.csim.design import Design
from fpga_flow.csim.golden.values import fixed_point
from fpga_flow.errors import InputError
from fpga_flow.fixed_point import MAX_WIDTH

Doubles = NDArray[np.float64]

#: Inputs that have one value at an end of its type and all others at the other end, at most.
_SINGLE = 64


def patterns(types: tuple[Doubles, Doubles, Doubles], samples: int, rng: np.random.Generator) -> dict[str, Doubles]:
    """Inputs (n, values) that need no knowledge of the network, by kind.

    Args:
        types: the least value of each input, its greatest, and its step.
        samples: random ones.
    """
    low, high, step = types
    size, zero = len(low), np.clip(0.0, low, high)
    uniform = low + step * rng.integers(0, np.rint((high - low) / step).astype(np.int64) + 1, (samples, size))
    few = max(1, samples // 4)
    small = np.floor(uniform[:few] / 16 / step) * step
    turns = np.arange(size) % 2 == 0
    single = np.eye(size, dtype=bool)[rng.permutation(size)[: _SINGLE // 2]]
    return {
        "random": uniform,
        "sparse": np.where(rng.random((few, size)) < 0.1, uniform[-few:], zero),
        "small": np.clip(small, low, high),
        "ends": np.where(rng.random((few, size)) < 0.5, low, high),
        "extreme": np.stack([low, high, zero, np.where(turns, low, high), np.where(turns, high, low)]),
        "single": np.concatenate([np.where(single, high, low), np.where(single, low, high)]),
    }


def input_types(design: Design, ports: tuple[Tensor, ...]) -> tuple[Doubles, Doubles, Doubles]:
    """The least and the greatest value and the step for each value of a sample."""
    found = []
    for port in ports:
        type_ = fixed_point(port.type)
        if type_ is None:
            message = (
                f'expected inputs of a fixed-point type of up to {MAX_WIDTH} bits, got "{port.name}" of {port.type}'
            )
            raise InputError.at(str(design.folder), message)
        found.append([np.full(port.size, value) for value in (type_.min, type_.max, type_.step)])
    low, high, step = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return low, high, step
