"""A Keras model from a .fpz file's architecture and weights, and back. Nothing of a file is trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fpga_flow.errors import FieldError, InputError
from fpga_flow.keras import keras, quietly, tf
from fpga_flow.networks import model_config
from fpga_flow.networks.network import WEIGHTS, Network
from fpga_flow.printing import printable
from fpga_flow.storage.file import Contents, Source

#: Variables up to this size are made without a question: layers have some beside their weights.
_SMALL = 1024


class _TooLarge(Exception):  # noqa: N818  (it never leaves this module)
    """An architecture asks for a weight that its file does not have."""


def sources(network: Network) -> Iterator[list[Source]]:
    """The weights of each layer that has some, in the order of the layers, with what was promised of them.

    Raises:
        FieldError: one is not finite, or not float32.
    """
    for layer in weighted(network.model):
        found: list[Source] = []
        for variable, name in zip(layer.weights, names(layer), strict=True):
            values = variable.numpy()
            place = f'layer "{layer.name}", {name}'
            if values.dtype != np.float32:
                raise FieldError(("network",), f"{place}: expected float32 values, got {values.dtype}")
            if not np.isfinite(values).all():
                raise FieldError(("network",), f"{place}: expected finite values, got some that are not")
            found.append((values, network.of(layer.name, name)))
        yield found


def weighted(model: Any) -> list[Any]:
    """The layers of a model that have weights."""
    return [layer for layer in model.layers if layer.weights]


def names(layer: Any) -> list[str]:
    """The names of a layer's weights: of `network.WEIGHTS`, or what Keras calls them."""
    known = {id(getattr(layer, name, None)): name for name in WEIGHTS}
    return [known.get(id(each), each.name.rpartition("/")[2].partition(":")[0]) for each in layer.weights]


def build(contents: Contents, name: str) -> Network:
    """The network of a file that was split; `name` is for the messages of errors.

    Raises:
        InputError: the architecture is none that Keras and QKeras can make without running code of others, or the
            weights are not those of its layers.
    """
    for found in model_config.findings(contents.config):
        if found.kind == "code":
            raise _wrong(name, f"expected layers of Keras and QKeras, got {found.where}: {found.what}")
        if found.kind == "endless":
            raise _wrong(name, f"{found.where} {found.what}")
    shapes = Counter(weight.values.shape for layer in contents.layers for weight in layer)
    try:
        with tf.variable_creator_scope(_only(shapes)), quietly():
            model = model_config.make(contents.config)
    except MemoryError:
        raise
    except Exception as error:  # Keras raises anything at a configuration that it can't read
        raise _wrong(name, f"expected a model, got: {printable(' '.join(str(error).split())[:200])}") from error
    if not isinstance(model, keras.Model):
        raise _wrong(name, f"expected a model, got a layer: {type(model).__name__}")
    layers = weighted(model)
    if len(layers) != len(contents.layers):
        raise _wrong(name, f"expected weights of {len(layers)} layers, got those of {len(contents.layers)}")
    promises = []
    for layer, weights in zip(layers, contents.layers, strict=True):
        wanted, got = ([tuple(each.shape) for each in these] for these in (layer.weights, [w.values for w in weights]))
        if wanted != got:
            raise _wrong(name, f"expected weights of shapes {wanted} for layer {layer.name!r}, got {got}")
        layer.set_weights([each.values for each in weights])
        for each, weight_name in zip(weights, names(layer), strict=True):
            if weight_name in WEIGHTS:
                promises += [replace(promise, layer=layer.name, weight=weight_name) for promise in each.promises]
    return Network(model, tuple(promises))


def _only(shapes: Counter[tuple[int, ...]]) -> Callable[..., Any]:
    """What makes variables of these shapes, each as often as it is there, all zero; for others it raises."""
    left = shapes.copy()

    def create(next_creator: Callable[..., Any], **options: Any) -> Any:
        shape = options.get("shape")
        size = None if shape is None else tuple(tf.TensorShape(shape).as_list())
        if size is not None and np.prod(size, dtype=object) > _SMALL:
            if left[size] == 0:
                raise _TooLarge(f"a weight of the shape {size}, which the file does not have")
            left[size] -= 1
            type_ = options.get("dtype")
            options["initial_value"] = lambda: tf.zeros(size, type_)
        return next_creator(**options)

    return create


def _wrong(name: str, message: str) -> InputError:
    return InputError.at(name, f"architecture: {message}")
