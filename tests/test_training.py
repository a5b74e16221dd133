"""The training loop: reproducible, resumable, keeps its best weights, leaves the test data alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import training
from fpga_flow.datasets.base import Part
from fpga_flow.keras import keras, seed_everything, tf
from fpga_flow.networks import mlp
from fpga_flow.spec.base import Training
from tests.conftest import blobs

OPTIONS = Training(epochs=6, batch_size=16, learning_rate=0.01)
pytestmark = pytest.mark.usefixtures("plain_graphs")


def network(dropout: float = 0.0):
    seed_everything(3)
    return mlp.build(mlp.Options(family="mlp", hidden=[12], dropout=dropout), (8,), 3)


def weights(model) -> list[bytes]:
    return [each.tobytes() for each in model.get_weights()]


@dataclass(frozen=True)
class Trained:
    """A training that nothing interrupted: its history, the weights it gave, and its checkpoint."""

    history: training.History
    weights: list[bytes]
    checkpoint: bytes


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Callable[[float], Trained]:
    """By dropout, such a training of blobs() with OPTIONS and seed 1."""

    @cache
    def trained(dropout: float) -> Trained:
        model, checkpoint = network(dropout), tmp_path_factory.mktemp("straight") / "checkpoint.npz"
        history = training.fit(model, blobs(), OPTIONS, seed=1, checkpoint=checkpoint)
        return Trained(history, weights(model), checkpoint.read_bytes())

    return trained


def test_it_learns():
    model, data = network(), blobs()
    before = training.evaluate(model, data.test)
    history = training.fit(model, data, Training(epochs=15, batch_size=16, learning_rate=0.01), seed=1)
    assert training.evaluate(model, data.test) > max(before, 0.9)
    assert [row["epoch"] for row in history] == list(range(1, 16))
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[0]["learning_rate"] == pytest.approx(0.01)
    assert history[-1]["learning_rate"] < 0.001


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_same_seed_same_weights_and_another_seed_others(straight, dropout):
    models = [network(dropout) for _ in range(2)]
    for model, seed in zip(models, [1, 2], strict=True):
        training.fit(model, blobs(), OPTIONS, seed=seed)
    assert weights(models[0]) == straight(dropout).weights
    assert weights(models[0]) != weights(models[1])


@pytest.mark.parametrize(("dropout", "killed_after"), [(0.0, 4), (0.3, 1)])
def test_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, straight, dropout, killed_after):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 0)
    data, resumed, expected = blobs(), network(dropout), straight(dropout)

    def stop(row, epochs):
        if row["epoch"] == killed_after + 1:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        training.fit(network(dropout), data, OPTIONS, seed=1, checkpoint=checkpoint, report=stop)
    assert checkpoint.exists()
    seen = []
    history = training.fit(
        resumed, data, OPTIONS, seed=1, checkpoint=checkpoint, report=lambda row, epochs: seen.append(row["epoch"])
    )
    assert seen == list(range(killed_after + 1, 7))
    assert weights(resumed) == expected.weights
    assert [row["val_loss"] for row in history] == [row["val_loss"] for row in expected.history]
    again = network(dropout)
    seen.clear()
    told = training.fit(
        again, data, OPTIONS, seed=1, checkpoint=checkpoint, report=lambda row, epochs: seen.append(row["epoch"])
    )
    assert seen == []  # a training that is done gives its result at once
    assert told == history
    assert weights(again) == expected.weights


def damaged(checkpoint: Path, content: bytes, damage: str) -> None:
    """Leave a checkpoint of this content with this damage."""
    if damage == "of another network":
        seed_everything(1)
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(5), keras.layers.Dense(3)])
        training.fit(model, blobs(), OPTIONS, seed=1, checkpoint=checkpoint)
        return
    if damage == "lacks arrays":
        with np.load(io.BytesIO(content)) as data:
            np.savez(checkpoint, head=data["head"])
    else:
        cut = {"empty": b"", "cut": content[: len(content) // 2], "no end": content[:-30], "text": b"text"}
        checkpoint.write_bytes(cut[damage])


@pytest.mark.parametrize("damage", ["empty", "cut", "no end", "text", "lacks arrays", "of another network"])
def test_a_damaged_checkpoint_starts_training_anew(tmp_path, straight, damage):
    checkpoint, expected = tmp_path / "checkpoint.npz", straight(0.0)
    damaged(checkpoint, expected.checkpoint, damage)
    model, epochs = network(), []
    history = training.fit(
        model, blobs(), OPTIONS, seed=1, checkpoint=checkpoint, report=lambda row, _: epochs.append(row["epoch"])
    )
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert [row["val_loss"] for row in history] == [row["val_loss"] for row in expected.history]
    assert weights(model) == expected.weights


def test_the_best_epoch_is_kept():
    data = blobs()
    scores = []

    model = network()
    history = training.fit(
        model, data, replace_epochs(12), seed=1, report=lambda row, epochs: scores.append(row["val_accuracy"])
    )
    kept = training.evaluate(model, data.validation)
    assert kept == pytest.approx(max(scores))
    assert [row["best"] for row in history][int(np.argmax(scores))]


def replace_epochs(epochs: int) -> Training:
    return OPTIONS.model_copy(update={"epochs": epochs})


def test_early_stopping_waits_for_the_patience():
    data = blobs()
    still = OPTIONS.model_copy(update={"epochs": 50, "patience": 3, "learning_rate": 1e-12})
    history = training.fit(network(), data, still, seed=1)
    best = max(row["epoch"] for row in history if row["best"])
    assert len(history) == best + 3 < 50


def test_epochs_before_the_ready_epoch_are_never_the_best():
    history = training.fit(network(), blobs(), OPTIONS, seed=1, hooks=training.Hooks(ready_epoch=4))
    assert not any(row["best"] for row in history[:4])
    assert history[4]["best"]


def test_without_validation_samples_the_last_epoch_is_kept():
    data = blobs()
    data = replace(data, validation=Part(data.validation.x[:0], data.validation.y[:0]))
    model = network()
    history = training.fit(model, data, OPTIONS, seed=1)
    assert history[-1]["best"]
    assert history[-1]["val_accuracy"] is None


def test_test_data_do_not_touch_training():
    data = blobs()
    scrambled = replace(data, test=Part(data.test.x * 0 - 5, data.test.y[::-1].copy()))
    one, other = network(), network()
    training.fit(one, data, OPTIONS, seed=1)
    training.fit(other, scrambled, OPTIONS, seed=1)
    assert weights(one) == weights(other)


def test_class_numbers_and_one_hot_labels_train_the_same():
    data = blobs()
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    numbers = replace(data, **{name: Part(part.x, part.y.argmax(axis=1)) for name, part in parts.items()})
    one, other = network(), network()
    training.fit(one, data, OPTIONS, seed=1)
    training.fit(other, numbers, OPTIONS, seed=1)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert training.evaluate(one, data.test) == training.evaluate(other, numbers.test)


def test_hooks_run_after_each_step_and_before_each_epoch():
    model, epochs = network(), []
    steps = tf.Variable(0)

    def count() -> None:
        steps.assign_add(1)

    hooks = training.Hooks(after_step=[count], before_epoch=epochs.append, state=[steps])
    training.fit(model, blobs(), OPTIONS, seed=1, hooks=hooks)
    assert epochs == list(range(6))
    assert int(steps.numpy()) == 6 * (150 // 16)


def test_weight_decay_makes_weights_smaller_but_not_biases():
    data = blobs()
    sizes = []
    for decay in (0.0, 1.0):
        model = network()
        training.fit(model, data, OPTIONS.model_copy(update={"weight_decay": decay, "epochs": 20}), seed=1)
        kernel, bias = model.get_layer("dense_1").get_weights()
        sizes.append((float(np.abs(kernel).mean()), float(np.abs(bias).mean())))
    assert sizes[1][0] < 0.9 * sizes[0][0]
    assert sizes[1][1] > 0.5 * sizes[0][1]


def test_gradients_may_be_changed_on_their_way_to_the_optimiser():
    model = network()
    kernel = model.get_layer("dense_1").kernel
    before = kernel.numpy()
    hooks = training.Hooks(gradients=[lambda variable, gradient: gradient * 0 if variable is kernel else gradient])
    training.fit(model, blobs(), OPTIONS, seed=1, hooks=hooks)
    np.testing.assert_array_equal(kernel.numpy(), before)


def test_another_objective_sees_the_batch_and_trains_its_own_variables():
    model, data = network(), blobs()
    x, y = tf.constant(data.train.x), tf.constant(data.train.y)
    scale = tf.Variable(1.0)

    def loss(batch):
        checks = [tf.debugging.assert_equal(tf.gather(x, batch.rows), batch.x),
                  tf.debugging.assert_equal(tf.gather(y, batch.rows), batch.labels)]  # fmt: skip
        with tf.control_dependencies(checks):
            return tf.reduce_mean(tf.square(batch.tensors[0] - scale))

    hidden = model.get_layer("dense_1")
    upper = model.get_layer("output").get_weights()
    hooks = training.Hooks(objective=training.Objective(loss, [hidden.output], [scale]))
    history = training.fit(model, data, OPTIONS.model_copy(update={"epochs": 20}), seed=1, hooks=hooks)
    assert history[-1]["loss"] < 0.2 * history[0]["loss"]
    assert scale.numpy() != 1.0
    for before, after in zip(upper, model.get_layer("output").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)  # it does not depend on them
