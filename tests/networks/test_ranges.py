"""Open types closed from data: by the greatest number, by the least squared error, channel by channel."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fpga_flow.compress.quantize import quantize_model
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import ranges
from fpga_flow.networks.quantized import types_of
from fpga_flow.networks.ranges import Seen, fit
from fpga_flow.networks.sites import prepare
from fpga_flow.number_types import FixedWidth, Levels
from fpga_flow.spec.model import Precision

L = keras.layers


def test_the_fewest_integer_bits_hold_the_range():
    assert ranges.holding(-1, 0.9, 4) == FixedPoint(4, 1)
    assert ranges.holding(0, 1, 4) == FixedPoint(4, 1, signed=False)
    assert ranges.holding(0, 3.87, 4) == FixedPoint(4, 2, signed=False)  # rounded down by less than half a step
    assert ranges.holding(0, 0.01, 4, signed=True) == FixedPoint(4, -5)
    assert ranges.holding(0, 0, 4) == FixedPoint(4, 1, signed=False)


@pytest.mark.parametrize("type_", [FixedWidth(3), FixedWidth(6), Levels("binary", 1), Levels("ternary", 2),
                                   Levels("po2", 4)], ids=str)  # fmt: skip
@pytest.mark.parametrize("scale", [0.003, 1.0, 700.0])
def test_no_other_exponent_has_a_smaller_error(type_, scale):
    numbers = np.random.default_rng(3).normal(0, scale, (400, 1))
    numbers[0] *= 8
    errors = [np.sum((type_.at(each).quantize(numbers) - numbers) ** 2) for each in range(-15, 16)]
    (found,) = fit(type_, Seen.of(numbers), "mse")
    assert found == range(-15, 16)[int(np.argmin(errors))]


def test_a_far_number_saturates_by_mse_and_is_held_by_max():
    numbers = np.append(np.random.default_rng(4).normal(0, 0.1, 2000), 2.0)[:, None]
    (by_max,), (by_mse,) = (fit(FixedWidth(4), Seen.of(numbers), rule) for rule in ("max", "mse"))
    assert by_max == 3
    assert by_mse < 1


def test_zeros_of_pruned_weights_count_for_nothing():
    numbers = np.random.default_rng(5).normal(0, 0.2, (300, 1))
    numbers[np.abs(numbers) < 0.15] = 0
    alone = numbers[numbers != 0][:, None]
    for type_ in (FixedWidth(3), Levels("ternary", 2), Levels("po2", 3)):
        assert fit(type_, Seen.of(numbers), "mse") == fit(type_, Seen.of(alone), "mse")


def test_what_is_only_zero_has_a_type():
    zeros = Seen.of(np.zeros((5, 2)))
    for rule in ("max", "mse"):
        np.testing.assert_array_equal(fit(FixedWidth(4), zeros, rule), [1, 1])
    assert np.isfinite(fit(Levels("binary", 1), zeros, "mse")).all()


def network():
    seed_everything(4)
    inputs = keras.Input((6, 6, 2), name="inputs")
    x = L.Conv2D(4, 3, activation="relu", name="c")(inputs)
    x = L.DepthwiseConv2D(2, depth_multiplier=2, activation="tanh", name="w")(x)
    x = L.SeparableConv2D(3, 2, name="s")(x)
    model = keras.Model(inputs, L.Dense(3, name="out")(L.Flatten(name="f")(x)))
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(0, 0.3, each.shape) for each in model.get_weights()])
    return model


def found(layers, input_type="ufixed<6,auto>", rule="max", samples=True):
    model, x = network(), np.random.default_rng(6).random((40, 6, 6, 2)).astype(np.float32) * 3
    precision = Precision.model_validate({"input": input_type, "layers": layers})
    return model, x, types_of(prepare(model), precision, x if samples else None, rule)


OPEN = {"weight": "fixed<6,auto>", "bias": "fixed<8,auto>", "activation": "fixed<7,auto>", "input": "fixed<9,auto>"}


def test_types_hold_what_the_network_has():
    model, x, types = found({"*": OPEN})
    assert types.input.max + types.input.step / 2 >= x.max() > types.input.max / 2
    inside = keras.Model(model.inputs, [model.get_layer(name).output for name in ("c", "w")])
    for name, values in zip(("c_relu", "w_tanh"), inside.predict(x, verbose=0), strict=True):
        type_ = types.layers[name]["activation"]
        assert type_ == ranges.holding(float(values.min()), float(values.max()), 7, signed=True)
    for name in ("c", "w", "out"):
        kernel, bias = model.get_layer(name).get_weights()
        assert types.layers[name]["weight"] == ranges.holding(kernel.min(), kernel.max(), 6, signed=True)
        assert types.layers[name]["bias"] == ranges.holding(bias.min(), bias.max(), 8, signed=True)
    both = np.concatenate([np.ravel(each) for each in model.get_layer("s").get_weights()[:2]])
    assert types.layers["s"]["weight"] == ranges.holding(both.min(), both.max(), 6, signed=True)


def test_closed_types_stay_and_need_no_samples():
    closed = {"weight": "ternary<-2>", "bias": "fixed<8,2>", "activation": "fixed<7,3>"}
    _, _, types = found({"*": closed}, "ufixed<6,2>", samples=False)
    assert types.to_dict() == {
        "input": "ufixed<6,2>",
        "layers": {
            **{name: {"weight": "ternary<-2>", "bias": "fixed<8,2>"} for name in ("c", "w", "s", "out")},
            **{name: {"activation": "fixed<7,3>"} for name in ("c_relu", "w_tanh")},
        },
    }
    with pytest.raises(ValueError, match="expected samples, from which ranges are found, got none"):
        found({"*": {**closed, "activation": "fixed<7,auto>"}}, "ufixed<6,2>", samples=False)


@pytest.mark.parametrize("weight", ["fixed<4,auto>", "ternary", "binary", "po2<3>"])
def test_each_channel_gets_the_exponent_it_would_get_alone(weight):
    model, _, types = found({"*": {**OPEN, "weight": weight, "weight_per": "channel"}}, rule="mse")
    for name, kernel, axes in (
        ("c", "kernel", 1), ("w", "depthwise_kernel", 2), ("s", "depthwise_kernel", 2), ("s", "pointwise_kernel", 1),
        ("out", "kernel", 1),
    ):  # fmt: skip
        values = getattr(model.get_layer(name), kernel).numpy()
        made = types.layers[name]["weight"]
        exponents = made.exponents[kernel]
        assert exponents.shape == values.shape[-axes:]
        for place in np.ndindex(exponents.shape):
            alone = Seen.of(values[(..., *place)].reshape(-1, 1))
            assert exponents[place] == fit(made.type, alone, "mse")
    spread = types.layers["out"]["weight"].exponents["kernel"]
    low, high = (made.type.at(int(each)) for each in (spread.min(), spread.max()))
    assert str(types.layers["out"]["weight"]) == f"{low} to {high}, by channel"


def test_a_channel_that_is_nearly_dead_does_not_make_hardware_wide():
    model = network()
    kernel = model.get_layer("out").kernel
    kernel.assign(kernel.numpy() * np.array([1, 1e-9, 0], np.float32))
    types = {**OPEN, "weight": "fixed<4,auto>", "weight_per": "channel"}
    precision = Precision.model_validate({"input": "ufixed<6,2>", "layers": {"*": types}})
    x = np.random.default_rng(7).random((20, 6, 6, 2)).astype(np.float32)
    made = quantize_model(model, precision, x).get_layer("out").kernel_quantizer_internal
    assert max(made.exponents) - min(made.exponents) == 8


@pytest.mark.parametrize("weight", ["fixed<4,auto>", "ternary", "binary"])
def test_a_channel_of_zeros_does_not_make_others_coarse(weight):
    model = network()
    kernel = model.get_layer("out").kernel
    values = kernel.numpy() * np.array([2.0**-20, 0, 2.0**-19], np.float32)
    kernel.assign(values)
    precision = Precision.model_validate(
        {"input": "ufixed<6,2>", "layers": {"*": {**OPEN, "weight": weight, "weight_per": "channel"}}}
    )
    x = np.random.default_rng(7).random((20, 6, 6, 2)).astype(np.float32)
    made = quantize_model(model, precision, x).get_layer("out").kernel_quantizer_internal
    off = np.linalg.norm(made(values).numpy() - values, axis=0) / np.linalg.norm(values, axis=0).clip(1e-30)
    assert off[[0, 2]].max() < (0.3 if weight.startswith("fixed") else 0.8)


def test_numbers_that_are_not_finite_have_no_range():
    model = network()
    model.get_layer("out").kernel.assign(np.full(model.get_layer("out").kernel.shape, np.nan, np.float32))
    precision = Precision.model_validate({"input": "ufixed<6,2>", "layers": {"*": OPEN}})
    with pytest.raises(FieldError) as error:
        quantize_model(model, precision, np.ones((4, 6, 6, 2), np.float32))
    assert str(error.value) == 'precision: expected finite numbers for the range of weight of layer "out", got others'


def test_what_layers_give_is_kept_in_memory_batch_by_batch(monkeypatch):
    """Of 20 batches of 2 MB, not all are there at a time."""
    inputs = keras.Input((4,), name="inputs")
    model = keras.Model(inputs, keras.layers.Dense(1000, name="wide")(inputs))
    monkeypatch.setattr(ranges, "_BATCH_NUMBERS", 500_000)
    x = np.random.default_rng(1).random((10_000, 4), np.float32)
    ranges._observe(model, [model.get_layer("wide")], x[:10], "output")  # what TensorFlow needs once
    tracemalloc.start()
    seen = ranges._observe(model, [model.get_layer("wide")], x, "output")["wide"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen.numbers.size > 50_000
    assert peak < 16e6
