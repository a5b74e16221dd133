"""`replace_dense`: dense layers behind feature maps give way to 1x1 convolutions and a global average.

Sources: Lin, Chen, Yan 2014, "Network in network", sections 3.1 and 3.2; Iandola et al. 2016, "SqueezeNet".

A dense layer has a weight for each position of the maps, the layers in its place have none. Hidden dense layers go, or
become 1x1 convolutions before the average; the first one's weights are the sums over all positions. The layer that
gives the logits keeps its name. It may come before the average, as in the papers, or behind it: that is the same
function, as it is linear, but multiplies only once. Its weights are those with which it comes nearest to the logits of
the network before (least squares, with a small ridge).

An average over 49 values is no fixed-point number. So there are zeros around the maps, up to powers of two: the weights
behind the average make up for the factor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.base import Context, retrain
from fpga_flow.compress.replace_dense.head import Head, find
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy, flat, rebuild
from fpga_flow.spec.base import Retraining

#: Promises of the layers that it replaces can't be kept.
ANEW = True
#: So many training samples (looked at so many at a time) are enough for the least squares, whose ridge is this share
#: of the mean square.
_SAMPLES, _BATCH, _RIDGE = 4096, 256, 1e-4
#: What a dense layer and a convolution have in common.
_KEPT = (
    "name", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint",
)  # fmt: skip


class Options(Retraining):
    """What becomes of the dense layers.

    hidden  those but the last: dropped, or 1x1 convolutions
    first   what comes first, the average or the 1x1 convolution that gives the logits
    pad     zeros around the maps, so that the average is over a power of two of positions
    """

    hidden: Literal["drop", "convolutions"] = "drop"
    first: Literal["average", "convolution"] = "average"
    pad: bool = True


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """The network must end in dense layers behind feature maps of convolutions."""
    try:
        find(flat(model), path)
    except FieldError as error:
        yield error


def outline(options: Options, model: Any) -> Any:
    """The model as it will be after the pass, but for its values."""
    model = flat(model)
    return _replaced(model, find(model), options)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Replace the head, fit the last layer, train on.

    Raises:
        FieldError: the network has no such head, or weights of it are promised to stay.
    """
    model = flat(network.model)
    head = find(model)
    gone = {call.layer.name for call in (*head.hidden, head.last)}
    for promise in network.promises:
        if promise.layer in gone:
            raise FieldError(
                ("compress",),
                f'expected replace_dense before {promise.made_by}, which promised something of "{promise.layer}", '
                "got it behind",
            )
    changed = _replaced(model, head, options)
    x = dataset.train.x[:: -(-len(dataset.train.x) // _SAMPLES)]
    _fit(changed, head, x, model.predict(x, batch_size=_BATCH, verbose=0))
    new = Network(changed, network.promises)
    history = retrain(new, dataset, options, context)
    return new, {
        "history": history,
        "positions": list(head.shape[:-1]),
        "averaged": math.prod(_averaged(head, options)),
        "replaced": [call.layer.name for call in (head.start, *head.dense, head.last)],
        "before": channel_cut.size(model),
        "after": channel_cut.size(changed),
    }


def _replaced(model: Any, head: Head, options: Options) -> Any:
    """The model with another head; its last layer has any weights."""
    names = {layer.name for layer in model.layers}
    stay = head.before_dense if options.hidden == "drop" else head.hidden
    hidden, of_maps = ({call.layer.name for call in each} for each in (head.hidden, stay))

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer) or layer.name == head.start.layer.name:
            return []
        if layer.name == head.last.layer.name:
            return _last(head, options, names)
        if layer.name in hidden - of_maps:
            return []
        return [_on_maps(layer, head) if layer.name in hidden else copy(layer)]

    changed = rebuild(model, replace)
    if options.hidden == "convolutions":
        _give_weights(changed, head)
    return changed


def _last(head: Head, options: Options, names: set[str]) -> list[Any]:
    """Zeros around the maps, the average of them, and the layer of the logits before it or behind."""
    rank = len(head.shape) - 1
    pads = head.pads()
    average = getattr(keras.layers, f"GlobalAveragePooling{rank}D")(name=_free("average", names))
    layers = [average, copy(head.last.layer)]
    if options.first == "convolution":
        layers = [_convolution(head.last.layer, head), average]
    if options.pad and any(pads):
        amounts = [(pad // 2, pad - pad // 2) for pad in pads]
        padding = getattr(keras.layers, f"ZeroPadding{rank}D")
        layers.insert(0, padding(tuple(amounts) if rank > 1 else amounts[0], name=_free("average_padding", names)))
    return layers


def _averaged(head: Head, options: Options) -> list[int]:
    """Over how many positions along each axis the average is."""
    return [size + (pad if options.pad else 0) for size, pad in zip(head.shape, head.pads(), strict=False)]


def _free(name: str, names: set[str]) -> str:
    """The name, with a number if layers have it already."""
    numbered = (f"{name}_{number}" for number in range(2, len(names) + 3))
    return name if name not in names else next(each for each in numbered if each not in names)


def _on_maps(layer: Any, head: Head) -> Any:
    """What does the same at each position as a layer did once."""
    if hasattr(layer, "units"):
        return _convolution(layer, head)
    return copy(layer, axis=-1) if isinstance(layer, keras.layers.BatchNormalization) else copy(layer)


def _convolution(dense: Any, head: Head) -> Any:
    """The 1x1 convolution in the place of a dense layer."""
    config = dense.get_config()
    made = getattr(keras.layers, f"Conv{len(head.shape) - 1}D")
    return made(config["units"], 1, **{key: config[key] for key in _KEPT})


def _give_weights(changed: Any, head: Head) -> None:
    """What hidden dense layers hold, for the convolutions in their place: of the first behind Flatten the sums over all
    positions, so that maps that are everywhere the same have the same sums as before.
    """
    flattened = "Average" not in type(head.start.layer).__name__
    for number, call in enumerate(head.dense):
        kernel, *biases = call.layer.get_weights()
        if number == 0 and flattened:
            kernel = kernel.reshape(-1, head.shape[-1], kernel.shape[-1]).sum(axis=0)
        new = changed.get_layer(call.layer.name)
        new.set_weights([kernel.reshape(new.kernel.shape), *biases])


def _fit(changed: Any, head: Head, x: NDArray[np.float32], logits: NDArray[np.float32]) -> None:
    """Give the last layer the weights with which the logits for samples x come nearest to those of the network before.
    As it is linear, the averages of what comes in say all, whether it comes before the average or behind.
    """
    last = changed.get_layer(head.last.layer.name)
    before = keras.Model(changed.inputs, last.input)
    rows = []
    for start in range(0, len(x), _BATCH):
        maps = np.asarray(before.predict_on_batch(x[start : start + _BATCH]), np.float64)
        rows.append(maps.reshape(len(maps), -1, maps.shape[-1]).mean(axis=1))
    means = np.concatenate(rows)
    given, wanted = means, np.asarray(logits, np.float64)
    if last.use_bias:
        given, wanted = means - means.mean(axis=0), wanted - wanted.mean(axis=0)
    square = given.T @ given
    square += np.eye(len(square)) * (_RIDGE * np.trace(square) / len(square) + np.finfo(float).tiny)
    kernel = np.linalg.solve(square, given.T @ wanted)
    last.kernel.assign(kernel.reshape(last.kernel.shape))
    if last.use_bias:
        last.bias.assign(logits.mean(axis=0) - means.mean(axis=0) @ kernel)
