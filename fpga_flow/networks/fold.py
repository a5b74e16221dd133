"""Batch normalisation folded into the layer before it, since a trained one is nothing but a scale and a shift.

With moving mean m, moving variance v, epsilon e, gamma g and beta b, each of one value per channel, and the sums
y = kernel * x + bias of the layer before (Jacob et al. 2018, "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", section 3.2):

    g * (y - m) / sqrt(v + e) + b  =  (s * kernel) * x + (b + s * (bias - m))    with s = g / sqrt(v + e)

The products are formed in double and rounded to float32 once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras
from fpga_flow.networks.rebuild import copy, rebuild

#: Of a layer's kernels, the one whose last axis (for a depthwise kernel: last two) are the channels that come out.
_KERNELS = {
    **dict.fromkeys(("Dense", "QDense", "Conv1D", "QConv1D", "Conv2D", "QConv2D"), "kernel"),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "QDepthwiseConv2D"), "depthwise_kernel"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D", "QSeparableConv1D", "QSeparableConv2D"), "pointwise_kernel"),
}
NORMALIZATIONS = ("BatchNormalization", "QBatchNormalization")
#: Layers that may stand between: they do something only in training.
_BETWEEN = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout")


@dataclass(frozen=True)
class _Fold:
    normalization: Any
    into: Any


def refused(layer: Any) -> FieldError | None:
    """Why a BatchNormalization layer of a flat model can't be folded; None if it can."""
    found = _target(layer)
    return found if isinstance(found, FieldError) else None


def fold(model: Any) -> Any:
    """`model` without its BatchNormalization layers: the layers before them have other kernels and biases instead.

    Raises:
        FieldError: one stands behind something else than a dense or convolution layer of its own, or behind that
            layer's activation function.
    """
    folds: dict[str, _Fold] = {}
    for layer in model.layers:
        if type(layer).__name__ in NORMALIZATIONS:
            into = _target(layer)
            if isinstance(into, FieldError):
                raise into
            folds[into.name] = _Fold(layer, into)
    if not folds:
        return model
    gone = {each.normalization.name for each in folds.values()}

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer) or layer.name in gone:
            return []
        if layer.name in folds:
            return [copy(layer, use_bias=True)]
        return [copy(layer)]

    folded = rebuild(model, replace)
    for name, each in folds.items():
        _set_weights(folded.get_layer(name), each)
    return folded


def _set_weights(new: Any, fold: _Fold) -> None:
    old, norm = fold.into, fold.normalization
    mean, variance = (np.asarray(each, np.float64) for each in (norm.moving_mean, norm.moving_variance))
    gamma = np.asarray(norm.gamma, np.float64) if norm.scale else np.ones_like(mean)
    beta = np.asarray(norm.beta, np.float64) if norm.center else np.zeros_like(mean)
    bias = np.asarray(old.bias, np.float64) if old.use_bias else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    scaled = _KERNELS[type(old).__name__]
    for name in ("kernel", "depthwise_kernel", "pointwise_kernel"):
        variable = getattr(old, name, None)
        if variable is None:
            continue
        values = np.asarray(variable, np.float64)
        if name == scaled:
            values = values * (scale.reshape(values.shape[-2:]) if name == "depthwise_kernel" else scale)
        getattr(new, name).assign(values.astype(np.float32))
    new.bias.assign((beta + scale * (bias - mean)).astype(np.float32))


def _target(norm: Any) -> Any:
    """The layer into which a BatchNormalization layer can be folded, or the error that says why there is none."""
    axes = norm.axis if isinstance(norm.axis, (list, tuple)) else [norm.axis]
    rank = len(norm.input_shape) if isinstance(norm.input_shape, tuple) else 0
    if [axis % rank if rank else axis for axis in axes] != [rank - 1]:
        return _error(norm, f"it normalizes axis {', '.join(map(str, axes))}, not the channels, which are last")
    if len(norm.inbound_nodes) > 1:
        return _error(norm, f"it is used {len(norm.inbound_nodes)} times")
    layer = norm
    while True:
        layer = layer.inbound_nodes[0].inbound_layers
        if isinstance(layer, list) or len(layer.inbound_nodes) > 1 or len(layer.outbound_nodes) > 1:
            names = "several layers" if isinstance(layer, list) else f'"{layer.name}", whose result is used elsewhere'
            return _error(norm, f"it stands behind {names}")
        name = type(layer).__name__
        if name in _BETWEEN:
            continue
        if name not in _KERNELS:
            return _error(norm, f'it stands behind "{layer.name}" ({name})')
        if layer.activation not in (None, keras.activations.linear):
            return _error(norm, f'it stands behind the activation function of "{layer.name}"')
        return layer


def _error(norm: Any, why: str) -> FieldError:
    return FieldError(
        ("network",),
        f'layer "{norm.name}" ({type(norm).__name__}) can\'t be folded: {why}: put it right behind a dense or '
        "convolution layer, before the activation function, or leave it out",
    )
