"""`shrink`: the same network with fewer channels and smaller kernels.

width    a share of each hidden layer's filters stays (the width multiplier of Howard et al. 2017, "MobileNets", section
         3.3), those of the largest L1 norm; what is tied, by an addition for example, goes together
kernels  kernels that are larger than this lose their border (Iandola et al. 2016, "SqueezeNet", strategy 1), or, if
         they are to be dilated, keep the taps that reach as far as all did (Yu & Koltun 2016, "Multi-scale context
         aggregation by dilated convolutions")

All weights that stay keep their values, and what was promised of them stays promised. Feature maps keep their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from fpga_flow.compress.base import Context, retrain
from fpga_flow.compress.prune_filters import choice, plan, scores
from fpga_flow.compress.shrink import kernels
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks import channel_cut, channels
from fpga_flow.networks.channels import Channels
from fpga_flow.networks.network import Network
from fpga_flow.networks.rebuild import flat
from fpga_flow.patterns import unmatched
from fpga_flow.spec.base import PositiveInt, Retraining

#: Beyond the code that all passes use.
CODE = ("compress/prune_filters",)


class Options(Retraining):
    """What becomes smaller.

    width    the share of filters that stay
    kernels  the largest height and width of kernels, by glob pattern of layer names
    dilated  kernels reach as far as before, with pixels left out
    """

    width: Annotated[float, Field(gt=0, lt=1)] | None = None
    kernels: dict[str, PositiveInt] = Field(default_factory=dict)
    dilated: bool = False

    @model_validator(mode="after")
    def _says_what(self) -> Options:
        if self.width is None and not self.kernels:
            raise ValueError("expected width or kernels, got none of them")
        if self.dilated and not self.kernels:
            raise ValueError("expected kernels to be dilated, got none")
        return self


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be filters that can go; each pattern must match a kernel that gets smaller."""
    model = flat(model)
    if options.width is not None:
        found = channels.find(model)
        if not found.groups:
            stay = "; ".join(f'those of "{name}" stay: {why}' for name, why in found.stay.items())
            yield FieldError((*path, "width"), f"expected a network with filters that can go, got none: {stay}")
        elif _kept(model, found, options.width).all():
            text = f"expected a width with which a layer loses a filter, got {options.width:g}"
            yield FieldError((*path, "width"), text)
    if options.kernels:
        yield from _check_kernels(options, model, path)


def _check_kernels(options: Options, model: Any, path: FieldPath) -> Iterator[FieldError]:
    names = [layer.name for layer in model.layers if kernels.is_convolution(layer)]
    everything = [layer.name for layer in model.layers]
    for pattern, message in unmatched(options.kernels, names, "convolution", everything).items():
        yield FieldError((*path, "kernels", pattern), message)
    for pattern, size in options.kernels.items():
        cuts, left = kernels.find(model, {pattern: size}, dilated=options.dilated)
        if not cuts and left:
            reasons = "; ".join(f'"{name}" {why}' for name, why in left.items())
            yield FieldError(
                (*path, "kernels", pattern), f"expected a kernel that can get smaller, got none: {reasons}"
            )


def outline(options: Options, model: Any) -> Any | None:
    """The model as it will be after the pass, but for its values; None if its shapes depend on them."""
    model = flat(model)
    found = channels.find(model)
    if options.width is not None and not choice.known_beforehand(found):
        return None
    return _shrunk(Network(model), options)[0].model


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Make the network smaller, train on; what is left of earlier promises is promised on."""
    before = Network(flat(network.model), network.promises)
    shrunk, told = _shrunk(before, options)
    history = retrain(shrunk, dataset, options, context)
    sizes = {"before": channel_cut.size(before.model), "after": channel_cut.size(shrunk.model)}
    return shrunk, {"history": history, **told, **sizes}


def _shrunk(network: Network, options: Options) -> tuple[Network, dict[str, Any]]:
    """The smaller network, and what there is to tell of it: filters and kernels before and after, and what is left as
    it is, with the reasons.
    """
    told: dict[str, Any] = {"filters": {}, "kernels": {}, "left": {}}
    if options.width is not None:
        found = channels.find(network.model)
        names = [name for group in found.groups for name in group.layers]
        before = plan.filters(network.model, names)
        network = channel_cut.cut(network, found, _kept(network.model, found, options.width))
        after = plan.filters(network.model, names)
        told["filters"] = {name: {"before": count, "after": after[name]} for name, count in before.items()}
        told["left"] |= {name: f"its filters stay: {why}" for name, why in found.stay.items()}
    if options.kernels:
        cuts, left = kernels.find(network.model, options.kernels, dilated=options.dilated)
        network = kernels.cut(network, cuts)
        told["kernels"] = {name: each.to_dict() for name, each in cuts.items()}
        told["left"] |= left
    return network, told


def _kept(model: Any, found: Channels, width: float) -> channel_cut.Kept:
    """Which units stay: of each layer the share `width`, rounded, but at least one filter."""
    counts = plan.filters(model, (name for group in found.groups for name in group.layers))
    floors = {name: max(1, int(np.floor(count * width + 0.5))) for name, count in counts.items()}
    kept, _ = choice.choose(model, found, scores.norms(found, 1), floors, choice.Goal())
    return kept
