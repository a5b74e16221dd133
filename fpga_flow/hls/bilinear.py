"""What a `deformable` layer computes, in numpy: see `networks/sampling.py`. Arrays are (n, ...), in any type of float.

Of values that are whole multiples of steps the results are exact, as no number has more bits than the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.hls.layer import HlsLayer

Ints = NDArray[np.int64]
Reals = NDArray[np.floating]


@dataclass(frozen=True)
class Axis:
    """Clamped positions along an axis of the image, (n, rows, columns, taps): the pixels before and behind each, how
    far it lies from the former (from 0, below 1), and whether an offset moves it.
    """

    before: Ints
    behind: Ints
    share: Reals
    moves: NDArray[np.bool_]


def axes(layer: HlsLayer, offsets: Reals) -> tuple[Axis, Axis]:
    """Where the layer samples its image, downwards and to the right, given the offsets (n, rows, columns, 2 * taps)."""
    rows, columns, _ = layer.output_shape
    offsets = offsets.reshape(len(offsets), rows, columns, -1, 2)
    places = np.indices(layer.window).reshape(2, -1)
    starts = [
        np.arange(out) * stride - before
        for out, stride, (before, _) in zip((rows, columns), layer.strides, layer.pads, strict=True)
    ]
    first = starts[0][:, None, None] + places[0], starts[1][:, None] + places[1]
    found = [_axis(first[i], offsets[..., i], layer.input_shape[i]) for i in range(2)]
    return found[0], found[1]


def _axis(first: Ints, offsets: Reals, size: int) -> Axis:
    wanted = first.astype(offsets.dtype) + offsets
    position = np.clip(wanted, 0, size - 1)
    before = position.astype(np.int64)
    behind = np.minimum(before + 1, size - 1)
    return Axis(before, behind, position - before.astype(offsets.dtype), position == wanted)


def sample(image: Reals, down: Axis, right: Axis) -> Reals:
    """The image (n, height, width, channels) at the positions: (n, rows, columns, taps, channels)."""
    above, below = _rows(image, down, right)
    return _between(above, below, down.share)


def slopes(image: Reals, down: Axis, right: Axis, slope: Reals) -> tuple[Reals, Reals]:
    """The slopes of a number towards the image, and towards the offsets (n, rows, columns, taps, 2), given those
    towards the samples.
    """
    back = np.zeros_like(image)
    samples = np.arange(len(image))[:, None, None, None]
    for row, of_row in ((down.before, 1 - down.share), (down.behind, down.share)):
        for column, of_column in ((right.before, 1 - right.share), (right.behind, right.share)):
            np.add.at(back, (samples, row, column), slope * (of_row * of_column)[..., None])
    above, below = _rows(image, down, right)
    before, behind = _rows(image.swapaxes(1, 2), right, down)
    rises = (below - above, down.moves), (behind - before, right.moves)
    towards = [(slope * rise).sum(axis=-1) * moves for rise, moves in rises]
    return back, np.stack(towards, axis=-1)


def _rows(image: Reals, down: Axis, right: Axis) -> tuple[Reals, Reals]:
    """The image at the right position along its second axis, in the row before and the one behind."""
    samples = np.arange(len(image))[:, None, None, None]
    before, behind = (
        _between(image[samples, row, right.before], image[samples, row, right.behind], right.share)
        for row in (down.before, down.behind)
    )
    return before, behind


def _between(one: Reals, other: Reals, share: Reals) -> Reals:
    return np.asarray(one + (other - one) * share[..., None])
