"""Fronts of points that no other point is better than, and the volume that a front dominates.

Points are rows of an array (points, objectives) of which less is better in each column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def front(points: NDArray[np.float64]) -> list[int]:
    """The numbers of the points that no other one is as good as in all objectives and better in one. Of equal points
    the first one is taken.
    """
    chosen: list[int] = []
    best = np.empty((0, points.shape[1]))
    # in this order no point is better than one before it, and of equal points the first one comes first
    for number in np.lexsort(points.T[::-1]):
        if not (best <= points[number]).all(axis=1).any():
            best = np.vstack([best, points[number]])
            chosen.append(int(number))
    return sorted(chosen)


def hypervolume(points: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """The volume between the points' front and the `reference` point, which is worse than all that counts (Zitzler &
    Thiele 1998; computed by slicing objective by objective, While et al. 2006, "HSO").
    """
    inside = points[(points < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - inside.min())
    inside = inside[front(inside)]
    inside = inside[np.argsort(inside[:, -1], kind="stable")]
    ends = [*inside[1:, -1], reference[-1]]
    slices = zip(inside[:, -1], ends, range(1, len(inside) + 1), strict=True)
    return float(sum((end - start) * hypervolume(inside[:count, :-1], reference[:-1]) for start, end, count in slices))


def growth(points: NDArray[np.float64]) -> list[float]:
    """The hypervolume of the first 1, 2, ... points, as a share of the box between the worst and the best values of
    all; an objective in which all are equal does not count.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    spread = high > low
    if not spread.any():
        return [1.0] * len(points)
    # the reference is a little worse than the worst, so that points at the edge count
    scaled = (points[:, spread] - low[spread]) / (high - low)[spread]
    reference = np.full(scaled.shape[1], 1.01)
    volumes = _volumes(scaled, reference)
    return [volume / float(np.prod(reference)) for volume in volumes]


def _volumes(points: NDArray[np.float64], reference: NDArray[np.float64]) -> Sequence[float]:
    """The hypervolume after each point; it is computed anew only where the front has changed."""
    volumes: list[float] = []
    best = np.empty((0, points.shape[1]))
    for point in points:
        if not (best <= point).all(axis=1).any():
            best = np.vstack([best[~(point <= best).all(axis=1)], point])
            volumes.append(hypervolume(best, reference))
        else:
            volumes.append(volumes[-1])
    return volumes
