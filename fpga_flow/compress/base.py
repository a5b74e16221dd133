"""The contract of a compression pass.

A pass, of this package or of a plugin, is a module with

    uses(options)                               names of the spec's sections that it reads besides its own
    Options                                     its section of the spec, a `Section`
    apply(network, dataset, options, context)   -> (Network, dict)
    outline(options, model)                     only of passes that change shapes: the model as it will be afterwards,
                                                but for its values, or None if that depends on them
    sketch(options, model)                      only of passes whose outline may be None and that may make layers of
                                                other names: a model with all of those, by which patterns are checked
    ANEW                                        True of passes that put new layers in the place of old ones: nothing
                                                can be kept of what was promised of those, so they come before passes
                                                that promise something of weights, or quantize them
    CODE                                        only of passes that use more of the package than all passes do: its
                                                files and folders on which their outcome depends
    PACKAGES                                    likewise, of packages besides QKeras
    shared(options, model)                      only of passes that let weights share values: those weights
    check(options, model, precision, path)      -> yields a `FieldError` for each option that does not fit the model;
                                                   `path` leads to the options in the spec
    teachers(options)                           only of passes with teachers: those, by their paths in the options
    check_layers(options, model, found, path)   only of passes with teachers: as `check`, where `model` is what the
                                                passes before leave, None if that is not known, and `found` are the
                                                teachers' models

`apply` works on any Keras model. It returns a new network, never changes the one it got, carries its promises over and
adds its own; every training of it goes through `retrain`, which keeps them. The dict it returns holds what the pass has
to tell (JSON values): `history` of its training, `histories` of other networks' by what they are (both are left out of
run.json), and more. `compress.apply` measures accuracy before and after, and re-checks all promises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import training
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import tf
from fpga_flow.networks.network import Network, snap, weight, weight_type
from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.spec.base import Retraining, Training

#: A layer's name and that of its weight.
Key = tuple[str, str]


@dataclass(frozen=True)
class Context:
    """What a pass may need beyond the network, its options and the data.

    training    the spec's training settings, which retraining falls back on
    precision   the spec's `precision` section, or None
    hls         the spec's `hls` section
    seed        the spec's seed
    trained     gives the spec's network as it was before all passes
    trust_code  whether Python code that the spec names may be run
    checkpoint  where interrupted retraining goes on from, or None; what else a pass goes on from lies beside it. Passes
                leave the last of these files: they are of use until the stage has saved the network and removes them
    report      gets each epoch's row of the training history, and the number of epochs
    """

    training: Training
    precision: Any
    seed: int
    checkpoint: Path | None = None
    report: Callable[[dict[str, Any], int], None] = lambda epoch, epochs: None
    hls: Any = None
    trained: Callable[[], Network] | None = None
    trust_code: bool = False

    def of_training(self, number: int) -> Context:
        """The context of one of several trainings of a pass, so that none is taken for another."""
        if self.checkpoint is None:
            return self
        return replace(self, checkpoint=self.checkpoint.with_stem(f"checkpoint_{number}"))

    def forget_training(self, number: int) -> None:
        """Remove the checkpoint of one of several trainings, whose outcome is saved."""
        if (checkpoint := self.of_training(number).checkpoint) is not None:
            checkpoint.unlink(missing_ok=True)


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

    Pruned weights are zeroed again after each step of the optimiser. Weights that share a value get the sum of their
    gradients (Han et al. 2015, "Deep Compression", equation 3), so that they make the same steps. The gradients pass
    through `hooks` first: those of weights that a pass prunes must not be in a sum.
    """
    keep(network)
    history: training.History = []
    if options.epochs:
        kept = _keeping(network)
        hooks = replace(
            hooks,
            gradients=[*hooks.gradients, *kept.gradients],
            after_step=[*kept.after_step, *hooks.after_step],
        )
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


def following(history: training.History, epochs: int, *, kept: bool) -> training.History:
    """The history of a round behind so many epochs of the rounds before it; none of its epochs is the best one where
    the round was taken back.
    """
    return [{**row, "epoch": row["epoch"] + epochs, "best": row["best"] and kept} for row in history]


def keep(network: Network) -> None:
    """Change the weights of the network's model as little as its promises ask for."""
    for promise in network.promises:
        variable = weight(network.model, promise.layer, promise.weight)
        values = variable.numpy()
        if isinstance(promise, Mask):
            values = np.where(promise.mask, values, 0)
        else:
            values = _within(network.model, promise, values)
            values = np.where(values == 0, 0, promise.spread(promise.values(values), values))
        variable.assign(values)


def _keeping(network: Network) -> training.Hooks:
    """What keeps the promises in training. Masks are dealt with first, so that zeros add nothing to a sum."""
    masks = [promise for promise in network.promises if isinstance(promise, Mask)]
    shared = [promise for promise in network.promises if isinstance(promise, Sharing)]
    gradients = [_masked(network, promise) for promise in masks] + [_summed(network, promise) for promise in shared]
    after = [_zeroed(network, promise) for promise in masks]
    return training.Hooks(gradients, [*after, *filter(None, (_limited(network, promise) for promise in shared))])


def _masked(network: Network, promise: Mask) -> Callable[[Any, Any], Any]:
    mask = tf.constant(promise.mask, tf.float32)
    return _for(network, promise, lambda gradient: gradient * mask)


def _zeroed(network: Network, promise: Mask) -> Callable[[], None]:
    variable, mask = weight(network.model, promise.layer, promise.weight), tf.constant(promise.mask, tf.float32)
    return lambda: variable.assign(variable * mask)


def _summed(network: Network, promise: Sharing) -> Callable[[Any, Any], Any]:
    """Each weight of a group gets the sum of the group's gradients; a weight that is zero by a mask got 0 before."""
    members = np.flatnonzero(promise.groups >= 0)
    places, numbers = tf.constant(members[:, None]), tf.constant(promise.groups.ravel()[members].astype(np.int32))
    signs = None if promise.signs is None else tf.constant(promise.signs.ravel()[members], tf.float32)
    count = promise.count

    def share(gradient: Any) -> Any:
        flat = tf.reshape(gradient, [-1])
        own = tf.gather_nd(flat, places)
        sums = tf.gather(tf.math.unsorted_segment_sum(own if signs is None else own * signs, numbers, count), numbers)
        shared = tf.tensor_scatter_nd_update(flat, places, sums if signs is None else sums * signs)
        return tf.reshape(shared, gradient.shape)

    return _for(network, promise, share)


def _limited(network: Network, promise: Sharing) -> Callable[[], None] | None:
    """For values of both signs, whose type may hold one more negative than positive ones."""
    limit = _limit(network.model, promise)
    if limit is None:
        return None
    variable = weight(network.model, promise.layer, promise.weight)
    return lambda: variable.assign(tf.clip_by_value(variable, -limit, limit))


def _within(model: Any, promise: Sharing, values: NDArray[np.floating]) -> NDArray[np.floating]:
    limit = _limit(model, promise)
    return values if limit is None else np.clip(values, -limit, limit)


def _limit(model: Any, promise: Sharing) -> float | None:
    if promise.signs is None:
        return None
    type_ = weight_type(model.get_layer(promise.layer), promise.weight)
    return None if type_ is None else type_.max


def _for(network: Network, promise: Promise, change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """`change` for the gradient of the promise's weight, nothing for others."""
    mine = weight(network.model, promise.layer, promise.weight)
    return lambda variable, gradient: change(gradient) if variable is mine else gradient
