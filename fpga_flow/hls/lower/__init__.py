"""From a quantized network to plain layers with all their types: what HLS code and the exact reference are made from.

The types of sums are not guessed: interval analysis with the network's own weights bounds every sum, in whatever order
it is added up, and the accumulator is the narrowest type that holds the bounds and every fractional bit. So no
accumulator overflows and none rounds.

A rule per kind of Keras layer, in the module that its name tells, turns a call of it into HLS layers; what no rule
knows is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers.plugin import LAYERS
from fpga_flow.hls.lower import activation, deformable, merge, of_plugin, pool, shape, weighted
from fpga_flow.hls.lower.signal import Signal, Unrounded
from fpga_flow.hls.lower.streamed import streamed
from fpga_flow.keras import keras, qkeras
from fpga_flow.networks import quantizers
from fpga_flow.networks.graph import Call, calls

#: Of the outputs of softmax, between 0 and 1.
SOFTMAX_TYPE = FixedPoint(16, 1, signed=False)

Rule = Callable[..., tuple[list[HlsLayer], Signal | Unrounded]]

_RULES: dict[str, Rule] = {
    "Dense": weighted.dense,
    "QDense": weighted.dense,
    **dict.fromkeys(("Conv1D", "Conv2D", "QConv1D", "QConv2D"), weighted.conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "QDepthwiseConv2D"), weighted.depthwise),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D", "QSeparableConv1D", "QSeparableConv2D"), weighted.separable
    ),
    **dict.fromkeys(("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm"), weighted.conv_batchnorm),
    "QActivation": activation.quantizing,
    **dict.fromkeys(("BatchNormalization", "QBatchNormalization", "PReLU"), activation.per_channel),
    **dict.fromkeys(("Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Clamp"), activation.function),
    **dict.fromkeys(
        ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "QAveragePooling2D"), pool.pool
    ),
    **dict.fromkeys(
        ("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
         "QGlobalAveragePooling2D"),
        pool.global_pool,
    ),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), merge.merge),
    "Concatenate": merge.concatenate,
    "RepeatVector": shape.repeat,
    **dict.fromkeys(("Flatten", "Reshape"), shape.reshape),
    "Permute": shape.permute,
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), shape.zero_pad),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), shape.crop),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), shape.upsample),
    "ChannelShuffle": shape.shuffle,
    "CReLU": shape.crelu,
    "DeformableSampling": deformable.sampling,
}  # fmt: skip
#: Rules for layers that can have an activation function inside.
_WITH_ACTIVATION = (
    weighted.dense, weighted.conv, weighted.conv_batchnorm, weighted.depthwise, weighted.separable,
)  # fmt: skip
#: Rules that take what is not rounded yet.
_OF_REAL_NUMBERS = (activation.quantizing, activation.function, activation.per_channel)
#: Layers that TimeDistributed may hold: they do the same at each step anyway.
_STEPWISE = ("Dense", "QDense", "Activation", "QActivation", "ReLU")
#: Layers that do something only while the network is trained.
_ONLY_IN_TRAINING = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
    "ActivityRegularization",
)  # fmt: skip


def lower(model: Any, softmax: bool = False, io_type: str = "io_parallel") -> tuple[HlsLayer, ...]:
    """The layers of a quantized network, in the order of computation, without the input's quantizer and dropout.

    Args:
        softmax: whether HLS code shall compute softmax of the logits, too.
        io_type: `io_parallel` or `io_stream`, which needs some layers in other form.

    Raises:
        FieldError: a layer is of a kind, or has an option, that is not known to be computed exactly; or something has
            no fixed-point type; or a sum needs more bits than a double has.
    """
    layers: list[HlsLayer] = []
    signals: dict[str, Signal | Unrounded] = {}
    every = calls(model)
    inputs = {call.name for call in every if isinstance(call.layer, keras.layers.InputLayer)}
    if len(inputs) != 1 or len(model.outputs) != 1:
        got = f"{len(inputs)} and {len(model.outputs)}"
        raise FieldError(("network",), f"expected a network with one input and one output, got {got}")
    for call in every:
        if call.name in inputs:
            continue
        if inputs.intersection(call.inputs):
            signals[call.name] = _input(call)
            continue
        sources = [signals[name] for name in call.inputs]
        if type(call.layer).__name__ in _ONLY_IN_TRAINING:
            signals[call.name] = sources[0]
            continue
        lowered, signals[call.name] = _ruled(call, sources)
        layers += lowered
    output = signals[every[-1].name]
    if isinstance(output, Unrounded):
        raise _not_rounded(output, "the network's output")
    if not layers:
        raise FieldError(("network",), "expected a network that computes something, got one without layers")
    if io_type == "io_stream":
        layers = streamed(layers)
    return (*layers[:-1], *_softmax(layers[-1])) if softmax else tuple(layers)


def input_type(model: Any) -> FixedPoint:
    """The type of the network's input: that of the quantizer right behind it.

    Raises:
        FieldError: the input is not quantized.
    """
    every = calls(model)
    return _input(next(call for call in every if call.inputs)).type


def _input(call: Call) -> Signal:
    """What the layer right behind the network's input gives: the input, quantized."""
    type_ = quantizers.type_of(call.layer.quantizer) if type(call.layer).__name__ == "QActivation" else None
    if type_ is None:
        raise FieldError(
            ("precision",), f'the input has no fixed-point type: expected it quantized before "{call.name}"'
        )
    return Signal.of_type("inputs", call.shape, type_)


def _ruled(call: Call, sources: list[Signal | Unrounded]) -> tuple[list[HlsLayer], Signal | Unrounded]:
    """What the rule for a call's layer makes of it, with the activation function inside of it if it has one."""
    name = type(call.layer).__name__
    if name == "TimeDistributed" and type(call.layer.layer).__name__ in _STEPWISE:
        return _ruled(replace(call, layer=call.layer.layer), sources)
    rule: Rule | None = of_plugin.lower if name in LAYERS else _RULES.get(name)
    if rule is None:
        way_out = _WAYS_OUT.get(name, "`fpga-flow layers` lists those that have")
        raise FieldError(("network",), f'layer "{call.name}" ({name}) has no exact HLS code here: {way_out}')
    if rule not in _OF_REAL_NUMBERS:
        for source in sources:
            if isinstance(source, Unrounded):
                raise _not_rounded(source, f'layer "{call.name}"')
    lowered, signal = rule(call, *sources)
    if rule not in _WITH_ACTIVATION or (inside := call.layer.activation) in (None, keras.activations.linear):
        return lowered, signal
    name = f"{call.name}_activation"
    make = qkeras.QActivation if isinstance(inside, qkeras.BaseQuantizer) else keras.layers.Activation
    more, signal = _ruled(Call(make(inside, name=name), name, (call.name,), call.shape), [signal])
    return [*lowered, *more], signal


_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "QLSTM", "QGRU", "QSimpleRNN", "Bidirectional")
_WAYS_OUT = {
    "Softmax": "leave it to the host, or set hls.softmax: true",
    "Lambda": "its Python code can't be translated: use layers",
    "Conv2DTranspose": "use UpSampling2D and a convolution",
    "Embedding": "do it on the host",
    "QAdaptiveActivation": "use a QActivation with the range that it found",
    **dict.fromkeys(_RECURRENT, "use convolutions over the sequence"),
}


def _not_rounded(unrounded: Unrounded, reader: str) -> FieldError:
    return FieldError(
        ("network",),
        f'layer "{unrounded.made_by}" gives real numbers, which {reader} gets: '
        "put a QActivation behind it, so that they have a fixed-point type",
    )


def _softmax(logits: HlsLayer) -> tuple[HlsLayer, HlsLayer]:
    """The layer of the logits, and softmax behind it.

    hls4ml's stable softmax subtracts each logit from the greatest one in a type as wide as the logits' without their
    sign: the logits get a bit more, or the difference of two of them would overflow.
    """
    type_ = FixedPoint(logits.result_type.width + 1, logits.result_type.integer + 1)
    shape = logits.output_shape
    layer = HlsLayer("softmax", "activation", "softmax", (logits.name,), shape, shape, type_, SOFTMAX_TYPE)
    return replace(logits, result_type=type_), layer
