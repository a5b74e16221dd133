"""The matrix of layers and options: small networks, each with one thing to be shown exact or refused.

`CASES` has for each name the function that builds the network behind its quantized input, and the shape of the input. A
new layer or option adds a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks.layers import ChannelShuffle, CReLU
from fpga_flow.networks.sampling import DeformableSampling

L, Q = keras.layers, qkeras
Build = Callable[[Any], Any]

VECTOR, SEQUENCE, IMAGE = (6,), (8, 3), (6, 6, 2)
KERNEL, BIAS = "quantized_bits(4,0,alpha=1.0)", "quantized_bits(5,1,alpha=1.0)"
ROUND = "quantized_bits(6,2,alpha=1.0)"


@dataclass(frozen=True)
class Case:
    """A network: `build` gets the quantized input of `shape`."""

    name: str
    build: Build
    shape: tuple[int, ...]


def model(case: Case) -> Any:
    """The network of a case, with random weights."""
    seed_everything(3)
    inputs = keras.Input(case.shape, name="inputs")
    made = keras.Model(inputs, case.build(Q.QActivation(ROUND, name="quantized_input")(inputs)))
    rng = np.random.default_rng(3)
    values = [rng.normal(0, 0.6, weight.shape) for weight in made.weights]
    made.set_weights([abs(v) + 0.1 if "variance" in w.name else v for w, v in zip(made.weights, values, strict=True)])
    return made


def samples(case: Case) -> np.ndarray:
    """Random inputs, some of them beyond the input's type."""
    return np.random.default_rng(3).normal(0, 2, (40, *case.shape)).astype(np.float32)


def dense(units: int = 4, name: str = "d", kernel: str | None = KERNEL, **options: Any) -> Any:
    return Q.QDense(units, kernel_quantizer=kernel, bias_quantizer=BIAS, name=name, **options)


def conv(filters: int = 3, size: Any = 3, name: str = "c", kernel: str = KERNEL, rank: int = 2, **options: Any) -> Any:
    make = {1: Q.QConv1D, 2: Q.QConv2D}[rank]
    return make(filters, size, kernel_quantizer=kernel, bias_quantizer=BIAS, name=name, **options)


def depthwise(size: int = 3, kernel: str = KERNEL, **options: Any) -> Any:
    return Q.QDepthwiseConv2D(size, depthwise_quantizer=kernel, bias_quantizer=BIAS, name="c", **options)


def separable(size: int = 3, rank: int = 2, **options: Any) -> Any:
    make = {1: Q.QSeparableConv1D, 2: Q.QSeparableConv2D}[rank]
    quantizers = {"depthwise_quantizer": KERNEL, "pointwise_quantizer": KERNEL, "bias_quantizer": BIAS}
    return make(3, size, name="c", **quantizers, **options)


def relu(x: Any) -> Any:
    return Q.QActivation("quantized_relu(5,2)", name="relu")(x)


def rounded(x: Any) -> Any:
    return Q.QActivation(ROUND, name="rounded")(x)


def chain(*makers: Callable[[], Any]) -> Build:
    """Layers (or functions of a tensor) one after the other, made anew for each network."""

    def build(x: Any) -> Any:
        for make in makers:
            x = make()(x)
        return x

    return build


def then(function: Callable[[Any], Any]) -> Callable[[], Callable[[Any], Any]]:
    return lambda: function


def joined(make: Callable[[], Any], branch: Callable[..., Any], count: int = 2) -> Build:
    """A layer that joins `count` branches; the second one goes through a ReLU, so that types differ."""

    def build(x: Any) -> Any:
        branches = [branch(name=f"branch_{number}")(x) for number in range(count)]
        branches[1] = relu(branches[1])
        return make()(branches)

    return build


def _weights() -> dict[str, tuple[Build, tuple[int, ...]]]:
    quantizers = {
        "quantized_bits(4,0)": KERNEL,
        "quantized_bits(2,0)": "quantized_bits(2,0,alpha=1.0)",
        "quantized_bits(1,0)": "quantized_bits(1,0,alpha=1.0)",
        "quantized_bits(8,3)": "quantized_bits(8,3,alpha=1.0)",
        "quantized_bits(4,0), keep_negative=0": "quantized_bits(4,0,keep_negative=0,alpha=1.0)",
        "quantized_bits(4,0), symmetric": "quantized_bits(4,0,1,alpha=1.0)",
        "quantized_bits(4,0), alpha=None": "quantized_bits(4,0)",
        "quantized_bits(4,0), alpha=auto_po2": "quantized_bits(4,0,alpha='auto_po2')",
        "quantized_bits(4,0), alpha=auto": "quantized_bits(4,0,alpha='auto')",
        "binary": "binary(alpha=1.0)",
        "binary, use_01": "binary(use_01=True,alpha=1.0)",
        "binary, alpha=auto_po2": "binary(alpha='auto_po2')",
        "ternary": "ternary(alpha=1.0)",
        "ternary, threshold=0.2": "ternary(alpha=1.0,threshold=0.2)",
        "ternary, alpha=auto_po2": "ternary(alpha='auto_po2')",
        "quantized_po2(4)": "quantized_po2(4)",
        "quantized_po2(4), max_value=1": "quantized_po2(4,max_value=1)",
        "quantized_relu_po2(4)": "quantized_relu_po2(4)",
        "stochastic_ternary": "stochastic_ternary(alpha=1.0)",
        "none": None,
    }
    found = {f"QDense, kernel {name}": (chain(partial(dense, kernel=q)), VECTOR) for name, q in quantizers.items()}
    for name in ("binary", "ternary", "quantized_bits(4,0), alpha=auto_po2", "quantized_po2(4)"):
        found[f"QConv2D, kernel {name}"] = (chain(partial(conv, kernel=quantizers[name])), IMAGE)
        found[f"QDepthwiseConv2D, kernel {name}"] = (chain(partial(depthwise, kernel=quantizers[name])), IMAGE)
    return found


def _dense() -> dict[str, tuple[Build, tuple[int, ...]]]:
    return {
        "QDense, no bias": (chain(partial(dense, use_bias=False)), VECTOR),
        "QDense, activation inside": (chain(partial(dense, activation="quantized_relu(4,2)")), VECTOR),
        "QDense, quantized_bits inside": (chain(partial(dense, activation="quantized_bits(5,2,alpha=1.0)")), VECTOR),
        "QDense on a sequence": (chain(dense), SEQUENCE),
        "QDense on an image": (chain(dense), IMAGE),
        "Dense": (chain(partial(L.Dense, 3, name="d")), VECTOR),
    }


def _activations() -> dict[str, tuple[Build, tuple[int, ...]]]:
    quantizers = [
        "quantized_relu(5,2)", "quantized_relu(3,3)", "quantized_relu(1,1)", "quantized_relu(5,2,negative_slope=0.25)",
        "quantized_relu(5,2,relu_upper_bound=3)", "quantized_relu(5,2,relu_upper_bound=2.7)",
        "quantized_relu(5,2,use_sigmoid=1)", "quantized_bits(5,2,alpha=1.0)", "quantized_bits(4,3,alpha=1.0)",
        "quantized_bits(5,2,1,alpha=1.0)", "quantized_bits(5,2,keep_negative=0,alpha=1.0)",
        "quantized_bits(1,0,alpha=1.0)", "quantized_bits(5,2,alpha='auto_po2')", "binary(alpha=1.0)",
        "binary(use_01=True,alpha=1.0)", "ternary(alpha=1.0)", "ternary(alpha=1.0,threshold=0.7)", "quantized_tanh(5)",
        "quantized_tanh(5,use_real_tanh=True)", "quantized_tanh(5,symmetric=True)", "quantized_sigmoid(5)",
        "quantized_sigmoid(5,use_real_sigmoid=True)", "quantized_sigmoid(5,symmetric=True)", "quantized_ulaw(5,1)",
        "quantized_po2(4)", "quantized_relu_po2(4)", "quantized_hswish(6,2)", "bernoulli()", "stochastic_binary()",
    ]  # fmt: skip
    found = {
        f"QActivation {text}": (chain(dense, partial(Q.QActivation, text, name="a")), VECTOR) for text in quantizers
    }
    for text in ("quantized_relu(5,2)", "quantized_bits(5,2,alpha=1.0)", "quantized_tanh(5)", "binary(alpha=1.0)"):
        found[f"QConv2D, then QActivation {text}"] = (chain(conv, partial(Q.QActivation, text, name="a")), IMAGE)
    functions = (
        "linear", "relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "swish", "gelu",
        "exponential", "softmax",
    )  # fmt: skip
    layers: dict[str, Callable[[], Any]] = {
        f"Activation {name}": partial(L.Activation, name, name="f") for name in functions
    }
    layers |= {
        "ReLU": partial(L.ReLU, name="f"),
        "ReLU, max_value=6": partial(L.ReLU, 6.0, name="f"),
        "ReLU, threshold=0.5": partial(L.ReLU, threshold=0.5, name="f"),
        "ReLU, negative_slope=0.25": partial(L.ReLU, negative_slope=0.25, name="f"),
        "LeakyReLU": partial(L.LeakyReLU, 0.3, name="f"),
        "ELU": partial(L.ELU, name="f"),
        "ThresholdedReLU": partial(L.ThresholdedReLU, 0.5, name="f"),
        "PReLU": partial(L.PReLU, name="f"),
        "Softmax": partial(L.Softmax, name="f"),
        "BatchNormalization": partial(L.BatchNormalization, name="f"),
        "LayerNormalization": partial(L.LayerNormalization, name="f"),
        "QBatchNormalization": partial(Q.QBatchNormalization, name="f"),
    }
    found |= {f"{name}, quantized": (chain(dense, make, then(rounded)), VECTOR) for name, make in layers.items()}
    for name in ("Activation relu", "Activation linear", "Activation tanh", "ReLU", "ReLU, max_value=6"):
        found[f"{name}, not quantized"] = (chain(dense, layers[name]), VECTOR)
    found["tanh of relu, quantized"] = (
        chain(dense, layers["ReLU, max_value=6"], partial(L.Activation, "tanh", name="t"), then(rounded)), VECTOR
    )  # fmt: skip
    concatenated, least = partial(CReLU, name="f"), "quantized_bits(4,3,alpha=1.0)"
    found |= {
        "CReLU, quantized": (chain(dense, concatenated, then(rounded), partial(dense, name="e")), VECTOR),
        "CReLU, not quantized": (chain(conv, concatenated), IMAGE),
        "CReLU, quantized_relu behind it": (chain(conv, concatenated, then(relu), partial(conv, name="e")), IMAGE),
        "CReLU of -min": (chain(partial(Q.QActivation, least, name="a"), concatenated), VECTOR),
        "CReLU of a ReLU": (chain(then(relu), concatenated), SEQUENCE),
        "CReLU behind Flatten": (chain(conv, partial(L.Flatten, name="flat"), concatenated, dense), IMAGE),
        "CReLU of tanh": (chain(dense, layers["Activation tanh"], partial(CReLU, name="g")), VECTOR),
    }
    found["QAdaptiveActivation"] = (
        chain(dense, partial(Q.QAdaptiveActivation, "quantized_bits", 5, name="a")), VECTOR
    )  # fmt: skip
    return found


def _convolutions() -> dict[str, tuple[Build, tuple[int, ...]]]:
    found: dict[str, tuple[Build, tuple[int, ...]]] = {}
    for padding in ("valid", "same", "causal"):
        for strides in (1, 2):
            options = {"padding": padding, "strides": strides}
            text = f"{padding}, strides={strides}"
            found[f"QConv1D, {text}"] = (chain(partial(conv, rank=1, **options)), SEQUENCE)
            if padding == "causal":
                continue
            found[f"QConv2D, {text}"] = (chain(partial(conv, **options)), IMAGE)
            found[f"QDepthwiseConv2D, {text}"] = (chain(partial(depthwise, **options)), IMAGE)
            found[f"QSeparableConv2D, {text}"] = (chain(partial(separable, **options)), IMAGE)
            found[f"QSeparableConv1D, {text}"] = (chain(partial(separable, rank=1, **options)), SEQUENCE)
        found[f"QConv1D, {padding}, dilation_rate=2"] = (
            chain(partial(conv, size=2, rank=1, padding=padding, dilation_rate=2)), SEQUENCE
        )  # fmt: skip
        if padding == "causal":
            continue
        small = {"size": 2, "padding": padding}
        found |= {
            f"QConv2D, {padding}, dilation_rate=2": (chain(partial(conv, dilation_rate=2, **small)), IMAGE),
            f"QConv2D, {padding}, dilation_rate=(1,2)": (chain(partial(conv, dilation_rate=(1, 2), **small)), IMAGE),
            f"QConv2D, {padding}, groups=2": (chain(partial(conv, 4, groups=2, **small)), IMAGE),
            f"QDepthwiseConv2D, {padding}, dilation_rate=2": (
                chain(partial(depthwise, dilation_rate=2, **small)), IMAGE
            ),
            f"QDepthwiseConv2D, {padding}, depth_multiplier=2": (
                chain(partial(depthwise, depth_multiplier=2, **small)), IMAGE
            ),
            f"QSeparableConv2D, {padding}, depth_multiplier=2": (
                chain(partial(separable, depth_multiplier=2, **small)), IMAGE
            ),
        }  # fmt: skip
    shuffle = partial(ChannelShuffle, 3, name="f")
    found |= {
        "QConv1D, groups=3, dilation_rate=2": (
            chain(partial(conv, 6, 2, rank=1, groups=3, dilation_rate=2, padding="same")), SEQUENCE
        ),
        "QConv1D, causal, groups=3, strides=2": (
            chain(partial(conv, 3, 3, rank=1, groups=3, strides=2, padding="causal")), SEQUENCE
        ),
        "QConv2D, groups=2, dilation_rate=(2,1)": (
            chain(partial(conv, 6, 3, groups=2, dilation_rate=(2, 1), padding="same")), IMAGE
        ),
        "QConv2D, groups=2, strides=(2,3)": (chain(partial(conv, 4, (3, 2), groups=2, strides=(2, 3))), IMAGE),
        "QConv2D, groups=2, no bias": (chain(partial(conv, 2, 2, groups=2, use_bias=False)), IMAGE),
        "QConv2D, groups=2, kernel binary": (chain(partial(conv, 4, 2, groups=2, kernel="binary(alpha=1.0)")), IMAGE),
        "QConv2D, dilation_rate=3, of a ReLU": (chain(then(relu), partial(conv, 3, 2, dilation_rate=3)), IMAGE),
        "QDepthwiseConv2D, depth_multiplier=2, dilation_rate=2": (
            chain(partial(depthwise, 2, depth_multiplier=2, dilation_rate=2)), IMAGE
        ),
        "ShuffleNet unit": (
            chain(
                partial(conv, 6, 1, name="a"), then(relu), partial(conv, 6, 1, name="b", groups=3), shuffle,
                partial(depthwise, 3, strides=2), partial(conv, 6, 1, name="e", groups=3),
            ),
            IMAGE,
        ),
        "QConv1D, kernel_size=1": (chain(partial(conv, size=1, rank=1)), SEQUENCE),
        "QConv1D, groups=3": (chain(partial(conv, size=2, rank=1, groups=3)), SEQUENCE),
        "QConv2D, kernel_size=1": (chain(partial(conv, size=1)), IMAGE),
        "QConv2D, kernel_size=1, strides=2": (chain(partial(conv, size=1, strides=2)), IMAGE),
        "QConv2D, kernel_size=(1,3)": (chain(partial(conv, size=(1, 3))), IMAGE),
        "QConv2D, strides=(1,2)": (chain(partial(conv, size=2, strides=(1, 2))), IMAGE),
        "QConv2D, no bias": (chain(partial(conv, size=2, use_bias=False)), IMAGE),
        "QConv2D, activation inside": (chain(partial(conv, size=2, activation="quantized_relu(4,2)")), IMAGE),
        "Conv2DTranspose": (chain(partial(L.Conv2DTranspose, 3, 2, name="c")), IMAGE),
        "LocallyConnected1D": (chain(partial(L.LocallyConnected1D, 3, 2, name="c")), SEQUENCE),
        "QConv2DBatchnorm": (
            chain(partial(Q.QConv2DBatchnorm, 3, 2, kernel_quantizer=KERNEL, bias_quantizer=BIAS, name="c")), IMAGE
        ),
        "QConv2DBatchnorm, groups=2, dilation_rate=2": (
            chain(
                partial(
                    Q.QConv2DBatchnorm, 4, 2, groups=2, dilation_rate=2, kernel_quantizer=KERNEL, bias_quantizer=BIAS,
                    name="c",
                )
            ),
            IMAGE,
        ),
        "QDepthwiseConv2DBatchnorm": (
            chain(
                partial(
                    Q.QDepthwiseConv2DBatchnorm, 2, depthwise_quantizer=KERNEL, bias_quantizer=BIAS, name="c"
                )
            ),
            IMAGE,
        ),
    }  # fmt: skip
    return found


def _pools() -> dict[str, tuple[Build, tuple[int, ...]]]:
    found: dict[str, tuple[Build, tuple[int, ...]]] = {}
    options: dict[str, dict[str, Any]] = {
        "2": {"pool_size": 2},
        "3": {"pool_size": 3},
        "2, strides=1": {"pool_size": 2, "strides": 1},
        "3, strides=2": {"pool_size": 3, "strides": 2},
        "2, same": {"pool_size": 2, "padding": "same"},
        "4, same": {"pool_size": 4, "padding": "same"},
        "3, strides=2, same": {"pool_size": 3, "strides": 2, "padding": "same"},
    }
    for kind in ("MaxPooling", "AveragePooling"):
        for text, given in options.items():
            for rank, shape in ((1, SEQUENCE), (2, IMAGE)):
                pool = partial(getattr(L, f"{kind}{rank}D"), name="p", **given)
                found[f"{kind}{rank}D, {text}, of a ReLU, quantized"] = (chain(then(relu), pool, then(rounded)), shape)
                if rank == 2:
                    found[f"{kind}2D, {text}"] = (chain(pool), shape)
        found[f"{kind}2D, (1,2)"] = (chain(partial(getattr(L, f"{kind}2D"), (1, 2), name="p")), IMAGE)
    for kind in ("GlobalMaxPooling", "GlobalAveragePooling"):
        for rank, shape in ((1, SEQUENCE), (2, IMAGE)):
            pool = partial(getattr(L, f"{kind}{rank}D"), name="p")
            found[f"{kind}{rank}D"] = (chain(pool), shape)
            found[f"{kind}{rank}D, quantized"] = (chain(pool, then(rounded)), shape)
    average = {"average_quantizer": "quantized_bits(8,0,1,alpha=1.0)", "name": "p"}
    found |= {
        "GlobalAveragePooling2D, 64 values": (chain(partial(L.GlobalAveragePooling2D, name="p")), (8, 8, 2)),
        "GlobalMaxPooling2D, keepdims": (chain(partial(L.GlobalMaxPooling2D, keepdims=True, name="p")), IMAGE),
        "QAveragePooling2D, quantized": (chain(partial(Q.QAveragePooling2D, 3, **average), then(rounded)), IMAGE),
        "QAveragePooling2D, activation inside": (
            chain(partial(Q.QAveragePooling2D, 3, activation=ROUND, **average)), IMAGE
        ),
        "QGlobalAveragePooling2D, quantized": (
            chain(partial(Q.QGlobalAveragePooling2D, **average), then(rounded)), IMAGE
        ),
    }  # fmt: skip
    return found


def _merges() -> dict[str, tuple[Build, tuple[int, ...]]]:
    found: dict[str, tuple[Build, tuple[int, ...]]] = {}
    of_images, of_sequences = partial(conv, 3, 2), partial(conv, 3, 1, rank=1)
    for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        make = partial(getattr(L, kind), name="m")
        found[f"{kind} of vectors"] = (joined(make, dense), VECTOR)
        found[f"{kind} of images"] = (joined(make, of_images), IMAGE)
        if kind != "Subtract":
            found[f"{kind} of three"] = (joined(make, dense, 3), VECTOR)
    for axis in (1, 2, 3):
        found[f"Concatenate of images, axis={axis}"] = (
            joined(partial(L.Concatenate, axis, name="m"), of_images),
            IMAGE,
        )
    for axis in (1, 2):
        make = partial(L.Concatenate, axis, name="m")
        found[f"Concatenate of sequences, axis={axis}"] = (joined(make, of_sequences), SEQUENCE)

    def twice(x: Any) -> Any:
        return L.Add(name="m")([x, x])

    def residual(branch: Callable[..., Any]) -> Build:
        return lambda x: relu(L.Add(name="m")([x, branch(name="branch")(x)]))

    return found | {
        "Concatenate of vectors": (joined(partial(L.Concatenate, name="m"), dense), VECTOR),
        "Concatenate of three": (joined(partial(L.Concatenate, name="m"), dense, 3), VECTOR),
        "Dot": (joined(partial(L.Dot, 1, name="m"), dense), VECTOR),
        "Add of a tensor and itself": (chain(dense, then(twice)), VECTOR),
        "residual block, dense": (chain(then(residual(partial(dense, 6))), dense), VECTOR),
        "residual block, convolution": (
            chain(then(residual(partial(conv, 2, 3, padding="same"))), partial(conv, 3, 2)), IMAGE
        ),
    }  # fmt: skip


def _moves() -> dict[str, tuple[Build, tuple[int, ...]]]:
    image, sequence = partial(conv, 3, 2), partial(conv, 3, 2, rank=1)
    shuffle = (
        partial(L.Reshape, (16, 2, 2), name="f"), partial(L.Permute, (1, 3, 2), name="p"),
        partial(L.Reshape, (4, 4, 4), name="g"),
    )  # fmt: skip
    return {
        "Flatten": (chain(partial(L.Flatten, name="f"), dense), IMAGE),
        "Reshape of an image": (chain(partial(L.Reshape, (12, 6), name="f"), sequence), IMAGE),
        "Reshape of a vector": (chain(partial(L.Reshape, (2, 3, 1), name="f"), image), VECTOR),
        "Reshape at the end": (chain(then(relu), partial(L.Reshape, (12, 6), name="f")), IMAGE),
        "Permute, (2,1,3)": (chain(partial(L.Permute, (2, 1, 3), name="f"), image), (5, 6, 2)),
        "Permute, (3,1,2)": (chain(partial(L.Permute, (3, 1, 2), name="f"), image), (5, 6, 2)),
        "Permute, (2,1)": (chain(partial(L.Permute, (2, 1), name="f"), sequence), SEQUENCE),
        "channel shuffle": (chain(*shuffle, image), (4, 4, 4)),
        "ChannelShuffle": (chain(partial(ChannelShuffle, 3, name="f"), image), (5, 4, 6)),
        "ChannelShuffle of a sequence": (chain(partial(ChannelShuffle, 2, name="f"), sequence), (8, 6)),
        "ChannelShuffle of a vector": (chain(partial(ChannelShuffle, 3, name="f"), dense), VECTOR),
        "ChannelShuffle behind Flatten": (
            chain(image, partial(L.Flatten, name="flat"), partial(ChannelShuffle, 5, name="f"), dense), IMAGE
        ),
        "ZeroPadding2D": (chain(partial(L.ZeroPadding2D, ((1, 0), (2, 1)), name="f"), image), IMAGE),
        "ZeroPadding1D": (chain(partial(L.ZeroPadding1D, (1, 2), name="f"), sequence), SEQUENCE),
        "Cropping2D": (chain(partial(L.Cropping2D, ((1, 0), (2, 1)), name="f"), image), IMAGE),
        "Cropping1D": (chain(partial(L.Cropping1D, (1, 2), name="f"), sequence), SEQUENCE),
        "UpSampling2D": (chain(partial(L.UpSampling2D, (2, 3), name="f"), image), IMAGE),
        "UpSampling2D, bilinear": (
            chain(partial(L.UpSampling2D, 2, interpolation="bilinear", name="f"), image), IMAGE
        ),
        "UpSampling1D": (chain(partial(L.UpSampling1D, 2, name="f"), sequence), SEQUENCE),
        "RepeatVector": (chain(then(relu), partial(L.RepeatVector, 3, name="f")), VECTOR),
    }  # fmt: skip


def _others() -> dict[str, tuple[Build, tuple[int, ...]]]:
    found: dict[str, tuple[Build, tuple[int, ...]]] = {}
    for kind in ("Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"):
        found[kind] = (chain(partial(getattr(L, kind), 0.2, name="f"), dense), VECTOR)
    found["SpatialDropout2D"] = (chain(partial(L.SpatialDropout2D, 0.2, name="f"), conv), IMAGE)
    for kind in ("LSTM", "GRU", "SimpleRNN"):
        found[kind] = (chain(partial(getattr(L, kind), 3, name="f")), SEQUENCE)

    def shared(x: Any) -> Any:
        layer = dense(6)
        return layer(relu(layer(x)))

    def inner() -> Any:
        inputs = keras.Input(VECTOR)
        return keras.Model(inputs, relu(dense(6)(inputs)), name="inner")

    def nested_twice(x: Any) -> Any:
        made = inner()
        return made(made(x))

    return found | {
        "QLSTM": (chain(partial(Q.QLSTM, 3, name="f")), SEQUENCE),
        "TimeDistributed": (lambda x: L.TimeDistributed(dense(), name="f")(x), SEQUENCE),
        "Embedding": (chain(partial(L.Embedding, 8, 3, name="f")), VECTOR),
        "Lambda": (chain(partial(L.Lambda, lambda x: 2 * x, name="f")), VECTOR),
        "MultiHeadAttention": (lambda x: L.MultiHeadAttention(1, 2, name="f")(x, x), SEQUENCE),
        "shared layer": (shared, VECTOR),
        "nested model": (chain(inner, partial(dense, 3, name="e")), VECTOR),
        "nested model, used twice": (nested_twice, VECTOR),
    }


def _deformable() -> dict[str, tuple[Build, tuple[int, ...]]]:
    """`round_offsets` and `round_samples` are quantizers; None leaves the exact sums, and the exact samples."""

    def build(
        x: Any,
        size: int = 3,
        round_offsets: str | None = "quantized_bits(5,2,alpha=1.0)",
        round_samples: str | None = None,
        **options: Any,
    ) -> Any:
        offsets = conv(2 * size * size, size, "c_offsets", **{"padding": "same", **options})(x)
        if round_offsets:
            offsets = Q.QActivation(round_offsets, name="c_clamp")(offsets)
        x = DeformableSampling(size, name="c_samples", **options)([x, offsets])
        if round_samples:
            x = Q.QActivation(round_samples, name="c_rounded")(x)
        return conv(3, 1)(x)

    options: dict[str, dict[str, Any]] = {
        "same": {},
        "valid": {"padding": "valid"},
        "same, strides=2": {"strides": 2, "size": 2},
        "samples rounded": {"round_samples": ROUND},
        "offsets in whole pixels": {"round_offsets": "quantized_bits(3,2,alpha=1.0)"},
        "offsets not rounded": {"round_offsets": None, "size": 2},
        "offsets of a function": {"round_offsets": "quantized_tanh(5)", "size": 2},
    }
    found = {f"deformable convolution, {name}": (partial(build, **each), IMAGE) for name, each in options.items()}

    def of_real_numbers(x: Any) -> Any:
        return DeformableSampling(1, name="c_samples")([L.Activation("tanh", name="f")(x), rounded(x)])

    return {**found, "deformable convolution, of real numbers": (of_real_numbers, IMAGE)}


_GROUPS = (_weights, _dense, _activations, _convolutions, _pools, _merges, _moves, _others, _deformable)
CASES = {name: Case(name, build, shape) for group in _GROUPS for name, (build, shape) in group().items()}
