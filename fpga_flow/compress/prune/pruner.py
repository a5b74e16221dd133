"""A network while it is pruned: its kernels and their masks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from fpga_flow import training
from fpga_flow.compress.base import Context, Key, retrain
from fpga_flow.compress.prune import allocation
from fpga_flow.compress.prune.allocation import Masks
from fpga_flow.compress.prune.criteria import Scorer
from fpga_flow.compress.prune.groups import Pattern
from fpga_flow.datasets.base import Dataset, Part
from fpga_flow.hls import settings
from fpga_flow.keras import tf
from fpga_flow.networks.network import Network, snap, weight, weights
from fpga_flow.networks.promises import Mask, Sharing
from fpga_flow.number_types import hardware_width
from fpga_flow.patterns import matching
from fpga_flow.training import History, Hooks


class Pruner:
    """Prunes the model of a network in place. `ends` are the sparsities that each kernel is to have in the end."""

    def __init__(self, network: Network, dataset: Dataset, options: Any, context: Context) -> None:
        self._start, self.dataset, self.options, self.context = network, dataset, options, context
        self.model = network.model
        self._kernels = {key: weight(self.model, *key) for key in kernels(self.model)}
        earlier = {(each.layer, each.weight): each.mask for each in network.promises if isinstance(each, Mask)}
        self._masks = {
            key: tf.Variable(earlier.get(key, np.ones(kernel.shape, bool)), dtype=tf.bool)
            for key, kernel in self._kernels.items()
        }
        self._patterns = {key: pattern_of(options.pattern, key, context) for key in self._kernels}
        self._scorer = Scorer(options.criterion, self.model, self._kernels, dataset)
        self._losses: dict[Key, list[float]] = {}

    @property
    def losses(self) -> dict[str, list[float]]:
        """Of the allocation `sensitivity`: each kernel's losses at `allocation.SENSITIVITY_AT`, after that of none; by
        the name of its layer, where that has no other kernel.
        """
        count = Counter(layer for layer, _ in self._losses)
        return {key[0] if count[key[0]] == 1 else ".".join(key): values for key, values in self._losses.items()}

    @property
    def variables(self) -> list[Any]:
        """All that a round of pruning and retraining changes."""
        return [*self.model.variables, *self._masks.values()]

    def masks(self) -> Masks:
        """The masks as they are now."""
        return {key: mask.numpy() for key, mask in self._masks.items()}

    def network(self) -> Network:
        """The network with its masks as promises."""
        changed = {key for key, mask in self.masks().items() if not mask.all()}  # earlier masks are parts of these
        others = [
            each
            for each in self._start.promises
            if isinstance(each, Sharing) or (each.layer, each.weight) not in changed
        ]
        mine = [Mask("prune", *key, mask) for key, mask in self.masks().items() if key in changed]
        return Network(self.model, (*others, *mine))

    def ends(self) -> dict[Key, float | None]:
        """The sparsity that each kernel is to have in the end, None for as much as accuracy bears; allocations that
        compare layers have the same for all.
        """
        options = self.options
        rest = 0.0 if options.sparsity is None and options.max_accuracy_drop is None else options.sparsity
        all_alike = {key: rest if each.sparsity is None else each.sparsity for key, each in self._patterns.items()}
        ends = {key: next(iter(matching(options.layers, key[0])), share) for key, share in all_alike.items()}
        if options.allocation != "sensitivity":
            return ends
        self._losses = allocation.sensitivities(self._scorer.scores(), self.masks(), self._patterns, self._loss_with)
        return ends if options.sparsity is None else dict(self._by_sensitivity(options.sparsity))

    def shares(self, ends: dict[Key, float | None], target: float) -> dict[Key, float]:
        """The sparsity of each kernel in a round that prunes so much, or as much as the kernel's end."""
        if self.options.allocation == "sensitivity" and self.options.sparsity is None:
            return self._by_sensitivity(target)
        return {key: target if end is None else min(end, target) for key, end in ends.items()}

    def _by_sensitivity(self, sparsity: float) -> dict[Key, float]:
        sizes = {key: mask.size for key, mask in self.masks().items()}
        return allocation.sensitivity(self._losses, sizes, sparsity)

    def prune(self, sparsity: dict[Key, float]) -> None:
        """Prune to these sparsities by the kernels' scores as they are now; what is zero stays zero."""
        scores, earlier = self._scorer.scores(), self.masks()
        if self.options.allocation in ("global", "lamp"):
            if self.options.allocation == "lamp":
                scores = allocation.lamp(scores)
            share = sum(sparsity[key] * score.size for key, score in scores.items())
            share /= sum(score.size for score in scores.values())
            masks = allocation.together(scores, earlier, share, self._patterns)
        else:
            masks = allocation.by_layer(scores, earlier, sparsity, self._patterns)
        self.set_masks(masks)

    def set_masks(self, masks: Masks) -> None:
        """Take these masks, and make what they prune zero."""
        for key, mask in masks.items():
            self._masks[key].assign(mask)
            self._kernels[key].assign(np.where(mask, self._kernels[key].numpy(), 0))

    def retrain(self, context: Context | None = None, **hooks: Any) -> History:
        """Train the model on with its masks as they are at each step."""
        gradients = [*self._scorer.gradients, self._without_pruned]
        state = [*self._masks.values(), *self._scorer.state]
        own = Hooks(gradients=gradients, after_step=[self._keep_zero], state=state, row=self._row, **hooks)
        return retrain(self._start, self.dataset, self.options, context or self.context, own)

    def snap(self) -> None:
        """Leave quantized weights on their types' values."""
        snap(self.model)

    def sparsity(self) -> float:
        """The share of all kernels' weights that is pruned."""
        masks = self.masks().values()
        return 1 - sum(int(mask.sum()) for mask in masks) / sum(mask.size for mask in masks)

    def accuracy(self) -> float:
        """The accuracy of the network as it is now."""
        return training.evaluate(self.model, self._judges)

    @property
    def _judges(self) -> Part:
        """The samples that say how good the network is: those for validation, for training where there are none."""
        return self.dataset.validation if len(self.dataset.validation.x) else self.dataset.train

    def _row(self) -> dict[str, Any]:
        return {"sparsity": round(self.sparsity(), 6)}

    def _without_pruned(self, variable: Any, gradient: Any) -> Any:
        """Where weights share a value, their sum of gradients must not have those of pruned ones in it."""
        for key, kernel in self._kernels.items():
            if variable is kernel:
                return tf.where(self._masks[key], gradient, 0.0)
        return gradient

    def _keep_zero(self) -> None:
        for key, kernel in self._kernels.items():
            kernel.assign(tf.where(self._masks[key], kernel, 0.0))

    def _loss_with(self, key: Key, mask: Any) -> float:
        """The loss with one kernel pruned."""
        kernel = self._kernels[key]
        before = kernel.numpy()
        kernel.assign(np.where(mask, before, 0))
        loss = training.loss(self.model, self._judges)
        kernel.assign(before)
        return loss


def kernels(model: Any) -> list[Key]:
    """The layers' names and those of their weights that can be pruned: all but biases."""
    return [(layer.name, name) for layer, name, _ in weights(model) if name != "bias"]


def pattern_of(text: str | None, key: Key, context: Context) -> Pattern:
    """The pattern for a kernel, by its layer's reuse factor and width of weights where it depends on them."""
    layer, name = key
    sizes = (reuse_factor(context.hls, layer), weight_bits(context.precision, layer)) if text in ("dsp", "bram") else ()
    return Pattern.parse(text, *sizes).of_kernel(name)


def reuse_factor(hls: Any, layer: str) -> int:
    """The reuse factor that the spec's `hls` section gives a layer; 1 where it gives none."""
    return settings.by_pattern(layer, hls, "reuse_factor") or hls.reuse_factor or 1


def weight_bits(precision: Any, layer: str) -> int:
    """The width of the weights that the spec's `precision` section gives a layer; 36 where it gives none."""
    types = matching(precision.layers, layer) if precision is not None else []
    given = [hardware_width(each.weight) for each in types if each.weight is not None]
    return next(iter(given), 36)
