"""`prune`: small weights become zero and stay zero, by magnitude, with sparsity rising by a polynomial schedule.

Source: Zhu & Gupta, "To prune, or not to prune" (2017), equation 1. Each kernel is pruned on its own; biases never.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.compress.base import Context, retrain
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.keras import tf
from fpga_flow.networks.network import Network, snap, weight, weights
from fpga_flow.networks.promises import Mask
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import Fraction, Retraining, Section
from fpga_flow.training import Hooks

USES_PRECISION = False


class Schedule(Section):
    """Sparsity goes from `initial` to its end value along 1 - (1 - t)**power, over this share of the epochs."""

    initial: Fraction = 0.0
    power: Annotated[float, Field(gt=0, le=10)] = 3.0
    share: Annotated[float, Field(gt=0, le=1)] = 0.5


class Options(Retraining):
    """`sparsity` is the share of a kernel's weights that become zero; `layers` gives it by glob pattern instead."""

    sparsity: Fraction
    layers: dict[str, Fraction] = Field(default_factory=dict)
    schedule: Schedule = Schedule()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a layer with a kernel."""
    names = [layer for layer, _ in _kernels(model)]
    for pattern, message in unmatched(options.layers, names, "layer with weights").items():
        yield FieldError((*path, "layers", pattern), message)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Prune to the sparsity of each layer, training on; the masks become promises of the new network."""
    network = Network(copy_model(network.model), network.promises)
    model = network.model
    earlier = {(each.layer, each.weight): each.mask for each in network.promises if isinstance(each, Mask)}
    kernels = {key: weight(model, *key) for key in _kernels(model)}
    ends = {key: next(iter(matching(options.layers, key[0])), options.sparsity) for key in kernels}
    masks = {
        key: tf.Variable(earlier.get(key, np.ones(kernel.shape)).astype(np.float32)) for key, kernel in kernels.items()
    }
    ramp = round(options.epochs * options.schedule.share)

    def raise_sparsity(epoch: int) -> None:
        if epoch > ramp:
            return
        for key, kernel in kernels.items():
            sparsity = _polynomial(epoch / ramp if ramp else 1.0, ends[key], options.schedule)
            masks[key].assign(magnitude_mask(kernel.numpy() * masks[key].numpy(), sparsity))
            kernel.assign(kernel * masks[key])

    def keep_zero() -> None:
        for key, kernel in kernels.items():
            kernel.assign(kernel * masks[key])

    ready = min(ramp, max(options.epochs - 1, 0))
    hooks = Hooks(after_step=[keep_zero], before_epoch=raise_sparsity, state=list(masks.values()), ready_epoch=ready)
    if options.epochs <= ramp:
        raise_sparsity(ramp)
    history = retrain(network, dataset, options, context, hooks)
    if options.epochs <= ramp:
        raise_sparsity(ramp)
        snap(model)
    others = [
        each for each in network.promises if not (isinstance(each, Mask) and (each.layer, each.weight) in kernels)
    ]
    mine = [Mask("prune", *key, mask.numpy() != 0) for key, mask in masks.items() if np.any(mask.numpy() == 0)]
    sparsities = {layer: float(np.mean(masks[layer, name].numpy() == 0)) for layer, name in kernels}
    return Network(model, (*others, *mine)), {"history": history, "sparsity": sparsities}


def magnitude_mask(weights: NDArray[np.floating], sparsity: float) -> NDArray[np.float32]:
    """1 where a weight stays, 0 for the floor(sparsity * size) weights of smallest magnitude (of equals, the first)."""
    count = int(np.floor(sparsity * weights.size + 1e-9))
    mask = np.ones(weights.size, np.float32)
    mask[np.argsort(np.abs(weights).ravel(), kind="stable")[:count]] = 0
    return mask.reshape(weights.shape)


def _polynomial(time: float, end: float, schedule: Schedule) -> float:
    return end + (schedule.initial - end) * float((1 - time) ** schedule.power)


def _kernels(model: Any) -> list[tuple[str, str]]:
    return [(layer.name, name) for layer, name, _ in weights(model) if name != "bias"]
