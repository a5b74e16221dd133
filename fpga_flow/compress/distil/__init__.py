"""`distil`: the network is trained on as the student of a teacher, a better network: besides the labels it learns what
the teacher makes of each sample.

    soft targets  the teacher's probabilities at a `temperature` (Hinton et al. 2015, "Distilling the Knowledge in a
                  Neural Network", section 2); those of several teachers are averaged
    hints         what a layer of the student gives is to be what one of the teacher gives, by way of a trained
                  regressor that is thrown away (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", equation 3)
    attention     a layer is to be strong at the places where the teacher's is (Zagoruyko & Komodakis 2017, "Paying
                  More Attention to Attention", equation 2)

The student stays what earlier passes made of it: behind `quantize` it learns with its low-bit weights, whatever the
teacher's are. `losses.py` has the formulas, `ensemble.py` the teachers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from fpga_flow import doing, training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.compress.distil import layers as named
from fpga_flow.compress.distil.ensemble import FLOAT, Ensemble, Teacher, prepare
from fpga_flow.compress.distil.losses import Lesson
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.spec.base import PositiveFloat, Retraining, Section

#: For each layer of the student, one of the teacher.
Layers = Annotated[dict[str, str], Field(min_length=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Hints(Section):
    """Layers of the student that are led to those of the teacher.

    layers  of the student, each with the teacher's layer that it is led to
    epochs  beforehand, in which nothing else is learnt, as in the paper
    weight  of the hints in the loss afterwards
    """

    layers: Layers
    epochs: Annotated[int, Field(ge=0, lt=2**31)] = 5
    weight: NotNegative = 0.0


class Attention(Section):
    """Layers of the student that are to look where the teacher's look.

    layers  of the student, each with the teacher's layer whose map of strengths it is to have
    weight  the paper's beta
    """

    layers: Layers
    weight: PositiveFloat = 1000.0


class Options(Retraining):
    """Retraining with a loss that is the cross-entropy of the labels times 1 - `weight`, plus that of the soft targets
    times `weight` and the square of the temperature, plus that of hints and attention.

    epochs       of retraining
    teachers     whose outputs are averaged; left out: the spec's own network, as it was before all passes
    temperature  that makes the targets soft
    weight       of the soft targets in the loss, 0 to 1
    hints        FitNets; left out: none
    attention    attention transfer; left out: none
    """

    epochs: Annotated[int, Field(ge=1, lt=2**31)] = 10
    teachers: list[Teacher] = Field(default=[Teacher(network=FLOAT)], min_length=1)
    temperature: PositiveFloat = 4.0
    weight: Annotated[float, Field(ge=0, le=1)] = 0.9
    hints: Hints | None = None
    attention: Attention | None = None

    @property
    def watched(self) -> dict[str, Mapping[str, str]]:
        """The layers that are compared, by the sections that name them."""
        sections = {"hints": self.hints, "attention": self.attention}
        return {name: section.layers for name, section in sections.items() if section is not None}


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def teachers(options: Options) -> dict[FieldPath, Teacher]:
    """The teachers by their paths in the options."""
    return {("teachers", number): teacher for number, teacher in enumerate(options.teachers)}


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Something must be learnt from the teachers, and of layers from a single one."""
    for number, teacher in enumerate(options.teachers):
        if teacher.network.family == "float" and (teacher.training is not None or teacher.seed is not None):
            key = "training" if teacher.training is not None else "seed"
            yield FieldError(
                (*path, "teachers", number, key),
                "expected none, as the spec's own network is trained already",
            )
    for name in options.watched:
        if len(options.teachers) > 1:
            yield FieldError(
                (*path, name), f"expected a single teacher, whose layers they are, got {len(options.teachers)}"
            )
    if not options.weight and not options.watched:
        yield FieldError(
            (*path, "weight"),
            "expected more than 0, or hints or attention, else nothing is learnt of the teacher",
        )
    if options.hints is not None and not options.hints.epochs and not options.hints.weight:
        yield FieldError((*path, "hints"), "expected epochs or a weight above 0, got neither")


def check_layers(options: Options, model: Any, found: Sequence[Any], path: FieldPath) -> Iterator[FieldError]:
    """The layers that hints and attention name must be there, and fit to each other.

    Args:
        model: the student; None if it is not known yet.
        found: the teachers' models.
    """
    for name, layers in options.watched.items():
        for error in named.check(name, layers, model, found[0]):
            yield FieldError((*path, name, "layers", *error.path), error.message)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Train the network on what its teachers make of the training samples, too.

    Raises:
        FieldError: a layer of hints or attention is not there any more, or the shapes of the two don't fit.
    """
    made = Network(copy_model(network.model), network.promises)
    found = prepare(options.teachers, dataset, context)
    models = [each.model for each in found]
    for error in check_layers(options, made.model, models, ("compress", "distil")):
        raise error
    ensemble = Ensemble(models, options.temperature)
    lesson = Lesson(made.model, ensemble, dataset, options, context)
    history: training.History = []
    if options.hints is not None and options.hints.epochs:
        first = options.model_copy(update={"epochs": options.hints.epochs})
        hooks = training.Hooks(objective=lesson.hints_alone(), ready_epoch=first.epochs - 1)  # the last one is kept
        with doing.within("hints"):
            told = retrain(made, dataset, first, context.of_training(len(found)), hooks)
        history += following(told, 0, kept=False)
    hooks = training.Hooks(objective=lesson.objective())
    told = retrain(made, dataset, options, context.of_training(len(found) + 1), hooks)
    history += following(told, len(history), kept=True)
    return made, {
        "history": history,
        "histories": {
            f"teacher {number} ({each.told['family']})": each.history
            for number, each in enumerate(found, 1)
            if each.history
        },
        "teachers": [each.told for each in found],
        "teacher_accuracy": training.accuracy(ensemble.probabilities(dataset.test.x), dataset.test.y),
        "temperature": options.temperature,
    }
