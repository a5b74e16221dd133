"""Rules of sharing, as passes have them."""

from __future__ import annotations

from typing import Any

import numpy as np


def hash_groups(shape: tuple[int, ...], rule: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(rule["seed"])
    return rng.integers(rule["buckets"], size=shape), rng.choice(np.array([-1, 1], np.int8), shape)


def circulant_groups(shape: tuple[int, ...], rule: dict[str, Any]) -> np.ndarray:
    block = rule["block"]
    if len(shape) != 2 or not block or shape[0] % block or shape[1] % block:
        raise ValueError("blocks do not fit")
    row, column = np.indices(shape)
    blocks = row // block * (shape[1] // block) + column // block
    return blocks * block + (row - column) % block
