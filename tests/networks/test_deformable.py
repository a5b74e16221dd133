"""Deformable convolution as a Keras layer: the paper's equations, gradients, and what becomes of it in files."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

from fpga_flow.compress.quantize import Options as QuantizeOptions
from fpga_flow.compress.quantize import check, quantize_model
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, seed_everything, tf
from fpga_flow.networks import imported, quantizers
from fpga_flow.networks.deformable import deformable
from fpga_flow.networks.network import Network
from fpga_flow.networks.sampling import Clamp, DeformableSampling, output_size
from fpga_flow.spec.model import Precision

L = keras.layers
SHAPE = (8, 8, 2)
GEOMETRIES = [
    ((3, 3), (1, 1), "same"), ((2, 3), (2, 1), "same"), ((3, 2), (1, 2), "valid"), ((1, 1), (3, 3), "same"),
    ((5, 6), (1, 1), "valid"), ((4, 4), (4, 5), "same"),
]  # fmt: skip
TYPES = {"*": {"weight": "fixed<5,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}}


def by_equation(image: np.ndarray, offsets: np.ndarray, layer: DeformableSampling) -> np.ndarray:
    """Equations 2 to 4, pixel by pixel: the kernel G(q, p) = max(0, 1 - |q_y - p_y|) * max(0, 1 - |q_x - p_x|)."""
    height, width, channels = image.shape
    rows, columns, _ = offsets.shape
    (top, _), (left, _) = layer.pads((height, width), (rows, columns))
    places = list(itertools.product(*map(range, layer.kernel_size)))
    made = np.zeros((rows, columns, len(places), channels))
    for row, column, (tap, place) in itertools.product(range(rows), range(columns), enumerate(places)):
        y = row * layer.strides[0] - top + place[0] + offsets[row, column, 2 * tap]
        x = column * layer.strides[1] - left + place[1] + offsets[row, column, 2 * tap + 1]
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        for q_y, q_x in itertools.product(range(height), range(width)):
            made[row, column, tap] += max(0, 1 - abs(q_y - y)) * max(0, 1 - abs(q_x - x)) * image[q_y, q_x]
    return made.reshape(rows, columns, -1)


def drawn(geometry: Any, step: float, seed: int = 0) -> tuple[DeformableSampling, np.ndarray, np.ndarray]:
    """A layer, images of 5 x 6 pixels, and offsets that reach beyond their border: whole multiples of a step."""
    layer, rng = DeformableSampling(*geometry, name="s"), np.random.default_rng(seed)
    outs = [output_size(*each, geometry[2]) for each in zip((5, 6), *geometry[:2], strict=True)]
    offsets = rng.integers(-round(4 / step), round(4 / step) + 1, (3, *outs, 2 * np.prod(geometry[0]))) * step
    return layer, rng.integers(-32, 32, (3, 5, 6, 2)) / 8, offsets


@pytest.mark.parametrize("step", [1.0, 0.25, 0.03125])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_it_is_the_paper_s_equation_exactly(geometry, step):
    layer, images, offsets = drawn(geometry, step)
    made = layer([tf.constant(each, tf.float32) for each in (images, offsets)]).numpy()
    expected = np.stack([by_equation(image, offset, layer) for image, offset in zip(images, offsets, strict=True)])
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_without_offsets_it_is_a_convolution_with_its_border_repeated(geometry):
    layer, images, offsets = drawn(geometry, 1.0)
    kernel = np.random.default_rng(1).normal(size=(*layer.kernel_size, 2, 3)).astype(np.float32)
    samples = layer([tf.constant(images, tf.float32), tf.zeros(offsets.shape)])
    pads = layer.pads((5, 6), offsets.shape[1:3])
    padded = np.pad(images, ((0, 0), *pads, (0, 0)), "edge").astype(np.float32)
    expected = tf.nn.conv2d(padded, kernel, layer.strides, "VALID")
    np.testing.assert_allclose(samples @ kernel.reshape(-1, 3), expected, atol=1e-5)


def test_gradients_are_those_of_small_changes():
    layer, images, offsets = drawn(GEOMETRIES[1], 0.25)
    layer = DeformableSampling(*GEOMETRIES[1], dtype="float64")
    rng = np.random.default_rng(2)
    x = [tf.constant(images), tf.constant(offsets + rng.uniform(0.01, 0.2, offsets.shape))]  # between pixels
    weights = rng.normal(size=layer(x).shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x) * weights)
    for index, gradient in enumerate(tape.gradient(total, x)):
        direction = rng.normal(size=x[index].shape)
        sums = []
        for sign in (1, -1):
            moved = [each + sign * 1e-6 * direction if i == index else each for i, each in enumerate(x)]
            sums.append(float(tf.reduce_sum(layer(moved) * weights)))
        gradient = tf.convert_to_tensor(gradient)
        assert np.abs(gradient).max() > 0.1
        assert float(tf.reduce_sum(gradient * direction)) == pytest.approx((sums[0] - sums[1]) / 2e-6, rel=1e-5)


def test_offsets_that_are_not_finite_give_numbers_that_are_not():
    layer, images, offsets = drawn(GEOMETRIES[0], 0.25)
    offsets[0, 0, 0, :2] = np.nan
    made = layer([tf.constant(each, tf.float32) for each in (images, offsets)]).numpy()
    assert np.isnan(made[0, 0, 0, :2]).all()
    assert np.isfinite(made[1:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "expected one or two whole numbers above 0 as kernel_size, got 0"),
        ({"kernel_size": (3, 3, 3)}, r"expected one or two whole numbers above 0 as kernel_size, got \(3, 3, 3\)"),
        ({"kernel_size": 3, "strides": 1.5}, "expected one or two whole numbers above 0 as strides, got 1.5"),
        ({"kernel_size": 3, "padding": "causal"}, 'expected same or valid as padding, got "causal"'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=f'layer "s": {message}'):
        DeformableSampling(name="s", **options)


@pytest.mark.parametrize(
    ("padding", "shapes", "message"),
    [
        ("same", [(4, 4, 1), (4, 4, 9)], r"expected offsets of the shape \(4, 4, 18\), got \(4, 4, 9\)"),
        ("valid", [(4, 4, 1), (4, 4, 18)], r"expected offsets of the shape \(2, 2, 18\), got \(4, 4, 18\)"),
        ("valid", [(2, 4, 1), (1, 2, 18)], r"expected an image of at least the kernel's size \(3, 3\), got \[2, 4\]"),
        ("same", [(None, 4, 1), (4, 4, 18)], r"expected an image \(height, width, channels\) and offsets, got "),
        ("same", [(4, 4, 1)] * 3, r"expected an image \(height, width, channels\) and offsets, got "),
    ],
)
def test_wrong_shapes(padding, shapes, message):
    with pytest.raises(ValueError, match=f'layer "s": {message}'):
        DeformableSampling(3, padding=padding, name="s")([keras.Input(shape) for shape in shapes])


def test_clamps_must_have_a_limit_above_0():
    with pytest.raises(ValueError, match='layer "c": expected a limit above 0, got -1'):
        Clamp(-1, name="c")
    assert Clamp(0.5)(tf.constant([-3.0, 0.25, 2.0])).numpy().tolist() == [-0.5, 0.25, 0.5]


def network(*, rounded: bool = False) -> Any:
    """Two deformable convolutions, with random weights."""
    seed_everything(2)
    inputs = keras.Input(SHAPE, name="inputs")
    x = L.Activation("relu", name="c1_relu")(deformable(inputs, 4, name="c1"))
    x = deformable(x, 3, (2, 3), 2, "valid", rounded=rounded, use_bias=False, name="c2")
    model = keras.Model(inputs, L.Dense(3, name="output")(L.Flatten(name="flat")(x)))
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.4, weight.shape) for weight in model.get_weights()])
    return model


def precision(**more: Any) -> Precision:
    return Precision.model_validate({"input": "fixed<6,2>", "layers": {**TYPES, **more}})


SIGNED = {"*_offsets": {"activation": "fixed<5,3>"}}


def test_the_builder_makes_ordinary_layers_around_the_sampling():
    model = network(rounded=True)
    names = {layer.name: type(layer).__name__ for layer in model.layers}
    assert list(names)[1:6] == ["c1_offsets", "c1_clamp", "c1_samples", "c1", "c1_relu"]
    assert (names["c1"], names["c1_offsets"], names["c2_rounded"]) == ("Conv2D", "Conv2D", "Clamp")
    assert model.get_layer("c2_samples").output_shape == (None, 4, 3, 2 * 3 * 4)
    fresh = deformable(keras.Input(SHAPE), 4, name="c")
    offsets = keras.Model(fresh._keras_history.layer.input, fresh)
    assert offsets.output_shape == (None, 8, 8, 4)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8,), {}, "an image of shape (height, width, channels), got (8,)"),
        ((2, 8, 1), {"padding": "valid"}, "a kernel of at most 2x8, the size of the image here, got 3x3"),
        ((8, 8, 1), {"padding": "causal"}, 'same or valid as padding, got "causal"'),
        ((8, 8, 1), {"limit": 0}, "a limit of its offsets above 0, got 0"),
    ],
)
def test_the_builder_refuses_with_the_layer_s_name(shape, options, message):
    with pytest.raises(FieldError) as error:
        deformable(keras.Input(shape), 4, name="c", **options)
    assert error.value.message == f'deformable convolution "c": expected {message}'


def test_offsets_need_a_signed_type():
    options = QuantizeOptions()
    messages = [str(error) for error in check(options, network(), precision(), ("compress", 0))]
    assert messages == [
        f'precision.layers: expected a signed type of activation for layer "{name}_clamp" (offsets of '
        f'"{name}_samples"), which has negative values, got ufixed<5,2>'
        for name in ("c1", "c2")
    ]
    assert list(check(options, network(rounded=True), precision(**SIGNED), ("compress", 0))) == []


def test_its_layers_get_their_types():
    model = quantize_model(network(rounded=True), precision(**SIGNED, c2_rounded={"activation": "fixed<4,2>"}))
    types = {each.name: str(quantizers.type_of(each.quantizer)) for each in model.layers if hasattr(each, "quantizer")}
    assert types["c1_clamp"] == types["c2_clamp"] == "fixed<5,3>"
    assert types["c2_rounded"] == "fixed<4,2>"
    x = np.random.default_rng(0).normal(size=(20, *SHAPE)).astype(np.float32)
    offsets = keras.Model(model.input, model.get_layer("c1_clamp").output).predict(x, verbose=0)
    assert set(np.unique(offsets)) <= set(np.arange(-4, 4, 0.25))
    assert len(np.unique(offsets)) > 10


def test_open_types_are_found_from_data():
    x = np.random.default_rng(0).normal(size=(50, *SHAPE)).astype(np.float32)
    found = precision(**{"*_offsets": {"activation": "fixed<6,auto>"}})
    model = quantize_model(network(), found, x)
    offsets = model.get_layer("c1_clamp").quantizer
    assert str(quantizers.type_of(offsets)) == "fixed<6,2>"  # they are clamped to -2 to 2


@pytest.mark.parametrize("quantized", [False, True])
def test_it_comes_back_from_files(tmp_path, quantized):
    model = network(rounded=True)
    if quantized:
        model = quantize_model(model, precision(**SIGNED))
    Network(model).save(tmp_path)
    x = np.random.default_rng(0).normal(size=(9, *SHAPE)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(Network.load(tmp_path).model.predict(x, verbose=0), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("own.keras", "own.h5"):
            model.save(tmp_path / name)
    for name in ("own.keras", "own.h5"):
        options = imported.Options(family="imported", path=str(tmp_path / name))
        np.testing.assert_array_equal(imported.build(options, SHAPE, 3).predict(x, verbose=0), expected)
