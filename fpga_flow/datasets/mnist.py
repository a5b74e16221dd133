"""`mnist`: handwritten digits (LeCun et al. 1998), 60,000 for training and 10,000 for testing."""

from __future__ import annotations

from typing import Literal

from fpga_flow.datasets import idx_images
from fpga_flow.datasets.base import Dataset

SOURCE = idx_images.Source(
    name="mnist",
    classes=tuple("0123456789"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    sha256={
        "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)


class Options(idx_images.Options):
    """Images of 28x28x1 pixels, 0 to 255, in 10 classes."""

    name: Literal["mnist"]


def load(options: Options, seed: int) -> Dataset:
    """MNIST, its own test set as the test part.

    Raises:
        FieldError, InputError: see `idx_images.load`.
    """
    return idx_images.load(SOURCE, options, seed)
