"""The head of a network: dense layers behind feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import keras
from fpga_flow.networks.graph import Call, calls

#: Layers between dense ones that do the same at each position of maps.
_BY_CHANNEL = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "BatchNormalization", "Dropout", "GaussianNoise",
    "GaussianDropout", "AlphaDropout", "ActivityRegularization",
)  # fmt: skip


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


def _check_in_row(call: Call, every: Sequence[Call], path: FieldPath) -> None:
    """Refuse a layer of the head that is quantized, or not used once and by one other only."""
    uses = sum(each.layer is call.layer for each in every)
    readers = sum(call.name in each.inputs for each in every)
    if type(call.layer).__name__ == "QDense":
        raise FieldError(
            path,
            f'expected float layers, got "{call.layer.name}" (QDense): replace it before it is quantized',
        )
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
