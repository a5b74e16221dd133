"""What is known of a tensor of the network while it is lowered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A tensor in fixed point.

    name       of the HLS layer that gives it
    shape      without the batch
    type       holds every value that it takes
    low, high  for each channel (last axis) the least and greatest value that it can take, (channels,)
    """

    name: str
    shape: tuple[int, ...]
    type: FixedPoint
    low: Doubles
    high: Doubles

    @classmethod
    def of_type(cls, name: str, shape: tuple[int, ...], type_: FixedPoint) -> Signal:
        """A tensor of which nothing but its type is known."""
        return cls(name, shape, type_, np.full(shape[-1], type_.min), np.full(shape[-1], type_.max))


@dataclass(frozen=True)
class Unrounded:
    """A tensor of real numbers that hardware never holds: a function of each element of `source`, which the next layer
    must quantize.

    function   from values of `source.type` (n, channels) to real numbers (n, channels), as the network computes them
    made_by    the name of the layer that made it, for messages
    channels   1 where the function is the same for all channels of `source`, else their number
    """

    source: Signal
    function: Callable[[Any], Any]
    made_by: str
    channels: int = 1
