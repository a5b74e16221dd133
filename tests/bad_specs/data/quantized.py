"""A network with quantizers of its own."""

from __future__ import annotations

import qkeras
import tf_keras as keras
from tf_keras import layers


def model(shape, classes):
    bits = {"kernel_quantizer": "quantized_bits(6,0,alpha=1)", "use_bias": False}
    return keras.Sequential(
        [
            layers.Input(shape),
            qkeras.QActivation("quantized_bits(6,1,alpha=1)", name="rounded"),
            qkeras.QConv2D(8, 3, padding="same", name="conv_1", **bits),
            qkeras.QActivation("quantized_relu(6,2)", name="relu_1"),
            qkeras.QConv2D(8, 3, padding="same", name="conv_2", **bits),
            qkeras.QActivation("quantized_relu(6,2)", name="relu_2"),
            layers.Flatten(name="flatten"),
            qkeras.QDense(classes, name="output", **bits),
        ]
    )
