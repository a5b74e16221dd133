"""`prune_filters`: filters of convolutions, neurons of dense layers and all that hangs on them are removed, so that the
network is a smaller one. Channels that are tied to each other, for example by an addition, go together.

How far it goes:

    amount, layers        a share of each layer's filters goes
    parameters, macs      filters of all layers are compared, and go until the network has at most these shares of its
                          parameters and multiplications; `amount` and `layers` then limit what a layer loses
    max_accuracy_drop     it goes on in rounds until validation accuracy has fallen by more, and the last good network
                          is kept; after a round that cost too much, the next ones go less far

Where there are several rounds, each removes the same share of what is left and retrains. `scores.py` and
`reconstruction.py` have the criteria, `networks/channels.py` finds what is tied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from fpga_flow.compress.base import Context
from fpga_flow.compress.prune_filters import choice, plan, reconstruction, rounds, scores
from fpga_flow.compress.prune_filters.plan import Plan
from fpga_flow.compress.prune_filters.scores import Criterion
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.channels import Channels, Group
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import flat
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import Fraction, PositiveInt, Retraining

Share = Annotated[float, Field(gt=0, lt=1)]


class Options(Retraining):
    """How many filters go, and which.

    epochs             of each round
    amount             the share of a layer's filters that goes
    layers             the amount by glob pattern of layer names
    parameters         the share of the network's parameters that is left
    macs               the share of its multiplications that is left
    max_accuracy_drop  how far validation accuracy may fall, as a share of 1
    criterion          what makes a filter matter
    least              at least so many filters of each layer stay
    steps              rounds of pruning and retraining; left out: 1, or 10 with `max_accuracy_drop`
    """

    amount: Fraction | None = None
    layers: dict[str, Fraction] = Field(default_factory=dict)
    parameters: Share | None = None
    macs: Share | None = None
    max_accuracy_drop: Fraction | None = None
    criterion: Criterion = "l1"
    least: PositiveInt = 1
    steps: PositiveInt | None = None

    @model_validator(mode="after")
    def _says_how_far(self) -> Options:
        ends = (self.amount, self.parameters, self.macs, self.max_accuracy_drop, self.layers or None)
        if all(end is None for end in ends):
            raise ValueError("expected amount, layers, parameters, macs or max_accuracy_drop, got none of them")
        return self


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be filters to remove, patterns must match layers that have some, the criterion must have what it
    looks at, and the sizes must be possible.
    """
    model = flat(model)
    found = channels.find(model)
    if not found.groups:
        reasons = "; ".join(f'those of "{name}" stay: {why}' for name, why in found.stay.items())
        yield FieldError(path, f"expected a network with filters that can be removed, got none: {reasons}")
        return
    patterns = list(_check_patterns(options, found, path))
    yield from patterns
    if patterns:
        return
    intended = Plan.of(options, model)
    for group in found.groups:
        if any(intended.amounts[name] for name in group.layers):
            yield from _check_criterion(options, found, group, path)
    yield from _check_sizes(options, model, found, intended, path)


def _check_patterns(options: Options, found: Channels, path: FieldPath) -> Iterator[FieldError]:
    names = [name for group in found.groups for name in group.layers]
    for pattern, message in unmatched(options.layers, names, "layer whose filters can be removed").items():
        stay = [name for name in found.stay if matching({pattern: True}, name)]
        why = "; ".join(f'those of "{name}" stay: {found.stay[name]}' for name in stay)
        yield FieldError((*path, "layers", pattern), f"{message.rpartition(': ')[0]}: {why}" if why else message)
    for group in found.groups:
        given = plan.explicit(options, group.layers)
        if len(given) > 1:
            ties = " and ".join(f'"{layer}"' for layer in given.values())
            yield FieldError(
                (*path, "layers"),
                f"expected one amount for {ties}, whose filters are tied to each other, "
                f"got {' and '.join(map(str, given))}",
            )


def _check_criterion(options: Options, found: Channels, group: Group, path: FieldPath) -> Iterator[FieldError]:
    lacks = {
        "batch_norm": (scores.without_scale, "a BatchNormalization with a scale behind"),
        "thinet": (reconstruction.unread, "a dense layer or a convolution (not a transposed one) that reads"),
    }
    is_lacking, what = lacks.get(options.criterion, (None, ""))
    if is_lacking is not None and is_lacking(found, group.units):
        others = ", or another criterion, or 0 for it in layers"
        yield FieldError(
            (*path, "criterion"),
            f'expected {what} "{group.layers[0]}" for the criterion {options.criterion}{others}, got none',
        )


def _check_sizes(
    options: Options, model: Any, found: Channels, intended: Plan, path: FieldPath
) -> Iterator[FieldError]:
    """As far as can be said before the scores are known."""
    alike = np.ones(found.count)
    smallest, _ = choice.choose(model, found, alike, intended.floors(1.0), choice.Goal())
    if smallest.all():
        yield FieldError(
            path, "expected amounts that are at least one filter of a layer with more than `least`, got smaller ones"
        )
        return
    sizes = {"parameters": channel_cut.parameters(model, found, smallest), "macs": channel_cut.macs(found, smallest)}
    for key, size in sizes.items():
        share, start = getattr(options, key), getattr(intended, key)
        if share is not None and size > int(start * share):
            yield FieldError(
                (*path, key),
                f"expected at least {np.ceil(1000 * size / start) / 1000:g}, what is left where each layer loses all "
                f"that it may, got {share:g}",
            )


def outline(options: Options, model: Any) -> Any | None:
    """The model as it will be after the pass, but for its values; None if its shapes depend on them."""
    model = flat(model)
    found = channels.find(model)
    intended = Plan.of(options, model)
    if options.max_accuracy_drop is not None or intended.has_goal or not choice.known_beforehand(found):
        return None
    kept, _ = choice.choose(model, found, np.ones(found.count), intended.floors(1.0), choice.Goal())
    return channel_cut.cut(Network(model), found, kept).model


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Remove filters, training on; what is left of earlier promises is promised on."""
    return rounds.run(Network(flat(network.model), network.promises), dataset, options, context)
