"""What the passes that let weights share values have in common: `cluster`, `hash_share`, `circulant`,
`transfer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.base import Context, Key, retrain
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weight, weights
from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.patterns import matching, unmatched
from fpga_flow.spec.base import Retraining

#: Whether a kernel of this name and shape can share values.
Fits = Callable[[str, Sequence[int]], bool]


def any_kernel(name: str, shape: Sequence[int]) -> bool:
    """For passes that take all kernels."""
    return True


def chosen(model: Any, layers: Mapping[str, Any], default: Any, fits: Fits = any_kernel) -> dict[Key, Any]:
    """For each kernel of a model that is to share values, what the most specific pattern says of its layer.

    Args:
        layers: by glob pattern.
        default: for layers without a pattern; None to leave them as they are.
        fits: which kernels there are to choose from; others are left as they are.
    """
    found = {
        (layer.name, name): next(iter(matching(layers, layer.name)), default)
        for layer, name, variable in weights(model)
        if name != "bias" and fits(name, tuple(variable.shape))
    }
    return {key: value for key, value in found.items() if value is not None}


def check_layers(
    model: Any,
    layers: Mapping[str, Any],
    default: Any,
    what: str,
    path: FieldPath,
    key: str,
    fits: Fits = any_kernel,
) -> Iterator[FieldError]:
    """Patterns must match a layer that has such weights; something must be asked for.

    Args:
        what: such a layer, in words.
        key: the name of the option that has the default.
    """
    names = [layer for layer, _ in chosen(model, {}, True, fits)]
    for pattern, message in unmatched(layers, names, what, [layer.name for layer in model.layers]).items():
        yield FieldError((*path, "layers", pattern), message)
    if default is None and not layers:
        yield FieldError(path, f"expected `{key}`, or `layers` with some by pattern, got neither")
    elif not names:
        yield FieldError(path, f"expected a network with a {what}, got none")


def check_types(keys: Iterable[Key], precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Values that channels share need a type that the channels share.

    Args:
        keys: the kernels in which values are shared across channels.
        precision: the spec's `precision` section, or None.
    """
    layers = precision.layers if precision is not None else {}
    for layer in dict.fromkeys(layer for layer, _ in keys):
        given = (each.weight_per for each in matching(layers, layer) if each.weight_per is not None)
        if next(given, "tensor") == "channel":
            yield FieldError(
                path,
                f'expected layers whose channels have one type of weights, as they share values, got "{layer}" with '
                "weight_per channel in precision.layers",
            )


def share(
    network: Network,
    values: Mapping[Key, NDArray[np.floating]],
    promises: Sequence[Promise],
    dataset: Dataset,
    options: Retraining,
    context: Context,
) -> tuple[Network, dict[str, Any]]:
    """A network with these values of weights and these promises added to its own, retrained; and what there is to tell.

    Args:
        values: of some weights, each of its weight's shape.
    """
    made = Network(copy_model(network.model), (*network.promises, *promises))
    for key, value in values.items():
        weight(made.model, *key).assign(value)
    history = retrain(made, dataset, options, context)
    return made, {"history": history, "layers": [_told(made, each) for each in promises if isinstance(each, Sharing)]}


def spread_values(sharing: Sharing, network: Network) -> NDArray[np.floating]:
    """Weights that share values as a rule says, whatever they were: each group's value is the mean of its weights times
    the square root of their number, so that their variance stays about what it was. Weights that are zero by an earlier
    promise stay so, and don't count.
    """
    weights = weight(network.model, sharing.layer, sharing.weight).numpy()
    free = np.ones(weights.shape, bool)
    for promise in network.of(sharing.layer, sharing.weight):
        if isinstance(promise, Mask):
            free &= promise.mask
    numbers = sharing.groups[free]
    signed = (weights if sharing.signs is None else weights * sharing.signs)[free]
    counts = np.maximum(np.bincount(numbers, minlength=sharing.count), 1)
    sums = np.bincount(numbers, signed, minlength=sharing.count)
    values = np.where(sums, sums / np.sqrt(counts), sharing.values(weights))  # binary weights that cancel out: no zero
    return np.where(free, sharing.spread(values.astype(weights.dtype), weights), 0)


def _told(network: Network, sharing: Sharing) -> dict[str, Any]:
    values = weight(network.model, sharing.layer, sharing.weight).numpy()
    return {
        "layer": sharing.layer,
        "weight": sharing.weight,
        "weights": int(values.size),
        "shared": sharing.count,
        "distinct": len(np.unique(values[values != 0])),
    }
