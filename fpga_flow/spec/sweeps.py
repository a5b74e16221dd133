"""Checking a section `sweep` against the data."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_flow.datasets import Dataset
from fpga_flow.errors import FieldError
from fpga_flow.sweep.options import Sweep


def check_samples(sweep: Sweep, dataset: Dataset) -> Iterator[FieldError]:
    """What points are chosen by must be measured, and no more samples be simulated than there are."""
    by_accuracy = "accuracy" in sweep.objectives or "accuracy" in sweep.constraints.limits()
    if by_accuracy and not len(dataset.validation.x):
        yield FieldError(
            ("sweep", "objectives"),
            "expected validation samples to measure accuracy on, got none: give some as data.split.validation",
        )
    if sweep.samples is not None and sweep.samples > (there := len(dataset.test.x)):
        yield FieldError(
            ("sweep", "samples"), f"expected at most {there}, as many as there are test samples, got {sweep.samples}"
        )
