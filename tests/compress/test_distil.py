"""`distil`: what a student learns from teachers, whatever the student is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_flow import compress, training
from fpga_flow.compress import distil, prune, quantize
from fpga_flow.compress.base import Context, retrain
from fpga_flow.compress.distil import layers, losses
from fpga_flow.compress.distil.ensemble import Ensemble, prepare
from fpga_flow.compress.distil.losses import Lesson
from fpga_flow.datasets.base import Part
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, seed_everything, tf
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask
from fpga_flow.spec.base import Augment, Training
from fpga_flow.spec.model import Precision
from tests.compress.nets import trained_mlp
from tests.conftest import blobs

DATA = blobs(600)
IMAGES = blobs(240, (6, 6, 1))
TRAINING = Training(epochs=6, batch_size=16, learning_rate=0.01)
PRECISION = Precision.model_validate(
    {
        "input": "ufixed<6,1>",
        "layers": {"*": {"weight": "fixed<4,1>", "bias": "fixed<6,2>", "activation": "ufixed<5,2>"}},
    }
)
TEACHER = {"network": {"family": "mlp", "hidden": [20]}, "training": {"epochs": 2, "learning_rate": 0.01}}


@pytest.fixture(scope="module")
def trained() -> Network:
    return trained_mlp(DATA, TRAINING)


@pytest.fixture(scope="module")
def context(trained) -> Context:
    return Context(TRAINING, PRECISION, seed=1, trained=lambda: trained)


def options(**given) -> distil.Options:
    return distil.Options.model_validate({"epochs": 4, **given})


def untrained() -> Network:
    seed_everything(5)
    inputs = keras.Input((8,), name="inputs")
    hidden = keras.layers.Dense(16, activation="relu", name="d1")(inputs)
    return Network(keras.Model(inputs, keras.layers.Dense(3, name="out")(hidden)))


def of_images(channels: int, padding: str = "same") -> Network:
    seed_everything(channels)
    inputs = tensor = keras.Input((6, 6, 1), name="inputs")
    for number in (1, 2):
        tensor = keras.layers.Conv2D(channels, 3, padding=padding, name=f"c{number}", activation="relu")(tensor)
    flat = keras.layers.Flatten(name="flat")(tensor)
    return Network(keras.Model(inputs, keras.layers.Dense(3, name="out")(flat)))


def weights(network: Network) -> list[bytes]:
    return [each.tobytes() for each in network.model.get_weights()]


def lesson(student: Network, teacher: Network, data, made: distil.Options, context: Context) -> Lesson:
    return Lesson(student.model, Ensemble([teacher.model], made.temperature), data, made, context)


# the losses


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 3.0, 20.0])
def test_gradients_of_soft_targets_are_those_of_hinton(temperature):
    """Equation 2: (softmax(z / T) - p) / T for each sample, times the square of T."""
    rng = np.random.default_rng(0)
    logits, target = tf.constant(rng.normal(0, 3, (5, 4)), tf.float32), softmax(rng.normal(0, 1, (5, 4)))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.soft_targets(logits, tf.constant(target, tf.float32), temperature)
    own = softmax(logits.numpy() / temperature)
    np.testing.assert_allclose(tape.gradient(loss, logits), temperature * (own - target) / 5, atol=1e-5)
    divergence = np.mean(np.sum(target * np.log(target / own), axis=1))
    assert float(loss) == pytest.approx(temperature**2 * divergence, rel=1e-3)


def test_a_student_that_is_its_teacher_has_nothing_to_learn():
    logits = tf.constant([[3.0, -90.0, 1.0]])
    assert float(losses.soft_targets(logits, tf.nn.softmax(logits / 2), 2.0)) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(float(losses.soft_targets(logits, tf.constant([[1.0, 0.0, 0.0]]), 2.0)))


def test_hint():
    assert float(losses.hint(tf.constant([[1.0, 2.0]]), tf.constant([[2.0, 5.0]]))) == (1 + 9) / 2 / 2


def test_attention_is_about_where_not_how_much():
    rng = np.random.default_rng(1)
    own, other = rng.random((2, 3, 4, 5)).astype(np.float32), rng.random((2, 3, 4, 7)).astype(np.float32)
    maps = [np.sum(each**2, axis=-1).reshape(2, -1) for each in (own, other)]
    maps = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in maps]
    assert float(losses.attention(own, other)) == pytest.approx(np.mean((maps[0] - maps[1]) ** 2) / 2, rel=1e-4)
    assert float(losses.attention(own, 3 * own[..., ::-1])) == pytest.approx(0, abs=1e-9)
    larger = np.repeat(np.repeat(other, 2, axis=1), 2, axis=2)
    assert float(losses.attention(own, larger)) == pytest.approx(float(losses.attention(own, other)), rel=1e-4)
    assert np.isfinite(float(losses.attention(0 * own, other)))


def test_several_teachers_are_their_mean(trained):
    both = Ensemble([trained.model, untrained().model], 3.0).probabilities(DATA.test.x)
    each = [softmax(model.predict(DATA.test.x, verbose=0) / 3) for model in (trained.model, untrained().model)]
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-6)
    assert len(both) == len(DATA.test.x)


# learning


def test_a_student_learns_from_its_teacher_alone(context):
    """Labels that say nothing are not learnt, where the teacher has all of the weight."""
    rng = np.random.default_rng(0)
    wrong = replace(DATA, train=Part(DATA.train.x, rng.permutation(DATA.train.y)), validation=DATA.validation)
    _, report = compress.apply("distil", untrained(), wrong, options(weight=1.0), context)
    assert (report.accuracy_before < 0.7, report.accuracy_after > 0.9) == (True, True)


def test_what_is_told(context):
    given = options(teachers=[{"network": {"family": "float"}}, TEACHER])
    before = untrained()
    kept = weights(before)
    _, report = compress.apply("distil", before, DATA, given, context)
    assert weights(before) == kept
    told = report.details
    assert [row["epoch"] for row in told["history"]] == [1, 2, 3, 4]
    assert any(row["best"] for row in told["history"])
    assert [each["family"] for each in told["teachers"]] == ["float", "mlp"]
    assert [each["parameters"] for each in told["teachers"]] == [195, 8 * 20 + 20 + 20 * 3 + 3]
    assert [each["epochs"] for each in told["teachers"]] == [0, 2]
    assert {name: len(rows) for name, rows in told["histories"].items()} == {"teacher 2 (mlp)": 2}
    assert all(each["accuracy"] > 0.8 for each in told["teachers"])
    assert (told["teacher_accuracy"] > 0.8, told["temperature"]) == (True, 4.0)


def test_teachers_of_one_kind_differ_by_their_seeds(context):
    teachers = [distil.Teacher.model_validate(each) for each in (TEACHER, TEACHER, {**TEACHER, "seed": 1})]
    first, second, third = (each.history[-1]["loss"] for each in prepare(teachers, DATA, context))
    assert first == third != second


@pytest.mark.parametrize("augment", [None, Augment(shift=1, flip=True)])
def test_a_teacher_sees_what_the_student_sees(augment):
    """Who hardly moves, and is its own teacher, has no loss on moved images either."""
    network = of_images(4)
    settings = TRAINING.model_copy(update={"augment": augment})
    context = Context(settings, None, 1, trained=lambda: network)
    _, report = compress.apply("distil", network, IMAGES, options(weight=1.0, learning_rate=1e-9, epochs=2), context)
    assert all(abs(row["loss"]) < 1e-5 for row in report.details["history"])


@pytest.mark.slow
def test_targets_computed_once_are_those_computed_anew(context):
    seen, teacher = [], of_images(6)
    for augment in (None, Augment()):  # an augmentation that changes nothing
        settings = TRAINING.model_copy(update={"augment": augment})
        own = replace(context, training=settings, trained=lambda: teacher)
        made, _ = compress.apply("distil", of_images(4), IMAGES, options(epochs=2), own)
        seen.append(made.model.get_weights())
    for one, other in zip(*seen, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_hints_alone_train_the_layers_below_them():
    student, teacher = of_images(4), of_images(6)
    made = options(hints={"layers": {"c1": "c2"}}, epochs=8)
    context = Context(TRAINING, None, 1)
    before = {layer.name: layer.get_weights() for layer in student.model.layers}
    hooks = training.Hooks(objective=lesson(student, teacher, IMAGES, made, context).hints_alone())
    history = retrain(student, IMAGES, made, context, hooks)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    for name, values in before.items():
        now = student.model.get_layer(name).get_weights()
        changed = any(not np.array_equal(one, other) for one, other in zip(values, now, strict=True))
        assert changed == (name == "c1")


def test_hints_and_attention_lead_the_student_to_the_teacher():
    teacher = of_images(6)
    context = Context(TRAINING.model_copy(update={"learning_rate": 4e-3}), None, 1, trained=lambda: teacher)
    hints = {"layers": {"c2": "c2"}, "weight": 1.0, "epochs": 2}
    given = options(epochs=20, attention={"layers": {"c1": "c1", "c2": "c2"}}, hints=hints)
    before = of_images(4)
    made, report = compress.apply("distil", before, IMAGES, given, context)
    assert [row["epoch"] for row in report.details["history"]] == list(range(1, 23))
    assert [row["best"] for row in report.details["history"][:2]] == [False, False]
    assert [layer.name for layer in made.model.layers] == [layer.name for layer in before.model.layers]

    def distance(network: Network) -> float:
        tensors = [keras.Model(each.model.inputs, layers.output_of(each.model, "c2"))(IMAGES.test.x)
                   for each in (network, teacher)]  # fmt: skip
        return float(losses.attention(*tensors))

    assert distance(made) < 0.2 * distance(before)


def test_a_low_bit_pruned_student_keeps_its_promises(trained, context):
    network, _ = compress.apply("prune", trained, DATA, prune.Options(sparsity=0.5, epochs=1), context)
    network, _ = compress.apply("quantize", network, DATA, quantize.Options(epochs=0), context)
    given = options(hints={"layers": {"d1_relu": "d1"}, "epochs": 1})
    made, report = compress.apply("distil", network, DATA, given, context)
    assert made.promises == network.promises
    assert made.broken_promises() == []
    mask = next(each for each in made.promises if isinstance(each, Mask) and each.layer == "d1")
    kernel = made.model.get_layer("d1").kernel.numpy()
    assert not kernel[~mask.mask].any()
    np.testing.assert_array_equal(kernel, PRECISION.layers["*"].weight.quantize(kernel))
    assert not np.array_equal(kernel, network.model.get_layer("d1").kernel.numpy())
    assert report.accuracy_after > 0.9


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, activation="relu", name="deep")], name="inner")
    inputs = keras.Input((8,), name="inputs")
    both = keras.layers.Add(name="sum")([inputs, inner(inputs)])
    return keras.Model(inputs, keras.layers.Dense(3, name="out")(both))


@pytest.mark.slow
@pytest.mark.parametrize("make", [sequential, nested])
def test_any_model_can_be_student_and_teacher(make):
    seed_everything(2)
    network = Network(make())
    context = Context(TRAINING, None, 1, trained=lambda: network)
    name = "inner_deep" if make is nested else network.model.layers[0].name
    given = options(attention=None, hints={"layers": {name: name}, "epochs": 1, "weight": 0.5}, epochs=6, weight=0.5)
    _, report = compress.apply("distil", network, DATA, given, context)
    assert report.accuracy_after > 0.9


# going on, and being refused


class Stop(BaseException):
    pass


def test_a_killed_pass_goes_on_where_it_was(tmp_path, monkeypatch, context):
    """In the teacher's training, in that of the hints, in the student's."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 0)
    given = options(epochs=2, teachers=[TEACHER], hints={"layers": {"d1": "dense_1"}, "epochs": 2, "weight": 1.0})
    expected, report = compress.apply("distil", untrained(), DATA, given, context)
    seen = []

    def epoch(row, epochs):
        seen.append(row["epoch"])
        if len(seen) in (2, 5, 8):
            raise Stop

    saving = replace(context, checkpoint=tmp_path / "checkpoint.npz", report=epoch)
    for _ in range(3):
        with pytest.raises(Stop):
            compress.apply("distil", untrained(), DATA, given, saving)
    made, again = compress.apply("distil", untrained(), DATA, given, saving)
    assert seen == [1, 2, 2, 1, 2, 2, 1, 2, 2]  # an epoch that was not over is done again, and no other
    assert weights(made) == weights(expected)
    told = [[{**row, "seconds": 0} for row in each.details["history"]] for each in (report, again)]
    assert told[0] == told[1]


def test_the_spec_s_own_network_must_be_known(trained):
    with pytest.raises(ValueError, match="expected a context with the network before all passes"):
        compress.apply("distil", trained, DATA, options(), Context(TRAINING, None, 1))


def test_layers_that_a_pass_before_took_away(trained, context):
    given = options(hints={"layers": {"gone": "d1", "d1": "out", "out": "d2"}})
    with pytest.raises(FieldError) as error:
        compress.apply("distil", trained, DATA, given, context)
    assert error.value.path == ("compress", "distil", "hints", "layers", "gone")
    assert error.value.message == 'expected a layer of the student, got "gone": known are d1, out'


@pytest.mark.parametrize(
    ("section", "own", "other", "message"),
    [
        ("hints", (6, 6, 4), (6, 6, 8), None),
        ("hints", (4,), (7,), None),
        ("hints", (6, 6, 4), (3, 3, 4), "shapes that differ in the number of channels alone"),
        ("hints", (36,), (6, 6, 1), "shapes that differ in the number of channels alone"),
        ("attention", (6, 6, 4), (3, 3, 4), None),
        ("attention", (6, 4), (6, 9), None),
        ("attention", (6, 4), (3, 4), "images, or shapes that differ in the number of channels alone"),
        ("attention", (4,), (4,), "layers with places to be strong at"),
    ],
)
def test_shapes_that_fit(section, own, other, message):
    def model(shape: tuple[int, ...]) -> keras.Model:
        inputs = keras.Input(shape)
        return keras.Model(inputs, keras.layers.ReLU(name="one")(inputs))

    found = list(layers.check(section, {"one": "one"}, model(own), model(other)))
    wanted = (
        [] if message is None else [f'expected {message}, got {own} for "one" and {other} for the teacher\'s "one"']
    )
    assert [error.message for error in found] == wanted
