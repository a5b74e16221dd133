"""Checking the teachers that passes have: networks of their own, beside the spec's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fpga_flow import compress
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath, under
from fpga_flow.networks import from_spec
from fpga_flow.spec.base import Training
from fpga_flow.spec.checks import training


def check(
    passes: Sequence[Any],
    model: Any,
    settings: Training | None,
    dataset: Dataset,
    student: Callable[[int], Any] | None,
    *,
    trust_code: bool,
) -> Iterator[FieldError]:
    """Each teacher must be a network that suits the data, and be trained; the layers that a pass compares must fit.

    Args:
        model: the spec's network, if it is known.
        settings: the section `training`, if it is valid.
        student: the model that a pass of this number gets, or None where it is not known before the passes are run;
            None if it can be known of none. Then only the teachers' layers are looked for.
    """
    for number, one in enumerate(passes):
        path = ("compress", number, one.name)
        found: list[Any] = []
        for where, teacher in compress.teachers(one.name, one.options).items():
            errors = list(_check(teacher, settings, dataset))
            yield from (FieldError((*path, *where, *error.path), error.message) for error in errors)
            try:
                found.append(_model(teacher, model, dataset, (*path, *where), trust_code))
            except FieldError as error:
                yield error
                found.append(None)
        if found and all(each is not None for each in found):
            given = student(number) if student is not None else None
            yield from compress.PASSES[one.name].check_layers(one.options, given, found, path)


def _check(teacher: Any, settings: Training | None, dataset: Dataset) -> Iterator[FieldError]:
    """A teacher's training; the spec's own is checked with the spec."""
    if teacher.network.family == "float":
        return
    if teacher.training is not None:
        yield from training.check_augment(teacher.training.augment, dataset.input_shape)
    if (chosen := teacher.training or settings) is not None:
        yield from training.check_epochs(chosen, teacher.network.family)


def _model(teacher: Any, model: Any, dataset: Dataset, path: FieldPath, trust_code: bool) -> Any:
    if teacher.network.family == "float":
        return model
    with under(path):
        return from_spec.build(teacher.network, dataset, trust_code=trust_code)
