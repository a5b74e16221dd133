"""Small networks of all sorts, and what becomes of the weights that training would have given them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fpga_flow.compress.quantize import quantize_model
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import quantizers
from fpga_flow.networks.deformable import deformable
from fpga_flow.networks.network import Network, snap, weight, weights
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.spec.model import Precision

PRECISION = Precision.model_validate(
    {"input": "ufixed<8,0>", "layers": {"*": {"weight": "fixed<5,0>", "bias": "fixed<6,1>",
                                              "activation": "ufixed<6,2>"}}}
)  # fmt: skip


def _mlp() -> keras.Model:
    x = inputs = keras.Input((12,), name="inputs")
    for number, units in enumerate((20, 16), 1):
        x = keras.layers.Dense(units, name=f"dense_{number}")(x)
        x = keras.layers.Activation("relu", name=f"dense_{number}_relu")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="output")(x), name="mlp")


def _cnn() -> keras.Model:
    x = inputs = keras.Input((8, 8, 2), name="inputs")
    x = keras.layers.Conv2D(6, 3, padding="same", name="conv_1")(x)
    x = keras.layers.Activation("relu", name="conv_1_relu")(x)
    x = keras.layers.MaxPooling2D(name="pool_1")(x)
    return keras.Model(
        inputs, keras.layers.Dense(4, name="output")(keras.layers.Flatten(name="flatten")(x)), name="cnn"
    )


def _separable() -> keras.Model:
    x = inputs = keras.Input((8, 8, 3), name="inputs")
    x = keras.layers.SeparableConv2D(8, 3, name="separable_1")(x)
    x = keras.layers.ReLU(name="separable_1_relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="output")(x), name="separable")


def _residual() -> keras.Model:
    x = inputs = keras.Input((6, 6, 2), name="inputs")
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv_1")(x)
    start = x = keras.layers.ReLU(name="relu_1")(keras.layers.BatchNormalization(name="norm_1")(x))
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv_2")(x)
    x = keras.layers.BatchNormalization(name="norm_2")(x)
    x = keras.layers.ReLU(name="relu_2")(keras.layers.Add(name="add")([x, start]))
    x = keras.layers.Concatenate(name="join")([x, start])
    return keras.Model(
        inputs, keras.layers.Dense(4, name="output")(keras.layers.Flatten(name="flatten")(x)), name="residual"
    )


def _deformable() -> keras.Model:
    x = inputs = keras.Input((6, 6, 2), name="inputs")
    x = keras.layers.ReLU(name="relu_1")(deformable(x, 4, name="conv_1"))
    return keras.Model(
        inputs, keras.layers.Dense(4, name="output")(keras.layers.Flatten(name="flatten")(x)), name="deformable"
    )


def _own_quantizers() -> keras.Model:
    x = inputs = keras.Input((12,), name="inputs")
    x = qkeras.QActivation(quantizers.linear(FixedPoint(8, 1)), name="in_q")(x)
    x = qkeras.QDense(8, kernel_quantizer=qkeras.binary(alpha=1.0), bias_quantizer=None, name="binary")(x)
    x = qkeras.QActivation(quantizers.relu(FixedPoint(5, -1)), name="relu_1")(x)
    x = qkeras.QDense(8, kernel_quantizer=qkeras.ternary(alpha=1.0), use_bias=False, name="ternary")(x)
    x = qkeras.QDense(8, kernel_quantizer=qkeras.quantized_po2(4, max_value=1), use_bias=False, name="po2")(x)
    last = qkeras.QDense(4, kernel_quantizer=quantizers.linear(FixedPoint(6, -1)), name="output")
    return keras.Model(inputs, last(x), name="own")


def _text_quantizers() -> keras.Model:
    """As QKeras' tutorials write them."""
    x = inputs = keras.Input((12,), name="inputs")
    x = qkeras.QActivation("quantized_bits(8,1,alpha=1)", name="in_q")(x)
    x = qkeras.QDense(8, kernel_quantizer="quantized_bits(6,0,alpha=1)", use_bias=False, name="dense_1")(x)
    x = qkeras.QActivation("quantized_relu(6,2)", name="relu_1")(x)
    last = qkeras.QDense(4, kernel_quantizer="quantized_bits(6,0,alpha=1)", use_bias=False, name="output")
    return keras.Model(inputs, last(x), name="text")


def _shared_layer() -> keras.Model:
    """A layer used twice, a model inside, two inputs and two outputs."""
    one, two = keras.Input((6,), name="one"), keras.Input((6,), name="two")
    twice = keras.layers.Dense(6, name="twice")
    inside = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, activation="tanh", name="in_1")], name="inside")
    x = keras.layers.Add(name="add")([twice(one), twice(two)])
    return keras.Model([one, two], [inside(x), keras.layers.Softmax(name="soft")(x)], name="shared")


def _sequential() -> keras.Model:
    layers = [keras.Input((8,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(3)]
    return keras.Sequential(layers, name="sequential")


#: Of each network: what makes it, and whether it is quantized by the pass.
NETWORKS: dict[str, tuple[Callable[[], keras.Model], bool]] = {
    "float mlp": (_mlp, False),
    "mlp": (_mlp, True),
    "cnn": (_cnn, True),
    "separable": (_separable, True),
    "float residual": (_residual, False),
    "residual": (_residual, True),
    "float deformable": (_deformable, False),
    "deformable": (_deformable, True),
    "own quantizers": (_own_quantizers, False),
    "text quantizers": (_text_quantizers, False),
    "shared layer": (_shared_layer, False),
    "sequential": (_sequential, False),
}
#: Those that become HLS code.
HLS = ("mlp", "cnn", "separable", "residual", "deformable")


def made(name: str) -> Network:
    """A network with random weights; kernels of quantized ones are pruned, the first one more than the others."""
    make, is_quantized = NETWORKS[name]
    seed_everything(3)
    rng = np.random.default_rng(3)
    model = make()
    for each in model.weights:
        each.assign(rng.normal(0, 0.3, each.shape))
        if "variance" in each.name:
            each.assign(np.abs(each.numpy()) + 0.5)
    if is_quantized:
        model = quantize_model(model, PRECISION)
    promises = []
    if is_quantized:
        for number, (layer, weight_name, variable) in enumerate(weights(model)):
            if weight_name != "bias":
                mask = rng.random(variable.shape) < (0.15 if number == 0 else 0.4)
                variable.assign(variable * mask)
                promises.append(Mask("prune", layer.name, weight_name, mask))
    snap(model)
    return Network(model, tuple(promises))


def clustered() -> Network:
    """The float MLP with 4 values in its first kernel."""
    network = made("float mlp")
    groups = np.random.default_rng(0).integers(-1, 4, (12, 20))
    values = np.array([-0.5, -0.1, 0.2, 0.7], np.float32)
    weight(network.model, "dense_1", "kernel").assign(np.where(groups < 0, 0, values[groups]))
    return Network(network.model, (Sharing("cluster", "dense_1", "kernel", groups),))
