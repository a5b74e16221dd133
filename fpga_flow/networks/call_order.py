"""Calls of layers in a model's configuration that can never be made: Keras would look for an order of them for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MODELS = ("Functional", "Model", "Sequential")
#: Settings by which the first layer of a Sequential model gives the model an input of its own.
_INPUTS = ("batch_input_shape", "input_shape", "input_dim")
_Call = tuple[str, Any]


def never_made(layers: Any) -> list[str]:
    """The names of the layers with calls that wait for each other, or for calls that are not there.

    Args:
        layers: of a functional model's configuration; what Keras refuses by itself is passed over.
    """
    calls: dict[str, list[set[_Call]]] = {}
    first: dict[str, int] = {}
    inputs = set()
    for layer in layers if isinstance(layers, list) else ():
        name, nodes = (layer.get("name"), layer.get("inbound_nodes")) if isinstance(layer, dict) else (None, None)
        if isinstance(name, str) and nodes is not None:
            called = nodes if isinstance(nodes, list) else []  # Keras finds no call in {} or "", and raises at others
            calls.setdefault(name, []).extend(set(_references(node)) for node in called)
            first.setdefault(name, int(_was_called(layer)))
            if layer.get("class_name") == "InputLayer":
                inputs.add(name)
    made: set[_Call] = set()
    done = dict.fromkeys(calls, 0)
    waiting, before = dict(calls), -1
    while len(made) > before:
        before = len(made)
        for name, nodes in waiting.items():
            while done[name] < len(nodes) and all(
                call in made or call[0] in inputs or call[0] not in calls for call in nodes[done[name]]
            ):
                made.add((name, first[name] + done[name]))
                done[name] += 1
        waiting = {name: nodes for name, nodes in waiting.items() if done[name] < len(nodes)}
    return list(waiting)


def _was_called(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is made with a call, so that others are counted from 1: a model with an input of its own."""
    if layer.get("class_name") not in _MODELS:
        return False
    config = layer.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if layer["class_name"] != "Sequential" or not isinstance(layers, list) or not layers:
        return True
    inner = layers[0] if isinstance(layers[0], dict) else {}
    settings = inner.get("config")
    return (
        inner.get("class_name") in ("InputLayer", "Functional", "Model")
        or (isinstance(settings, dict) and any(settings.get(key) is not None for key in _INPUTS))
        or (isinstance(config, dict) and config.get("build_input_shape") is not None)
    )


def _references(node: Any) -> Iterator[_Call]:
    """The calls whose outputs a call gets, as Keras finds them: lists of a layer's name, a call's number, an output's
    number, and perhaps of named arguments with more of them.
    """
    if isinstance(node, dict):
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list) and len(node) in (3, 4) and isinstance(node[0], str):
        if not isinstance(node[1], list | dict):  # Keras raises at those
            yield node[0], node[1]
        yield from _references(node[3:])
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)
