"""`digits`: the 1797 handwritten digits that come with scikit-learn (test set of UCI's "Optical Recognition")."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fpga_flow.datasets import base
from fpga_flow.spec.base import Fraction


class Split(base.Split):
    """As for every data set; a fifth is kept for testing if nothing else is said."""

    test: Fraction = 0.2


class Options(base.DataOptions):
    """Images of 8x8x1 pixels, 0 to 16, in 10 classes."""

    name: Literal["digits"]
    split: Split = Split()


def load(options: Options, seed: int) -> base.Dataset:
    """The digits, split, scaled and coded as the options say.

    Raises:
        FieldError: the options don't suit the data, see `base.make`.
    """
    from sklearn.datasets import load_digits  # takes a second to import

    images, labels = load_digits(return_X_y=True)
    samples = base.Samples(images.reshape(-1, 8, 8, 1).astype(np.float32), labels.astype(np.int64))
    return base.make(options, seed, [str(digit) for digit in range(10)], samples, source="digits")
