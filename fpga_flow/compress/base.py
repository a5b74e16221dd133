"""The contract of a compression pass.

A pass is a module of this package with

    USES_PRECISION                              whether it reads the spec's `precision` section
    Options                                     its section of the spec, a `Section`
    apply(network, dataset, options, context)   -> (Network, dict)
    check(options, model, precision, path)      -> yields a `FieldError` for each option that does not fit the model;
                                                   `path` leads to the options in the spec

`apply` works on any Keras model. It returns a new network, never changes the one it got, carries its promises over and
adds its own; every training goes through `retrain`, which keeps them. The dict it returns holds what the pass has to
tell (JSON values). `compress.apply` measures accuracy before and after, and re-checks all promises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_flow import training
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import tf
from fpga_flow.networks.network import Network, Promise, snap, weight
from fpga_flow.spec.base import Retraining, Training


@dataclass(frozen=True)
class Context:
    """What a pass may need beyond the network, its options and the data.

    training    the spec's training settings, which retraining falls back on
    precision   the spec's `precision` section, or None
    seed        the spec's seed
    checkpoint  where interrupted retraining goes on from, or None
    report      gets each epoch's row of the training history, and the number of epochs
    """

    training: Training
    precision: Any
    seed: int
    checkpoint: Path | None = None
    report: Callable[[dict[str, Any], int], None] = lambda epoch, epochs: None


@dataclass(frozen=True)
class PassReport:
    """What `run.json` says of a pass; accuracies on the test samples."""

    name: str
    options: dict[str, Any]
    accuracy_before: float
    accuracy_after: float
    seconds: float
    details: dict[str, Any]


def retrain(
    network: Network,
    dataset: Dataset,
    options: Retraining,
    context: Context,
    hooks: training.Hooks = training.NO_HOOKS,
) -> training.History:
    """Train the network's model in place while every promise is kept, and leave quantized weights on their types'
    values.

    Pruned weights are zeroed again after each step of the optimiser.
    """
    steps = [_zero(network, promise) for promise in network.promises]
    hooks = training.Hooks([*steps, *hooks.after_step], hooks.before_epoch, hooks.state, hooks.ready_epoch)
    for step in steps:
        step()
    history: training.History = []
    if options.epochs:
        history = training.fit(
            network.model,
            dataset,
            context.training.adapted(options),
            context.seed,
            hooks=hooks,
            checkpoint=context.checkpoint,
            report=context.report,
        )
    snap(network.model)
    return history


def _zero(network: Network, promise: Promise) -> Callable[[], None]:
    variable, mask = weight(network.model, promise.layer, promise.weight), tf.constant(promise.mask)
    return lambda: variable.assign(variable * mask)
