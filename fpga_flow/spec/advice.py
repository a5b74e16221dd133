"""What a spec may ask for, but its user should know about before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fpga_flow import compress
from fpga_flow.compress import prune
from fpga_flow.hls import settings
from fpga_flow.hls.backends import Backend
from fpga_flow.networks.network import weights

#: Patterns of `prune` whose zeros leave whole multipliers of the unrolled resource strategy without work.
_OF_MULTIPLIERS = ("dsp", "bram")
#: Passes whose groups of equal values follow from a rule.
_BY_RULE = ("hash_share", "circulant", "transfer")


def advice(sections: Mapping[str, Any], model: Any, backend: Backend) -> Iterator[str]:
    """Sentences on the valid sections of a spec and its network, which has no nested models."""
    hls, names = sections["hls"], [layer.name for layer, name, _ in weights(model) if name != "bias"]
    default = hls.strategy or backend.strategies[0]
    strategies = {name: settings.by_pattern(name, hls, "strategy") or default for name in names}
    passes = sections["compress"]
    yield from _rules(passes, model)
    for number, one in enumerate(passes):
        if one.name != "prune":
            continue
        where = f"compress[{number}].prune"
        yield from _zeros(where, one.options, strategies)
        if one.options.pattern and any(later.name == "prune_filters" for later in passes[number:]):
            yield (
                f"{where}: the pass prune_filters behind it takes weights out from between those that the pattern "
                f"{one.options.pattern} groups: put it before prune to have groups that stay whole"
            )


def _rules(passes: Sequence[Any], model: Any) -> Iterator[str]:
    """Which weights share values by a rule that their zeros break, so that the rule saves nothing in the file."""
    for number, one in enumerate(passes):
        if one.name not in _BY_RULE:
            continue
        layers = dict.fromkeys(layer for layer, _ in compress.PASSES[one.name].shared(one.options, model))
        for other in passes:
            pruned = [name for name in layers if other.name == "prune" and prune.prunes(other.options, name)]
            if pruned:
                yield (
                    f"compress[{number}].{one.name}: model.fpz holds the rule of {', '.join(pruned)} only where the "
                    "pass prune makes no zeros; with them, it holds each weight"
                )


def _zeros(where: str, options: Any, strategies: Mapping[str, str]) -> Iterator[str]:
    """Which zeros save nothing on the FPGA (they do in storage)."""
    pruned = [name for name in strategies if prune.prunes(options, name)]
    resource = [name for name in pruned if strategies[name] == "resource"]
    unrolled = [name for name in pruned if strategies[name] == "resource_unrolled"]
    if resource:
        yield (
            f"{where}: zeros in {', '.join(resource)} save no multipliers: the strategy resource multiplies by all "
            "weights; latency leaves out single zeros, resource_unrolled those of the patterns dsp and bram"
        )
    if unrolled and options.pattern not in _OF_MULTIPLIERS:
        yield (
            f"{where}: zeros in {', '.join(unrolled)} save a multiplier only where all weights that it takes in turn "
            "are zero: the patterns dsp and bram see to that"
        )
    others = [name for name in pruned if strategies[name] not in ("resource", "resource_unrolled")]
    if others and options.pattern in _OF_MULTIPLIERS:
        yield (
            f"{where}: the pattern {options.pattern} is meant for the strategy resource_unrolled and the reuse factor "
            f"that the spec gives, but {', '.join(others)} have the strategy {strategies[others[0]]}"
        )
