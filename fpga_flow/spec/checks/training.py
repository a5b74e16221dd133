"""Checking a section `training`, the spec's or a teacher's, against the network and the data."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_flow.errors import FieldError
from fpga_flow.spec.base import Augment, Training


def check_epochs(training: Training, family: str) -> Iterator[FieldError]:
    """Only a network that is trained already can do without epochs."""
    if not training.epochs and family != "imported":
        yield FieldError(("training", "epochs"), f"expected at least 1 for a network of family {family}, got 0")


def check_augment(augment: Augment | None, shape: tuple[int, ...]) -> Iterator[FieldError]:
    """Only images can be moved, and by less than their size."""
    if augment is None:
        return
    if len(shape) != 3:
        yield FieldError(("training", "augment"), f"expected samples of shape (height, width, channels), got {shape}")
    elif augment.shift >= min(shape[:2]):
        yield FieldError(
            ("training", "augment", "shift"),
            f"expected less than the {min(shape[:2])} pixels of the images, got {augment.shift}",
        )
