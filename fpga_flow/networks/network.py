"""`Network`: a Keras model with the promises that compression passes made about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import load_h5, save_h5, tf

#: Of a layer's attributes, those that hold weights; QKeras keeps their quantizers under the names below.
WEIGHTS = ("kernel", "depthwise_kernel", "pointwise_kernel", "bias")
_QUANTIZERS = {
    "kernel": "kernel_quantizer_internal",
    "depthwise_kernel": "depthwise_quantizer_internal",
    "pointwise_kernel": "pointwise_quantizer_internal",
    "bias": "bias_quantizer_internal",
}


@dataclass(frozen=True)
class Promise:
    """What a pass promised of one weight: where `mask` (the weight's shape) is 0, the weight is and stays 0."""

    made_by: str
    layer: str
    weight: str
    mask: NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A model from (batch, *input_shape) to logits (batch, classes), and what was promised of its weights."""

    model: Any
    promises: tuple[Promise, ...] = field(default=())

    def broken_promises(self) -> list[str]:
        """A sentence for each promise that the weights do not keep; empty where all are kept."""
        broken = []
        for promise in self.promises:
            values = weight(self.model, promise.layer, promise.weight)
            if values is None or values.shape != promise.mask.shape:
                broken.append(f"{promise.layer}.{promise.weight}: gone or reshaped, but {promise.made_by} pruned it")
            elif count := int(np.count_nonzero(values.numpy()[promise.mask == 0])):
                broken.append(
                    f"{promise.layer}.{promise.weight}: {count} of {int((promise.mask == 0).sum())} weights that "
                    f"{promise.made_by} pruned are no longer zero"
                )
        return broken

    def save(self, folder: Path) -> None:
        """Write `model.h5` (readable by `qkeras.utils.load_qmodel`) and `promises.npz` into `folder`."""
        save_h5(self.model, folder / "model.h5")
        head = {"head": np.array(json.dumps([[p.made_by, p.layer, p.weight] for p in self.promises]))}
        masks = {f"mask_{number}": np.packbits(p.mask != 0) for number, p in enumerate(self.promises)}
        shapes = {f"shape_{number}": np.array(p.mask.shape) for number, p in enumerate(self.promises)}
        np.savez_compressed(folder / "promises.npz", allow_pickle=False, **head, **masks, **shapes)

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Read what `save` wrote.

        Raises:
            InputError: a file is missing or damaged.
        """
        from fpga_flow.networks import quantizers  # its classes are QKeras', so it loads TensorFlow

        try:
            custom = {"ShiftedBits": quantizers.ShiftedBits, "ShiftedRelu": quantizers.ShiftedRelu}
            model = load_h5(folder / "model.h5", custom)
            with np.load(folder / "promises.npz", allow_pickle=False) as data:
                promises = []
                for number, (made_by, layer, name) in enumerate(json.loads(str(data["head"]))):
                    shape = tuple(data[f"shape_{number}"])
                    bits = np.unpackbits(data[f"mask_{number}"], count=int(np.prod(shape)))
                    promises.append(Promise(made_by, layer, name, bits.reshape(shape).astype(np.float32)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError.at(str(folder), f"expected a network saved by fpga_flow, got: {error}") from error
        return cls(model, tuple(promises))


def weight(model: Any, layer: str, name: str) -> Any:
    """The variable `name` (one of `WEIGHTS`) of a layer; None where there is none."""
    names = {each.name: each for each in model.layers}
    return getattr(names[layer], name, None) if layer in names else None


def weights(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """Layer, weight name and variable of all kernels and biases, in the order of the layers."""
    for layer in model.layers:
        for name in WEIGHTS:
            if isinstance(variable := getattr(layer, name, None), tf.Variable):
                yield layer, name, variable


def quantizer_of(layer: Any, name: str) -> Any | None:
    """The quantizer of a layer's weight `name`; None for a float weight."""
    return getattr(layer, _QUANTIZERS[name], None)


def weight_type(layer: Any, name: str) -> FixedPoint | None:
    """The type into which a QKeras layer rounds its weight `name`; None for a float weight, or another quantizer."""
    from fpga_flow.networks import quantizers

    quantizer = quantizer_of(layer, name)
    return None if quantizer is None else quantizers.type_of(quantizer)


def snap(model: Any) -> None:
    """Replace the weights that training left between the values of their types by the values the quantizers give."""
    for layer, name, variable in weights(model):
        if (type_ := weight_type(layer, name)) is not None:
            variable.assign(type_.quantize(variable.numpy()).astype(np.float32))
