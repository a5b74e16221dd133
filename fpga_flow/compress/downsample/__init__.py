"""`downsample`: strides and poolings moved to other places of the network, and what each placement costs.

Late downsampling gives convolutions large maps to look at, which may gain accuracy (Iandola et al. 2016, "SqueezeNet",
strategy 3); early downsampling saves multiplications and memory (He & Sun 2015, "Convolutional neural networks at
constrained time cost"). All layers keep their weights, so what was promised of them stays promised; `places.py` says
where a downsampling can be.

A placement is told with its accuracy on the validation samples, multiplications, feature maps, and resources as they
are estimated for the spec's types and HLS settings. `auto` trains all of them, the present one too, and of those within
the budget takes the one of the highest accuracy; if the budget limits the loss of accuracy, the one of the fewest
multiplications.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from fpga_flow import training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.compress.downsample import choices, measures
from fpga_flow.compress.downsample.choices import Candidate
from fpga_flow.compress.downsample.moved import moved
from fpga_flow.compress.downsample.places import Layout
from fpga_flow.compress.rounds import SavedRounds
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed, FieldError, FieldPath
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import flat
from fpga_flow.spec.base import Fraction, PositiveFloat, Retraining

#: Beyond the code that all passes use.
CODE = ("compress/quantize", "hls", "resources/estimate")
#: Costs that have a budget, in words.
_BUDGETED = {"macs": "the multiplications", "feature_maps": "the feature maps"}


class Options(Retraining):
    """Where the downsamplings go: a placement, or `at` the convolutions that `at` names, in the order of the network.

    The rest is for the placement `auto`: `macs` and `feature_maps` are the most that it may have, as shares of what
    the network has now. Without `resources` none are estimated, and the pass does not depend on types and HLS settings.
    """

    placement: Literal["early", "even", "late", "auto"] | None = None
    at: list[str] = Field(default_factory=list)
    macs: PositiveFloat | None = None
    feature_maps: PositiveFloat | None = None
    max_accuracy_drop: Fraction | None = None
    resources: bool = True

    @model_validator(mode="after")
    def _says_where(self) -> Options:
        if (self.placement is None) == (not self.at):
            raise ValueError(f"expected placement or at, got {'both' if self.at else 'none of them'}")
        budget = [self.macs, self.feature_maps, self.max_accuracy_drop]
        if self.placement == "auto" and all(each is None for each in budget):
            raise ValueError(
                "expected macs, feature_maps or max_accuracy_drop as the budget of placement auto, got none of them"
            )
        if self.placement != "auto" and any(each is not None for each in budget):
            raise ValueError("expected placement auto for macs, feature_maps and max_accuracy_drop, got another one")
        return self


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ("precision", "hls") if options.resources else ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be something to move, and the placement (of `auto`, one of them) must be possible."""
    model = flat(model)
    try:
        layout = choices.layout(model, path)
        if options.placement != "auto":
            moved(model, layout, choices.places(layout, options.placement, options.at, path), path)
            return
        others = choices.candidates(model, layout, path)[1:]
        if all(each.refused for each in others):
            yield from (each.refused for each in others if each.refused)
    except FieldError as error:
        yield error


def outline(options: Options, model: Any) -> Any | None:
    """The model as it will be after the pass, but for its values; None if it is chosen by them."""
    if options.placement == "auto":
        return None
    model, path = flat(model), ("compress",)
    layout = choices.layout(model, path)
    return moved(model, layout, choices.places(layout, options.placement, options.at, path), path)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Move the downsamplings, train on; with `auto` for each placement, and the best of them is taken.

    Raises:
        FieldError: the placement is not possible, or `auto` has no validation samples to compare accuracies on.
        CheckFailed: no placement is within the budget.
    """
    model, path = flat(network.model), ("compress",)
    layout = choices.layout(model, path)
    before = _told(Candidate(("present",), layout.present(), model), layout, dataset, options, context)
    if options.placement != "auto":
        numbers = choices.places(layout, options.placement, options.at, path)
        made = Candidate((options.placement or "at",), numbers, moved(model, layout, numbers, path))
        network, history = _trained(made, network, dataset, options, context)
        after = _told(made, layout, dataset, options, context)
        return network, {"history": history, "placements": [before, after], **_sizes(model, network.model)}
    if not len(dataset.validation.x):
        raise FieldError(("data", "split", "validation"), "expected a share for auto to compare accuracies on, got 0")
    return _best(network, choices.candidates(model, layout, path), layout, before, dataset, options, context)


def _best(
    network: Network,
    candidates: list[Candidate],
    layout: Layout,
    before: dict[str, Any],
    dataset: Dataset,
    options: Options,
    context: Context,
) -> tuple[Network, dict[str, Any]]:
    """Train each candidate; the best one within the budget."""
    told: dict[str, Any] = {"placements": [], "histories": [], "best": None}
    saved = SavedRounds(context.checkpoint)
    start = network
    network, told = saved.load(network, told)
    for number, candidate in list(enumerate(candidates))[len(told["placements"]) :]:
        history: training.History = []
        row: dict[str, Any] = {"placement": list(candidate.names), "at": choices.at(layout, candidate.places)}
        if candidate.refused is not None:
            row |= {"refused": candidate.refused.message, "fits": False}
        else:
            trained, history = _trained(candidate, start, dataset, options, context.of_training(number))
            row = _told(candidate, layout, dataset, options, context)
            row["fits"] = _fits(row, before, options)
            if row["fits"] and (told["best"] is None or _rank(row, options) > _rank(told["best"], options)):
                network, told["best"] = trained, row
        told["placements"].append(row)
        told["histories"].append(history)
        saved.save(network, told, number + 1)
        context.forget_training(number)
    if told["best"] is None:
        raise CheckFailed(
            f"downsample: expected a placement within the budget, got {_listed(told['placements'], before)}"
        )
    joined: training.History = []
    for row, history in zip(told["placements"], told["histories"], strict=True):
        joined += following(history, len(joined), kept=row == told["best"])
    chosen = {"placements": told["placements"], "chosen": told["best"]["placement"]}
    return network, {"history": joined, "before_training": before, **chosen, **_sizes(start.model, network.model)}


def _trained(
    candidate: Candidate, network: Network, dataset: Dataset, options: Options, context: Context
) -> tuple[Network, training.History]:
    trained = Network(candidate.model, network.promises)
    return trained, retrain(trained, dataset, options, context)


def _told(candidate: Candidate, layout: Layout, dataset: Dataset, options: Options, context: Context) -> dict[str, Any]:
    """What there is to tell of a placement, as JSON values."""
    part = dataset.validation
    row = {
        "placement": list(candidate.names),
        "at": choices.at(layout, candidate.places),
        "accuracy": training.evaluate(candidate.model, part) if len(part.x) else None,
        **measures.size(candidate.model),
    }
    if options.resources:
        row["resources"] = measures.resources(candidate.model, dataset, context)
    return row


def _fits(row: dict[str, Any], before: dict[str, Any], options: Options) -> bool:
    """Whether a placement is within the budget."""
    shares = {"macs": options.macs, "feature_maps": options.feature_maps}
    drop = options.max_accuracy_drop
    accurate = drop is None or row["accuracy"] >= before["accuracy"] - drop - 1e-9
    return accurate and all(share is None or row[key] <= share * before[key] for key, share in shares.items())


def _rank(row: dict[str, Any], options: Options) -> tuple[float, ...]:
    """The placement of the greatest rank is taken."""
    accuracy, costs = row["accuracy"], (-row["macs"], -row["feature_maps"])
    return (accuracy, *costs) if options.max_accuracy_drop is None else (*costs, accuracy)


def _listed(rows: list[dict[str, Any]], before: dict[str, Any]) -> str:
    """Placements in words."""
    texts = []
    for row in rows:
        name = " = ".join(row["placement"])
        if "refused" in row:
            texts.append(f"{name} (not possible)")
        else:
            shares = [f"{row[key] / before[key]:.3g} of {what}" for key, what in _BUDGETED.items()]
            texts.append(f"{name} ({', '.join(shares)}, accuracy {row['accuracy']:.4f} after {before['accuracy']:.4f})")
    return "; ".join(texts)


def _sizes(before: Any, after: Any) -> dict[str, Any]:
    return {"before": channel_cut.size(flat(before)), "after": channel_cut.size(after)}
