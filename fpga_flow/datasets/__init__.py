"""Data sets: one file each, and this table of them, to which plugins add. `base.py` states their contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fpga_flow import plugins
from fpga_flow.datasets import csv_file, digits, fashion_mnist, jets, mnist, npz_file
from fpga_flow.datasets.base import DataOptions, Dataset, Part, Split
from fpga_flow.plugins import Plugin, Registry


def _problems(plugin: Plugin, module: Any) -> Iterator[str]:
    """What is wrong with a plugin's data set."""
    yield from plugins.name_problems(plugin.name, "[a-z][a-z0-9_]*", "small letters, digits and _")
    yield from plugins.module_problems(module, ("load",), DataOptions, "name", plugin.name)


_BUILT_IN = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "jets": jets,
    "npz": npz_file,
    "csv": csv_file,
}
DATASETS = Registry("fpga_flow.datasets", _BUILT_IN, _problems)

__all__ = ["DATASETS", "DataOptions", "Dataset", "Part", "Split", "load"]


def load(options: DataOptions, seed: int) -> Dataset:
    """The data set that `options.name` names, split, scaled and coded as the options say.

    Raises:
        FieldError: the options don't suit the data (no such file, a split that can't be made, ...).
        InputError: a file is damaged or holds no usable samples.
    """
    dataset: Dataset = DATASETS[options.name].load(options, seed)
    return dataset
