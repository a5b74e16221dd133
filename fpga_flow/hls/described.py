"""Reading back what `project.json` says of an HLS project, whoever wrote it: each value must be of its field's type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from fpga_flow.boards import PART
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.settings import HlsSettings
from fpga_flow.spec.base import Form, PositiveFloat
from fpga_flow.spec.messages import show

#: The fields of a layer that are in weights.npz.
ARRAYS = ("weights", "biases", "table")
_WITH_WINDOW = ("conv", "depthwise", "pool", "global_pool")
_NAME = Form(r"[A-Za-z_][A-Za-z0-9_]*", "a name of letters, digits and _")
_Described = TypeVar("_Described", HlsLayer, HlsSettings)
_Size = Annotated[int, Field(ge=1, lt=2**31)]
#: Narrower than the types of the fields: what scripts, paths and products are made of.
_NARROWER: dict[str, Any] = {
    "project": Annotated[str, _NAME],
    "board": Annotated[str, Form(r"[a-z0-9][a-z0-9-]*", "a board's name")],
    "part": PART,
    "clock_ns": PositiveFloat,
    "backend": Annotated[str, Form("|".join(BACKENDS), "a backend")],
    "name": Annotated[str, _NAME],
    "input_shape": Annotated[tuple[_Size, ...], Field(min_length=1)],
    "output_shape": Annotated[tuple[_Size, ...], Field(min_length=1)],
    "window": tuple[_Size, ...],
    "strides": tuple[_Size, ...],
    "dilation": tuple[_Size, ...],
    "groups": _Size,
    "reuse_factor": _Size,
}


def settings(values: Mapping[str, Any]) -> HlsSettings:
    """The settings of a project.

    Raises:
        TypeError, ValueError: they are none, or some of them are no settings.
    """
    return _checked(HlsSettings(**values))


def tolerance(value: Any) -> float:
    """By how much outputs may differ. Raises ValueError if it is no finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"tolerance: expected a finite number from 0, got {show(value)}")
    return float(value)


def layers(described: Sequence[Mapping[str, Any]], arrays: Any) -> tuple[HlsLayer, ...]:
    """The layers of a project, with their arrays by their names.

    Raises:
        TypeError, ValueError, KeyError: they are none.
    """
    if not described:
        raise ValueError("layers: expected at least one, got none")
    return tuple(_layer(each, arrays) for each in described)


def _layer(values: Mapping[str, Any], arrays: Any) -> HlsLayer:
    restored: dict[str, Any] = {}
    for key, value in values.items():
        if key.endswith("_type") and value is not None:
            value = FixedPoint.parse(value)
        restored[key] = _tuples(value)
    for key in ARRAYS:
        restored[key] = arrays.get(f"{values['name']}.{key}")
        if restored[key] is not None and (restored[key].dtype.kind not in "iu" or restored[key].ndim < 1):
            raise ValueError(f"{values['name']}.{key}: expected whole numbers, got {restored[key].dtype}")
    made = _checked(HlsLayer(**restored))
    _check_axes(made)
    return made


def _check_axes(layer: HlsLayer) -> None:
    """Raise ValueError where a window has not the axes of the image that it slides over."""
    if not layer.kind.startswith(_WITH_WINDOW):
        return
    axes = len(layer.input_shape) - 1
    if axes < 1 or any(len(each) not in (0, axes) for each in (layer.window, layer.strides, layer.dilation)):
        raise ValueError(f"{layer.name}: expected a window with the axes of the input, {layer.input_shape}")


def _checked(made: _Described) -> _Described:
    """A dataclass's value, if its fields have the types that they should have."""
    for name, adapter in _adapters()[type(made).__name__].items():
        try:
            adapter.validate_python(getattr(made, name), strict=True)
        except ValidationError as error:
            found = error.errors()[0]
            raise ValueError(f"{name}: {found['msg']}, got {show(found['input'])}") from error
    return made


@cache
def _adapters() -> dict[str, dict[str, TypeAdapter[Any]]]:
    """What checks the fields of each class, by their names."""
    return {
        kind.__name__: {
            each.name: TypeAdapter(_NARROWER.get(each.name, get_type_hints(kind)[each.name]))
            for each in fields(kind)
            if each.name not in ARRAYS
        }
        for kind in (HlsLayer, HlsSettings)
    }


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
