"""Which weights go: how the zeros are shared out among the layers.

uniform      the same share of each layer, or the share that a pattern of names gives it
global       the lowest scores of all layers together
lamp         the same, by scores relative to those of the layer's weights that would outlive each (Lee et al. 2021,
             "Layer-Adaptive Sparsity for the Magnitude-based Pruning"): score^2 / sum of the squares from it on upwards
sensitivity  each layer as far as its accuracy bears it by itself, see `sensitivities`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.compress.base import Key
from fpga_flow.compress.prune.criteria import Scores
from fpga_flow.compress.prune.groups import Pattern

Allocation = Literal["uniform", "global", "lamp", "sensitivity"]
Masks = dict[Key, NDArray[np.bool_]]

#: The sparsities at which a layer's sensitivity is measured.
SENSITIVITY_AT = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
_SHARES = (0.0, *SENSITIVITY_AT)


def by_layer(scores: Scores, earlier: Masks, sparsity: Mapping[Key, float], patterns: Mapping[Key, Pattern]) -> Masks:
    """Masks with each layer's own sparsity. What `earlier` masks pruned goes first.

    Args:
        sparsity: the share of each kernel's groups (weights, where the pattern is `single`) that become zero.
    """
    masks = {}
    for key, score in scores.items():
        score = np.where(earlier[key], score, -np.inf)
        if patterns[key].kind == "n:m":
            mask = _n_of_m(score, sparsity[key], patterns[key])
        elif patterns[key].kind == "single":
            mask = ~least(score, _count(sparsity[key], score.size))
        else:
            groups = patterns[key].members(score.shape)
            means = _means(score, groups)
            mask = ~least(means, _count(sparsity[key], len(means)))[groups]
        masks[key] = mask & earlier[key]
    return masks


def together(scores: Scores, earlier: Masks, sparsity: float, patterns: Mapping[Key, Pattern]) -> Masks:
    """Masks of the lowest scores of all layers, with this share of all weights zero (or less, by not a whole group); at
    least one weight (or group) of each layer stays.
    """
    ranked = {}
    for key, values in scores.items():
        score: NDArray[np.floating] = np.where(earlier[key], values, -np.inf)
        if patterns[key].kind != "single":
            groups = patterns[key].members(score.shape)
            score = _means(score, groups)[groups]
        ranked[key] = score
    every = np.concatenate([score.ravel() for score in ranked.values()])
    gone, start, masks = least(every, _count(sparsity, every.size)), 0, {}
    for key, score in ranked.items():
        mask = ~gone[start : start + score.size].reshape(score.shape)
        start += score.size
        groups = patterns[key].members(score.shape)
        if patterns[key].kind != "single":  # of a group that is cut in two, all stays
            mask = (np.bincount(groups.ravel(), mask.ravel()) > 0)[groups]
        if not (mask & earlier[key]).any():  # one stays, though others may have the same score
            mask = groups == groups.ravel()[score.argmax()]
        masks[key] = mask & earlier[key]
    return masks


def lamp(scores: Scores) -> Scores:
    """Scores that compare across layers, see above."""
    changed = {}
    for key, score in scores.items():
        order = np.argsort(score, axis=None)
        squares = score.ravel()[order].astype(np.float64) ** 2
        outliving = np.cumsum(squares[::-1])[::-1]
        relative = np.zeros(score.size, np.float32)
        relative[order] = np.divide(squares, outliving, out=np.zeros_like(squares), where=outliving > 0)
        changed[key] = relative.reshape(score.shape)
    return changed


def sensitivities(
    scores: Scores, earlier: Masks, patterns: Mapping[Key, Pattern], loss_of: Callable[[Key, NDArray[np.bool_]], float]
) -> dict[Key, list[float]]:
    """Each layer's loss when it is pruned by itself, without retraining: not at all, and to `SENSITIVITY_AT`.

    Source: Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 4.2.

    Args:
        loss_of: the loss on samples when only this kernel has this mask.
    """
    return {
        key: [loss_of(key, by_layer({key: score}, earlier, {key: share}, patterns)[key]) for share in _SHARES]
        for key, score in doing.each(scores.items(), "layers, whose sensitivity is measured")
    }


def sensitivity(losses: Mapping[Key, list[float]], sizes: Mapping[Key, int], sparsity: float) -> dict[Key, float]:
    """Each layer's sparsity such that all layers together reach `sparsity`, from their losses (see `sensitivities`).

    One bound on the loss is found at which the layers, each pruned to the most that stays below it, have the overall
    sparsity (the bound is ours). Where losses do not rise, the sparsity jumps at one bound; then each layer goes the
    same part of its way through the jump.
    """
    rising = {key: np.maximum.accumulate(each) for key, each in losses.items()}

    def at(bound: float) -> dict[Key, float]:
        return {key: _interpolated(bound, each) for key, each in rising.items()}

    def overall(chosen: dict[Key, float]) -> float:
        return sum(chosen[key] * sizes[key] for key in sizes) / sum(sizes.values())

    low = np.nextafter(min(each[0] for each in rising.values()), -np.inf)  # nothing is within this bound
    high = max(each[-1] for each in rising.values())
    if overall(at(high)) < sparsity:  # more than was measured: all layers alike
        return dict.fromkeys(sizes, sparsity)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if overall(at(middle)) >= sparsity else (middle, high)
    below, above = at(low), at(high)  # where losses do not rise, they differ, however close the bounds are
    gap = overall(above) - overall(below)
    part = (sparsity - overall(below)) / gap if gap > 0 else 0.0
    return {key: below[key] + part * (above[key] - below[key]) for key in sizes}


def least(values: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """True for the `count` least of the values (of equals, the first); any shape."""
    flat = values.ravel()
    chosen = np.zeros(flat.size, bool)
    if count:
        limit = np.partition(flat, count - 1)[count - 1]
        chosen = flat < limit
        chosen[np.flatnonzero(flat == limit)[: count - int(chosen.sum())]] = True
    return chosen.reshape(values.shape)


def _count(sparsity: float, size: int) -> int:
    return int(np.floor(sparsity * size + 1e-9))


def _means(score: NDArray[np.floating], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean score of each group; -inf only where all of it is pruned."""
    alive = np.isfinite(score)
    sums = np.bincount(groups.ravel(), np.where(alive, score, 0).ravel())
    means = sums / np.bincount(groups.ravel())
    means[np.bincount(groups.ravel(), alive.ravel()) == 0] = -np.inf
    return means


def _n_of_m(score: NDArray[np.floating], sparsity: float, pattern: Pattern) -> NDArray[np.bool_]:
    """Of each whole group the lowest scores are pruned: M - N of them at the pattern's sparsity, fewer on the way."""
    of = pattern.numbers[1]
    columns = score.reshape(pattern.matrix(score.shape)).T
    whole = columns.shape[1] // of * of
    mask = np.ones(columns.shape, bool)
    ranks = columns[:, :whole].reshape(len(columns), -1, of).argsort(axis=-1, kind="stable").argsort(axis=-1)
    mask[:, :whole] = (ranks >= _count(sparsity, of)).reshape(len(columns), whole)
    return mask.T.reshape(score.shape)


def _interpolated(bound: float, losses: NDArray[np.floating]) -> float:
    """The greatest sparsity whose loss is within the bound, straight lines between the measured ones."""
    within = int(np.searchsorted(losses, bound, side="right"))
    if within == 0:
        return 0.0
    if within == len(_SHARES):
        return _SHARES[-1]
    left, right = losses[within - 1], losses[within]
    return float(_SHARES[within - 1] + (_SHARES[within] - _SHARES[within - 1]) * (bound - left) / (right - left))
