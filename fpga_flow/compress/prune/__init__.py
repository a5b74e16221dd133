"""`prune`: weights that matter least become zero and stay zero; biases never.

    method     what it does
    gradual    sparsity rises by a polynomial schedule while the network is trained on
               (Zhu & Gupta 2017, "To prune, or not to prune", equation 1)
    one_shot   all weights go at once, then the network is trained on
    iterative  prune, retrain, prune: in each round a share of the weights that are left goes, until `sparsity` is
               reached or validation accuracy has fallen by more than `max_accuracy_drop` (Han et al. 2015)

`criteria.py` has what makes a weight matter, `allocation.py` which layer gives how many, `groups.py` the patterns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.compress.base import Context
from fpga_flow.compress.prune import groups
from fpga_flow.compress.prune.allocation import Allocation
from fpga_flow.compress.prune.criteria import Criterion
from fpga_flow.compress.prune.methods import METHODS, Method
from fpga_flow.compress.prune.pruner import Pruner, kernels
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weight
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import Fraction, Retraining, Section


class Schedule(Section):
    """Of the method `gradual`: sparsity goes from `initial` to its end along 1 - (1 - t)**power.

    initial  sparsity at the start; a layer whose end is below it starts at its end
    power    the exponent
    share    of the epochs in which sparsity rises
    """

    initial: Fraction = 0.0
    power: Annotated[float, Field(gt=0, le=10)] = 3.0
    share: Annotated[float, Field(gt=0, le=1)] = 0.5


class Options(Retraining):
    """How many weights become zero, and which. Without `sparsity` only the layers of the patterns in `layers` are
    pruned, or, with `max_accuracy_drop`, all of them as far as accuracy bears it.

    epochs             of each training
    sparsity           the share of weights that become zero, of each kernel or (allocations `global`, `lamp` and
                       `sensitivity`) of all
    layers             the sparsity by glob pattern of layer names; with an N:M `pattern`, 0 leaves a layer out
    method             whether sparsity rises while the network is trained on, all weights go at once, or round by round
    criterion          what makes a weight matter
    allocation         how sparsity is shared out among layers
    pattern            which weights go together: none, N:M (of M weights N stay), or groups that save whole multipliers
                       or block RAMs
    schedule           of the method `gradual`
    max_accuracy_drop  of the method `iterative`: how far validation accuracy may fall, as a share of 1; left out: as
                       far as it does
    step               of the method `iterative`: the share of the weights left that each round prunes
    """

    sparsity: Fraction | None = None
    layers: dict[str, Fraction] = Field(default_factory=dict)
    method: Method = "gradual"
    criterion: Criterion = "magnitude"
    allocation: Allocation = "uniform"
    pattern: groups.PatternText | None = None
    schedule: Schedule = Schedule()
    max_accuracy_drop: Fraction | None = None
    step: Annotated[float, Field(gt=0, lt=1)] = 0.25


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return {"dsp": ("hls",), "bram": ("hls", "precision")}.get(options.pattern or "", ())


def prunes(options: Options, layer: str) -> bool:
    """Whether the pass may make weights of a layer zero."""
    share = next(iter(matching(options.layers, layer)), options.sparsity)
    return share > 0 if share is not None else options.max_accuracy_drop is not None or ":" in (options.pattern or "")


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a layer with a kernel, and options must be of the method and the allocation."""
    names = [layer for layer, _ in kernels(model)]
    everything = [layer.name for layer in model.layers]
    for pattern, message in unmatched(options.layers, names, "layer with weights", everything).items():
        yield FieldError((*path, "layers", pattern), message)
    wrong = list(_check_sparsity(options, path))
    yield from wrong or _check_groups(options, model, path)
    for key, method in (("schedule", "gradual"), ("max_accuracy_drop", "iterative"), ("step", "iterative")):
        if getattr(options, key) != Options.model_fields[key].default and options.method != method:
            yield FieldError(
                (*path, key), f"expected none for the method {options.method}: it is of the method {method}"
            )
    if options.sparsity is not None and options.schedule.initial > options.sparsity:
        yield FieldError(
            (*path, "schedule", "initial"),
            f"expected at most the sparsity {options.sparsity:g}, got {options.schedule.initial:g}",
        )
    if options.layers and options.allocation != "uniform":
        yield FieldError(
            (*path, "layers"),
            f"expected none for the allocation {options.allocation}, which chooses the shares itself",
        )
    if options.criterion == "movement":
        yield from _check_movement(options, model, path)


def _check_movement(options: Options, model: Any, path: FieldPath) -> Iterator[FieldError]:
    """Weights move in training, so it must come before the pruning; those of frozen layers never do."""
    for layer in dict.fromkeys(layer for layer, _ in kernels(model)):
        if prunes(options, layer) and not model.get_layer(layer).trainable:
            out = ", or 0 for it in layers" if options.allocation == "uniform" else ""
            yield FieldError(
                (*path, "criterion"),
                f'expected magnitude or gradient{out}, as weights of the frozen layer "{layer}" do not move, '
                "got movement",
            )
    if options.allocation in ("lamp", "sensitivity"):
        yield FieldError(
            (*path, "allocation"),
            f"expected uniform or global for the criterion movement, got {options.allocation}, which needs scores "
            + ("that are not negative" if options.allocation == "lamp" else "before the training"),
        )
    if options.method != "gradual":
        yield FieldError((*path, "method"), f"expected gradual for the criterion movement, got {options.method}")
        return
    if round(options.epochs * options.schedule.share) < 1:
        yield FieldError(
            (*path, "epochs"),
            "expected so many that the schedule's share of them is one or more, for the criterion movement, "
            f"got {options.epochs}",
        )
    if options.schedule.initial:
        yield FieldError(
            (*path, "schedule", "initial"), f"expected 0 for the criterion movement, got {options.schedule.initial:g}"
        )


def _check_sparsity(options: Options, path: FieldPath) -> Iterator[FieldError]:
    of_pattern = None
    try:
        of_pattern = groups.Pattern.parse(options.pattern).sparsity
    except ValueError as error:
        yield FieldError((*path, "pattern"), str(error))
        return
    if of_pattern is not None:
        if options.sparsity is not None:
            yield FieldError(
                (*path, "sparsity"),
                f"expected none, as the pattern {options.pattern} says it, got {options.sparsity:g}",
            )
        for layers, share in options.layers.items():
            if share:
                yield FieldError(
                    (*path, "layers", layers),
                    f"expected 0, which leaves a layer out, as the pattern {options.pattern} says the rest, "
                    f"got {share:g}",
                )
        if options.allocation != "uniform":
            yield FieldError(
                (*path, "allocation"), f"expected uniform for the pattern {options.pattern}, got {options.allocation}"
            )
    elif options.sparsity is None and not options.layers and options.max_accuracy_drop is None:
        yield FieldError(path, "expected `sparsity`, `layers` with some by pattern, or `max_accuracy_drop`, got none")


def _check_groups(options: Options, model: Any, path: FieldPath) -> Iterator[FieldError]:
    """A kernel of one block loses all of it or nothing; so it never gets the sparsity of its layer. Where layers are
    compared with each other, others make up for it. Of N:M one group does, in any of a layer's kernels.
    """
    least, words = (1, "a whole group") if ":" in (options.pattern or "") else (2, "two or more groups")
    counts = {
        key: groups.Pattern.parse(options.pattern).of_kernel(key[1]).count(weight(model, *key).shape)
        for key in kernels(model)
        if prunes(options, key[0])
    }
    small = {key: count for key, count in counts.items() if count is not None and count < least}
    if least == 1:
        enough = {layer for layer, name in counts if (layer, name) not in small}
        small = {key: count for key, count in small.items() if key[0] not in enough}
    if options.allocation in ("global", "lamp") and len(small) < len(counts):
        return
    for (layer, name), count in small.items():
        shape = "x".join(map(str, weight(model, layer, name).shape))
        out = ", or 0 for it in layers" if options.allocation == "uniform" else ""
        yield FieldError(
            (*path, "pattern"),
            f'expected a pattern with {words} in layer "{layer}"{out}, got {options.pattern} with '
            f"{count} in its {name} of shape {shape}",
        )


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Prune, training on; the masks become promises of the new network."""
    pruner = Pruner(Network(copy_model(network.model), network.promises), dataset, options, context)
    details = METHODS[options.method](pruner)
    pruned = pruner.network()
    masks: dict[str, list[NDArray[np.bool_]]] = {}
    for (layer, _), mask in pruner.masks().items():
        masks.setdefault(layer, []).append(mask.ravel())  # a separable convolution has two
    sparsities = {layer: 1 - float(np.mean(np.concatenate(each))) for layer, each in masks.items()}
    return pruned, {**details, "sparsity": sparsities}
