"""Data sets: one file each, and this dict of them. A data set has `Options` and `load(options, seed)`."""

from __future__ import annotations

from fpga_flow.datasets import csv_file, digits, fashion_mnist, jets, mnist, npz_file
from fpga_flow.datasets.base import DataOptions, Dataset, Part, Split

DATASETS = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "jets": jets,
    "npz": npz_file,
    "csv": csv_file,
}

__all__ = ["DATASETS", "DataOptions", "Dataset", "Part", "Split", "load"]


def load(options: DataOptions, seed: int) -> Dataset:
    """The data set that `options.name` names, split, scaled and coded as the options say.

    Raises:
        FieldError: the options don't suit the data (no such file, a split that can't be made, ...).
        InputError: a file is damaged or holds no usable samples.
    """
    dataset: Dataset = DATASETS[options.name].load(options, seed)
    return dataset
