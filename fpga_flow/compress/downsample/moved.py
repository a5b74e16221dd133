"""The network with its downsamplings at other places: the same layers with the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpga_flow.compress.downsample.places import Layout, strides_of
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks.graph import calls
from fpga_flow.networks.rebuild import copy, rebuild

_Shape = tuple[int | None, ...]


def moved(model: Any, layout: Layout, places: Sequence[int], path: FieldPath) -> Any:
    """A flat model with each downsampling at the place of this number.

    Raises:
        FieldError: at `path`; a map would have no size, branches would no longer match, or a layer has weights for
            maps of another size.
    """
    strides: dict[str, tuple[int, ...]] = {}
    gone: set[str] = set()
    behind: dict[str, list[str]] = {}
    goes = [(step, place) for step, place in zip(layout.steps, places, strict=True) if step.place != place]
    for step, _ in goes:
        if step.pooling:
            gone |= set(step.layers)
        else:
            strides |= {name: (1,) * len(step.strides) for name in step.layers}
    for step, place in goes:
        if step.pooling:
            behind.setdefault(layout.places[place].end, []).extend(step.layers)
        else:
            strides |= dict.fromkeys(layout.places[place].strided, step.strides)

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        stays = [] if layer.name in gone else [copy(layer, **_with(layer, strides))]
        return [*stays, *(copy(model.get_layer(name)) for name in behind.get(layer.name, ()))]

    _check_shapes(model, replace, path)
    made = rebuild(model, replace)
    for layer in made.layers:
        _check_weights(layer, model.get_layer(layer.name), path)
    return made


def _with(layer: Any, strides: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The change to a layer's configuration."""
    if layer.name not in strides:
        return {}
    return {"strides": strides[layer.name] if len(strides[layer.name]) > 1 else strides[layer.name][0]}


def _check_shapes(model: Any, replace: Any, path: FieldPath) -> None:
    """Follow the shapes through the new layers."""
    shapes: dict[str, _Shape] = {}
    old = {call.name: call.shape for call in calls(model)}
    made: dict[int, list[Any]] = {}
    for call in calls(model):
        if isinstance(call.layer, keras.layers.InputLayer):
            shapes[call.name] = (None, *call.shape)
            continue
        given = [shapes[name] for name in call.inputs]
        sizes = [shape[1:-1] for shape in given]
        if len({old[name][:-1] for name in call.inputs}) == 1 and len(set(sizes)) > 1:
            got = " and ".join(dict.fromkeys(map(_text, sizes)))
            raise FieldError(path, f'expected branches that match at "{call.layer.name}", got maps of {got}')
        new = made.setdefault(id(call.layer), replace(call.layer))
        shape: Any = given if len(given) > 1 else given[0]
        for layer in new:
            before = shape
            try:
                shape = tuple(layer.compute_output_shape(shape))
            except (ValueError, TypeError, NotImplementedError) as error:
                raise FieldError(path, _why(layer, before, error)) from error
            if any(size is not None and size < 1 for size in shape[1:]):
                raise FieldError(path, _why(layer, before))
        shapes[call.name] = shape


def _check_weights(new: Any, old: Any, path: FieldPath) -> None:
    """Some layers, such as dense ones behind Flatten, have weights for each position."""
    shapes, before = ([each.shape for each in layer.get_weights()] for layer in (new, old))
    if shapes != before:
        raise FieldError(
            path,
            f'expected maps of the size for which "{new.name}" has weights, of shape {_text(before[0])}, got maps for '
            f"{_text(shapes[0])}: put replace_dense before, whose average takes maps of any size, or use padding same",
        )


def _why(layer: Any, shape: Any, error: Exception | None = None) -> str:
    """What is wrong with a shape that reaches a layer."""
    window = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
    if window is None or not isinstance(shape, tuple):
        said = f": {' '.join(str(error).split())[:200]}" if error else ""
        return f'expected maps that "{layer.name}" can take, got {shape}{said}'
    stride = f" with strides {_text(strides_of(layer))}" if max(strides_of(layer)) > 1 else ""
    least = f'expected maps of at least {_text(tuple(window))} before "{layer.name}"{stride}'
    return f"{least}, as nothing is left of smaller ones, got {_text(shape[1:-1])}"


def _text(sizes: Sequence[int | None]) -> str:
    return "x".join(map(str, sizes))
