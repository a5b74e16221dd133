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

from fpga_flow.compress.base import Context
from fpga_flow.compress.downsample import choices
from fpga_flow.compress.downsample.trials import Trials
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import flat
from fpga_flow.spec.base import Fraction, PositiveFloat, Retraining

#: Beyond the code that all passes use.
CODE = ("compress/quantize", "hls", "resources/estimate")
#: Where the pass is at fault, if nobody says where its options stand.
_PATH: FieldPath = ("compress",)


class Options(Retraining):
    """Where the downsamplings go. `macs`, `feature_maps` and `max_accuracy_drop` are the budget of the placement
    `auto`.

    placement          early, evenly, late, or where it is best by trial
    at                 the convolutions that downsample, in the order of the network, instead of a placement
    macs               the most multiplications, as a share of what the network has now
    feature_maps       the most values between layers, as a share of what the network has now
    max_accuracy_drop  how far validation accuracy may fall, as a share of 1
    resources          estimate the resources of the candidates; without, the pass does not depend on types and HLS
                       settings
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
    """Sections of the spec that the pass depends on, and the board that one names."""
    return ("precision", "hls", "board") if options.resources else ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be something to move, and the placement (of `auto`, one of them) must be possible."""
    model = flat(model)
    refused = []
    try:
        layout = choices.layout(model, path)
        auto = options.placement == "auto"
        wanted = choices.candidates(layout, path)[1:] if auto else [choices.chosen(layout, options, path)]
    except FieldError as error:
        yield error
        return
    for candidate in wanted:
        try:
            candidate.build(model, layout, path)
        except FieldError as error:
            refused.append(error)
    if len(refused) == len(wanted):
        yield from refused


def outline(options: Options, model: Any) -> Any | None:
    """The model as it will be after the pass, but for its values; None if it is chosen by them."""
    if options.placement == "auto":
        return None
    model = flat(model)
    layout = choices.layout(model, _PATH)
    return choices.chosen(layout, options, _PATH).build(model, layout, _PATH)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Move the downsamplings, train on; with `auto` for each placement, and the best of them is taken.

    Raises:
        FieldError: the placement is not possible, or `auto` has no validation samples to compare accuracies on.
        CheckFailed: no placement is within the budget.
    """
    network = Network(flat(network.model), network.promises)
    layout = choices.layout(network.model, _PATH)
    trials = Trials(network, layout, dataset, options, context)
    if options.placement != "auto":
        return trials.one(choices.chosen(layout, options, _PATH), _PATH)
    if not len(dataset.validation.x):
        raise FieldError(("data", "split", "validation"), "expected a share for auto to compare accuracies on, got 0")
    return trials.best(choices.candidates(layout, _PATH), _PATH)
