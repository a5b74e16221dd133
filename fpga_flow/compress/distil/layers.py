"""The layers of student and teacher that hints and attention compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fpga_flow.errors import FieldError, suggest
from fpga_flow.networks.graph import calls


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The output shape of each layer behind the input, by its name; where a layer is used twice, of its first use."""
    found: dict[str, tuple[int, ...]] = {}
    seen: set[int] = set()
    for call in calls(model):
        if call.inputs and id(call.layer) not in seen:
            found[call.name] = call.shape
        seen.add(id(call.layer))
    return found


def output_of(model: Any, name: str) -> Any:
    """The output tensor of a layer of a flat model, of its first use."""
    return model.get_layer(name).get_output_at(0)


def check(section: str, layers: Mapping[str, str], student: Any, teacher: Any) -> Iterator[FieldError]:
    """What is wrong with layers of the student, each with one of the teacher; the path is the student's layer.

    Args:
        section: hints or attention.
        student: None if it is not known yet; then only the teacher's layers are looked for.
    """
    ours, theirs = None if student is None else shapes(student), shapes(teacher)
    for own, other in layers.items():
        unknown = [
            f'expected a layer of the {who}, got "{name}": {suggest(name, known)}'
            for who, name, known in (("student", own, ours), ("teacher", other, theirs))
            if known is not None and name not in known
        ]
        for message in unknown:
            yield FieldError((own,), message)
        if ours is not None and not unknown and (what := _misfit(section, ours[own], theirs[other])):
            yield FieldError(
                (own,), f'expected {what}, got {ours[own]} for "{own}" and {theirs[other]} for the teacher\'s "{other}"'
            )


def _misfit(section: str, own: tuple[int, ...], other: tuple[int, ...]) -> str:
    """What is expected of the shapes, in words; empty if they are so."""
    alike = own[:-1] == other[:-1]
    if section == "hints":
        return "" if alike else "shapes that differ in the number of channels alone"
    if len(own) == 1 or len(other) == 1:
        return "layers with places to be strong at"
    resizable = len(own) == len(other) == 3
    return "" if alike or resizable else "images, or shapes that differ in the number of channels alone"
