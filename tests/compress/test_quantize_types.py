"""`quantize` with types found from data, binary, ternary and power-of-two weights, and types by channel."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import compress, storage, training
from fpga_flow.compress import prune, quantize
from fpga_flow.compress.base import Context
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network, quantizer_of, snap
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.number_types import parse
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.conftest import blobs

L = keras.layers
AUTO = {"weight": "fixed<4,auto>", "bias": "fixed<8,auto>", "activation": "ufixed<6,auto>"}
TRAINING = Training(epochs=12, batch_size=16, learning_rate=0.01)
DATA = blobs()


def trained() -> Network:
    seed_everything(1)
    inputs = keras.Input((8,), name="inputs")
    hidden = L.Dense(10, activation="relu", name="d1")(inputs)
    model = keras.Model(inputs, L.Dense(3, name="out")(hidden))
    training.fit(model, DATA, TRAINING, seed=1)
    return Network(model)


@pytest.fixture(scope="module")
def network() -> Network:
    return trained()


@pytest.fixture(scope="module")
def pruned(network) -> Network:
    return compress.apply(
        "prune", network, DATA, prune.Options(sparsity=0.5, epochs=1), Context(TRAINING, None, seed=1)
    )[0]


def apply(network, types, name="quantize", **options):
    made = compress.PASSES[name].Options.model_validate({"epochs": 0, **options})
    precision = Precision.model_validate({"input": "ufixed<8,auto>", "layers": {"*": {**AUTO, **types}}})
    return compress.apply(name, network, DATA, made, Context(TRAINING, precision, seed=1))


def test_post_training_quantization_with_ranges_from_data(network):
    after, report = apply(network, {"weight": "fixed<6,auto>"})
    assert report.accuracy_after >= report.accuracy_before - 0.03
    assert report.details["history"] == []
    types = report.details["types"]
    assert list(types["layers"]) == ["d1", "d1_relu", "out"]
    for name in ("d1", "out"):
        for key, weight in (("weight", "kernel"), ("bias", "bias")):
            values = getattr(after.model.get_layer(name), weight).numpy()
            assert parse(types["layers"][name][key]).holds(values)
    inside = keras.Model(after.model.inputs, after.model.get_layer("d1_relu").output)
    assert parse(types["layers"]["d1_relu"]["activation"]).holds(inside.predict(DATA.test.x, verbose=0))


def test_few_bits_lose_less_by_the_least_squared_error(network):
    def off(rule):
        after, _ = apply(network, {"weight": "fixed<3,auto>"}, ranges=rule)
        pairs = [(after.model.get_layer(name).kernel, network.model.get_layer(name).kernel) for name in ("d1", "out")]
        return sum(np.sum((ours.numpy() - theirs.numpy()) ** 2) for ours, theirs in pairs)

    assert off("mse") < off("max")


TYPES = [
    ("binary", "tensor"),
    ("ternary", "tensor"),
    ("po2<3,0>", "tensor"),
    ("fixed<3,auto>", "channel"),
    ("po2<4>", "channel"),
]


@pytest.mark.parametrize(("weight", "per"), TYPES)
def test_training_leaves_weights_on_their_values(tmp_path, network, weight, per):
    after, report = apply(network, {"weight": weight, "weight_per": per}, epochs=3, learning_rate=0.01)
    assert report.accuracy_after > 0.8
    moved = 0
    kernels = {name: after.model.get_layer(name).kernel.numpy() for name in ("d1", "out")}
    snap(after.model)
    after.save(tmp_path)
    loaded = Network.load(tmp_path).model
    for name, kernel in kernels.items():
        layer = after.model.get_layer(name)
        np.testing.assert_array_equal(layer.kernel.numpy(), kernel)  # snapped once, or again
        np.testing.assert_array_equal(quantizer_of(layer, "kernel")(kernel).numpy(), kernel)
        np.testing.assert_array_equal(quantizer_of(loaded.get_layer(name), "kernel")(kernel).numpy(), kernel)
        moved += np.sum(quantizer_of(layer, "kernel")(network.model.get_layer(name).kernel).numpy() != kernel)
        magnitudes = np.unique(np.abs(kernel[:, 0]))
        if weight.startswith("fixed"):
            continue
        open_ = parse(weight, weight=True)
        assert set(magnitudes / magnitudes.max()) <= set(open_.magnitudes)
        if per == "tensor":
            closed = parse(report.details["types"]["layers"][name]["weight"], weight=True)
            np.testing.assert_array_equal(closed.quantize(kernel), kernel)
    np.testing.assert_array_equal(loaded.predict(DATA.test.x, verbose=0), after.model.predict(DATA.test.x, verbose=0))
    assert moved  # by training


def test_such_a_network_can_be_quantized_again(network):
    once, _ = apply(network, {"weight": "ternary", "weight_per": "channel"})
    twice, report = apply(once, {"weight": "fixed<6,auto>"})
    assert report.accuracy_after == report.accuracy_before  # six bits hold what two did
    assert [layer.name for layer in twice.model.layers] == [layer.name for layer in once.model.layers]


@pytest.mark.parametrize(("weight", "per"), [("ternary", "tensor"), ("fixed<3,auto>", "channel")])
def test_zeros_that_were_pruned_stay(pruned, weight, per):
    after, _ = apply(pruned, {"weight": weight, "weight_per": per}, epochs=3, learning_rate=0.01)
    (mask,) = [each for each in after.of("d1", "kernel") if isinstance(each, Mask)]
    assert not after.model.get_layer("d1").kernel.numpy()[~mask.mask].any()
    assert (~mask.mask).mean() == 0.5


def test_what_was_promised_and_can_t_be_kept_is_refused(network):
    mask = np.ones((8, 10), bool)
    mask[0, :3] = False
    kernel = network.model.get_layer("d1").kernel
    pruned = Network(network.model, (Mask("prune", "d1", "kernel", mask),))
    before = kernel.numpy()
    try:
        kernel.assign(before * mask)
        with pytest.raises(FieldError) as error:
            apply(pruned, {"weight": "binary"})
    finally:
        kernel.assign(before)
    closed = str(
        quantize.quantize_model(
            network.model,
            Precision.model_validate(
                {
                    "input": "ufixed<8,0>",
                    "layers": {"*": {"weight": "binary", "bias": "fixed<8,2>", "activation": "ufixed<6,2>"}},
                }
            ),
        )
        .get_layer("d1")
        .kernel_quantizer_internal.exponents
    )
    assert str(error.value) == (
        f'precision.layers: layer "d1", kernel: the type binary<{closed}> can\'t keep what prune promised: 3 of 3 '
        "weights that prune pruned are no longer zero"
    )


def test_a_value_that_channels_share_needs_one_type(network):
    groups = np.zeros((8, 10), np.int8)
    shared = Network(keras.models.clone_model(network.model), (Sharing("cluster", "d1", "kernel", groups),))
    shared.model.set_weights(network.model.get_weights())
    kernel = np.full((8, 10), 0.3, np.float32)
    shared.model.get_layer("d1").kernel.assign(kernel)
    after, _ = apply(shared, {"weight": "ternary", "weight_per": "channel"})  # all channels have the same
    assert len(np.unique(after.model.get_layer("d1").kernel.numpy())) == 1


def problems(network, types, **options):
    precision = Precision.model_validate({"input": "ufixed<8,auto>", "layers": {"*": AUTO, **types}})
    made = quantize.Options.model_validate(options)
    return [str(error) for error in quantize.check(made, network.model, precision, ("compress", 0, "quantize"))]


def test_types_by_channel_must_be_open(network):
    assert problems(network, {"d1": {"weight_per": "channel"}}) == []
    assert problems(network, {"d1": {"weight": "ternary<0>", "weight_per": "channel"}}) == [
        'precision.layers: expected a weight type that is found from data for layer "d1" with weight_per channel, for '
        "example fixed<4,auto> or ternary, got ternary<0>"
    ]


def test_something_must_be_there_to_narrow(network):
    budget = {"max_accuracy_drop": 0.01}
    assert problems(network, {}, widths=budget) == []
    for types, least in (({"*": {**AUTO, "weight": "binary"}}, 2), ({}, 4)):
        assert problems(network, types, widths={**budget, "least": least}) == [
            "compress[0].quantize.widths: expected a layer whose weights can be narrowed, of a fixed or po2 type of "
            f"more than {least} bits, got none"
        ]


@pytest.mark.parametrize(("weight", "per"), [("binary", "tensor"), ("po2<4>", "channel"), ("fixed<3,auto>", "channel")])
def test_the_file_gives_back_the_very_network(network, weight, per):
    made, _ = apply(network, {"weight": weight, "weight_per": per})
    storage.verify(made, storage.decode(storage.encode(made)))


def test_channels_that_are_left_keep_their_types():
    seed_everything(3)
    inputs = keras.Input((6, 6, 2), name="inputs")
    x = L.Conv2D(5, 3, activation="relu", name="c")(inputs)
    x = L.DepthwiseConv2D(2, activation="relu", name="w")(x)
    x = L.SeparableConv2D(4, 2, activation="relu", name="s")(x)
    model = keras.Model(inputs, L.Dense(3, name="out")(L.Flatten(name="f")(x)))
    rng = np.random.default_rng(3)
    model.set_weights(
        [rng.normal(0, 0.3, each.shape) * 2.0 ** rng.integers(-3, 2, each.shape[-1]) for each in model.get_weights()]
    )
    types = {"*": {**AUTO, "weight_per": "channel"}}
    precision = Precision.model_validate({"input": "ufixed<8,auto>", "layers": types})
    data = blobs(60, (6, 6, 2))
    context = Context(TRAINING, precision, seed=1)
    whole, _ = compress.apply("quantize", Network(model), data, quantize.Options(epochs=0), context)
    options = compress.PASSES["prune_filters"].Options(amount=0.4, epochs=0)
    cut, _ = compress.apply("prune_filters", whole, data, options, context)
    for name, kernel in (("c", "kernel"), ("w", "depthwise_kernel"), ("s", "pointwise_kernel"), ("out", "kernel")):
        before, after = (each.model.get_layer(name) for each in (whole, cut))
        left = getattr(after, kernel).numpy()
        exponents = np.asarray(quantizer_of(after, kernel).exponents)
        assert exponents.shape == (left.shape[-2:] if name == "w" else left.shape[-1:])
        np.testing.assert_array_equal(quantizer_of(after, kernel)(left).numpy(), left)
        assert left.size < getattr(before, kernel).numpy().size
