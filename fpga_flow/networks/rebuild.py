"""Rewriting a Keras graph layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras


def rebuild(model: Any, replace: Callable[[Any], Sequence[Any]]) -> Any:
    """A copy of `model` in which each layer stands replaced by the layers that `replace` returns, one after the other.

    `replace` gets a layer (input layers too: what it returns for them comes right after the input) and returns new
    layers; the first new layer of the same weight shapes gets its weights. Layers without a replacement are cut out.

    Raises:
        FieldError: a layer is called more than once (shared), so that there is no single place for its replacement.
    """
    tensors: dict[int, Any] = {}
    inputs = []
    for layer in model.layers:
        if len(layer.inbound_nodes) != 1:
            uses = len(layer.inbound_nodes)
            raise FieldError(("network",), f'layer "{layer.name}" is used {uses} times: expected once')
        if isinstance(layer, keras.layers.InputLayer):
            tensor = keras.Input(layer.input_shape[0][1:], name=layer.name)
            inputs.append(tensor)
        else:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            found = [tensors[id(source)] for source in sources]
            tensor = found if len(found) > 1 else found[0]
        for new in replace(layer):
            tensor = new(tensor)
            weights = layer.get_weights()
            if weights and [w.shape for w in new.get_weights()] == [w.shape for w in weights]:
                new.set_weights(weights)
        tensors[id(layer.output)] = tensor
    outputs = [tensors[id(output)] for output in model.outputs]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=model.name)


def copy_model(model: Any) -> Any:
    """A copy of `model` with weights of its own."""
    return rebuild(model, lambda layer: [] if isinstance(layer, keras.layers.InputLayer) else [copy(layer)])


def copy(layer: Any) -> Any:
    """A new layer of the same class and configuration."""
    return layer.__class__.from_config(layer.get_config())
