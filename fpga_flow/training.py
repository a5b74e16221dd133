"""The only training loop. It is reproducible, also when it is stopped and goes on from its checkpoint."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing, saved
from fpga_flow.augment import augmented
from fpga_flow.datasets.base import Dataset, Part
from fpga_flow.errors import FieldError
from fpga_flow.keras import keras, seed_everything, tf
from fpga_flow.spec.base import Training

#: At least so many seconds of training lie between two checkpoints, and so many times as long as writing one takes.
CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 1.0, 20
_VALIDATION_BATCH = 1024


class Batch(NamedTuple):
    """What a loss sees of a batch in training, as tensors.

    x        the samples (batch, *input_shape), as the model gets them
    rows     their numbers among the training samples (batch,)
    labels   one-hot (batch, classes), or numbers (batch,)
    logits   the model's (batch, classes)
    tensors  what the model computes on its way to them, see `Objective.tensors`
    """

    x: Any
    rows: Any
    labels: Any
    logits: Any
    tensors: Sequence[Any]


@dataclass(frozen=True)
class Objective:
    """What training minimises in place of cross-entropy.

    loss       of a batch, a scalar
    tensors    of the model's graph that the loss sees besides the logits
    variables  trained besides the model's, for example those of a layer that only the loss uses
    """

    loss: Callable[[Batch], Any]
    tensors: Sequence[Any] = ()
    variables: Sequence[Any] = ()


@dataclass(frozen=True)
class Hooks:
    """What a compression pass adds to training.

    gradients    each gets a variable and its gradient, and returns the gradient that the optimiser gets
    after_step   operations run after each step of the optimiser, for example weights multiplied by their masks
    before_epoch called with the number of each epoch, from 0
    state        variables beyond the model's that a checkpoint must hold, for example the masks
    ready_epoch  the first epoch whose weights may be kept as the best, for example when the sparsity is reached
    row          what is added to each epoch's row of the history
    objective    what is minimised; left out: cross-entropy
    """

    gradients: Sequence[Callable[[Any, Any], Any]] = ()
    after_step: Sequence[Callable[[], None]] = ()
    before_epoch: Callable[[int], None] = lambda epoch: None
    state: Sequence[Any] = ()
    ready_epoch: int = 0
    row: Callable[[], dict[str, Any]] = dict
    objective: Objective | None = None


NO_HOOKS = Hooks()


#: A dict per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate, seconds, best (kept so far).
History = list[dict[str, Any]]


@dataclass
class _State:
    """Where training stands after an epoch, beyond the variables."""

    epoch: int = 0
    best: tuple[float, float] = (-math.inf, -math.inf)
    best_epoch: int = 0
    best_weights: list[NDArray[Any]] = field(default_factory=list)
    history: History = field(default_factory=list)


def fit(
    model: Any,
    dataset: Dataset,
    training: Training,
    seed: int,
    *,
    hooks: Hooks = NO_HOOKS,
    checkpoint: Path | None = None,
    report: Callable[[dict[str, Any], int], None] = lambda epoch, epochs: None,
) -> History:
    """Train `model` in place by Adam (Kingma & Ba 2015) or AdamW on cross-entropy, or the objective that `hooks` has in
    its place, with a learning rate that falls to zero as a cosine (Loshchilov & Hutter 2017, without restarts), and
    leave it with the weights of its best epoch.

    The best epoch is that of the highest validation accuracy, and of equals that of the lowest validation loss; without
    validation samples it is the last. Each epoch takes the samples in an order of its own; those left over from its
    last whole batch wait for another epoch. `report` gets each epoch's row of the history, and the number of epochs.
    Without epochs the model stays as it is.

    Args:
        checkpoint: a file from which training goes on if it exists, and to which its state is written. It stays where
            it is: a training that has been done gives its result at once. Who needs it no more removes it.

    Raises:
        FieldError: the loss is no finite number any more.
    """
    seed_everything(seed)
    if not training.epochs:
        return []
    batch = min(training.batch_size, len(dataset.train.x))
    steps = len(dataset.train.x) // batch
    schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, training.epochs * steps)
    optimizer = _optimizer(schedule, training.weight_decay)
    objective = hooks.objective or _of_labels(dataset.train)
    optimizer.build([*model.trainable_variables, *objective.variables])
    variables = [*model.variables, *optimizer.variables, *hooks.state, *objective.variables]
    train_epoch = _train_epoch(model, optimizer, dataset.train, batch, steps, objective, hooks)
    validate = _validate(model, dataset.validation)
    x = tf.constant(dataset.train.x)

    tf.random.set_seed(seed)
    draws: bool | None = None
    state = _State() if checkpoint is None else _resume(checkpoint, variables, model.get_weights())
    written = state.epoch
    doing.now("epochs", state.epoch, training.epochs)
    due = time.monotonic() + CHECKPOINT_SECONDS
    while state.epoch < training.epochs and not _patience_spent(state, training, hooks.ready_epoch):
        started = time.monotonic()
        hooks.before_epoch(state.epoch)
        order = np.random.default_rng([seed, state.epoch]).permutation(len(dataset.train.x))
        if training.augment is not None:
            x = tf.constant(augmented(dataset.train.x, training.augment, [seed, state.epoch, 1]))
        batches = tf.constant(order[: steps * batch].reshape(steps, batch))
        if draws is None:
            draws = _draws(train_epoch, x, batches)
        if draws:
            # resets dropout's generators, so that an epoch does not depend on the epochs run before it; TensorFlow then
            # prepares the whole graph anew, which takes as long as an epoch of a small network
            tf.random.set_seed(seed)
        loss, accuracy = train_epoch(x, batches)
        val_loss, val_accuracy = validate()
        state.epoch += 1
        _check_finite(float(loss), val_loss, state.epoch)
        score = (float(state.epoch), 0.0) if val_loss is None or val_accuracy is None else (val_accuracy, -val_loss)
        better = state.epoch > hooks.ready_epoch and score > state.best
        if better:
            state.best, state.best_epoch, state.best_weights = score, state.epoch, model.get_weights()
        row = {
            "epoch": state.epoch,
            "loss": float(loss),
            "accuracy": float(accuracy),
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "learning_rate": float(schedule((state.epoch - 1) * steps)),
            "seconds": round(time.monotonic() - started, 3),
            "best": better,
            **hooks.row(),
        }
        state.history.append(row)
        report(row, training.epochs)
        doing.now(f"epochs, {_say(row)}", state.epoch, training.epochs)
        if checkpoint is not None and (now := time.monotonic()) > due:
            _save(checkpoint, variables, state)
            written = state.epoch
            due = time.monotonic() + max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * (time.monotonic() - now))
    if checkpoint is not None and state.epoch > written:
        _save(checkpoint, variables, state)
    if state.best_weights:
        model.set_weights(state.best_weights)
    return state.history


def _say(row: dict[str, Any]) -> str:
    """How far training is after an epoch, in a few words."""
    validation = "" if row["val_accuracy"] is None else f", validation {row['val_accuracy']:.4f}"
    return f"loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}{validation}"


def _check_finite(loss: float, val_loss: float | None, epoch: int) -> None:
    for what, value in (("the training", loss), ("the validation", 0.0 if val_loss is None else val_loss)):
        if not math.isfinite(value):
            raise FieldError(
                ("training",),
                f"expected a loss that stays finite, but that of {what} is {value} after epoch {epoch}: use a lower "
                "learning_rate, or scale the data (data.scale: standard)",
            )


def _optimizer(learning_rate: Any, weight_decay: float) -> Any:
    if not weight_decay:
        return keras.optimizers.Adam(learning_rate)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def gradients(model: Any, part: Part, variables: Sequence[Any], samples: int) -> list[NDArray[np.float32]]:
    """The mean gradient of the loss by each variable, over the first `samples` samples; the model stays as it is."""
    loss_of = cross_entropy(part.y)
    count = min(samples, len(part.x))
    sums = [np.zeros(variable.shape, np.float32) for variable in variables]
    for start in range(0, count, _VALIDATION_BATCH):
        rows = slice(start, min(start + _VALIDATION_BATCH, count))
        with tf.GradientTape() as tape:
            loss = loss_of(tf.constant(part.y[rows]), model(tf.constant(part.x[rows]), training=False))
        for total, gradient in zip(sums, tape.gradient(loss, list(variables)), strict=True):
            total += tf.convert_to_tensor(gradient).numpy() * ((rows.stop - rows.start) / count)
    return sums


def loss(model: Any, part: Part) -> float:
    """The mean loss of a model on samples."""
    return float(cross_entropy(part.y)(part.y, outputs(model, part.x)))


def outputs(model: Any, x: NDArray[np.floating]) -> NDArray[np.float32]:
    """The outputs (n, *output_shape) of a model for samples (n, *input_shape). Unlike Keras' own `predict` it makes no
    graph, which would take longer than to compute the outputs of a small network.
    """
    starts = range(0, len(x), _VALIDATION_BATCH)
    batches = (tf.constant(x[start : start + _VALIDATION_BATCH], tf.float32) for start in starts)
    return np.concatenate([model(batch, training=False).numpy() for batch in batches])


def accuracy(logits: NDArray[np.floating], labels: NDArray[Any]) -> float:
    """The share of samples whose largest logit (n, classes) is the label's, one-hot (n, classes) or number (n,)."""
    numbers = labels.argmax(axis=1) if labels.ndim > 1 else labels
    return float(np.mean(logits.argmax(axis=1) == numbers))


def evaluate(model: Any, part: Part) -> float:
    """The accuracy of a model on samples."""
    doing.now("measuring accuracy")
    return accuracy(outputs(model, part.x), part.y)


def cross_entropy(labels: NDArray[Any]) -> Any:
    """The mean cross-entropy as a function of labels in the form of these, one-hot or numbers, and logits."""
    form = keras.losses.CategoricalCrossentropy if labels.ndim > 1 else keras.losses.SparseCategoricalCrossentropy
    return form(from_logits=True)


def _of_labels(part: Part) -> Objective:
    loss_of = cross_entropy(part.y)
    return Objective(lambda batch: loss_of(batch.labels, batch.logits))


def _hits(labels: Any, logits: Any) -> Any:
    numbers = tf.argmax(labels, axis=1) if labels.shape.rank > 1 else tf.cast(labels, tf.int64)
    return tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == numbers, tf.float32))


def _train_epoch(
    model: Any, optimizer: Any, part: Part, batch: int, steps: int, objective: Objective, hooks: Hooks
) -> Any:
    """A function of samples x and the numbers of each batch's samples (steps, batch), which trains on these batches and
    returns mean loss and accuracy.

    Its loop is a graph of its own making: TensorFlow's AutoGraph would write source files into the system's temporary
    folder, and fail where that is full.
    """
    y = tf.constant(part.y)
    watched = keras.Model(model.inputs, [*model.outputs, *objective.tensors]) if objective.tensors else model
    variables = [*model.trainable_variables, *objective.variables]
    unconnected = tf.UnconnectedGradients.ZERO  # a loss need not depend on all layers

    def train_step(x: Any, rows: Any) -> tuple[Any, Any]:
        samples, labels = tf.gather(x, rows), tf.gather(y, rows)
        with tf.GradientTape() as tape:
            logits, *tensors = tf.nest.flatten(watched(samples, training=True))
            loss = objective.loss(Batch(samples, rows, labels, logits, tensors))
            total = tf.add_n([loss, *watched.losses])
        gradients = tape.gradient(total, variables, unconnected_gradients=unconnected)
        for change in hooks.gradients:
            gradients = [change(*each) for each in zip(variables, gradients, strict=True)]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for operation in hooks.after_step:
            operation()
        return loss, _hits(labels, logits)

    def run(x: Any, order: Any) -> tuple[Any, Any]:
        def body(step: Any, loss_sum: Any, hits: Any) -> tuple[Any, Any, Any]:
            loss, hit = train_step(x, order[step])
            return step + 1, loss_sum + loss, hits + hit

        start = (tf.constant(0), tf.constant(0.0), tf.constant(0.0))
        _, loss_sum, hits = tf.while_loop(lambda step, *_: step < steps, body, start)
        return loss_sum / steps, hits / (steps * batch)

    return tf.function(run, autograph=False)


def _draws(train_epoch: Any, x: Any, order: Any) -> bool:
    """Whether there are random numbers in the graph of `train_epoch`."""
    graph = train_epoch.get_concrete_function(x, order).graph.as_graph_def()
    nodes = itertools.chain(graph.node, *(function.node_def for function in graph.library.function))
    return any("Random" in node.op or node.op in ("Multinomial", "TruncatedNormal") for node in nodes)


def _validate(model: Any, part: Part) -> Callable[[], tuple[float, float] | tuple[None, None]]:
    """A function that returns loss and accuracy on `part`; None where it has no samples."""
    if not len(part.x):
        return lambda: (None, None)
    starts = range(0, len(part.x), _VALIDATION_BATCH)
    batches = [[tf.constant(each[start : start + _VALIDATION_BATCH]) for each in (part.x, part.y)] for start in starts]
    loss_of = cross_entropy(part.y)

    def measure(x: Any, y: Any) -> tuple[Any, Any]:
        logits = model(x, training=False)
        return loss_of(y, logits) * tf.cast(tf.shape(logits)[0], tf.float32), _hits(y, logits)

    compiled = tf.function(measure, autograph=False)

    def validate() -> tuple[float, float]:
        losses, hits = zip(*(compiled(x, y) for x, y in batches), strict=True)
        return float(sum(losses)) / len(part.x), float(sum(hits)) / len(part.x)

    return validate


def _patience_spent(state: _State, training: Training, ready_epoch: int) -> bool:
    return training.patience is not None and state.epoch - max(state.best_epoch, ready_epoch) >= training.patience


def _save(path: Path, variables: Sequence[Any], state: _State) -> None:
    told = [state.epoch, state.best, state.best_epoch, state.history]
    saved.write(path, told, variables=[variable.numpy() for variable in variables], best=state.best_weights)


def _resume(path: Path, variables: Sequence[Any], weights: Sequence[NDArray[Any]]) -> _State:
    """Set the variables as the checkpoint has them; where it is missing, damaged or of another network, start from the
    beginning.
    """
    try:
        (epoch, best, best_epoch, history), lists = saved.read(path)
        values, best_weights = lists["variables"], lists["best"]
        saved.check_alike(values, [variable.numpy() for variable in variables])
        saved.check_alike(best_weights, weights if best_weights else [])
    except saved.UNREADABLE:
        return _State()
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return _State(epoch, tuple(best), best_epoch, best_weights, history)
