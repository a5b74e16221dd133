"""What `prune` offers beyond plain magnitude: criteria, allocations, patterns, rounds within an accuracy budget."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import prune
from fpga_flow.compress.base import Context
from fpga_flow.compress.prune import allocation
from fpga_flow.compress.prune.groups import Pattern
from fpga_flow.keras import keras
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Hls, Precision
from tests.compress.nets import trained_mlp
from tests.conftest import blobs

DATA = blobs(600)
PRECISION = Precision.model_validate({"input": "ufixed<6,1>", "layers": {"*": {"weight": "fixed<9,1>"}}})
HLS = Hls.model_validate({"reuse_factor": 4, "layers": {"out": {"reuse_factor": 8}}})
CONTEXT = Context(Training(epochs=8, batch_size=16, learning_rate=0.01), PRECISION, seed=1, hls=HLS)


@pytest.fixture(scope="module")
def trained() -> Network:
    return trained_mlp(DATA, CONTEXT.training)


def pruned(network: Network, context: Context = CONTEXT, **options):
    return compress.apply("prune", network, DATA, prune.Options(**options), context)


def kernels(network: Network) -> dict[str, np.ndarray]:
    return {name: network.model.get_layer(name).kernel.numpy() for name in ("d1", "out")}


def one_group(shape=(2, 2)):
    return {("a", "kernel"): Pattern(), ("b", "kernel"): Pattern()}, {
        ("a", "kernel"): np.ones(shape, bool), ("b", "kernel"): np.ones(shape, bool)
    }  # fmt: skip


def test_global_takes_the_lowest_of_all_layers():
    patterns, ones = one_group()
    scores = {("a", "kernel"): np.array([[1, 2], [3, 4]]) / 1.0, ("b", "kernel"): np.array([[5, 6], [7, 0.5]])}
    masks = allocation.together(scores, ones, 0.5, patterns)
    np.testing.assert_array_equal(masks["a", "kernel"], [[False, False], [False, True]])
    np.testing.assert_array_equal(masks["b", "kernel"], [[True, True], [True, False]])


def test_global_leaves_each_layer_a_weight():
    patterns, ones = one_group()
    scores = {("a", "kernel"): np.array([[1, 2], [3, 4]]) / 1.0, ("b", "kernel"): np.array([[5, 6], [7, 8]]) / 1.0}
    masks = allocation.together(scores, ones, 0.5, patterns)
    np.testing.assert_array_equal(masks["a", "kernel"], [[False, False], [False, True]])


@pytest.mark.parametrize("pattern", [Pattern(), Pattern("block", (1, 2))])
def test_global_leaves_a_layer_of_equal_weights_one_of_them(pattern):
    patterns, ones = one_group((4, 4))
    scores = {("a", "kernel"): np.ones((4, 4)), ("b", "kernel"): np.full((4, 4), 2.0)}
    masks = allocation.together(scores, ones, 0.5, dict.fromkeys(patterns, pattern))
    assert masks["a", "kernel"].sum() == (1 if pattern.kind == "single" else 2)
    assert masks["b", "kernel"].all()


def test_lamp_scores_by_what_would_outlive_a_weight():
    (scores,) = allocation.lamp({("a", "kernel"): np.array([[1.0, 3.0], [2.0, 0.0]])}).values()
    np.testing.assert_allclose(scores, [[1 / 14, 1.0], [4 / 13, 0.0]], rtol=1e-6)


def test_lamp_does_not_depend_on_the_scale_of_a_layer():
    values = {("a", "kernel"): np.array([[1.0, 3.0], [2.0, 5.0]])}
    (once,), (scaled,) = (
        allocation.lamp(values).values(),
        allocation.lamp({k: 8 * v for k, v in values.items()}).values(),
    )
    np.testing.assert_allclose(once, scaled, rtol=1e-6)


def test_sensitivity_gives_the_zeros_to_the_layer_that_bears_them():
    patterns, ones = one_group((10, 10))
    rng = np.random.default_rng(0)
    scores = {key: rng.random((10, 10)) for key in patterns}
    slope = {("a", "kernel"): 1.0, ("b", "kernel"): 9.0}
    losses = allocation.sensitivities(scores, ones, patterns, lambda key, mask: slope[key] * np.mean(~mask))
    chosen = allocation.sensitivity(losses, dict.fromkeys(patterns, 100), 0.6)
    assert chosen["a", "kernel"] > 0.9 > 0.3 > chosen["b", "kernel"]
    assert sum(chosen.values()) / 2 == pytest.approx(0.6, abs=0.001)
    assert len(losses["a", "kernel"]) == 1 + len(allocation.SENSITIVITY_AT)


@pytest.mark.parametrize(
    "loss",
    [
        lambda key, mask: 1.0,
        lambda key, mask: 1.0 + (np.mean(~mask) > 0.6),
        lambda key, mask: 1.0 + (key[0] == "a") * np.mean(~mask),
    ],
)
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.6, 0.9])
def test_sensitivity_meets_the_sparsity_where_losses_do_not_rise(loss, sparsity):
    patterns, ones = one_group((10, 10))
    scores = {key: np.random.default_rng(0).random((10, 10)) for key in patterns}
    losses = allocation.sensitivities(scores, ones, patterns, loss)
    chosen = allocation.sensitivity(losses, dict.fromkeys(patterns, 100), sparsity)
    assert sum(chosen.values()) / 2 == pytest.approx(sparsity, abs=1e-6)


def test_sensitivity_tells_of_both_kernels_of_a_separable_convolution():
    inputs = keras.Input((8,))
    hidden = keras.layers.Reshape((4, 2))(inputs)
    hidden = keras.layers.SeparableConv1D(4, 3, name="both")(hidden)
    network = Network(keras.Model(inputs, keras.layers.Dense(3, name="out")(keras.layers.Flatten()(hidden))))
    _, report = pruned(network, sparsity=0.5, method="one_shot", allocation="sensitivity", epochs=0)
    assert list(report.details["sensitivity"]) == ["both.depthwise_kernel", "both.pointwise_kernel", "out"]


@pytest.mark.parametrize("method", ["gradual", "one_shot", "iterative"])
@pytest.mark.parametrize("choice", ["uniform", "global", "lamp", "sensitivity"])
def test_all_methods_reach_the_sparsity_by_all_allocations(trained, method, choice):
    network, report = pruned(trained, sparsity=0.6, method=method, allocation=choice, epochs=2)
    zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels(network).values())
    assert zeros == pytest.approx(0.6 * (128 + 48), abs=2)
    assert report.details["curve"][-1]["sparsity"] == pytest.approx(zeros / 176)
    assert ("sensitivity" in report.details) == (choice == "sensitivity")
    if method == "iterative":  # each round leaves three of four weights, the last one what is missing
        sparsities = [round(point["sparsity"], 1) for point in report.details["curve"]]
        assert sparsities == [0.2, 0.4, 0.6, 0.6]
        assert [row["epoch"] for row in report.details["history"]] == list(range(1, 9))


def test_criteria_choose_other_weights_and_are_what_they_say(trained):
    by = {name: pruned(trained, sparsity=0.5, criterion=name, epochs=4)[0] for name in ("magnitude", "gradient")}
    by["movement"] = pruned(trained, sparsity=0.5, criterion="movement", epochs=4)[0]
    zero = {name: kernels(network)["d1"] == 0 for name, network in by.items()}
    assert all(np.sum(each) == 64 for each in zero.values())
    assert not np.array_equal(zero["magnitude"], zero["gradient"])
    assert not np.array_equal(zero["magnitude"], zero["movement"])
    expected = training.gradients(trained.model, DATA.train, [trained.model.get_layer("d1").kernel], 4096)[0]
    once, _ = pruned(trained, sparsity=0.5, criterion="gradient", method="one_shot", epochs=0)
    score = np.abs(expected * kernels(trained)["d1"])
    np.testing.assert_array_equal(kernels(once)["d1"] == 0, allocation.least(score, 64))


def test_movement_of_a_frozen_layer_is_refused(trained):
    model = copy_model(trained.model)
    model.get_layer("d1").trainable = False
    options = {"sparsity": 0.5, "criterion": "movement", "epochs": 4}
    (error,) = prune.check(prune.Options(**options), model, PRECISION, ())
    assert error.path == ("criterion",)
    assert error.message == (
        'expected magnitude or gradient, or 0 for it in layers, as weights of the frozen layer "d1" do not move, '
        "got movement"
    )
    assert not list(prune.check(prune.Options(**options, layers={"d1": 0.0}), model, PRECISION, ()))


def test_the_gradient_is_that_of_the_loss(trained):
    layer = trained.model.get_layer("out")
    (gradient,) = training.gradients(trained.model, DATA.train, [layer.kernel], 10**6)
    before, step = layer.kernel.numpy(), 1e-2
    for place in ((0, 0), (7, 2)):
        losses = []
        for sign in (-1, 1):
            moved = before.copy()
            moved[place] += sign * step
            layer.kernel.assign(moved)
            losses.append(training.loss(trained.model, DATA.train))
        layer.kernel.assign(before)
        assert (losses[1] - losses[0]) / (2 * step) == pytest.approx(gradient[place], abs=2e-4)


def test_n_of_m(trained):
    network, _ = pruned(trained, pattern="2:4", epochs=2)
    for kernel in kernels(network).values():
        alive = (kernel != 0).T.reshape(len(kernel.T), -1, 4).sum(axis=-1)
        assert (alive == 2).all()


@pytest.mark.parametrize("method", ["gradual", "one_shot", "iterative"])
def test_a_layer_left_out_of_n_of_m_keeps_all_weights(trained, method):
    options = {"pattern": "2:4", "layers": {"out": 0.0}, "method": method, "epochs": 2}
    assert [prune.prunes(prune.Options(**options), layer) for layer in ("d1", "out")] == [True, False]
    _, report = pruned(trained, **options)
    assert report.details["sparsity"] == {"d1": 0.5, "out": 0.0}


def test_blocks(trained):
    network, _ = pruned(trained, pattern="4x2", sparsity=0.5, epochs=2)
    alive = (kernels(network)["d1"] != 0).reshape(2, 4, 8, 2).sum(axis=(1, 3))
    assert sorted(set(alive.ravel())) == [0, 8]
    assert np.sum(alive == 0) == 8


@pytest.mark.parametrize(("pattern", "words"), [("dsp", 1), ("bram", 4)])
def test_weights_of_a_multiplier_go_together(trained, pattern, words):
    """4 and 8 weights in turn (the reuse factors), and as many of them as fit 36 bits with 9-bit weights."""
    network, _ = pruned(trained, pattern=pattern, sparsity=0.5, epochs=2)
    for name, reuse in (("d1", 4), ("out", 8)):
        flat = (kernels(network)[name] != 0).T.ravel()
        size = reuse * words
        alive = [int(flat[start : start + size].sum()) for start in range(0, flat.size, size)]
        assert set(alive) <= {0, size, flat.size % size}
        assert 0 in alive


def test_the_zeros_of_a_multiplier_are_those_that_the_estimate_leaves_out(trained):
    from fpga_flow.resources.estimate.layers import _idle

    network, _ = pruned(trained, pattern="dsp", sparsity=0.5, epochs=1)
    whole = (kernels(network)["d1"] != 0).astype(np.int64)
    assert _idle(whole, 4) == 16


def test_groups_of_a_depthwise_kernel_are_of_weights_that_one_output_adds_up():
    rng, key = np.random.default_rng(0), ("a", "depthwise_kernel")
    shape = (2, 2, 3, 2)
    mask = allocation.by_layer(
        {key: rng.random(shape)}, {key: np.ones(shape, bool)}, {key: 0.5}, {key: Pattern("n:m", (2, 4), depthwise=True)}
    )[key]
    assert (mask.sum(axis=(0, 1)) == 2).all()
    members = Pattern("block", (4, 1), depthwise=True).members(shape).reshape(4, 6)
    assert (members == np.arange(6)).all()
    members = Pattern("run", (4,), depthwise=True).members((2, 2, 3, 1)).reshape(4, 3)
    assert (members == np.arange(3)).all()


@pytest.mark.parametrize("reuse", [2, 4, 6, 12])
def test_runs_of_a_depthwise_kernel_with_a_multiplier_are_those_of_the_convolution_it_becomes(reuse):
    from fpga_flow.hls.written import ungrouped
    from fpga_flow.resources.estimate.layers import _idle

    members = Pattern("run", (reuse,), depthwise=True).members((2, 2, 3, 2))
    assert set(members.ravel()) == set(range(members.max() + 1))

    def as_conv(kernel):
        return ungrouped(kernel.reshape(2, 2, 1, 6), 3).reshape(12, 6)

    none = _idle(as_conv(np.ones(members.shape, np.int64)), reuse)
    for group in range(members.max() + 1):
        assert _idle(as_conv((members != group).astype(np.int64)), reuse) == none + 1


def test_members_of_patterns_with_a_rest():
    assert Pattern("block", (2, 2)).members((3, 3)).tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert Pattern("run", (4,)).members((3, 2)).tolist() == [[0, 0], [0, 1], [0, 1]]
    masks = allocation.by_layer(
        {("a", "kernel"): np.array([[1.0], [2.0], [3.0], [4.0], [0.0]])}, {("a", "kernel"): np.ones((5, 1), bool)},
        {("a", "kernel"): 0.5}, {("a", "kernel"): Pattern("n:m", (2, 4))},
    )  # fmt: skip
    assert masks["a", "kernel"].ravel().tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("choice", ["uniform", "sensitivity"])
def test_rounds_go_on_while_accuracy_bears_it(trained, choice):
    options = {"method": "iterative", "max_accuracy_drop": 0.05, "step": 0.5, "epochs": 2, "allocation": choice}
    assert not list(prune.check(prune.Options(**options), trained.model, PRECISION, ()))
    network, report = pruned(trained, **options)
    curve = report.details["curve"]
    baseline = training.evaluate(trained.model, DATA.validation)
    kept = [point for point in curve if point["kept"]]
    assert all(point["accuracy"] >= baseline - 0.05 for point in kept)
    assert all(point["accuracy"] < baseline - 0.05 for point in curve if not point["kept"])
    assert 1 <= len(curve) - len(kept) <= 3
    best = [row["epoch"] for row in report.details["history"] if row["best"]]
    assert (best[-1] - 1) // 2 == max(number for number, point in enumerate(curve) if point["kept"])
    assert kept[0]["sparsity"] == pytest.approx(0.5, abs=0.01)  # by either allocation
    assert kept[-1]["sparsity"] >= 0.5
    zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels(network).values())
    assert zeros / 176 == pytest.approx(kept[-1]["sparsity"])
    assert training.evaluate(network.model, DATA.validation) == kept[-1]["accuracy"]


def test_the_best_epoch_is_one_of_a_round_that_was_kept(trained):
    _, report = pruned(trained, method="iterative", max_accuracy_drop=0.05, step=0.6, epochs=2)
    told = report.details
    of_rounds = [told["history"][start : start + 2] for start in range(0, len(told["history"]), 2)]
    kept = [row["kept"] for row in told["curve"]]
    assert sorted(set(kept)) == [False, True]
    assert [any(row["best"] for row in rows) for rows in of_rounds] == kept


@pytest.mark.parametrize("stop_at", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_interrupted_rounds_go_on_to_the_same_end(trained, tmp_path, stop_at, monkeypatch):
    options = {"method": "iterative", "sparsity": 0.7, "epochs": 2, "allocation": "lamp"}
    straight, expected = pruned(trained, **options)
    context = Context(CONTEXT.training, PRECISION, 1, tmp_path / "checkpoint.npz", hls=HLS)
    rounds = []
    original = prune.pruner.Pruner.retrain

    def stopped(self, **hooks):
        rounds.append(1)
        if len(rounds) == stop_at + 1:
            raise KeyboardInterrupt
        return original(self, **hooks)

    monkeypatch.setattr(prune.pruner.Pruner, "retrain", stopped)
    with pytest.raises(KeyboardInterrupt):
        pruned(trained, context, **options)
    network, report = pruned(trained, context, **options)
    assert len(rounds) == len(expected.details["curve"]) + 1  # the round that was stopped is done again, no other
    assert report.details["curve"] == expected.details["curve"]
    for name, kernel in kernels(straight).items():
        np.testing.assert_array_equal(kernel, kernels(network)[name])
    pruned(trained, context, **options)
    assert len(rounds) == len(expected.details["curve"]) + 1  # nor is any, until the stage is finished
