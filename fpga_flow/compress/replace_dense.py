"""`replace_dense`: dense layers behind feature maps are replaced by 1x1 convolutions and the average over all positions
(Lin, Chen, Yan 2014, "Network in network", sections 3.1 and 3.2; Iandola et al. 2016, "SqueezeNet").

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
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.base import Context, retrain
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks import channel_cut
from fpga_flow.networks.graph import Call, calls
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy, flat, rebuild
from fpga_flow.spec.base import Retraining

#: Promises of the layers that it replaces can't be kept.
ANEW = True
#: So many training samples (looked at so many at a time) are enough for the least squares, whose ridge is this share
#: of the mean square.
_SAMPLES, _BATCH, _RIDGE = 4096, 256, 1e-4
#: Layers between dense ones that do the same at each position of maps.
_BY_CHANNEL = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "BatchNormalization", "Dropout", "GaussianNoise",
    "GaussianDropout", "AlphaDropout", "ActivityRegularization",
)  # fmt: skip
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


@dataclass(frozen=True)
class Head:
    """The end of a network, from feature maps to logits.

    start   the call that takes the maps apart: of Flatten, or a global average
    shape   of the maps (*positions, channels)
    hidden  the calls of the layers up to the last dense one
    last    the call of the layer that gives the logits
    """

    start: Call
    shape: tuple[int, ...]
    hidden: tuple[Call, ...]
    last: Call

    @property
    def dense(self) -> list[Call]:
        """The hidden dense layers."""
        return [call for call in self.hidden if type(call.layer).__name__ == "Dense"]

    @property
    def before_dense(self) -> tuple[Call, ...]:
        """The layers before the first hidden dense one, or before the last layer if there is none."""
        return self.hidden[: self.hidden.index(self.dense[0])] if self.dense else self.hidden

    def pads(self) -> list[int]:
        """How many zeros go behind the positions along each axis to make them a power of two."""
        return [2 ** (size - 1).bit_length() - size for size in self.shape[:-1]]


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
        "replaced": [call.layer.name for call in (head.start, *head.hidden, head.last)],
        "before": channel_cut.size(model),
        "after": channel_cut.size(changed),
    }


def find(model: Any, path: FieldPath = ("compress",)) -> Head:
    """The head of a flat model.

    Raises:
        FieldError: at `path`; it has none that can be replaced.
    """
    every = calls(model)
    named = {call.name: call for call in every}
    last = every[-1]
    _check_last(last, path)
    row, call = [last], named[last.inputs[0]]
    while type(call.layer).__name__ in ("Dense", "QDense", *_BY_CHANNEL) and len(call.shape) == 1:
        row.insert(0, call)
        call = named[call.inputs[0]]
    before = named[call.inputs[0]] if call.inputs else call
    averages = type(call.layer).__name__ in ("GlobalAveragePooling1D", "GlobalAveragePooling2D")
    flattens = type(call.layer).__name__ in ("Flatten", "Reshape") and len(call.shape) == 1
    if not (averages or flattens) or len(before.shape) not in (2, 3) or not _convolutions(before, named):
        raise FieldError(
            path,
            "expected a network that ends in dense layers behind Flatten or a global average of a convolution's maps, "
            f'got "{call.layer.name}" ({type(call.layer).__name__}) before them',
        )
    if getattr(call.layer, "data_format", None) == "channels_first":
        raise FieldError(path, f'expected channels_last for "{call.layer.name}", got channels_first')
    for each in (call, *row):
        _check_in_row(each, every, path)
    head = Head(call, before.shape, tuple(row[:-1]), last)
    if averages and not head.dense:
        raise FieldError(
            path, f'expected dense layers to replace, got a single one, "{last.layer.name}", behind a global average'
        )
    normalizations = [each for each in head.before_dense if type(each.layer).__name__ == "BatchNormalization"]
    if flattens and normalizations:
        raise FieldError(
            path,
            f'expected the normalisation "{normalizations[0].layer.name}" before "{call.layer.name}" or behind a dense '
            "layer, got one of each position by itself",
        )
    return head


def _check_last(last: Call, path: FieldPath) -> None:
    """Refuse a layer of logits that can't be fitted to them."""
    name = type(last.layer).__name__
    if name not in ("Dense", "QDense") or len(last.shape) != 1:
        raise FieldError(path, f'expected a network whose last layer is dense, got "{last.layer.name}" ({name})')
    if last.layer.activation not in (None, keras.activations.linear):
        function = getattr(last.layer.activation, "__name__", type(last.layer.activation).__name__)
        raise FieldError(
            path, f'expected logits, so no activation function of the last layer "{last.layer.name}", got {function}'
        )


def _check_in_row(call: Call, every: list[Call], path: FieldPath) -> None:
    """Refuse a layer of the head that is quantized, or not used once and by one other only."""
    uses = sum(each.layer is call.layer for each in every)
    readers = sum(call.name in each.inputs for each in every)
    if type(call.layer).__name__ == "QDense":
        raise FieldError(path, f'expected float layers, got "{call.layer.name}" (QDense): put it before quantize')
    if uses > 1 or readers > 1:
        what = f"used {uses} times" if uses > 1 else f"read by {readers} layers"
        raise FieldError(path, f'expected layers in a row behind the maps, got "{call.layer.name}", which is {what}')


def _convolutions(call: Call, every: dict[str, Call]) -> bool:
    """Whether a call, or one that it depends on, is of a convolution."""
    waiting, seen = [call.name], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if "Conv" in type(every[name].layer).__name__:
                return True
            waiting += every[name].inputs
    return False


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
        return [_convolution(layer, head) if layer.name in hidden and hasattr(layer, "units") else copy(layer)]

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
