"""`hash_share`: a hash of each weight's place says which of a few values it has, and with which sign.

Nothing but these values must be stored: the hash can be computed again. Source: HashedNets (Chen et al. 2015,
"Compressing Neural Networks with the Hashing Trick", equations 3 and 9). The values are trained on from sums of the
weights that were there, so it takes as many epochs as a training from the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.compress import sharing
from fpga_flow.compress.base import Context, Key
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weight
from fpga_flow.networks.promises import Sharing
from fpga_flow.spec.base import Retraining

Share = Annotated[float, Field(gt=0, lt=1)]
#: Weights whose groups are found at once: the numbers on the way to them are longer than they are.
_AT_ONCE = 1 << 20


class Options(Retraining):
    """How many values the weights share. Without `values` only the layers of the patterns share values.

    values  how many values a kernel has, as a share of its weights
    layers  the same by glob pattern of layer names
    """

    values: Share | None = None
    layers: dict[str, Share] = Field(default_factory=dict)


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def shared(options: Options, model: Any) -> dict[Key, float]:
    """The kernels that come to share values, and what share of their weights."""
    return sharing.chosen(model, options.layers, options.values)


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a layer with weights, of one type."""
    yield from sharing.check_layers(model, options.layers, options.values, "layer with weights", path, "values")
    yield from sharing.check_types(shared(options, model), precision, path)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Let weights share values as the hash says, train those, and promise the sharing."""
    values, promises = {}, []
    for number, (key, share) in enumerate(shared(options, network.model).items()):
        shape = tuple(weight(network.model, *key).shape)
        seed = int(np.random.SeedSequence([context.seed, number]).generate_state(1)[0])
        rule = {"kind": "hash", "seed": seed, "buckets": max(1, round(share * math.prod(shape)))}
        made = Sharing("hash_share", *key, *groups(shape, rule), rule)
        values[key] = sharing.spread_values(made, network)
        promises.append(made)
    return sharing.share(network, values, promises, dataset, options, context)


def groups(shape: Sequence[int], rule: dict[str, Any]) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The value's number and the sign of each weight of a kernel, from the rule {"kind", "seed", "buckets"}.

    Weight i (in C order) gets h = mix(i + (seed << 32)) in 64 bits, the value h >> 1 modulo `buckets`, and the sign +
    if h is even. `mix` is the finaliser of splitmix64 (Steele et al. 2014, "Fast Splittable Pseudorandom Number
    Generators").
    """
    count = math.prod(shape)
    numbers, signs = np.empty(count, np.int32), np.empty(count, np.int8)
    for start in range(0, count, _AT_ONCE):
        part = slice(start, min(start + _AT_ONCE, count))
        with np.errstate(over="ignore"):
            h = np.arange(part.start, part.stop, dtype=np.uint64) + np.uint64((rule["seed"] << 32) % 2**64)
            h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            h = h ^ (h >> np.uint64(31))
        numbers[part] = (h >> np.uint64(1)) % np.uint64(rule["buckets"])
        signs[part] = np.where(h & np.uint64(1), -1, 1)
    return numbers.reshape(shape), signs.reshape(shape)
