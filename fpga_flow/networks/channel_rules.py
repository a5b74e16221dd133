"""How channels pass through each kind of layer; see `channels`.

A rule gets the trace, the call of the layer and the tensors that it reads, notes where channels are in the layer's
weights and which are tied, and returns the layer's result. A layer without a rule leaves all channels as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fpga_flow.keras import keras, qkeras
from fpga_flow.networks.channels import Layer, Numbers, Tensor, Trace, none
from fpga_flow.networks.graph import Call

Rule = Callable[[Trace, Call, Sequence[Tensor]], Tensor]


def rule(layer: Any) -> Rule:
    """The rule for a layer."""
    own = type(layer).__module__.split(".")[0] in ("keras", "tf_keras", "qkeras", "fpga_flow")
    first = getattr(layer, "data_format", None) == "channels_first"
    if not own or first or getattr(layer, "renorm", False):
        return _unknown
    return _RULES.get(type(layer).__name__.removeprefix("Q"), _unknown)


def _unknown(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    for tensor in inputs:
        trace.stay(tensor.channels, f'what "{call.layer.name}" ({type(call.layer).__name__}) does with them is unknown')
    axis = len(call.shape) - 1
    return Tensor(call.shape, axis, none(call.shape[axis] if call.shape else 0))


def _same(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Each value by itself."""
    return inputs[0]


def _dropout(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """The shape of the noise must not name the number of channels."""
    noise = getattr(call.layer, "noise_shape", None)
    fits = noise is None or noise[inputs[0].axis + 1] in (None, 1)
    return (_same if fits else _unknown)(trace, call, inputs)


def _activation(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    function = getattr(call.layer, "quantizer", call.layer.activation)
    return (_same if _by_itself(function) else _unknown)(trace, call, inputs)


def _by_itself(function: Any) -> bool:
    """Whether an activation function takes each value by itself."""
    if function is None or isinstance(function, qkeras.BaseQuantizer):
        return True
    name = getattr(function, "__name__", "")
    return name not in ("softmax", "log_softmax") and getattr(keras.activations, name, None) is function


def _windowed(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Each channel by itself: pooling, padding, cropping, upsampling."""
    return _of_shape(call, trace.last(inputs[0], call))


def _of_shape(call: Call, channels: Numbers) -> Tensor:
    return Tensor(call.shape, len(call.shape) - 1, channels)


def _positions(shape: Sequence[int | None]) -> int:
    """Pixels of a shape; sizes that are not known count as 1."""
    return math.prod(each or 1 for each in shape[:-1])


def _bias(layer: Any, channels: Numbers) -> dict[str, dict[int, Numbers]]:
    return {"bias": {0: channels}} if layer.use_bias else {}


def _made(trace: Trace, call: Call, made: Numbers) -> Tensor:
    if not _by_itself(getattr(call.layer, "activation", None)):
        trace.stay(made, f'the activation function of "{call.layer.name}" takes them together')
    return _of_shape(call, made)


def _dense(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    layer = call.layer
    given, made = trace.last(inputs[0], call), trace.new(layer, layer.units)
    weights = {"kernel": {0: given, 1: made}, **_bias(layer, made)}
    trace.add(
        Layer(layer, weights, {"units": made}, None, made, ("kernel",), _positions(call.shape), ("kernel", 0)),
    )
    return _made(trace, call, made)


def _convolution(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    layer, groups = call.layer, call.layer.groups
    given, rank = trace.last(inputs[0], call), len(call.layer.kernel.shape)
    if groups > 1 and len(given) == groups:  # one channel a group: the filters come and go with it
        made = np.repeat(given, layer.filters // groups)
        weights = {"kernel": {rank - 1: made}, **_bias(layer, made)}
        sizes = {"filters": made, "groups": given}
        trace.add(Layer(layer, weights, sizes, kernels=("kernel",), positions=_positions(call.shape)))
        return _made(trace, call, made)
    made = trace.new(layer, layer.filters)
    if groups > 1:  # groups stay of equal sizes
        why = f'the groups of "{layer.name}" hold others that stay'
        for each in (given, made):
            first, *others = each.reshape(groups, -1)
            for other in others:
                trace.tie(first, other, why)
        given = given[: len(given) // groups]
    weights = {"kernel": {rank - 2: given, rank - 1: made}, **_bias(layer, made)}
    inside = ("kernel", rank - 2)
    trace.add(Layer(layer, weights, {"filters": made}, None, made, ("kernel",), _positions(call.shape), inside))
    return _made(trace, call, made)


def _transposed(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    layer = call.layer
    given, made = trace.last(inputs[0], call), trace.new(layer, layer.filters)
    rank = len(layer.kernel.shape)
    weights = {"kernel": {rank - 1: given, rank - 2: made}, **_bias(layer, made)}
    positions, inside = _positions(inputs[0].shape), ("kernel", rank - 1)
    trace.add(Layer(layer, weights, {"filters": made}, None, made, ("kernel",), positions, inside))
    return _made(trace, call, made)


def _depthwise(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    layer = call.layer
    given = trace.last(inputs[0], call)
    given_on = np.repeat(given, layer.depth_multiplier)
    weights = {"depthwise_kernel": {len(layer.depthwise_kernel.shape) - 2: given}, **_bias(layer, given_on)}
    trace.add(Layer(layer, weights, kernels=("depthwise_kernel",), positions=_positions(call.shape)))
    return _made(trace, call, given_on)


def _separable(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    layer = call.layer
    given, made = trace.last(inputs[0], call), trace.new(layer, layer.filters)
    rank = len(layer.pointwise_kernel.shape)
    weights = {
        "depthwise_kernel": {rank - 2: given},
        "pointwise_kernel": {rank - 2: np.repeat(given, layer.depth_multiplier), rank - 1: made},
        **_bias(layer, made),
    }
    kernels, inside = ("depthwise_kernel", "pointwise_kernel"), ("pointwise_kernel", rank - 2)
    trace.add(Layer(layer, weights, {"filters": made}, None, made, kernels, _positions(call.shape), inside))
    return _made(trace, call, made)


def _normalization(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """A scale and a shift for each index of one axis."""
    layer, (given,) = call.layer, inputs
    axes = [axis % (len(given.shape) + 1) - 1 for axis in np.atleast_1d(layer.axis)]
    if len(axes) > 1:
        return _unknown(trace, call, inputs)
    channels = given.channels if axes == [given.axis] else none(given.shape[axes[0]])
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    trace.add(Layer(layer, {name: {0: channels} for name in names if getattr(layer, name) is not None}))
    return given


def _prelu(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Slopes of the shape of one sample, where they are not shared along an axis."""
    layer, (given,) = call.layer, inputs
    if layer.alpha.shape[given.axis] != 1 or given.shape[given.axis] == 1:
        trace.add(Layer(layer, {"alpha": {given.axis: given.channels}}))
    return given


def _reshaped(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Values in the same order. If channels come to lie along several axes, those that differ along all but the last
    of these axes are tied, as in a channel shuffle; then what is left is of that shape, too.
    """
    (given,) = inputs
    if None in (*given.shape, *call.shape):
        return _unknown(trace, call, inputs)
    along = [1] * len(given.shape)
    along[given.axis] = -1
    moved = np.broadcast_to(given.channels.reshape(along), given.shape).reshape(call.shape)
    axes = [axis for axis in range(moved.ndim) if (moved != moved.take([0], axis)).any()]
    axis = axes[-1] if axes else moved.ndim - 1
    channels = np.array(moved[tuple(slice(None) if each == axis else 0 for each in range(moved.ndim))])
    if len(axes) > 1:
        along = [1] * moved.ndim
        along[axis] = -1
        same = np.broadcast_to(channels.reshape(along), moved.shape)
        trace.tie(same[moved != same], moved[moved != same], f'"{call.layer.name}" puts them beside others that stay')
    tensor = Tensor(call.shape, axis, channels)
    if not isinstance(call.layer, keras.layers.Flatten):
        trace.add(Layer(call.layer, {}, shape=tensor))
    return tensor


def _permuted(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    (given,) = inputs
    return Tensor(call.shape, list(call.layer.dims).index(given.axis + 1), given.channels)


def _repeated(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    return Tensor(call.shape, 1, inputs[0].channels)


def _merged(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Values of the same place; a tensor of size 1 along an axis is used for all places of it."""
    rank = len(call.shape)
    axes = {tensor.axis + rank - len(tensor.shape) for tensor in inputs if tensor.channels.any()}
    if len(axes) != 1:
        return _unknown(trace, call, inputs)
    (axis,) = axes
    met: list[Numbers] = []
    for tensor in inputs:
        own = axis - rank + len(tensor.shape)
        if own < 0 or tensor.shape[own] != call.shape[axis]:
            trace.stay(tensor.channels, f'"{call.layer.name}" uses one for all channels of another')
        else:
            met.append(_along(tensor, own))
    for other in met[1:]:
        trace.tie(met[0], other, f'"{call.layer.name}" merges them with others that stay')
    return Tensor(call.shape, axis, met[0])


def _concatenated(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    joined = call.layer.axis % (len(call.shape) + 1) - 1
    axes = {tensor.axis for tensor in inputs if tensor.channels.any()}
    if len(axes) != 1:
        return _unknown(trace, call, inputs)
    (axis,) = axes
    parts = [_along(tensor, axis) for tensor in inputs]
    if axis == joined:
        return Tensor(call.shape, axis, np.concatenate(parts))
    for other in parts[1:]:
        trace.tie(parts[0], other, f'"{call.layer.name}" joins them with others that stay')
    return Tensor(call.shape, axis, parts[0])


def _shuffled(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Channels of the same place in each group come and go together, so that groups stay of equal sizes."""
    given = trace.last(inputs[0], call)
    first, *others = parts = given.reshape(call.layer.groups, -1)
    for other in others:
        trace.tie(first, other, f'"{call.layer.name}" puts them beside others that stay')
    return _of_shape(call, parts.T.ravel())


def _both_signs(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """Each channel twice."""
    given = trace.last(inputs[0], call)
    return _of_shape(call, np.concatenate([given, given]))


def _sampled(trace: Trace, call: Call, inputs: Sequence[Tensor]) -> Tensor:
    """All channels of an image at each tap of the kernel; offsets say where, and stay."""
    image, offsets = inputs
    trace.stay(offsets.channels, f'they are offsets of "{call.layer.name}"')
    given = trace.last(image, call)
    return _of_shape(call, np.tile(given, call.shape[-1] // len(given)))


def _along(tensor: Tensor, axis: int) -> Numbers:
    """The channels along an axis; they stay if they are along another one."""
    return tensor.channels if tensor.axis == axis else none(tensor.shape[axis])


def _by_dimensions(name: str, dimensions: Sequence[int], of: Rule) -> dict[str, Rule]:
    return {f"{name}{each}D": of for each in dimensions}


_EACH = (
    "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "GaussianNoise", "GaussianDropout", "ActivityRegularization",
    "Clamp",
)  # fmt: skip
_WINDOWED = (
    "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling", "ZeroPadding", "Cropping", "UpSampling",
)  # fmt: skip
_MERGED = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
#: By the name of the class; QKeras' classes have a Q in front.
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_EACH, _same),
    **dict.fromkeys(("Dropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _dropout),
    **{name: each for one in _WINDOWED for name, each in _by_dimensions(one, (1, 2, 3), _windowed).items()},
    **dict.fromkeys(_MERGED, _merged),
    **_by_dimensions("Conv", (1, 2, 3), _convolution),
    "Conv1DTranspose": _transposed,
    "Conv2DTranspose": _transposed,
    "Conv3DTranspose": _transposed,
    **_by_dimensions("DepthwiseConv", (1, 2), _depthwise),
    **_by_dimensions("SeparableConv", (1, 2), _separable),
    "Dense": _dense,
    "Activation": _activation,
    "BatchNormalization": _normalization,
    "PReLU": _prelu,
    "Flatten": _reshaped,
    "Reshape": _reshaped,
    "Permute": _permuted,
    "RepeatVector": _repeated,
    "Concatenate": _concatenated,
    "ChannelShuffle": _shuffled,
    "CReLU": _both_signs,
    "DeformableSampling": _sampled,
}
