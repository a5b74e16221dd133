"""`prune_filters`: as many filters removed as asked for, by each criterion, and little accuracy lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_flow import compress, training
from fpga_flow.compress import prune, prune_filters, quantize, rounds
from fpga_flow.compress.base import Context
from fpga_flow.compress.prune_filters import choice, reconstruction, scores
from fpga_flow.compress.prune_filters.plan import Plan
from fpga_flow.compress.rounds import SavedRounds
from fpga_flow.datasets.base import Part
from fpga_flow.errors import CheckFailed, FieldError
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Sharing
from fpga_flow.spec.base import Training
from fpga_flow.spec.model import Precision
from tests.conftest import blobs

L = keras.layers
DATA, VECTORS = blobs(600, (6, 6, 2)), blobs(400)
PRECISION = Precision.model_validate(
    {
        "input": "ufixed<6,1>",
        "layers": {"*": {"weight": "fixed<6,1>", "bias": "fixed<7,2>", "activation": "ufixed<6,3>"}},
    }
)
CONTEXT = Context(Training(epochs=6, batch_size=16, learning_rate=0.005), PRECISION, seed=1)
OPTIONS = prune_filters.Options


def residual_model() -> Any:
    """c1 and c3 are tied by the addition; c2 and d1 go by themselves."""
    inputs = keras.Input((6, 6, 2), name="inputs")
    x = L.Activation("relu", name="a1")(L.BatchNormalization(name="b1")(L.Conv2D(8, 3, name="c1")(inputs)))
    y = L.Activation("relu", name="a2")(L.BatchNormalization(name="b2")(L.Conv2D(6, 1, name="c2")(x)))
    y = L.BatchNormalization(name="b3")(L.Conv2D(8, 3, padding="same", name="c3")(y))
    x = L.Flatten(name="flat")(L.MaxPooling2D(name="pool")(L.Add(name="add")([x, y])))
    x = L.Activation("relu", name="a4")(L.Dense(10, name="d1")(x))
    return keras.Model(inputs, L.Dense(3, name="output")(x))


@pytest.fixture(scope="module")
def residual() -> Network:
    seed_everything(1)
    return Network(residual_model())


@pytest.fixture(scope="module")
def perceptron() -> Network:
    """A small one, which trains quickly."""
    seed_everything(1)
    inputs = keras.Input((8,), name="inputs")
    hidden = L.Dense(20, activation="relu", name="d2")(L.Dense(16, activation="relu", name="d1")(inputs))
    model = keras.Model(inputs, L.Dense(3, name="output")(hidden))
    training.fit(model, VECTORS, CONTEXT.training, seed=1)
    return Network(model)


#: A share that costs too much accuracy at once, so that each round is followed by a smaller one.
TOO_MUCH = OPTIONS(amount=0.6, max_accuracy_drop=0.0, steps=1, epochs=2, learning_rate=1e-6)


@pytest.fixture(scope="module")
def smaller_rounds(perceptron: Network) -> list[dict[str, Any]]:
    """The rounds of such a pass that nothing interrupted."""
    return prune_filters.apply(perceptron, VECTORS, TOO_MUCH, CONTEXT)[1]["rounds"]


def widths(network: Network) -> dict[str, int]:
    return {name: network.model.get_layer(name).get_weights()[0].shape[-1] for name in ("c1", "c2", "c3", "d1")}


def errors(model: Any, **options: Any) -> list[str]:
    return [str(each) for each in prune_filters.check(OPTIONS(**options), model, None, ("p",))]


def test_the_share_asked_for_goes(residual):
    options = OPTIONS(amount=0.5, layers={"c2": 0.34, "d*": 0.0}, epochs=0)
    smaller, report = compress.apply("prune_filters", residual, DATA, options, CONTEXT)
    assert widths(smaller) == {"c1": 4, "c2": 4, "c3": 4, "d1": 10}
    assert report.details["filters"]["c2"] == {"before": 6, "after": 4}
    assert report.details["before"]["parameters"] == residual.model.count_params()
    assert report.details["after"]["parameters"] == smaller.model.count_params()
    assert report.details["before"]["macs"] == 16 * (9 * 2 * 8 + 8 * 6 + 9 * 6 * 8) + 32 * 10 + 30
    assert report.details["after"]["macs"] == 16 * (9 * 2 * 4 + 4 * 4 + 9 * 4 * 4) + 16 * 10 + 30
    assert widths(residual) == {"c1": 8, "c2": 6, "c3": 8, "d1": 10}  # it stays as it was


def test_rounds_go_in_equal_steps(perceptron):
    options = OPTIONS(amount=0.75, steps=2, epochs=1)
    smaller, report = compress.apply("prune_filters", perceptron, VECTORS, options, CONTEXT)
    first, second = report.details["rounds"]
    assert first["parameters"] == 8 * 8 + 8 + 8 * 10 + 10 + 10 * 3 + 3
    assert second["parameters"] == 8 * 4 + 4 + 4 * 5 + 5 + 5 * 3 + 3 == smaller.model.count_params()
    assert [row["epoch"] for row in report.details["history"]] == [1, 2]


@pytest.mark.parametrize("criterion", ["l1", "l2", "thinet"])
@pytest.mark.parametrize("goal", [{"parameters": 0.4}, {"macs": 0.3}, {"parameters": 0.5, "macs": 0.3}])
def test_sizes_are_reached_but_hardly_passed(residual, goal, criterion):
    options = OPTIONS(**goal, criterion=criterion, epochs=0)
    _, details = prune_filters.apply(residual, DATA, options, CONTEXT)
    shares = {key: details["after"][key] / details["before"][key] for key in goal}
    assert all(shares[key] <= goal[key] for key in goal)
    assert any(shares[key] > 0.75 * goal[key] for key in goal)
    assert all(each["after"] >= 0.1 * each["before"] for each in details["filters"].values())


def test_least_and_amounts_limit_what_goes_for_a_size(residual):
    options = OPTIONS(parameters=0.7, layers={"c1": 0.0}, least=4, epochs=0)
    smaller, _ = prune_filters.apply(residual, DATA, options, CONTEXT)
    assert widths(smaller)["c1"] == widths(smaller)["c3"] == 8
    assert widths(smaller)["d1"] >= 4


def test_a_size_that_can_not_be_reached_fails(residual):
    with pytest.raises(CheckFailed, match="expected a network of at most 10 parameters, got one that has more"):
        prune_filters.apply(residual, DATA, OPTIONS(parameters=0.01, epochs=0), CONTEXT)


def test_it_goes_on_until_accuracy_is_spent(perceptron):
    options = OPTIONS(max_accuracy_drop=0.02, epochs=2, steps=3)
    smaller, report = compress.apply("prune_filters", perceptron, VECTORS, options, CONTEXT)
    told = report.details["rounds"]
    start = training.evaluate(perceptron.model, VECTORS.validation)
    for each in told:
        assert each["kept"] == (each["accuracy"] >= start - 0.02 - 1e-9)
    kept = [each for each in told if each["kept"]]
    assert report.accuracy_after > 0.9
    assert smaller.model.count_params() == kept[-1]["parameters"] < 0.5 * perceptron.model.count_params()
    assert training.evaluate(smaller.model, VECTORS.validation) == kept[-1]["accuracy"]


def test_no_round_is_kept_that_costs_too_much(perceptron, monkeypatch):
    seen = iter([0.9, 0.5, 0.5, 0.5])
    monkeypatch.setattr(rounds, "_accuracy", lambda network, dataset: next(seen))
    smaller, details = prune_filters.apply(perceptron, VECTORS, OPTIONS(max_accuracy_drop=0.1, epochs=0), CONTEXT)
    assert smaller.model.count_params() == perceptron.model.count_params()
    assert [each["kept"] for each in details["rounds"]] == [False] * 3
    sizes = [each["parameters"] for each in details["rounds"]]
    assert sizes == sorted(sizes)  # smaller steps


def test_accuracy_needs_validation_samples(perceptron):
    dataset = replace(VECTORS, validation=Part(VECTORS.validation.x[:0], VECTORS.validation.y[:0]))
    with pytest.raises(FieldError) as error:
        prune_filters.apply(perceptron, dataset, OPTIONS(max_accuracy_drop=0.1), CONTEXT)
    assert error.value.path == ("data", "split", "validation")


def test_a_killed_pass_goes_on_with_its_round(perceptron, tmp_path, monkeypatch):
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    options = OPTIONS(amount=0.75, steps=2, epochs=1)
    whole, details = prune_filters.apply(perceptron, VECTORS, options, context)
    for left in tmp_path.iterdir():
        shutil.rmtree(left)
    calls = []

    def killed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return retrain(*arguments)

    retrain = rounds.retrain
    monkeypatch.setattr(rounds, "retrain", killed)
    with pytest.raises(KeyboardInterrupt):
        prune_filters.apply(perceptron, VECTORS, options, context)
    again, told = prune_filters.apply(perceptron, VECTORS, options, context)
    assert len(calls) == 3
    assert told["rounds"] == details["rounds"]
    for one, other in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    prune_filters.apply(perceptron, VECTORS, options, context)
    assert len(calls) == 3  # what is done is not done again until the stage is finished


def test_a_pass_of_one_step_goes_on_with_its_smaller_steps(perceptron, smaller_rounds, tmp_path, monkeypatch):
    """A round that cost too much is followed by others, whatever `steps` says."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 0)
    assert not smaller_rounds[0]["kept"]
    rows = []

    def stop(row, epochs):
        rows.append(row)
        if len(rows) == 4:
            raise KeyboardInterrupt

    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    with pytest.raises(KeyboardInterrupt):
        prune_filters.apply(perceptron, VECTORS, TOO_MUCH, replace(context, report=stop))
    again = prune_filters.apply(perceptron, VECTORS, TOO_MUCH, context)[1]
    assert again["rounds"] == smaller_rounds


@pytest.mark.parametrize("damage", ["promises.npz", "model.h5", "told.json"])
def test_of_the_saved_rounds_the_last_whole_one_is_taken(perceptron, tmp_path, damage):
    told = {"rounds": [{}]}
    saved = SavedRounds(tmp_path / "checkpoint.npz")
    saved.save(perceptron, told, 1)
    shutil.copytree(tmp_path / "rounds-1", tmp_path / "rounds-2")  # as if killed before the one before was removed
    (tmp_path / "rounds-2" / damage).write_bytes(b"PK\x03\x04" if damage.endswith("npz") else b"")
    assert saved.load(perceptron, {"rounds": []})[1] == told
    (tmp_path / "rounds-1" / "promises.npz").write_bytes(b"")
    assert saved.load(perceptron, {"rounds": []}) == (perceptron, {"rounds": []})


def test_one_round_is_always_whole(perceptron, tmp_path, monkeypatch):
    saved = SavedRounds(tmp_path / "checkpoint.npz")
    saved.save(perceptron, {"rounds": [1]}, 1)

    def killed(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        saved.save(perceptron, {"rounds": [1, 2]}, 2)
    monkeypatch.undo()
    assert saved.load(perceptron, {"rounds": []})[1] == {"rounds": [1]}
    saved.save(perceptron, {"rounds": [1, 2]}, 2)
    assert [each.name for each in tmp_path.iterdir()] == ["rounds-2"]


def test_a_round_that_was_kept_is_kept_by_a_kill_in_the_next_smaller_one(
    perceptron, smaller_rounds, tmp_path, monkeypatch
):
    """Even where a single step was asked for, a step that costs too much is made smaller, so that there are rounds."""
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    assert len(smaller_rounds) > 1
    trained = []
    retrain = rounds.retrain

    def killed(*arguments: Any) -> Any:
        trained.append(1)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return retrain(*arguments)

    monkeypatch.setattr(rounds, "retrain", killed)
    with pytest.raises(KeyboardInterrupt):
        prune_filters.apply(perceptron, VECTORS, TOO_MUCH, context)
    _, told = prune_filters.apply(perceptron, VECTORS, TOO_MUCH, context)
    assert told["rounds"] == smaller_rounds
    assert len(trained) == len(smaller_rounds) + 1


def test_a_kill_while_rounds_are_saved_loses_none(perceptron, tmp_path, monkeypatch):
    options = OPTIONS(amount=0.5, steps=3, epochs=1)
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint.npz")
    _, whole = prune_filters.apply(perceptron, VECTORS, options, CONTEXT)
    rename, renamed = Path.rename, []

    def killed(path: Path, target: Path) -> Path:
        if path.name.startswith(".rounds-"):
            renamed.append(path)
            if len(renamed) == 2:
                raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        prune_filters.apply(perceptron, VECTORS, options, context)
    epochs = []
    again = replace(context, report=lambda row, count: epochs.append(row))
    _, told = prune_filters.apply(perceptron, VECTORS, options, again)
    assert told["rounds"] == whole["rounds"]
    assert len(epochs) == 1  # the second round's training is done, its checkpoint beside


@pytest.mark.parametrize("criterion", ["l1", "l2", "batch_norm", "thinet"])
def test_dead_filters_go_first(criterion):
    """Two of eight tied filters give nothing, and are found by each criterion; nothing is lost with them."""
    seed_everything(2)
    model = residual_model()
    for name in ("c1", "c3"):
        values = [weights.copy() for weights in model.get_layer(name).get_weights()]
        values[0][..., [2, 5]] = 0
        model.get_layer(name).set_weights(values)
    for name in ("b1", "b3"):
        gamma, *others = model.get_layer(name).get_weights()
        gamma[[2, 5]] = 0
        model.get_layer(name).set_weights([gamma, *others])
    options = OPTIONS(layers={"c1": 0.25}, criterion=criterion, epochs=0)
    smaller, _ = prune_filters.apply(Network(model), DATA, options, CONTEXT)
    assert widths(smaller)["c1"] == 6
    np.testing.assert_allclose(smaller.model(DATA.test.x), model(DATA.test.x), atol=1e-5)


def test_norms_by_hand():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, L.Dense(2)(L.Dense(2, name="d")(inputs)))
    model.get_layer("d").kernel.assign([[3, 1], [-4, 0], [0, -1]])
    found = channels.find(model)
    np.testing.assert_allclose(scores.norms(found, 1)[1:], [7 / 4.5, 2 / 4.5])
    mean = (5 + np.sqrt(2)) / 2
    np.testing.assert_allclose(scores.norms(found, 2)[1:], [5 / mean, np.sqrt(2) / mean])


@pytest.mark.parametrize("kind", ["dense", "same", "strided", "causal", "dilated", "separable", "grouped", "flat"])
def test_parts_add_up_to_what_the_next_layer_makes(kind):
    """The sums of products are those of the parts that each channel alone has in the next layer's result."""
    seed_everything(3)
    rng = np.random.default_rng(3)
    shape = (9, 4) if kind == "causal" else (7, 8, 4)
    first = keras.Input(shape)
    one = L.Conv1D(4, 1, name="first") if kind == "causal" else L.Conv2D(4, 1, name="first")
    layers = {
        "dense": lambda: L.Dense(3, name="next"),
        "same": lambda: L.Conv2D(3, (3, 2), padding="same", name="next"),
        "strided": lambda: L.Conv2D(3, 3, strides=(2, 3), padding="same", name="next"),
        "causal": lambda: L.Conv1D(3, 3, padding="causal", name="next"),
        "dilated": lambda: L.Conv2D(3, 2, dilation_rate=2, name="next"),
        "separable": lambda: L.SeparableConv2D(3, 3, depth_multiplier=2, padding="same", name="next"),
        "grouped": lambda: L.Conv2D(4, 3, groups=2, name="next"),
        "flat": lambda: L.Dense(3, name="next"),
    }
    hidden = one(first)
    after = layers[kind]()(L.Flatten()(hidden) if kind == "flat" else hidden)
    model = keras.Model(first, L.Dense(2)(L.Flatten()(after)))
    found = channels.find(model)
    x = rng.normal(size=(50, *shape)).astype(np.float32)
    reader = next(each for each in reconstruction.readers(model, found, x, 0) if each.layer.layer.name == "next")
    units = found.layers["first"].made
    parts = []
    for unit in reader.units:
        alone = keras.models.clone_model(model)
        alone.set_weights(model.get_weights())
        kernel, bias = alone.get_layer("first").get_weights()
        gone = units != unit
        kernel[..., gone], bias[gone] = 0, 0
        alone.get_layer("first").set_weights([kernel, bias])
        result = keras.Model(alone.inputs, alone.get_layer("next").output)(x).numpy()
        parts.append(result.ravel())
    exact = np.array(parts) @ np.array(parts).T
    exact /= np.sum(np.sum(parts, axis=0) ** 2)
    assert np.abs(reader.products - exact).max() < 0.15 * np.abs(exact).max()  # it sees a sample of the positions
    if kind in ("dense", "flat"):
        assert np.abs(reader.products - exact).max() < 0.1 * np.abs(exact).max()


def test_what_is_left_is_scaled_to_make_up_for_what_is_gone():
    """Of channels that are alike one can be removed without loss."""
    seed_everything(4)
    inputs = keras.Input((5,))
    model = keras.Model(inputs, L.Dense(3, name="out")(L.Dense(4, activation="relu", name="d")(inputs)))
    kernel, bias = model.get_layer("d").get_weights()
    kernel[:, 2], bias[2] = kernel[:, 0], bias[0]
    model.get_layer("d").set_weights([kernel, bias])
    out = model.get_layer("out").kernel
    out.assign(out.numpy()[[0, 1, 0, 3]])
    data = blobs(200, (5,))
    options = OPTIONS(amount=0.25, criterion="thinet", epochs=0)
    smaller, _ = prune_filters.apply(Network(model), data, options, CONTEXT)
    exact = model(data.test.x).numpy()
    assert np.abs(smaller.model(data.test.x).numpy() - exact).max() < 0.05 * np.abs(exact).max()
    shared = Sharing("cluster", "out", "kernel", np.arange(12).reshape(4, 3) // 4)
    out.assign(shared.spread(np.array([0.1, 0.2, 0.3], np.float32), out.numpy()))
    smaller, _ = prune_filters.apply(Network(model, (shared,)), data, options, CONTEXT)
    assert smaller.broken_promises() == []  # these weights stay as they are


def test_the_greedy_order_is_the_best_one_step_at_a_time():
    rng = np.random.default_rng(5)
    parts = rng.normal(size=(40, 6))
    left, expected, gone = set(range(6)), np.zeros(6), np.zeros(40)
    error = 0.0
    while left:
        costs = {each: np.sum((gone + parts[:, each]) ** 2) for each in left}
        best = min(costs, key=costs.__getitem__)
        error = max(error, costs[best])
        expected[best] = error
        gone += parts[:, best]
        left.remove(best)
    np.testing.assert_allclose(reconstruction._greedy(parts.T @ parts), expected)


QUICK = [("prune", prune.Options(sparsity=0.5, epochs=0)), ("quantize", quantize.Options(epochs=0))]


@pytest.mark.parametrize("first", [True, False])
def test_before_and_after_other_passes(residual, first):
    """Masks and types are kept, whichever pass comes first."""
    mine = ("prune_filters", OPTIONS(amount=0.5, epochs=0))
    network = residual
    for name, options in [mine, *QUICK] if first else [*QUICK, mine]:
        network, _ = compress.apply(name, network, DATA, options, CONTEXT)
    assert widths(network) == {"c1": 4, "c2": 3, "c3": 4, "d1": 5}
    assert_kept(network, "c1", "c2", "c3", "d1", "output")


def assert_kept(network: Network, *names: str) -> None:
    assert network.broken_promises() == []
    assert {promise.layer for promise in network.promises} == set(names)
    type_ = PRECISION.layers["*"].weight
    for name in names:
        kernel = network.model.get_layer(name).kernel.numpy()
        np.testing.assert_array_equal(kernel, type_.quantize(kernel))


def test_masks_and_types_are_kept_in_retraining(perceptron):
    network = perceptron
    for name, options in [*QUICK, ("prune_filters", OPTIONS(amount=0.4, epochs=3))]:
        network, report = compress.apply(name, network, VECTORS, options, CONTEXT)
    assert_kept(network, "d1", "d2", "output")
    assert len(report.details["history"]) == 3
    assert report.accuracy_after > 0.9


def test_the_outline_has_the_shapes_that_come(residual):
    options = OPTIONS(amount=0.4, layers={"d1": 0.8}, epochs=0)
    smaller, _ = prune_filters.apply(residual, DATA, options, CONTEXT)
    outline = prune_filters.outline(options, residual_model())
    assert [weights.shape for weights in outline.get_weights()] == [
        weights.shape for weights in smaller.model.get_weights()
    ]
    assert prune_filters.outline(OPTIONS(parameters=0.5), residual_model()) is None
    assert prune_filters.outline(OPTIONS(amount=0.5, max_accuracy_drop=0.1), residual_model()) is None


def test_the_outline_is_unknown_where_scores_say_how_many_stay():
    inputs = keras.Input((4,))
    a, b, c = L.Dense(4, name="a")(inputs), L.Dense(4, name="b")(inputs), L.Dense(8, name="c")(inputs)
    model = keras.Model(inputs, L.Dense(2)(L.Add()([L.Concatenate()([a, b]), c])))
    assert not choice.known_beforehand(channels.find(model))
    assert prune_filters.outline(OPTIONS(amount=0.5), model) is None


def test_a_layer_is_never_emptied():
    """Of tied layers each keeps some filters, even if all of one are worse than those of another."""
    inputs = keras.Input((4,))
    a, b, c = L.Dense(4, name="a")(inputs), L.Dense(4, name="b")(inputs), L.Dense(8, name="c")(inputs)
    model = keras.Model(inputs, L.Dense(2)(L.Add()([L.Concatenate()([a, b]), c])))
    model.get_layer("c").kernel.assign(np.array([[1e-3] * 4 + [1] * 4] * 4))
    found = channels.find(model)
    plan = Plan.of(OPTIONS(amount=0.75, least=1), model)
    kept, _ = choice.choose(model, found, scores.norms(found, 1), plan.floors(1.0), choice.Goal())
    left = channel_cut.cut(Network(model), found, kept).model
    units = [left.get_layer(name).units for name in "abc"]
    assert units[0] == 1
    assert units[1] < 4
    assert units[2] == units[0] + units[1]


def test_options_that_say_nothing_are_refused():
    with pytest.raises(ValidationError, match="expected amount, layers, parameters, macs or max_accuracy_drop, got"):
        OPTIONS()


def test_check_finds_what_can_not_be(residual):
    model = residual.model
    assert errors(model, amount=0.5) == []
    assert errors(model, layers={"d1": 0.5, "out*": 0.5}) == [
        'p.layers.out*: expected a pattern that matches a layer whose filters can be removed, got "out*": those of '
        '"output" stay: they are the network\'s outputs'
    ]
    assert errors(model, layers={"c1": 0.5, "c3": 0.25}) == [
        'p.layers: expected one amount for "c1" and "c3", whose filters are tied to each other, got 0.5 and 0.25'
    ]
    assert errors(model, amount=0.5, criterion="batch_norm") == [
        'p.criterion: expected a BatchNormalization with a scale behind "d1" for the criterion batch_norm, or another '
        "criterion, or 0 for it in layers, got none"
    ]
    assert errors(model, amount=0.5, criterion="batch_norm", layers={"d1": 0.0}) == []
    assert errors(model, parameters=0.01, macs=0.5) == [
        "p.parameters: expected at least 0.05, what is left where each layer loses all that it may, got 0.01"
    ]
    assert errors(model, amount=0.05) == [
        "p: expected amounts that are at least one filter of a layer with more than `least`, got smaller ones"
    ]
    one = keras.Model(model.inputs, L.Dense(3, name="only")(L.Flatten()(model.inputs[0])))
    assert errors(one, amount=0.5) == [
        'p: expected a network with filters that can be removed, got none: those of "only" stay: they are the '
        "network's outputs"
    ]
