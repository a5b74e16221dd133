"""A Keras model as a list of calls: one for each use of a layer, nested models opened up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fpga_flow.keras import keras, tf


@dataclass(frozen=True)
class Call:
    """One use of a layer.

    name    the layer's; a second use of it gets a number, a layer of a nested model the model's name in front
    inputs  the names of the calls whose outputs it reads, none for an input of the network
    shape   of its output, without the batch
    """

    layer: Any
    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]


def calls(model: Any) -> list[Call]:
    """All calls that the outputs of a functional or Sequential model depend on, each behind those whose outputs it
    reads.

    The call of an output is the last one where there is a single output.
    """
    return calls_and_outputs(model)[0]


def calls_and_outputs(model: Any) -> tuple[list[Call], list[str]]:
    """All calls, see `calls`, and for each output of the model the name of the call that gives it."""
    reserved = {layer.name for layer in model.layers}
    found: dict[str, Call] = {}
    use = _Use("", {})
    outputs = [_visit(output, use, reserved, found) for output in model.outputs]
    return list(found.values()), outputs


@dataclass
class _Use:
    """One use of a model: the prefix of its layers' names, the names of the calls that gave its tensors so far, and the
    uses of models inside of it, by the node that records each.
    """

    prefix: str
    names: dict[int, str]
    inside: dict[int, tuple[Any, _Use]] = field(default_factory=dict)


def _visit(tensor: Any, use: _Use, reserved: set[str], found: dict[str, Call]) -> str:
    """The name of the call that gives a tensor; it and all that it reads are added to `found`."""
    if id(tensor) in use.names:
        return use.names[id(tensor)]
    layer, node_index, tensor_index = tensor._keras_history  # Keras' own record of where a tensor comes from
    node = layer.inbound_nodes[node_index]
    sources = [] if isinstance(layer, keras.layers.InputLayer) else tf.nest.flatten(node.keras_inputs)
    names = tuple(_visit(source, use, reserved, found) for source in sources)
    if isinstance(layer, keras.Model):
        if id(node) not in use.inside:
            times = 1 + sum(model is layer for model, _ in use.inside.values())
            prefix = f"{use.prefix}{layer.name}_" + (f"{times}_" if times > 1 else "")
            inputs = {id(each): name for each, name in zip(layer.inputs, names, strict=True)}
            use.inside[id(node)] = (layer, _Use(prefix, inputs))
        name = _visit(layer.outputs[tensor_index], use.inside[id(node)][1], reserved, found)
    else:
        name, number = f"{use.prefix}{layer.name}", 1
        while name in found or (name in reserved and (use.prefix or number > 1)):
            number += 1
            name = f"{use.prefix}{layer.name}_{number}"
        found[name] = Call(layer, name, names, tuple(tensor.shape[1:]))
    use.names[id(tensor)] = name
    return name
