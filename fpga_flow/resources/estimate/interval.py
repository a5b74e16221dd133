"""80 % intervals of the estimated numbers: how far such numbers were from reports that the constants had not seen.

The error of a number is the logarithm of the ratio of what a tool reported to the estimate. Leaving out one source of
reports after the other, refitting, and estimating the reports of the source left out gives errors as a new project has
them (a jackknife over groups of rows: Barber et al., "Predictive inference with the jackknife+", 2021). A margin is a
quantile of the absolute errors of one kind of part, or of whole projects, in which each source counts the same, and one
more, the source to come, as if its errors were the largest (conformal prediction with groups: Dunn, Wasserman, Ramdas,
"Distribution-free prediction sets for two-layer hierarchical models", 2022; Lee, Barber, Willett, "Distribution-free
inference with hierarchical data", 2023). Kinds of fewer than four sources get the margin of all kinds together, and at
least their own largest error. `benchmarks/resource_estimate.py` prints how many true numbers are inside of intervals
that their sources had no part in; with `--calibrate` it writes the margins to calibration.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.report import Intervals

#: Numbers about this small can't be estimated to a ratio: added to both sides of it.
FLOORS = {"lut": 50.0, "ff": 50.0, "dsp": 1.0, "bram18": 1.0, "latency_cycles": 1.0}

#: A kind of layer that costs nothing, so that nothing is unsure.
WIRES = "wires"


def error(reported: float, estimated: float, name: str) -> float:
    """The logarithm of the ratio of a reported to an estimated number; `name` is one of `FLOORS`."""
    return math.log((reported + FLOORS[name]) / (estimated + FLOORS[name]))


def interval(estimated: float, margin: float, name: str) -> tuple[int, int]:
    """The least and the most that a number may be whose `error` is at most `margin`, rounded outwards."""
    floor, factor = FLOORS[name], math.exp(margin)
    low, high = (estimated + floor) / factor - floor, (estimated + floor) * factor - floor
    return max(0, math.floor(round(low, 6))), math.ceil(round(high, 6))


def intervals(estimated: Mapping[str, float], margins: Mapping[str, float]) -> Intervals:
    """The intervals of several numbers, by name."""
    return {name: interval(estimated[name], margin, name) for name, margin in margins.items()}


def kind_of(layer: HlsLayer, *, stream: bool) -> str:
    """What a layer is called among the published reports, as in calibration.py; empty if none has the like.

    Args:
        layer: the layer.
        stream: whether data moves in streams (io_stream).
    """
    if layer.kind == "reshape":
        return WIRES
    if layer.weights is not None:
        return _matrix_kind(layer, stream)
    if layer.kind in ("pool", "global_pool") and layer.function == "max" and stream:
        return "pool"
    if layer.kind == "zero_pad" and stream:
        return "move"
    if layer.kind == "activation" and layer.function in ("relu", "linear"):
        return "activation_stream" if stream else "activation"
    if layer.kind == "activation" and layer.function == "softmax":
        return "softmax_stream" if stream else "softmax"
    return ""


def _matrix_kind(layer: HlsLayer, stream: bool) -> str:
    if layer.strategy not in ("latency", "resource") or layer.grouped_or_dilated:
        return ""
    if layer.kind == "dense" and len(layer.input_shape) == 1:
        if stream:
            return "dense_stream"
        return "matrix, resource" if layer.strategy == "resource" and layer.reuse_factor > 1 else "matrix, latency"
    return "conv2d" if layer.kind in ("conv1d", "conv2d") and stream else ""
