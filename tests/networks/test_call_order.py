"""Which models' calls can never be made, against Keras itself, stopped where it looks for an order for ever."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from fpga_flow.keras import keras
from fpga_flow.networks.call_order import never_made


class EndlessError(Exception):
    """Keras goes through the layers more often than there are calls."""


class Passes(list):
    """Layers that Keras can go through only so often."""

    left = 30

    def __iter__(self) -> Iterator[Any]:
        self.left -= 1
        if not self.left:
            raise EndlessError
        return super().__iter__()


def shared(inner: keras.Model) -> dict[str, Any]:
    """A layer and a model that are called twice, the model with a named argument, too."""
    one, two = (keras.Input((6,), name=name) for name in ("one", "two"))
    twice, add = keras.layers.Dense(6, name="twice"), keras.layers.Add(name="add")
    added = add([twice(one), twice(two)])
    attended = keras.layers.Attention(name="attention")([inner(added)[:, None], inner(two)[:, None]])
    out = keras.layers.MultiHeadAttention(1, 2, name="heads")(attended, value=attended)
    return keras.Model([one, two], out).get_config()


def inner(kind: str) -> keras.Model:
    dense = keras.layers.Dense(6)
    if kind == "functional":
        start = keras.Input((6,))
        return keras.Model(start, dense(start), name="inner")
    within = [keras.Sequential([keras.Input((6,)), keras.layers.ReLU()])]
    start = {"sequential": [keras.Input((6,))], "deferred": [], "nested": within}[kind]
    return keras.Sequential([*start, dense], name="inner")


def numbers(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all numbers of calls in a layer's calls."""
    if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
        yield (*way, 1)
        yield from numbers(dict(enumerate(value[3:], 3)), way)
    elif isinstance(value, list | dict):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(each, (*way, key))


def changed(config: dict[str, Any], layer: int, way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    at = config["layers"][layer]["inbound_nodes"]
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value
    return config


@pytest.mark.parametrize("kind", ["functional", "sequential", "deferred", "nested"])
def test_as_keras_does(kind: str) -> None:
    config = shared(inner(kind))
    values = (0, 1, 2, 140, 1.0, "x", None) if kind == "functional" else (0, 1, 140)
    tried = [config]
    for number, layer in enumerate(config["layers"]):
        for way in numbers(layer["inbound_nodes"]):
            tried += [changed(config, number, way, value) for value in values]
    told = []
    for each in tried:
        found = never_made(each["layers"])
        each["layers"] = Passes(each["layers"])
        try:
            keras.Model.from_config(each)
        except EndlessError:
            assert found
        except Exception:  # anything else is Keras' own way to refuse it
            pass
        else:
            assert not found
        told.append(bool(found))
    assert not told[0]
    assert any(told)
    assert not all(told[1:])


@pytest.mark.parametrize(
    "layers", [None, 5, [], [5, {}], [{"name": 5, "inbound_nodes": []}], [{"name": "a", "inbound_nodes": 5}],
               [{"name": "a", "inbound_nodes": [["a", [], 0]]}], [{"name": "a", "inbound_nodes": [[["b", 3, 0, {}]]]}]]
)  # fmt: skip
def test_what_keras_refuses_by_itself_is_passed_over(layers: Any) -> None:
    assert never_made(layers) == []


def test_circles_are_found() -> None:
    layers = [
        {"name": "start", "class_name": "InputLayer", "inbound_nodes": []},
        {"name": "a", "class_name": "Add", "inbound_nodes": [[["start", 0, 0, {}], ["b", 0, 0, {}]]]},
        {"name": "b", "class_name": "ReLU", "inbound_nodes": [[["a", 0, 0, {}]]]},
        {"name": "c", "class_name": "ReLU", "inbound_nodes": [[["start", 7, 0, {}]]]},
    ]
    assert never_made(layers) == ["a", "b"]


@pytest.mark.parametrize("nodes", [{}, ""])
def test_a_layer_whose_calls_are_no_list_is_never_called(nodes):
    """Keras would wait for its outputs for ever."""
    layers = [
        {"class_name": "InputLayer", "name": "x", "inbound_nodes": []},
        {"class_name": "Dense", "name": "hidden", "inbound_nodes": nodes},
        {"class_name": "Dense", "name": "out", "inbound_nodes": [[["hidden", 0, 0, {}]]]},
    ]
    assert never_made(layers) == ["out"]
