"""How much each unit matters, by several criteria. Scores are relative to the mean of their layer, so that layers can
be compared and none is emptied; a unit that lies in several layers has the mean of its scores there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.channels import Channels, Layer, Numbers

Criterion = Literal["l1", "l2", "batch_norm", "thinet"]
#: So many weights are worked on at a time.
_CHUNK = 1 << 22


def norms(channels: Channels, power: int) -> NDArray[np.float64]:
    """The L1 (Li et al. 2017, "Pruning filters for efficient ConvNets") or L2 norms (power 1 or 2) of the filters'
    weights: scores (count,).
    """

    def of_layers() -> Iterator[tuple[Numbers, NDArray[np.float64]]]:
        for layer in channels.layers.values():
            if layer.made.any():
                yield layer.made, _norms(layer, power)

    return _relative(channels, of_layers())


def scales(channels: Channels) -> NDArray[np.float64]:
    """The magnitudes of the scales of BatchNormalization (Liu et al. 2017, "Learning efficient convolutional networks
    through network slimming"): scores (count,).
    """
    return _relative(channels, ((axes[0], np.abs(layer.layer.gamma.numpy())) for layer, axes in _scaled(channels)))


def without_scale(channels: Channels, units: Numbers) -> bool:
    """Whether no BatchNormalization has a scale for any of these units."""
    scaled = np.zeros(channels.count, bool)
    for _, axes in _scaled(channels):
        scaled[axes[0]] = True
    return not scaled[units].all()


def _scaled(channels: Channels) -> Iterator[tuple[Layer, dict[int, Numbers]]]:
    for layer in channels.layers.values():
        axes = layer.weights.get("gamma")
        if axes and axes[0].any():
            yield layer, axes


def _norms(layer: Layer, power: int) -> NDArray[np.float64]:
    """The norm of each filter of a layer, of its last kernel."""
    weight, inputs = layer.inputs
    (axis,) = set(layer.weights[weight]) - {inputs}
    values = getattr(layer.layer, weight).numpy()
    rows = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
    step = max(_CHUNK // rows.shape[1], 1)
    parts = (np.abs(rows[start : start + step]) for start in range(0, len(rows), step))
    sums = np.zeros(rows.shape[1])
    for part in parts:
        sums += np.sum(part**power, axis=0, dtype=np.float64)
    return np.asarray(sums ** (1 / power))


def _relative(channels: Channels, found: Any) -> NDArray[np.float64]:
    sums, times = np.zeros(channels.count), np.zeros(channels.count)
    for units, scores in found:
        mean = scores[units > 0].mean()
        np.add.at(sums, units, scores / mean if mean else scores)
        np.add.at(times, units, 1)
    scored: NDArray[np.float64] = sums / np.maximum(times, 1)
    return scored
