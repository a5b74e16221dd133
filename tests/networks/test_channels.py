"""Channels followed through networks of all kinds, and what is left when some are removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fpga_flow.compress.prune_filters import choice
from fpga_flow.keras import keras, qkeras, seed_everything
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.deformable import deformable
from fpga_flow.networks.layers import ChannelShuffle, CReLU
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.networks.rebuild import flat

L = keras.layers


def model_of(shape: tuple[int, ...], body: Callable[[Any], Any], classes: int = 3) -> Any:
    inputs = keras.Input(shape, name="inputs")
    tensor = body(inputs)
    if len(tensor.shape) > 2:
        tensor = L.Flatten(name="flat")(tensor)
    return randomized(flat(keras.Model(inputs, L.Dense(classes, name="output")(tensor))))


def randomized(model: Any, seed: int = 0) -> Any:
    """Biases and normalizations with values that matter, too."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([np.asarray(rng.uniform(0.2, 0.7, each.shape), np.float32) * rng.choice([-1, 1], each.shape)
                           if "variance" not in variable.name else np.asarray(rng.uniform(0.5, 2, each.shape))
                           for variable, each in zip(layer.weights, layer.get_weights(), strict=True)])  # fmt: skip
    return model


def drawn(found: channels.Channels, model: Any, seed: int, least: int = 1) -> channel_cut.Kept:
    """Units drawn to stay, some of each layer."""
    rng = np.random.default_rng(seed)
    made = {name: layer.made for name, layer in found.layers.items()}
    floors = {name: max(least, int(rng.integers(len(units) + 1))) for name, units in made.items()}
    kept, _ = choice.choose(model, found, rng.random(found.count), floors, choice.Goal())
    return kept


def dead(model: Any, found: channels.Channels, kept: channel_cut.Kept) -> Any:
    """A copy of the model in which the filters that are to go make zeros, and stay."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for name, layer in found.layers.items():
        for attribute, axes in layer.weights.items():
            variable = getattr(copy.get_layer(name), attribute)
            values = variable.numpy()
            for axis, units in axes.items():
                if (attribute, axis) != layer.inputs and attribute != "moving_variance":
                    if attribute == "depthwise_kernel" and len(layer.made):
                        continue  # the input of a separable convolution
                    index: list[Any] = [slice(None)] * values.ndim
                    index[axis] = ~kept[units]
                    values[tuple(index)] = 0
            variable.assign(values)
    return copy


def assert_cut_is_exact(model: Any, seed: int = 0, *, removes: bool = True) -> Any:
    """The smaller network computes what the network does whose filters are dead."""
    found = channels.find(model)
    kept = drawn(found, model, seed)
    assert removes is not kept.all()
    smaller = channel_cut.cut(Network(model), found, kept).model
    assert smaller.count_params() == channel_cut.parameters(model, found, kept)
    assert (smaller.count_params() < model.count_params()) is removes
    again = channels.find(smaller)
    assert channel_cut.macs(again) == channel_cut.macs(found, kept)
    assert again.count <= kept.sum()  # less where a group of a convolution is left with one channel
    x = np.random.default_rng(seed).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    expected = dead(model, found, kept)(x).numpy()
    assert np.abs(expected).max() > 1e-3
    scale = np.abs(expected).max()
    np.testing.assert_allclose(smaller(x).numpy() / scale, expected / scale, atol=1e-5)
    return smaller


def plain(x: Any) -> Any:
    x = L.Conv2D(8, 3, activation="relu", name="c1")(x)
    x = L.MaxPooling2D()(x)
    return L.Dense(10, activation="relu", name="d1")(L.Flatten()(L.Conv2D(6, 2, strides=2, name="c2")(x)))


def normalized(x: Any) -> Any:
    x = L.ReLU()(L.BatchNormalization(name="b1")(L.Conv2D(8, 3, use_bias=False, name="c1")(x)))
    x = L.BatchNormalization(scale=False, center=False)(L.SeparableConv2D(8, 3, depth_multiplier=2, name="s1")(x))
    return L.GlobalAveragePooling2D()(L.PReLU(shared_axes=[1, 2])(L.Dropout(0.1, noise_shape=(None, 1, 1, 1))(x)))


def residual(merge: Any) -> Callable[[Any], Any]:
    def body(x: Any) -> Any:
        x = L.Conv2D(8, 3, padding="same", name="c1")(x)
        y = L.Conv2D(5, 3, padding="same", activation="relu", name="c2")(x)
        y = L.BatchNormalization()(L.Conv2D(8, 3, padding="same", name="c3")(y))
        z = merge()([x, y])
        return L.GlobalMaxPooling2D()(L.Conv2D(6, 3, name="c4")(L.Activation("tanh")(z)))

    return body


def joined(x: Any) -> Any:
    a, b = L.Conv2D(5, 3, padding="same", name="a")(x), L.Conv2D(7, 1, name="b")(x)
    both = L.Concatenate()([a, L.LeakyReLU()(b), x])
    last = L.Concatenate(axis=1)([L.Conv2D(6, 1, name="c")(both), L.Conv2D(6, 3, padding="same", name="d")(both)])
    return L.AveragePooling2D()(last)


def concatenated_then_added(x: Any) -> Any:
    a, b = L.Conv2D(3, 1, name="a")(x), L.Conv2D(5, 1, name="b")(x)
    return L.GlobalAveragePooling2D()(L.Add()([L.Concatenate()([a, b]), L.Conv2D(8, 1, name="c")(x)]))


def depthwise(x: Any) -> Any:
    x = L.Conv2D(6, 3, name="c1")(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="dw")(x)
    return L.ZeroPadding2D()(L.UpSampling2D()(L.Cropping2D(1)(L.Conv2D(4, 1, name="c2")(x))))


def grouped(x: Any) -> Any:
    x = L.Conv2D(12, 3, activation="relu", name="c1")(x)
    x = L.Conv2D(8, 3, groups=4, name="g1")(x)
    x = L.Conv2D(16, 1, groups=8, activation="relu", name="g2")(x)  # one channel a group
    return L.Conv2D(6, 1, name="c2")(x)


def shuffled(x: Any) -> Any:
    x = L.Conv2D(12, 3, activation="relu", name="c1")(x)
    x = L.Reshape((6, 6, 3, 4))(x)
    x = L.Permute((1, 2, 4, 3))(x)
    return L.Conv2D(5, 1, name="c2")(L.Reshape((6, 6, 12))(x))


def shuffled_between_groups(x: Any) -> Any:
    x = L.Conv2D(12, 3, activation="relu", name="c1")(x)
    x = ChannelShuffle(3)(L.Conv2D(12, 1, groups=3, name="g1")(x))
    return L.Conv2D(6, 1, groups=3, name="g2")(L.DepthwiseConv2D(3, name="dw")(x))


def both_signs(x: Any) -> Any:
    x = CReLU()(L.BatchNormalization()(L.Conv2D(6, 3, name="c1")(x)))
    return L.Conv2D(4, 3, name="c2")(L.BatchNormalization()(x))


def reshaped(x: Any) -> Any:
    x = L.Dense(48, activation="relu", name="d1")(L.Flatten()(x))
    x = L.Conv2D(6, 3, name="c1")(L.Reshape((4, 4, 3))(x))
    x = L.Permute((3, 1, 2))(x)  # channels first: the pixels are the inputs of the next one
    return L.Conv1D(4, 1, name="c2")(L.Reshape((-1, 4))(x))


def reshaped_twice(x: Any) -> Any:
    reshape = L.Reshape((-1, 6))
    a, b = L.Conv2D(6, 3, name="a")(x), L.MaxPooling2D()(L.Conv2D(6, 3, name="b")(x))
    return L.Concatenate(axis=1)([reshape(a), reshape(b)])


def squeezed(x: Any) -> Any:
    x = L.Conv2D(8, 3, name="c1")(x)
    s = L.Dense(4, activation="relu", name="down")(L.GlobalAveragePooling2D(keepdims=True)(x))
    return L.Conv2D(4, 3, name="c2")(L.Multiply()([x, L.Dense(8, activation="sigmoid", name="up")(s)]))


def attended(x: Any) -> Any:
    x = L.Conv2D(8, 3, name="c1")(x)
    return L.Multiply()([x, L.Conv2D(1, 1, activation="sigmoid", name="map")(x)])


def shared(x: Any) -> Any:
    twice = L.Conv2D(6, 3, padding="same", activation="relu", name="c2")
    norm = L.BatchNormalization()
    a, b = L.Conv2D(8, 1, name="a")(x), L.Conv2D(8, 3, padding="same", name="b")(x)
    return L.GlobalAveragePooling2D()(L.Concatenate()([norm(twice(a)), norm(twice(norm_free(b)))]))


def norm_free(x: Any) -> Any:
    return L.Activation("relu")(x)


def nested(x: Any) -> Any:
    inner_in = keras.Input(x.shape[1:])
    inner = keras.Model(inner_in, L.Conv2D(6, 3, name="in_1")(L.Conv2D(5, 1, activation="relu", name="in_2")(inner_in)))
    return L.Conv2D(4, 3, name="c1")(inner(x))


def one_dimensional(x: Any) -> Any:
    x = L.Conv1D(8, 3, padding="causal", activation="relu", name="c1")(L.Reshape((-1, 3))(x))
    x = L.DepthwiseConv1D(3, name="dw")(L.SpatialDropout1D(0.2)(x))
    x = L.SeparableConv1D(6, 3, dilation_rate=2, name="s1")(L.ZeroPadding1D()(x))
    return L.GlobalAveragePooling1D()(L.MaxPooling1D()(x))


def transposed(x: Any) -> Any:
    x = L.Conv2DTranspose(6, 3, strides=2, activation="relu", name="t1")(L.Conv2D(5, 3, name="c1")(x))
    return L.Conv2DTranspose(4, 3, name="t2")(x)


def deformed(x: Any) -> Any:
    x = L.Conv2D(8, 3, activation="relu", name="c1")(x)
    x = L.Activation("relu")(deformable(x, 6, rounded=True, name="d1"))
    return deformable(x, 4, 2, 2, "valid", name="d2")


def over_the_last_axis(x: Any) -> Any:
    return L.Dense(5, name="d2")(L.Dense(6, activation="relu", name="d1")(L.RepeatVector(3)(L.Flatten()(x))))


def quantized(x: Any) -> Any:
    bits, relu = "quantized_bits(6,1,alpha=1)", "quantized_relu(6,2)"
    x = qkeras.QActivation("quantized_bits(6,2,alpha=1)", name="q0")(x)
    x = qkeras.QConv2D(8, 3, kernel_quantizer=bits, bias_quantizer=bits, activation=relu, name="c1")(x)
    x = qkeras.QDepthwiseConv2D(3, depthwise_quantizer=bits, bias_quantizer=bits, name="dw")(x)
    x = qkeras.QActivation(relu, name="q1")(qkeras.QBatchNormalization(name="b1")(x))
    x = qkeras.QSeparableConv2D(
        6, 2, depthwise_quantizer=bits, pointwise_quantizer=bits, bias_quantizer=bits, name="s1"
    )(x)
    x = qkeras.QActivation(relu, name="q2")(x)
    return qkeras.QDense(7, kernel_quantizer=bits, bias_quantizer=bits, name="d1")(L.Flatten()(x))


GRAPHS = {
    "plain": plain,
    "normalized": normalized,
    **{f"residual {kind}": residual(getattr(L, kind))
       for kind in ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average")},
    "joined": joined, "concatenated then added": concatenated_then_added, "depthwise": depthwise, "grouped": grouped,
    "shuffled": shuffled, "shuffled between groups": shuffled_between_groups, "both signs": both_signs,
    "reshaped": reshaped, "reshaped twice": reshaped_twice,
    "squeezed": squeezed, "attended": attended, "shared": shared,
    "nested": nested, "one-dimensional": one_dimensional, "transposed": transposed,
    "over the last axis": over_the_last_axis, "deformed": deformed, "quantized": quantized,
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_left_computes_the_same(name):
    model = model_of((8, 8, 3), GRAPHS[name])
    for seed in (1, 2) if name != "quantized" else (1,):
        assert_cut_is_exact(model, seed)


def random_graph(seed: int) -> Any:
    """A network of layers drawn at random that share images of one size."""
    rng = np.random.default_rng(seed)

    def layer(tensors: list[Any]) -> Any:
        x = tensors[rng.integers(len(tensors))]
        others = [each for each in tensors if each.shape == x.shape]
        count, kernel = int(rng.choice([4, 6, 8])), int(rng.choice([1, 3]))
        same = {"padding": "same"}
        kind = rng.integers(9)
        if kind < 2:
            return L.Conv2D(count, kernel, activation=str(rng.choice(["relu", "tanh", "linear"])), **same)(x)
        if kind == 2:
            return L.BatchNormalization()(x)
        if kind == 3:
            return L.DepthwiseConv2D(kernel, depth_multiplier=int(rng.integers(1, 3)), **same)(x)
        if kind == 4:
            return L.SeparableConv2D(count, kernel, **same)(x)
        if kind == 5 and x.shape[-1] % 2 == 0:
            return L.Conv2D(count, kernel, groups=2, **same)(x)
        if kind == 6 and x.shape[-1] < 20:
            return L.Concatenate()([x, tensors[rng.integers(len(tensors))]])
        return L.Add()([x, others[rng.integers(len(others))]])

    def body(x: Any) -> Any:
        tensors = [L.Conv2D(6, 3, activation="relu")(x)]
        for _ in range(8):
            tensors.append(layer(tensors))
        x = L.Concatenate()(tensors[-3:])
        x = L.GlobalAveragePooling2D()(x) if rng.integers(2) else L.Flatten()(L.MaxPooling2D()(x))
        return L.Dense(8, activation="relu")(x)

    return model_of((6, 6, 2), body)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks(seed):
    assert_cut_is_exact(random_graph(seed), seed)


def test_groups_say_what_is_tied():
    found = channels.find(model_of((8, 8, 3), residual(L.Add)))
    assert [(group.layers, len(group.units)) for group in found.groups] == [
        (("c1", "c3"), 8),
        (("c2",), 5),
        (("c4",), 6),
    ]
    assert found.stay == {"output": "they are the network's outputs"}


def test_offsets_of_a_deformable_convolution_stay():
    found = channels.find(model_of((8, 8, 3), deformed))
    assert found.stay["d1_offsets"] == 'they are offsets of "d1_samples"'
    assert [(group.layers, len(group.units)) for group in found.groups] == [(("c1",), 8), (("d1",), 6), (("d2",), 4)]


@pytest.mark.parametrize(
    ("body", "layer", "why"),
    [
        (lambda x: L.Add()([x, L.Conv2D(3, 1, name="c")(x)]), "c", '"add" merges them with others that stay'),
        (lambda x: L.Dense(4, activation="softmax", name="c")(x), "c", 'the activation function of "c" takes them '),
        (lambda x: L.Softmax(name="s")(L.Conv2D(4, 1, name="c")(x)), "c", 'what "s" (Softmax) does with them is '),
        (lambda x: L.Dropout(0.1, (None, 1, 1, 4), name="o")(L.Dense(4, name="c")(x)), "c", 'what "o" (Dropout) does'),
        (lambda x: L.LayerNormalization(name="n")(L.Dense(4, name="c")(x)), "c", 'what "n" (LayerNormalization) does'),
        (lambda x: L.LSTM(4, name="r")(L.Conv1D(4, 1, name="c")(L.Reshape((-1, 3))(x))), "c", 'what "r" (LSTM) does'),
        (lambda x: L.Dense(4)(L.Permute((3, 1, 2))(L.Conv2D(4, 1, name="c")(x))), "c", '"dense" does not have them '),
    ],
)  # fmt: skip
def test_what_is_not_understood_stays(body, layer, why):
    keras.backend.clear_session()
    model = model_of((8, 8, 3), body)
    assert channels.find(model).stay[layer].startswith(why)
    assert channels.find(model).count == (5 if "dense" in why else 1)


class Doubled(L.Layer):
    """A layer of a user's own."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def test_own_layers_keep_their_channels():
    model = model_of((8, 8, 3), lambda x: L.Conv2D(4, 3, name="c2")(Doubled(name="own")(L.Conv2D(4, 3, name="c1")(x))))
    found = channels.find(model)
    assert found.stay["c1"] == 'what "own" (Doubled) does with them is unknown'
    assert [group.layers for group in found.groups] == [("c2",)]


def test_promises_are_cut_with_their_weights():
    model = model_of((8, 8, 3), plain)
    rng = np.random.default_rng(0)
    promises = []
    for name in ("c1", "c2", "d1"):
        kernel = model.get_layer(name).kernel
        mask = rng.random(kernel.shape) < 0.5
        kernel.assign(kernel * mask)
        promises.append(Mask("prune", name, "kernel", mask))
    kernel, groups = model.get_layer("output").kernel, rng.integers(-1, 4, (10, 3))
    signs = rng.choice(np.array([-1, 1], np.int8), groups.shape)
    promises.append(Sharing("cluster", "output", "kernel", groups, signs, {"kind": "any"}))
    kernel.assign(promises[-1].spread(np.array([0.5, -1, 2, 3], np.float32), kernel.numpy()))
    network = Network(model, tuple(promises))
    assert network.broken_promises() == []
    found = channels.find(model)
    smaller = channel_cut.cut(network, found, drawn(found, model, 3))
    assert len(smaller.promises) == 4
    assert smaller.broken_promises() == []
    for promise in smaller.promises:
        shape = promise.mask.shape if isinstance(promise, Mask) else promise.groups.shape
        assert shape == smaller.model.get_layer(promise.layer).kernel.shape
        assert shape < tuple(model.get_layer(promise.layer).kernel.shape)


def test_types_are_kept():
    smaller = assert_cut_is_exact(model_of((8, 8, 3), quantized))
    assert [type(layer).__name__ for layer in smaller.layers if layer.name in ("c1", "dw", "s1", "d1")] == [
        "QConv2D", "QDepthwiseConv2D", "QSeparableConv2D", "QDense",
    ]  # fmt: skip
    assert smaller.get_layer("c1").kernel_quantizer_internal.bits == 6


def test_the_network_that_is_cut_stays_as_it_was():
    seed_everything(0)
    model = model_of((8, 8, 3), plain)
    before = model.get_weights()
    assert_cut_is_exact(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
