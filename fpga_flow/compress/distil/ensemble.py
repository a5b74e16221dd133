"""The teachers of a student: where they come from, and what several of them say together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow import doing, training
from fpga_flow.compress.base import Context
from fpga_flow.compress.distil.layers import output_of
from fpga_flow.compress.rounds import once
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import keras, seed_everything, tf
from fpga_flow.networks import FAMILIES, from_spec
from fpga_flow.networks.rebuild import flat
from fpga_flow.spec.base import Section, Training, tagged_of

_BATCH = 1024


class Float(Section):
    """The spec's own network, as it was before all passes.

    family  the name of this family
    """

    family: Literal["float"]


FLOAT = Float(family="float")

if TYPE_CHECKING:  # the real one is made of what the registry holds
    TeacherNetwork: TypeAlias = Any
else:
    TeacherNetwork = tagged_of(FAMILIES, "family", Float)


class Teacher(Section):
    """A network of the family float (the spec's own), imported, or one that is trained for this.

    network   the architecture, or a trained model
    training  left out: the spec's; an imported network is then taken as it is
    seed      of its first weights and its training; left out: the spec's, plus 1 for each teacher before it
    """

    network: TeacherNetwork
    training: Training | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None


@dataclass(frozen=True)
class Found:
    """A teacher's model, which gives logits, what there is to tell of it (JSON values), and of its training here."""

    model: Any
    told: dict[str, Any]
    history: training.History


def prepare(teachers: Sequence[Teacher], dataset: Dataset, context: Context) -> list[Found]:
    """The teachers, loaded or trained; one that an interrupted pass has trained is not trained again.

    Raises:
        ValueError: a teacher is the spec's own network, and the context has none.
        FieldError: a network can't be built, or its file not be loaded.
    """
    found = []
    for number, teacher in enumerate(teachers):
        with doing.within(f"teacher {number + 1} of {len(teachers)}"):
            model, history = _prepared(number, teacher, dataset, context)
        told = {
            "family": teacher.network.family,
            "parameters": int(model.count_params()),
            "accuracy": training.evaluate(model, dataset.test),
            "epochs": len(history),
        }
        found.append(Found(model, told, history))
    return found


def _prepared(number: int, teacher: Teacher, dataset: Dataset, context: Context) -> tuple[Any, training.History]:
    family = teacher.network.family
    if family == "float":
        if context.trained is None:
            raise ValueError("expected a context with the network before all passes for a teacher of family float")
        return flat(context.trained().model), []
    seed = context.seed + number if teacher.seed is None else teacher.seed
    seed_everything(seed)
    model = flat(from_spec.build(teacher.network, dataset, trust_code=context.trust_code))
    settings = teacher.training or (context.training if family != "imported" else None)
    if settings is None:
        return model, []
    checkpoint = context.of_training(number).checkpoint

    def train() -> training.History:
        return training.fit(model, dataset, settings, seed, checkpoint=checkpoint, report=context.report)

    if checkpoint is None:
        return model, train()
    history = once(checkpoint.with_name(f"teacher_{number}.npz"), model.weights, train)
    context.forget_training(number)
    return model, history


class Ensemble:
    """Teachers as one: the mean of their probabilities at a temperature (Hinton et al. 2015, section 3)."""

    def __init__(self, models: Sequence[Any], temperature: float) -> None:
        self._models, self._temperature = list(models), temperature

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """For samples (n, *input_shape), the probabilities (n, classes)."""
        outputs = self.outputs(())
        compute = tf.function(lambda x: outputs(x)[0], autograph=False)
        starts = doing.each(range(0, len(x), _BATCH), "batches of samples for the teachers")
        return np.concatenate([compute(tf.constant(x[start : start + _BATCH])).numpy() for start in starts])

    def outputs(self, layers: Sequence[str]) -> Callable[[Any], tuple[Any, list[Any]]]:
        """A function of samples (tensors) that returns probabilities, and what layers of a single teacher give. They
        are constants of the student's training.
        """
        models = [keras.Model(each.inputs, [*each.outputs, *(output_of(each, name) for name in layers)])
                  for each in self._models]  # fmt: skip

        def outputs(x: Any) -> tuple[Any, list[Any]]:
            probabilities, tensors = [], []
            for model in models:
                logits, *tensors = tf.nest.flatten(model(x, training=False))
                probabilities.append(tf.nn.softmax(logits / self._temperature))
            mean = tf.add_n(probabilities) / len(models)
            return tf.stop_gradient(mean), [tf.stop_gradient(each) for each in tensors]

        return outputs

    def output_of(self, layer: str) -> Any:
        """The tensor that a layer of a single teacher gives."""
        return output_of(self._models[0], layer)
