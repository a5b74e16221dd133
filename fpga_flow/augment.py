"""Training images changed at random in each epoch, so that a network learns what does not matter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpga_flow.spec.base import Augment


def augmented(x: NDArray[np.float32], augment: Augment, seed: Sequence[int]) -> NDArray[np.float32]:
    """Images (n, height, width, channels), each moved by up to `shift` pixels in each direction, zeros coming in, and
    mirrored left to right or not (`flip`).

    Args:
        seed: what the random choices depend on.
    """
    rng = np.random.default_rng(seed)
    if augment.flip:
        x = np.where(rng.random(len(x))[:, None, None, None] < 0.5, x[:, :, ::-1], x)
    if augment.shift:
        moves = rng.integers(-augment.shift, augment.shift + 1, (len(x), 2))
        moved = np.zeros_like(x)
        for move in itertools.product(range(-augment.shift, augment.shift + 1), repeat=2):
            rows = (moves == move).all(axis=1)
            into, out = zip(*(_overlap(step, size) for step, size in zip(move, x.shape[1:], strict=False)), strict=True)
            moved[rows, into[0], into[1]] = x[rows, out[0], out[1]]
        x = moved
    return x


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """Where in the moved image, and from where in the image, pixels stay that are moved by `step`."""
    return slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0))
