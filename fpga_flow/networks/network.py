"""`Network`: a Keras model with the promises that compression passes made about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow.errors import InputError, reason
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import load_h5, save_h5, tf
from fpga_flow.networks import promises
from fpga_flow.networks.promises import Promise
from fpga_flow.saved import UNREADABLE

#: Of a layer's attributes, those that hold weights; QKeras keeps their quantizers under the names of `QUANTIZERS`.
WEIGHTS = ("kernel", "depthwise_kernel", "pointwise_kernel", "bias")
QUANTIZERS = {
    "kernel": "kernel_quantizer_internal",
    "depthwise_kernel": "depthwise_quantizer_internal",
    "pointwise_kernel": "pointwise_quantizer_internal",
    "bias": "bias_quantizer_internal",
}


@dataclass(frozen=True)
class Network:
    """A model from (batch, *input_shape) to logits (batch, classes), and what was promised of its weights."""

    model: Any
    promises: tuple[Promise, ...] = field(default=())

    def broken_promises(self) -> list[str]:
        """A sentence for each promise that the weights do not keep; empty where all are kept."""
        broken = []
        for promise in self.promises:
            variable = weight(self.model, promise.layer, promise.weight)
            if why := promise.broken(None if variable is None else variable.numpy()):
                broken.append(f"{promise.layer}.{promise.weight}: {why}")
        return broken

    def of(self, layer: str, name: str) -> list[Promise]:
        """What was promised of the weight `name` of a layer."""
        return [promise for promise in self.promises if (promise.layer, promise.weight) == (layer, name)]

    @staticmethod
    def files(folder: Path) -> tuple[Path, Path]:
        """The files of a network in `folder`: `model.h5` (readable by `qkeras.utils.load_qmodel`), `promises.npz`."""
        return folder / "model.h5", folder / "promises.npz"

    def save(self, folder: Path) -> None:
        """Write the files."""
        model, promised = self.files(folder)
        save_h5(self.model, model)
        promises.save(self.promises, promised)

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Read what `save` wrote.

        Raises:
            InputError: a file is missing or damaged.
        """
        from fpga_flow.networks import layers, quantizers  # their classes are Keras', so they load TensorFlow

        model_file, promised = cls.files(folder)
        try:
            model = load_h5(model_file, {**quantizers.OWN, **layers.own()})
            return cls(model, promises.load(promised))
        except UNREADABLE as error:
            raise InputError.at(str(folder), f"expected a network saved by fpga_flow, got: {reason(error)}") from error


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


def kernels(layer: Any) -> dict[str, Any]:
    """The variables of a layer's kernels by their names."""
    found = {name: getattr(layer, name, None) for name in WEIGHTS if name != "bias"}
    return {name: variable for name, variable in found.items() if variable is not None}


def quantizer_of(layer: Any, name: str) -> Any | None:
    """The quantizer of a layer's weight `name`; None for a float weight."""
    return getattr(layer, QUANTIZERS[name], None)


def weight_type(layer: Any, name: str) -> FixedPoint | None:
    """The one fixed-point type into which a QKeras layer rounds its weight `name`; None for a float weight, or another
    quantizer (binary, ternary, powers of two, types by channel).
    """
    from fpga_flow.networks import quantizers

    quantizer = quantizer_of(layer, name)
    return None if quantizer is None else quantizers.type_of(quantizer)


def snap(model: Any) -> None:
    """Replace the weights that training left between the values of their types by the values the quantizers give."""
    from fpga_flow.networks import quantizers

    for layer, name, variable in weights(model):
        quantizer = quantizer_of(layer, name)
        if (type_ := weight_type(layer, name)) is not None:
            variable.assign(type_.quantize(variable.numpy()).astype(np.float32))
        elif quantizer is not None and quantizers.is_exact(quantizer):
            variable.assign(quantizer(variable))
