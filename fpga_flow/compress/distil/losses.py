"""What a student is to learn: the losses of soft targets, hints and attention, and their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpga_flow import training
from fpga_flow.compress.base import Context
from fpga_flow.compress.distil.ensemble import Ensemble
from fpga_flow.compress.distil.layers import output_of
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import keras, tf
from fpga_flow.training import Batch, Objective


def soft_targets(logits: Any, probabilities: Any, temperature: float) -> Any:
    """The Kullback-Leibler divergence of the student's probabilities at a temperature from the teacher's (batch,
    classes), times the square of the temperature, so that gradients stay as large as those of the labels (Hinton et al.
    2015, section 2.1): the cross-entropy with the teacher's entropy taken away, which has the same gradient.
    """
    logs = tf.nn.log_softmax(logits / temperature)
    divergence = tf.reduce_sum(tf.math.xlogy(probabilities, probabilities) - probabilities * logs, axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def hint(student: Any, teacher: Any) -> Any:
    """Half of the squared differences of two tensors of one shape (Romero et al. 2015, equation 3): their mean, not
    their sum, so that weights mean the same for layers of any size.
    """
    return tf.reduce_mean(tf.square(teacher - student)) / 2


def attention(student: Any, teacher: Any) -> Any:
    """Half of the squared differences of two maps of attention (Zagoruyko & Komodakis 2017, equation 2), their mean as
    in the authors' experiments. A map is the squares summed over channels, of length 1; that of an image (batch,
    height, width, channels) of another size is resized to the student's.
    """
    own, other = (tf.reduce_sum(tf.square(each), axis=-1) for each in (student, teacher))
    if own.shape[1:] != other.shape[1:]:
        other = tf.image.resize(other[..., None], own.shape[1:], method="area")[..., 0]
    return tf.reduce_mean(tf.square(_normal(own) - _normal(other))) / 2


def _normal(maps: Any) -> Any:
    return tf.math.l2_normalize(tf.reshape(maps, [-1, maps.shape[1:].num_elements()]), axis=-1)


class Lesson:
    """What a student is to learn of its teachers by a pass's options.

    The soft targets of samples that are the same in each epoch are computed once.
    """

    def __init__(self, student: Any, ensemble: Ensemble, dataset: Dataset, options: Any, context: Context) -> None:
        self._student, self._ensemble, self._options = student, ensemble, options
        self._of_labels = training.cross_entropy(dataset.train.y)
        self._hints: Mapping[str, str] = options.watched.get("hints", {})
        self._attention: Mapping[str, str] = options.watched.get("attention", {})
        self._regressors = [
            _regressor(output_of(student, own), ensemble.output_of(other), context.seed + number)
            for number, (own, other) in enumerate(self._hints.items())
        ]
        self._known = None
        if context.training.augment is None and options.weight:
            self._known = tf.constant(ensemble.probabilities(dataset.train.x))

    def hints_alone(self) -> Objective:
        """The first stage of Romero et al.: the regressors, and the student up to where the hints are."""
        given = self._ensemble.outputs(list(self._hints.values()))
        tensors = [output_of(self._student, name) for name in self._hints]
        return Objective(lambda batch: self._hint_loss(batch.tensors, given(batch.x)[1]), tensors, self._variables())

    def objective(self) -> Objective:
        """All that is to be learnt."""
        options = self._options
        hints = self._hints if options.hints is not None and options.hints.weight else {}
        given = self._ensemble.outputs([*hints.values(), *self._attention.values()])
        tensors = [output_of(self._student, name) for name in (*hints, *self._attention)]

        def loss(batch: Batch) -> Any:
            probabilities, theirs = None, list[Any]()
            if tensors or self._known is None:
                probabilities, theirs = given(batch.x)
            if self._known is not None:
                probabilities = tf.gather(self._known, batch.rows)
            total = (1 - options.weight) * self._of_labels(batch.labels, batch.logits)
            if options.weight:
                total += options.weight * soft_targets(batch.logits, probabilities, options.temperature)
            if hints:
                total += options.hints.weight * self._hint_loss(batch.tensors, theirs)
            for own, other in zip(batch.tensors[len(hints) :], theirs[len(hints) :], strict=True):
                total += options.attention.weight * attention(own, other)
            return total

        return Objective(loss, tensors, self._variables() if hints else ())

    def _hint_loss(self, own: Any, theirs: Any) -> Any:
        """The sum over the hints, whose tensors are the first ones."""
        count = len(self._hints)
        return tf.add_n(
            [
                hint(regressor(mine), other)
                for regressor, mine, other in zip(self._regressors, own[:count], theirs[:count], strict=True)
            ]
        )

    def _variables(self) -> list[Any]:
        return [variable for regressor in self._regressors for variable in regressor.trainable_variables]


def _regressor(student: Any, teacher: Any, seed: int) -> Any:
    """A layer from the student's channels to the teacher's, the same at each position: of images, a 1x1 convolution."""
    layer = keras.layers.Dense(teacher.shape[-1], kernel_initializer=keras.initializers.GlorotUniform(seed))
    layer.build(student.shape)
    return layer
