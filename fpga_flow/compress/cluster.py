"""`cluster`: the weights of each kernel are replaced by a few values that they share, found by k-means.

Zeros stay zero. The shared values are trained on by the sum of their weights' gradients (Han et al. 2015, "Deep
Compression", section 3); behind a `quantize` pass they are values of the layer's type, so that hardware is exact.

    init     the first centroids (section 3.2)
    linear   evenly between the least and the greatest weight: large weights, which matter most, are met best
    density  evenly through the weights in their order
    random   weights picked at random
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow import doing
from fpga_flow.compress import sharing
from fpga_flow.compress.base import Context, Key
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weight, weight_type
from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.spec.base import Retraining

Init = Literal["linear", "density", "random"]
Count = Annotated[int, Field(ge=1, le=4096)]


class Options(Retraining):
    """How many values the weights share. Without `clusters` only the layers of the patterns share values.

    clusters  how many values a kernel (or each of its output channels, by `per`) has, zero not counted
    layers    the same by glob pattern of layer names
    init      where k-means begins: values in equal steps, in equal numbers of weights, or weights drawn at random
    per       whether a layer, or each of its output channels, has values of its own
    """

    clusters: Count | None = None
    layers: dict[str, Count] = Field(default_factory=dict)
    init: Init = "linear"
    per: Literal["layer", "channel"] = "layer"


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def shared(options: Options, model: Any) -> dict[Key, int]:
    """The kernels that come to share values, and how many."""
    return sharing.chosen(model, options.layers, options.clusters)


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a layer with weights; of one type, unless each channel has clusters of its own."""
    yield from sharing.check_layers(model, options.layers, options.clusters, "layer with weights", path, "clusters")
    if options.per == "layer":
        yield from sharing.check_types(shared(options, model), precision, path)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Replace weights by their clusters' centroids, train those, and promise the sharing."""
    values, promises = {}, list[Promise]()
    chosen = shared(options, network.model)
    for number, (key, count) in enumerate(doing.each(chosen.items(), "layers, whose weights are clustered")):
        weights = weight(network.model, *key).numpy()
        type_ = weight_type(network.model.get_layer(key[0]), key[1])
        if type_ is not None:
            weights = type_.quantize(weights).astype(np.float32)
        groups = _groups(weights, count, options, [context.seed, number])
        made = Sharing("cluster", *key, groups)
        centroids = _means(weights, groups, made.count)
        values[key] = np.asarray(made.spread(centroids, weights), np.float32)
        promises.append(made)
        if not weights.all():
            promises.append(Mask("cluster", *key, weights != 0))
    return sharing.share(network, values, promises, dataset, options, context)


def k_means(
    values: NDArray[np.floating], count: int, init: Init, seed: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The centroids of at most `count` clusters (fewer where there are fewer distinct values), in rising order, and for
    each of the values (n,) the number of its cluster (Lloyd 1982).
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    distinct, places, numbers = np.unique(values, return_inverse=True, return_counts=True)
    count = min(count, len(distinct))
    if init == "linear":
        start = np.linspace(distinct[0], distinct[-1], count) if count > 1 else distinct.mean(keepdims=True)
    elif init == "density":
        start = np.sort(values)[((np.arange(count) + 0.5) / count * len(values)).astype(int)]
    else:
        start = np.sort(np.random.default_rng(seed).choice(distinct, count, replace=False))
    with threadpool_limits(1):  # sums in an order of their own would differ from run to run
        found = KMeans(count, init=start[:, None].astype(np.float64), n_init=1).fit(
            distinct[:, None].astype(np.float64), sample_weight=numbers
        )
    centroids = found.cluster_centers_[:, 0]
    order = np.argsort(centroids)
    rank = np.empty(count, np.int32)
    rank[order] = np.arange(count, dtype=np.int32)
    return centroids[order], rank[found.labels_][places]


def _groups(weights: NDArray[np.floating], count: int, options: Options, seed: list[int]) -> NDArray[np.integer]:
    """The cluster of each weight, -1 for zeros; those of each output channel are numbered after the one before."""
    if options.per == "layer":
        groups = np.full(weights.shape, -1, np.int32)
        if (alive := weights != 0).any():
            groups[alive] = k_means(weights[alive], count, options.init, seed)[1]
        return _narrow(groups)
    columns = weights.reshape(-1, weights.shape[-1])
    groups = np.full(columns.shape, -1, np.int32)
    start = 0
    for number in range(columns.shape[1]):
        alive = columns[:, number] != 0
        if alive.any():
            centroids, found = k_means(columns[alive, number], count, options.init, [*seed, number])
            groups[alive, number] = found + start
            start += len(centroids)
    return _narrow(groups.reshape(weights.shape))


def _narrow(groups: NDArray[np.int32]) -> NDArray[np.integer]:
    most = groups.max(initial=0)
    return groups.astype(np.int8 if most < 2**7 else np.int16 if most < 2**15 else np.int32)


def _means(weights: NDArray[np.floating], groups: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    member = groups >= 0
    sums = np.bincount(groups[member], weights[member], minlength=count)
    return sums / np.maximum(np.bincount(groups[member], minlength=count), 1)
