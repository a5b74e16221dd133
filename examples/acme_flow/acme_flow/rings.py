"""`rings`: points of two rings around the origin, which no straight line parts."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from fpga_flow.datasets import base
from fpga_flow.spec.base import Fraction


class Split(base.Split):
    """As for every data set; a quarter is kept for testing if nothing else is said."""

    test: Fraction = 0.25


class Options(base.DataOptions):
    """`samples` points of the plane: half of them 1 from the origin, half of them 2, but for the `noise`."""

    name: Literal["rings"]
    split: Split = Split()
    samples: Annotated[int, Field(ge=20, le=10**6)] = 1000
    noise: Annotated[float, Field(ge=0, le=1)] = 0.1


def load(options: Options, seed: int) -> base.Dataset:
    """The points, drawn by the seed, split, scaled and coded as the options say."""
    generator = np.random.default_rng(seed)
    labels = np.arange(options.samples) % 2
    angles = generator.uniform(0, 2 * np.pi, options.samples)
    radii = 1 + labels + generator.normal(0, options.noise, options.samples)
    points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return base.make(options, seed, ["inner", "outer"], base.Samples(points, labels.astype(np.int64)), source="rings")
