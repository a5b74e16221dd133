"""The width of each layer's weights, found so that no more accuracy is lost than a budget allows.

From the types that the spec gives, the widths of the layers are narrowed bit by bit, next the layer whose narrowing
costs the least loss for what it saves, as long as the network, quantized without training, keeps its accuracy within
the budget. Then it is retrained, knowing its types; what that wins back, the next round may spend. The sensitivity of a
layer is the loss of the network with the weights of that layer alone rounded to fewer bits. (Wang et al. 2019, "HAQ",
and Dong et al. 2019, "HAWQ", solve the same problem by reinforcement learning and by second derivatives.) Nothing is
left to chance: the same spec finds the same widths.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow import doing, training
from fpga_flow.compress.base import Context, retrain
from fpga_flow.compress.rounds import once
from fpga_flow.datasets.base import Dataset, Part
from fpga_flow.keras import tf
from fpga_flow.networks.network import Network, kernels
from fpga_flow.networks.promises import Promise
from fpga_flow.networks.quantized import set_weights, with_types
from fpga_flow.networks.ranges import Ranges, Rule, Types
from fpga_flow.networks.sites import find_sites, prepare, written_types
from fpga_flow.number_types import Levels
from fpga_flow.spec.base import Fraction, PositiveInt, Section

#: Samples that are run through the network at a time.
_BATCH = 500
#: Types by layer and key as they are written: open ones stay open when they become narrower.
_Written = Mapping[str, Mapping[str, Any]]


class Widths(Section):
    """The budget, and what may be done with it.

    max_accuracy_drop  how far validation accuracy may be below that of the network before this pass, as a share of 1
    least              no weight gets fewer bits
    cost               what is to be saved: bits of weights that are stored, or bits that are multiplied (one for each
                       bit of a weight and each multiplication by it)
    rounds             so many times at most the widths are narrowed and the network is retrained
    samples            so many validation samples at most are measured on
    """

    max_accuracy_drop: Fraction
    least: Annotated[int, Field(ge=2, le=24)] = 2
    cost: Literal["parameters", "macs"] = "parameters"
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    samples: PositiveInt = 2000


@dataclass(frozen=True)
class _Source:
    """A network to be quantized: its promises, its prepared model and the ranges of that."""

    promises: tuple[Promise, ...]
    prepared: Any
    ranges: Ranges

    @classmethod
    def of(cls, network: Network, x: NDArray[np.floating], rule: Rule) -> _Source:
        prepared = prepare(network.model)
        return cls(network.promises, prepared, Ranges(prepared, find_sites(prepared), x, rule))


@dataclass(frozen=True)
class Made:
    """A quantized network, the accuracy that counts against the budget, and how it was trained."""

    network: Network
    types: Types
    accuracy: float
    history: training.History


def narrower(type_: Any, least: int) -> Any | None:
    """The same type with a bit less; None where that is less than `least`, and for binary and ternary."""
    if type_.width <= least or (isinstance(type_, Levels) and type_.kind != "po2"):
        return None
    return dataclasses.replace(type_, width=type_.width - 1)


def search(
    network: Network,
    dataset: Dataset,
    options: Any,
    context: Context,
    x: NDArray[np.floating],
    check: Callable[[Network, Types], None],
) -> tuple[Made, dict[str, Any]]:
    """The network with the widths that were found, and what the pass has to tell of the search.

    If it is over the budget with the types that the spec gives, also when it is retrained, it stays so; `within` says.

    Args:
        options: of the pass; its `widths` are given.
        x: samples by which ranges are found.
        check: raises a FieldError for types that break promises.

    Raises:
        FieldError: by `check`.
        ValueError: there are no validation samples.
    """
    widths: Widths = options.widths
    part = Part(dataset.validation.x[: widths.samples], dataset.validation.y[: widths.samples])
    if not len(part.x):
        raise ValueError("expected validation samples to measure accuracy on, got none")
    before = training.evaluate(network.model, part)
    floor = before - widths.max_accuracy_drop
    numbers = itertools.count()

    def make(source: _Source, written: _Written, epochs: int) -> Made:
        types = source.ranges.types(context.precision.input, written)
        made = Network(with_types(source.prepared, types), source.promises)
        check(made, types)
        given = options.model_copy(update={"epochs": epochs})
        if not epochs or context.checkpoint is None:
            history = retrain(made, dataset, given, context)
        else:  # each training has files of its own, since a killed search begins again and does it not twice
            number = next(numbers)
            own, trained = context.of_training(number), context.checkpoint.with_name(f"trained_{number}.npz")
            history = once(trained, made.model.variables, lambda: retrain(made, dataset, given, own))
            context.forget_training(number)
        return Made(made, types, training.evaluate(made.model, part), history)

    source = _Source.of(network, x, options.ranges)
    written: _Written = {name: written_types(site, context.precision) for name, site in source.ranges.sites.items()}
    best = make(source, written, 0)
    if best.accuracy < floor and options.epochs:
        best = make(source, written, options.epochs)
        source = _Source.of(best.network, x, options.ranges)
    rounds: list[dict[str, Any]] = []
    while best.accuracy >= floor and len(rounds) < widths.rounds:
        with doing.within(f"round {len(rounds) + 1}"):
            steps, narrowed = _narrow(source, written, context.precision.input, widths, part, floor)
            if not steps:
                break
            made = make(source, narrowed, options.epochs)
        kept = made.accuracy >= floor
        rounds.append({"steps": steps, "accuracy": made.accuracy, "kept": kept})
        if not kept:
            break
        best, written = made, narrowed
        if not options.epochs:
            break
        source = _Source.of(made.network, x, options.ranges)
    if options.epochs and not best.history:  # nothing could be narrowed
        trained = make(source, written, options.epochs)
        best = trained if trained.accuracy >= min(floor, best.accuracy) else best
    told = {"accuracy_before": before, "floor": floor, "accuracy": best.accuracy, "within": best.accuracy >= floor}
    return best, {**told, "samples": len(part.x), "rounds": rounds}


def _narrow(
    source: _Source, written: _Written, input_type: Any, widths: Widths, part: Part, floor: float
) -> tuple[list[dict[str, Any]], _Written]:
    """The steps by which widths can be narrowed without training, and the types after them.

    It measures at most twice per layer and bit: the layer alone, and together with the steps before.
    """
    types = {name: dict(each) for name, each in written.items()}
    trial = _Trial(source, source.ranges.types(input_type, types), part)
    layers = {name: source.ranges.sites[name].layer for name in types if "weight" in types[name]}
    costs = {name: _cost(layer, widths.cost) for name, layer in layers.items()}
    names = doing.each(costs, "layers, whose sensitivity is measured")
    ahead = {name: _alone(trial, name, types[name], widths.least) for name in names}
    steps: list[dict[str, Any]] = []
    while ahead := {name: offers for name, offers in ahead.items() if offers}:
        name = min(ahead, key=lambda each: ahead[each][0][1] / costs[each])
        doing.now(f"narrowing widths: {len(steps)} steps so far, {name} next")
        type_, _ = ahead[name].pop(0)
        trial.give(name, {**types[name], "weight": type_})
        loss, accuracy = trial.measure()
        if accuracy < floor:
            trial.give(name, types[name])
            del ahead[name]
            continue
        types[name]["weight"] = type_
        steps.append({"layer": name, "weight": str(type_), "loss": loss, "accuracy": accuracy})
    return steps, types


def _alone(trial: _Trial, name: str, types: Mapping[str, Any], least: int) -> list[tuple[Any, float]]:
    """The narrower and narrower types of a layer's weights, each with the loss that it adds to the one before, where
    the other layers stay as they are.
    """
    before, _ = trial.measure()
    type_, found = types["weight"], []
    while (type_ := narrower(type_, least)) is not None:
        trial.give(name, {**types, "weight": type_})
        loss, _ = trial.measure()
        found.append((type_, loss - before))
        before = loss
    trial.give(name, types)
    return found


class _Trial:
    """A network with the activations of its types, and weights that can be rounded into one type after the other."""

    def __init__(self, source: _Source, types: Types, part: Part) -> None:
        self.ranges, self.part = source.ranges, part
        free = {name: {key: each[key] for key in each if key != "weight"} for name, each in types.layers.items()}
        self.model = with_types(source.prepared, Types(types.input, free))
        self.predict = tf.function(lambda x: self.model(x, training=False), autograph=False, reduce_retracing=True)
        for name, each in types.layers.items():
            if "weight" in each:
                set_weights(self.model.get_layer(name), self.ranges.sites[name].layer, each["weight"])

    def give(self, name: str, types: Mapping[str, Any]) -> None:
        """Round the weights of the layer `name` into its type as it is written."""
        set_weights(self.model.get_layer(name), self.ranges.sites[name].layer, self.ranges.weight(types, name))

    def measure(self) -> tuple[float, float]:
        """The mean cross-entropy and the accuracy."""
        x, y = self.part.x, self.part.y
        starts = range(0, len(x), _BATCH)
        logits = np.concatenate([self.predict(x[each : each + _BATCH]).numpy() for each in starts]).astype(np.float64)
        labels = y.argmax(axis=1) if y.ndim > 1 else y
        greatest = logits.max(axis=1)
        logs = greatest + np.log(np.exp(logits - greatest[:, None]).sum(axis=1))
        loss = float(np.mean(logs - logits[np.arange(len(labels)), labels]))
        return loss, training.accuracy(logits, y)


def _cost(layer: Any, cost: str) -> int:
    """How many bits are saved where each weight of a layer has a bit less: of weights, or of multiplications."""
    weights = sum(int(variable.shape.num_elements()) for variable in kernels(layer).values())
    uses = [layer.get_output_shape_at(number)[1:-1] for number in range(len(layer.inbound_nodes))]
    return weights if cost == "parameters" else weights * sum(math.prod(shape) for shape in uses)
