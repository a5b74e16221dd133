"""Compression passes: one file each, and this table of them, to which plugins add. `base.py` states their contract."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fpga_flow import plugins
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
from fpga_flow.plugins import Plugin, Registry
from fpga_flow.spec.base import Section
from fpga_flow.training import evaluate

#: Names of stages that are no passes.
OTHER_STAGES = ("float", "store", "hls", "csim", "resources")


def _problems(plugin: Plugin, module: Any) -> Iterator[str]:
    """What is wrong with a plugin's pass."""
    refused = (*OTHER_STAGES, "name", "options", *dir(Section))
    yield from plugins.name_problems(plugin.name, "[a-z][a-z0-9_]*", "small letters, digits and _", refused)
    yield from plugins.module_problems(module, ("uses", "check", "apply"), Section)


_BUILT_IN = {
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
PASSES = Registry("fpga_flow.passes", _BUILT_IN, _problems)


def sources(name: str) -> list[str]:
    """The file or the folder of a pass's code, seen from the package; none of a plugin's."""
    return [] if PASSES.plugin(name) else [_source(name)]


def _source(name: str) -> str:
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
