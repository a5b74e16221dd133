"""`fashion_mnist`: pictures of clothes (Xiao et al. 2017), 60,000 for training and 10,000 for testing."""

from __future__ import annotations

from typing import Literal

from fpga_flow.datasets import idx_images
from fpga_flow.datasets.base import Dataset

SOURCE = idx_images.Source(
    name="fashion_mnist",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
    sha256={
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)


class Options(idx_images.Options):
    """Images of 28x28x1 pixels, 0 to 255, in 10 classes."""

    name: Literal["fashion_mnist"]


def load(options: Options, seed: int) -> Dataset:
    """Fashion-MNIST, its own test set as the test part.

    Raises:
        FieldError, InputError: see `idx_images.load`.
    """
    return idx_images.load(SOURCE, options, seed)
