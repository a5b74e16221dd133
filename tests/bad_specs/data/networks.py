"""Functions for `family: custom`, each but the first wrong in its own way."""

from __future__ import annotations

import tf_keras as keras
from tf_keras import layers

from fpga_flow.networks.deformable import deformable as deformable_convolution


def model(shape, *hidden, classes=10):
    return keras.Sequential([layers.Input(shape), *hidden, layers.Dense(classes, name="output")])


def good(shape, classes):
    return model(shape, layers.Flatten(), layers.Dense(8, "relu", name="first"))


def fails(shape, classes):
    raise ValueError("no network\ntoday")


def exits(shape, classes):
    raise SystemExit(0)


def no_model(shape, classes):
    return [shape, classes]


class Subclass(keras.Model):
    def call(self, x):
        return x


def subclass(shape, classes):
    return Subclass()


def nested(shape, classes):
    inner = keras.Sequential([layers.Dense(8), layers.LayerNormalization(name="norm")], name="inner")
    return model(shape, layers.Flatten(), keras.Sequential([inner], name="outer"))


def two_inputs(shape, classes):
    inputs = [layers.Input(shape), layers.Input(shape)]
    return keras.Model(inputs, layers.Dense(classes)(layers.Flatten()(layers.add(inputs))))


def wrong_outputs(shape, classes):
    return model(shape, layers.Flatten(), classes=classes + 1)


def unsupported_layer(shape, classes):
    return model(shape, layers.LayerNormalization(name="norm"), layers.Flatten())


def unsupported_activation(shape, classes):
    return model(shape, layers.Flatten(), layers.Dense(8, "softmax", name="first"))


def bias_in_name(shape, classes):
    return model(shape, layers.Flatten(), layers.Dense(8, "relu", name="debiased"), layers.Dense(8, name="a-b"))


def overlapping_pools(shape, classes):
    return model(shape, layers.MaxPooling2D(8, strides=1, name="pool"), layers.Flatten())


def flattened_first(shape, classes):
    return model(shape, layers.Conv2D(3, 3, name="conv"), layers.Flatten(), layers.ReLU(name="relu"))


def softmax(shape, classes):
    return model(shape, layers.Flatten(), layers.Dense(8, "softmax", name="first"))


def normalized(shape, classes):
    hidden = layers.Dense(8, name="first"), layers.BatchNormalization(name="norm"), layers.ReLU(name="relu")
    return model(shape, layers.Flatten(), *hidden)


def normalization(shape, classes):
    return model(shape, layers.Flatten(), layers.Dense(8, "relu", name="first"), layers.BatchNormalization(name="norm"))


def constrained(shape, classes):
    limit = keras.constraints.MaxNorm(2)
    return model(shape, layers.Flatten(), layers.Dense(8, "relu", kernel_constraint=limit, name="first"))


def deformable(shape, classes, **options):
    inputs = layers.Input(shape)
    image = layers.Flatten()(deformable_convolution(inputs, 2, name="shifted", **options))
    return keras.Model(inputs, layers.Dense(classes, name="output")(image))


def residual(shape, classes):
    inputs = layers.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = layers.Conv2D(4, 3, 2, padding="same", name="second")(x)
    y = layers.Conv2D(4, 3, padding="same", name="inside")(x)
    x = layers.GlobalAveragePooling2D(name="all")(layers.Add(name="add")([x, y]))
    return keras.Model(inputs, layers.Dense(classes, name="output")(x))
