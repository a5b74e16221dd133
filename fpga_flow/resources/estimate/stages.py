"""The estimates of a network at both stages, csynth and post-synthesis, with intervals.

What the HLS tool reports (csynth) is what the formulas are made for. Logic synthesis merges and drops much of it:
post-synthesis is csynth times a factor for each resource, the median over the sources of published projects that have
both reports. Factors by strategy, by io type or by tool are on the whole no nearer to sources left out
(`benchmarks/resource_estimate.py` prints them all), so there is one of each. Cycles are those of csynth: logic
synthesis does not change them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate.calibration import FACTOR_MARGINS, FACTORS, MARGINS, UNSEEN
from fpga_flow.resources.estimate.interval import WIRES, intervals, kind_of
from fpga_flow.resources.estimate.network import estimate
from fpga_flow.resources.report import ESTIMATED, LayerResources, ResourceReport


def estimates(
    layers: Sequence[HlsLayer],
    *,
    io_type: str,
    clock_ns: float,
    tool: str = "Vitis HLS",
    part: str = "",
    board: str = "",
) -> tuple[ResourceReport, ResourceReport]:
    """What a network needs of an FPGA by its HLS tool's report (csynth), and after logic synthesis (post-synthesis).

    Args and errors are those of `network.estimate`.
    """
    made = estimate(layers, io_type=io_type, clock_ns=clock_ns, tool=tool, part=part, board=board)
    kinds = [kind_of(layer, stream=io_type == "io_stream") for layer in layers]
    kinds += [entry.kind for entry in made.layers[len(layers) :]]
    kinds = [kind if _needs_anything(entry) else WIRES for kind, entry in zip(kinds, made.layers, strict=True)]
    margins = [_margins(kind) for kind in kinds]
    known = [bool(kind) for kind in kinds]
    whole = MARGINS[f"project, {io_type}"]
    if not all(known):
        whole = {name: max(margin, UNSEEN[name]) for name, margin in whole.items()}
    csynth = replace(
        made,
        layers=tuple(
            replace(entry, intervals=intervals(_numbers(entry), of_entry), calibrated=is_known)
            for entry, of_entry, is_known in zip(made.layers, margins, known, strict=True)
        ),
        intervals=intervals(_numbers(made), whole),
        calibrated=all(known),
    )
    return csynth, _synthesised(csynth, margins, whole)


def _synthesised(
    csynth: ResourceReport, margins: Sequence[Mapping[str, float]], whole: Mapping[str, float]
) -> ResourceReport:
    """The estimate after logic synthesis.

    The errors of csynth's estimate and of the factor are independent: the margins add as squares. No layer's number is
    calibrated, as (but for one source) nobody published single layers after synthesis.
    """
    layers = []
    for entry, of_entry in zip(csynth.layers, margins, strict=True):
        numbers = {name: FACTORS.get(name, 1.0) * value for name, value in _numbers(entry).items()}
        layers.append(
            replace(
                entry,
                **_rounded(numbers),
                intervals=intervals(numbers, _with_factors(of_entry)),
                calibrated=not _needs_anything(entry),
            )
        )
    totals = {name: sum(getattr(layer, name) for layer in layers) for name in FACTORS}
    numbers = {**totals, "latency_cycles": csynth.latency_cycles or 0}
    return replace(
        csynth,
        stage="post-synthesis",
        layers=tuple(layers),
        **totals,
        intervals=intervals(numbers, _with_factors(whole)),
    )


def _rounded(numbers: Mapping[str, float]) -> dict[str, Any]:
    return {name: round(numbers[name]) for name in FACTORS}


def _margins(kind: str) -> Mapping[str, float]:
    """The margins of a kind of part; what it can't need has none, such as the cycles of a FIFO."""
    nothing = dict.fromkeys(ESTIMATED, 0.0)
    return nothing if kind == WIRES else {**nothing, **MARGINS.get(kind, UNSEEN)}


def _with_factors(margins: Mapping[str, float]) -> dict[str, float]:
    return {name: math.hypot(margin, FACTOR_MARGINS.get(name, 0.0)) for name, margin in margins.items()}


def _numbers(entry: LayerResources | ResourceReport) -> dict[str, float]:
    return {name: getattr(entry, name) or 0 for name in ESTIMATED}


def _needs_anything(entry: LayerResources) -> bool:
    return any(_numbers(entry).values())
