"""Compression passes: one file each, and this dict of them. `base.py` states their contract."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from fpga_flow.compress import (
    circulant,
    cluster,
    distil,
    downsample,
    hash_share,
    low_rank,
    prune,
    prune_filters,
    quantize,
    replace_dense,
    shrink,
    transfer,
)
from fpga_flow.compress.base import Context, PassReport
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed, FieldPath
from fpga_flow.networks.network import Network, weight
from fpga_flow.networks.promises import Promise
from fpga_flow.training import evaluate

PASSES = {
    "prune": prune,
    "prune_filters": prune_filters,
    "quantize": quantize,
    "cluster": cluster,
    "hash_share": hash_share,
    "circulant": circulant,
    "replace_dense": replace_dense,
    "shrink": shrink,
    "downsample": downsample,
    "low_rank": low_rank,
    "distil": distil,
    "transfer": transfer,
}


def source(name: str) -> str:
    """The file or the folder of a pass's code, seen from the package."""
    file = Path(str(PASSES[name].__file__))
    return f"compress/{name}" if file.name == "__init__.py" else f"compress/{file.name}"


def teachers(name: str, options: Any) -> dict[FieldPath, Any]:
    """The teachers of a pass by their paths in its options; none of a pass without them."""
    found: dict[FieldPath, Any] = getattr(PASSES[name], "teachers", lambda options: {})(options)
    return found


def apply(name: str, network: Network, dataset: Dataset, options: Any, context: Context) -> tuple[Network, PassReport]:
    """Run one pass, check that it kept all promises, and measure what it cost in accuracy.

    Raises:
        CheckFailed: the network that the pass returned breaks a promise of this pass or an earlier one.
    """
    before = evaluate(network.model, dataset.test)
    started = time.monotonic()
    changed, details = PASSES[name].apply(network, dataset, options, context)
    seconds = time.monotonic() - started
    if broken := [
        *changed.broken_promises(),
        *Network(changed.model, tuple(_earlier(network, changed))).broken_promises(),
    ]:
        raise CheckFailed(f"pass {name} broke what was promised:\n" + "\n".join(broken))
    after = evaluate(changed.model, dataset.test)
    return changed, PassReport(name, options.model_dump(mode="json"), before, after, round(seconds, 3), details)


def _earlier(network: Network, changed: Network) -> list[Promise]:
    """The promises of a network without those of weights that are smaller after a pass and have been promised again."""

    def shape(model: Any, promise: Promise) -> Any:
        return getattr(weight(model, promise.layer, promise.weight), "shape", None)

    again = {(type(each), each.made_by, each.layer, each.weight) for each in changed.promises}
    return [
        each
        for each in network.promises
        if shape(network.model, each) == shape(changed.model, each)
        or (type(each), each.made_by, each.layer, each.weight) not in again
    ]
