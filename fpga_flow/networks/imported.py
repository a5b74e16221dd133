"""`imported`: a trained Keras 2 or QKeras model from a file. Code in it runs only with `--trust-code`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras
from fpga_flow.networks import blocks, model_file
from fpga_flow.networks.rebuild import copy, opened, rebuild
from fpga_flow.spec.base import Section


class Options(Section):
    """A model that is trained already.

    family   the name of this family
    path     the file: .keras, .h5, .json or .fpz
    weights  the .h5 file with the weights of a .json
    """

    family: Literal["imported"]
    path: str
    weights: str | None = None


def sources(options: Options) -> list[Path]:
    """The files that the model is in.

    Raises:
        FieldError: one is missing, damaged, or of another form.
    """
    file = model_file.read(options.path, options.weights)
    return list(dict.fromkeys([file.path, file.weights]))


def untrusted(options: Options) -> FieldError | None:
    """What of the file would run as code, if anything.

    Raises:
        FieldError: the file is missing, damaged, or of another form.
    """
    reason = model_file.untrusted(model_file.read(options.path, options.weights))
    return FieldError(model_file.PATH, reason) if reason else None


def build(options: Options, input_shape: tuple[int, ...], classes: int, *, trust_code: bool = False) -> Any:
    """The model with its trained weights, without models inside of it, from `inputs` to logits (classes,): softmax at
    its end is cut off, since it changes no decision, and losses and HLS code begin at the logits.

    Raises:
        FieldError: the file can't be loaded (see `model_file.load`), or holds a model of another input or output shape
            or of other numbers than float32.
    """
    model = model_file.load(model_file.read(options.path, options.weights), trust_code=trust_code)
    try:
        got = (model.input_shape, model.output_shape)
    except AttributeError as error:
        raise FieldError(model_file.PATH, "expected a model whose input shape is known, got one without") from error
    expected = ((None, *input_shape), (None, classes))
    if got != expected:
        raise FieldError(
            model_file.PATH, f"expected a model with the data's input and output shapes {expected}, got {got}"
        )
    flat = opened(model, blocks.INPUT)
    for layer in flat.layers:
        if layer.compute_dtype != "float32":
            raise FieldError(
                model_file.PATH, f'expected layers that compute in float32, got "{layer.name}" in {layer.compute_dtype}'
            )
    return _without_softmax(flat)


def _without_softmax(model: Any) -> Any:
    """The model without softmax at its end: a layer, or the activation function of its last layer."""
    last = model.outputs[0]._keras_history[0]  # Keras' own record of where a tensor comes from
    whole = isinstance(last, keras.layers.Softmax) or (
        isinstance(last, keras.layers.Activation) and last.activation is keras.activations.softmax
    )
    if not whole and getattr(last, "activation", None) is not keras.activations.softmax:
        return model

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer) or (layer is last and whole):
            return []
        if layer is last:
            return [copy(layer, activation="linear")]
        return [copy(layer)]

    return rebuild(model, replace)
