"""A smaller network: without the channels that are to go, and what it costs. What is left of each weight keeps its
values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.keras import keras
from fpga_flow.networks.channels import Channels, Layer, find
from fpga_flow.networks.network import Network, quantizer_of
from fpga_flow.networks.promises import Promise
from fpga_flow.networks.rebuild import copy, rebuild

#: For each unit (see `channels`) whether it stays; unit 0 does.
Kept = NDArray[np.bool_]


def cut(network: Network, channels: Channels, kept: Kept) -> Network:
    """The network without the units that are not `kept`, and with what is left of its promises. The network that it
    gets is not changed.

    Args:
        network: its model must be flat, and `channels` be found in it.
        kept: of each layer's units, at least one must be.
    """
    changed = {name: layer for name, layer in channels.layers.items() if not _whole(layer, kept)}

    def smaller(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        changes = _configuration(changed[layer.name], kept) if layer.name in changed else {}
        quantizers = _quantizers(changed[layer.name], kept) if layer.name in changed else {}
        return [copy(layer, **changes, **quantizers)]

    model = rebuild(network.model, smaller)
    for name, layer in changed.items():
        for attribute in layer.weights:
            values = getattr(layer.layer, attribute).numpy()
            getattr(model.get_layer(name), attribute).assign(_part(values, layer, attribute, kept))
    return Network(model, tuple(_left(promise, changed, kept) for promise in network.promises))


def parameters(model: Any, channels: Channels, kept: Kept | None = None) -> int:
    """How many parameters a model has, all units or those `kept`."""
    sizes = [(layer, name) for layer in channels.layers.values() for name in layer.weights]
    gone = sum(_size(*each) - _size(*each, kept) for each in sizes) if kept is not None else 0
    return int(model.count_params()) - gone


def macs(channels: Channels, kept: Kept | None = None) -> int:
    """Multiplications that dense layers and convolutions do for one sample."""
    layers = channels.layers.values()
    return sum(layer.positions * _size(layer, name, kept) for layer in layers for name in layer.kernels)


def size(model: Any) -> dict[str, int]:
    """The parameters and multiplications of a flat model."""
    found = find(model)
    return {"parameters": parameters(model, found), "macs": macs(found)}


def costs(channels: Channels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Parameters and multiplications (count,) that go with each unit, if it goes alone."""
    of_parameters, of_macs = np.zeros(channels.count), np.zeros(channels.count)
    for layer in channels.layers.values():
        for name, axes in layer.weights.items():
            for units in axes.values():
                each = _size(layer, name) / len(units) * np.bincount(units, minlength=channels.count)
                of_parameters += each
                of_macs += layer.positions * each * (name in layer.kernels)
    return of_parameters, of_macs


def _size(layer: Layer, name: str, kept: Kept | None = None) -> int:
    shape = list(getattr(layer.layer, name).shape)
    if kept is not None:
        for axis, units in layer.weights[name].items():
            shape[axis] = int(np.count_nonzero(kept[units]))
    return math.prod(shape)


def _whole(layer: Layer, kept: Kept) -> bool:
    return all(kept[units].all() for units in layer.arrays())


def _configuration(layer: Layer, kept: Kept) -> dict[str, Any]:
    """The keys of a layer's configuration that change."""
    changes: dict[str, Any] = {key: int(np.count_nonzero(kept[units])) for key, units in layer.sizes.items()}
    if layer.shape is not None:
        shape = list(layer.layer.target_shape)  # -1 stays, as the layer may be used for images of several sizes
        shape[layer.shape.axis] = int(np.count_nonzero(kept[layer.shape.channels]))
        changes["target_shape"] = tuple(shape)
    return changes


def _quantizers(layer: Layer, kept: Kept) -> dict[str, Any]:
    """The quantizers of kernels that have types by channel, for the channels that are left."""
    found = {}
    for name in layer.kernels:
        quantizer: Any = quantizer_of(layer.layer, name)
        if np.ndim(exponents := getattr(quantizer, "exponents", 0)):
            whole = np.broadcast_to(exponents, getattr(layer.layer, name).shape)
            left = _part(whole, layer, name, kept)[(0,) * (whole.ndim - np.ndim(exponents))]
            config = {**quantizer.get_config(), "exponents": left.tolist()}
            found[f"{name.removesuffix('_kernel')}_quantizer"] = type(quantizer)(**config)
    return found


def _part(values: NDArray[Any], layer: Layer, weight: str, kept: Kept) -> NDArray[Any]:
    """What is left of an array of a weight's shape."""
    for axis, units in layer.weights.get(weight, {}).items():
        if not kept[units].all():
            values = np.compress(kept[units], values, axis=axis)
    return values


def _left(promise: Promise, changed: dict[str, Layer], kept: Kept) -> Promise:
    layer = changed.get(promise.layer)
    if layer is None or promise.weight not in layer.weights:
        return promise
    return promise.cut(lambda values: _part(values, layer, promise.weight, kept))
