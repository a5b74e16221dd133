"""Rewriting a Keras graph layer by layer. Nested models are opened up; a layer used twice stays one layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, quietly
from fpga_flow.networks.graph import calls_and_outputs


def rebuild(model: Any, replace: Callable[[Any], Sequence[Any]]) -> Any:
    """A copy of `model` in which each layer stands replaced by the layers that `replace` returns, one after the other.

    `replace` gets a layer (input layers too: what it returns for them comes right after the input) and returns new
    layers; the first new layer of the same weight shapes gets its weights. Layers without a replacement are cut out.
    A layer that is used more than once is replaced once, and its replacement is used as often. Layers of nested models
    are named as `graph.calls` names them before `replace` gets them.

    Raises:
        FieldError: a layer can't be made again from its configuration.
    """
    return _rebuilt(flat(model), lambda layer, name: replace(layer))


def flat(model: Any) -> Any:
    """`model` itself if it has no nested models, else a copy, see `opened`."""
    return opened(model) if any(isinstance(layer, keras.Model) for layer in model.layers) else model


def opened(model: Any, inputs: str | None = None) -> Any:
    """A copy of `model` with weights of its own and the layers of nested models in their place.

    Args:
        inputs: the name of its input in place of its own, where it has a single one.

    Raises:
        FieldError: a layer can't be made again from its configuration.
    """
    return _rebuilt(
        model,
        lambda layer, name: [] if isinstance(layer, keras.layers.InputLayer) else [copy(layer, name=name)],
        inputs,
    )


def copy_model(model: Any) -> Any:
    """A copy of `model` with weights of its own."""
    return opened(model)


def copy(layer: Any, **changes: Any) -> Any:
    """A new layer of the same class and configuration, but for some changes to it.

    Raises:
        FieldError: the layer's class can't make it again.
    """
    try:
        with quietly():  # Keras warns of how QKeras writes its quantizers
            return layer.__class__.from_config({**layer.get_config(), **changes})
    except (TypeError, ValueError, NotImplementedError) as error:
        raise _refused(layer, layer.name, error) from error


def _rebuilt(model: Any, replace: Callable[[Any, str], Sequence[Any]], inputs: str | None = None) -> Any:
    """See `rebuild`; `replace` gets the name of a layer's first use, too."""
    every, outputs = calls_and_outputs(model)
    tensors: dict[str, Any] = {}
    made: dict[int, Sequence[Any]] = {}
    starts = []
    for call in every:
        layer = call.layer
        new = made.get(id(layer))
        first = new is None
        if new is None:
            new = made[id(layer)] = replace(layer, call.name)
        if isinstance(layer, keras.layers.InputLayer):
            tensor = keras.Input(layer.input_shape[0][1:], dtype=layer.dtype, name=inputs or call.name)
            starts.append(tensor)
        else:
            found = [tensors[name] for name in call.inputs]
            tensor = found if len(found) > 1 else found[0]
        for each in new:
            try:
                tensor = each(tensor)
            except (TypeError, ValueError) as error:  # it takes more than tensors, for example attention
                raise _refused(layer, call.name, error) from error
        if first:
            _give_weights(layer, new)
        tensors[call.name] = tensor
    ends = [tensors[name] for name in outputs]
    return keras.Model(starts, ends if len(ends) > 1 else ends[0], name=model.name)


def _give_weights(layer: Any, new: Sequence[Any]) -> None:
    """The layer's weights for the first of the new layers that has weights of the same shapes."""
    weights = layer.get_weights()
    shapes = [weight.shape for weight in weights]
    for each in new:
        if weights and [weight.shape for weight in each.get_weights()] == shapes:
            each.set_weights(weights)
            return


def _refused(layer: Any, name: str, error: Exception) -> FieldError:
    why = " ".join(str(error).split())[:200]
    return FieldError(("network",), f'layer "{name}" ({type(layer).__name__}) can\'t be made again: {why}')
