"""The constants of the formulas that agree best with the reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from fpga_flow.resources.estimate.between import parallel_latency
from fpga_flow.resources.estimate.constants import CONSTANTS, Constants
from fpga_flow.resources.estimate.formula import Formula
from fpga_flow.resources.estimate.window import Conv2d
from hls_reports.read import LayerReport, ProjectReport

#: Constants are fitted in this order, because later ones are what earlier ones leave over.
STAGES = (
    (
        "softmax_depth",
        "softmax_stream_depth",
        "resource_depth",
        "resource_lut",
        "resource_ff",
        "latency_lut",
        "latency_ff",
    ),
    (
        "dense_stream_depth",
        "dense_stream_lut",
        "dense_stream_ff",
        "conv_step",
        "conv_lut",
        "conv_ff",
        "pool_lut",
        "pool_ff",
        "move_lut",
        "move_ff",
    ),
    ("activation_lut", "activation_stream_lut", "activation_stream_ff"),
    ("softmax_lut", "softmax_ff", "softmax_stream_lut", "softmax_stream_ff"),
    ("fifo_lut", "fifo_ff", "top_lut", "top_ff", "top_depth"),
)

#: In the fit, numbers below these are weighted as if they were these, by the last word of the formula's name.
SCALE_FLOORS = {"lut": 100.0, "ff": 200.0, "depth": 3.0, "step": 3.0}
#: Relative error from which a row counts as an outlier, and steps of the reweighting.
HUBER = 0.3
FIT_STEPS = 30


@dataclass(frozen=True)
class Observation:
    """One equation for the constants of a formula: what it should give."""

    formula: Formula
    reported: float
    source: str


def refit(layers: Sequence[LayerReport], projects: Sequence[ProjectReport]) -> dict[str, Constants]:
    """All constants, from the sound reports. A formula without any row keeps the constants in the code."""
    constants = dict(CONSTANTS)
    layers = [layer for layer in layers if layer.sound]
    for stage in STAGES:
        found = defaultdict(list)
        for layer in layers:
            for observation in observe_layer(layer, constants):
                found[observation.formula.name].append(observation)
        for project in projects:
            for observation in observe_project(project):
                found[observation.formula.name].append(observation)
        constants.update({name: solve(found[name]) for name in stage if found[name]})
    return constants


def observe_layer(layer: LayerReport, constants: Mapping[str, Constants]) -> Iterator[Observation]:
    """The equations that the report of a layer gives, with what is known from `constants` of earlier stages."""
    target, part, reported = replace(layer.target, constants=constants), layer.part, layer.reported
    yield Observation(part.lut(target), reported["lut"], layer.source)
    yield Observation(part.ff(target), reported["ff"], layer.source)
    if isinstance(part, Conv2d):
        step = (reported["latency"] - 2) / part.window.pixels
        # Otherwise the reuse factor bounds the step, and says nothing of what the matrix and the window take.
        if part.matrix.in_memory or step < part.matrix.reuse_factor:
            yield Observation(part.step(target), step, layer.source)
    else:
        latency = part.latency(target)
        if latency.terms:
            yield Observation(latency, reported["latency"], layer.source)


def observe_project(project: ProjectReport) -> Iterator[Observation]:
    """The equations that a top function gives: what its layers leave over."""
    rest = {
        name: project.reported[name] - sum(layer.reported[name] for layer in project.layers) for name in ("lut", "ff")
    }
    yield Observation(_sum([part.lut(project.target) for part in project.between]), rest["lut"], project.source)
    yield Observation(_sum([part.ff(project.target) for part in project.between]), rest["ff"], project.source)
    if not project.target.stream:
        calls = [layer.part.cost(project.target).call_cycles for layer in project.layers]
        latency = parallel_latency([layer.reported["latency"] for layer in project.layers], calls)
        yield Observation(latency, project.reported["latency"], project.source)


def _sum(formulas: Sequence[Formula]) -> Formula:
    """Several uses of the same formula as one."""
    first = formulas[0]
    return Formula(first.name, {term: sum(formula.terms[term] for formula in formulas) for term in first.terms})


def solve(observations: Sequence[Observation]) -> Constants:
    """The non-negative constants of one formula with the least relative errors (iteratively reweighted).

    An error is relative to the geometric mean of report and estimate, because relative to the report alone an
    estimate that is far too small costs less than one that is far too large. Outliers count by their absolute error,
    not its square (Huber 1964). Reports of one source resemble each other: a source counts with the square root of
    its number of rows.
    """
    formula = observations[0].formula
    floor = SCALE_FLOORS[formula.name.rsplit("_", 1)[-1]]
    count = Counter(o.source for o in observations)
    share = np.array([count[o.source] ** -0.25 for o in observations])
    terms = np.array([[o.formula.terms[term] for term in formula.terms] for o in observations], float)
    known = np.array([o.formula.known for o in observations], float)
    reported = np.array([o.reported for o in observations], float)
    estimated = reported
    for _ in range(FIT_STEPS):
        scale = np.sqrt(np.maximum(reported, floor) * np.maximum(estimated, floor))
        outlier = np.sqrt(HUBER / np.maximum(np.abs(estimated - reported) / scale, HUBER))
        weight = share * outlier / scale
        constants, _ = nnls(terms * weight[:, None], (reported - known) * weight)
        estimated = known + terms @ constants
    return {term: float(f"{constant:.4g}") for term, constant in zip(formula.terms, constants, strict=True)}
