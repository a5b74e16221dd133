"""How the weights of a layer are distributed over the values that its type can represent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.report.weights import LayerWeights, Values

#: Types with more values than this are too dense to be drawn value by value.
MOST_LEVELS = 256
#: More shared values than this are not marked.
MOST_SHARED = 64
_FEWEST_BINS = 48


@dataclass(frozen=True)
class Counts:
    """How many weights lie in each bin: the middles of the bins, and the counts."""

    name: str
    middles: NDArray[np.float64]
    counts: NDArray[np.int64]
    zeros: float
    outside: int


@dataclass(frozen=True)
class Histogram:
    """A layer's weights, counted. Every bin has a multiple of its width as its middle, so that values of the type are
    middles of bins.

    levels       all values of the type, or None where there are too many to draw
    bin_width    of the earlier stages
    final_width  of the final weights: the type's step, so that each bin is one value, unless the type is too fine
    used         how many values the final weights have
    shared       if a pass let the weights share values: those that are not zero in the end, and how many have each
    shared_by    that pass
    """

    layer: str
    type_: FixedPoint
    earlier: tuple[Counts, ...]
    final: Counts
    levels: NDArray[np.float64] | None
    bin_width: float
    final_width: float
    used: int
    shared: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
    shared_by: str = ""

    @property
    def are_shared_marked(self) -> bool:
        """Whether the shared values are few enough to be marked."""
        return self.shared is not None and len(self.shared[0]) <= MOST_SHARED


def count(layer: LayerWeights) -> Histogram:
    """Count a layer's weights."""
    type_, final = layer.type_, layer.final
    drawn = 2**type_.width <= MOST_LEVELS
    everything = [final, *layer.earlier.values()]
    low, high = _range(everything)
    if drawn:
        low, high = min(low, type_.min), max(high, type_.max)
    final_width = type_.step
    most = 1.5 * MOST_LEVELS if drawn else min(MOST_LEVELS, max(_FEWEST_BINS, 4 * math.sqrt(final.size)))
    while (high - low) / final_width > most:
        final_width *= 2
    width = final_width
    while (high - low) / width < _FEWEST_BINS / 2 and high > low:
        width /= 2
    return Histogram(
        layer.name,
        type_,
        tuple(_counts(name, values, width, low, high, type_) for name, values in layer.earlier.items()),
        _counts("final", final, final_width, low, high, type_),
        type_.min + type_.step * np.arange(2**type_.width) if drawn else None,
        width,
        final_width,
        len(np.unique(final)),
        np.unique(final[final != 0], return_counts=True) if layer.shared_by else None,
        layer.shared_by,
    )


def _range(arrays: Iterable[Values]) -> tuple[float, float]:
    finite = [values[np.isfinite(values)] for values in arrays]
    filled = [values for values in finite if values.size]
    return min((float(v.min()) for v in filled), default=0.0), max((float(v.max()) for v in filled), default=0.0)


def _counts(name: str, values: Values, width: float, low: float, high: float, type_: FixedPoint) -> Counts:
    first, last = math.floor(low / width + 0.5), math.floor(high / width + 0.5)
    bins = np.floor(values[np.isfinite(values)] / width + 0.5).astype(np.int64) - first
    # weights beyond half a step from the ends are saturated rather than rounded
    outside = (values < type_.min - type_.step / 2) | (values > type_.max + type_.step / 2)
    return Counts(
        name,
        np.arange(first, last + 1).astype(np.float64) * width,
        np.bincount(bins, minlength=last - first + 1),
        float(np.mean(values == 0)) if values.size else 0.0,
        int(np.count_nonzero(outside)),
    )
