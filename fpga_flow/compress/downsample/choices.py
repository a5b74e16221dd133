"""Placements of a network's downsamplings: what a spec may ask for, and what `auto` chooses among."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fpga_flow.compress.downsample.moved import moved
from fpga_flow.compress.downsample.places import Layout, find
from fpga_flow.errors import FieldError, FieldPath, suggest
from fpga_flow.networks.rebuild import copy_model

_PLACEMENTS = ("early", "even", "late")


@dataclass(frozen=True)
class Candidate:
    """A placement.

    names    early, even, late, present (where the downsamplings are already), or at: all of those that it is
    places   for each downsampling the number of its place
    """

    names: tuple[str, ...]
    places: tuple[int, ...]

    def build(self, model: Any, found: Layout, path: FieldPath) -> Any:
        """A flat model with this placement, always a new one.

        Raises:
            FieldError: at `path`; it is not possible.
        """
        return copy_model(model) if self.places == found.present() else moved(model, found, self.places, path)


def layout(model: Any, path: FieldPath) -> Layout:
    """The layout of a flat model.

    Raises:
        FieldError: at `path`; there is nothing to move.
    """
    found = find(model)
    if not found.steps:
        raise FieldError(path, "expected a network with strides or poolings behind convolutions to move, got none")
    return found


def chosen(found: Layout, options: Any, path: FieldPath) -> Candidate:
    """The placement that the options of the pass say.

    Raises:
        FieldError: at `path`; there are too few places, or these are not possible.
    """
    return Candidate((options.placement or "at",), places(found, options.placement, options.at, path))


def places(found: Layout, placement: str | None, at: Sequence[str], path: FieldPath) -> tuple[int, ...]:
    """For each downsampling the number of the place that `placement` says, or `at`, the names of convolutions.

    Raises:
        FieldError: there are too few places, or these are not possible.
    """
    steps = ", ".join(step.layers[0] for step in found.steps)
    if placement is not None:
        able = [found.places[number].names[0] for number in found.able()]
        if len(able) < len(found.steps):
            others = [f'"{place.names[0]}": {place.why}' for place in found.places if place.why and not place.strided]
            why = f" ({'; '.join(others)})" if others else ""
            raise FieldError(
                path,
                f"expected at least {len(found.steps)} places for {steps}, got {len(able)}: "
                f"{', '.join(able) or 'none'}{why}",
            )
        return found.placed(placement)
    path = (*path, "at")
    known = {name: number for number, place in enumerate(found.places) for name in place.names}
    for name in at:
        if name not in known:
            raise FieldError(
                path, f'expected convolutions where a downsampling can be, got "{name}": {suggest(name, known)}'
            )
    numbers = tuple(known[name] for name in at)
    if len(at) != len(found.steps):
        raise FieldError(path, f"expected {len(found.steps)} convolutions, for {steps}, got {len(at)}")
    if list(numbers) != sorted(numbers):
        raise FieldError(path, f"expected convolutions in the order of the network, got {', '.join(at)}")
    for step, number, name in zip(found.steps, numbers, at, strict=True):
        place = found.places[number]
        if not step.pooling and not place.strided:
            raise FieldError(path, f'expected a place for the strides of "{step.layers[0]}", got "{name}": {place.why}')
    taken = [(number, step.pooling) for step, number in zip(found.steps, numbers, strict=True)]
    if any(not pooling and taken.count((number, pooling)) > 1 for number, pooling in taken):
        raise FieldError(path, f"expected another place for each of the strides, got {', '.join(at)}")
    return numbers


def candidates(found: Layout, path: FieldPath) -> list[Candidate]:
    """The present placement, then the others, those that are the same only once.

    Raises:
        FieldError: there are no others.
    """
    named: dict[tuple[int, ...], list[str]] = {found.present(): ["present"]}
    for placement in _PLACEMENTS:
        named.setdefault(places(found, placement, (), path), []).append(placement)
    if len(named) == 1:
        raise FieldError(path, "expected a network with more places than downsamplings for auto to choose, got as many")
    return [Candidate(tuple(names), numbers) for numbers, names in named.items()]


def at(found: Layout, numbers: Sequence[int]) -> dict[str, str]:
    """For each downsampling, by the name of its first layer, the name of the place with this number."""
    pairs = zip(found.steps, numbers, strict=True)
    return {step.layers[0]: found.places[number].names[0] for step, number in pairs}
