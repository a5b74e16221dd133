"""How far the estimate is from the reports."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fpga_flow.resources.estimate.activation import Softmax
from fpga_flow.resources.estimate.constants import Constants
from fpga_flow.resources.estimate.dense import StreamDense
from fpga_flow.resources.estimate.formula import Cost
from fpga_flow.resources.estimate.network import total_latency
from hls_reports.read import LayerReport, ProjectReport

#: All constants of the formulas, by the source whose reports they are to estimate.
Fits = Mapping[str, Mapping[str, Constants]]

#: Kind, resource and tool: what a line of the table is for.
Key = tuple[str, str, str]

#: An error in percent of a small number says nothing: below these amounts it is taken relative to them.
FLOORS = {"lut": 50.0, "ff": 50.0, "dsp": 1.0, "bram18": 1.0, "latency": 1.0}


@dataclass(frozen=True)
class Error:
    """The absolute error in percent of one number of a report."""

    key: Key
    source: str
    percent: float


@dataclass(frozen=True)
class Summary:
    """Errors in percent of one kind, resource and tool: the median of the rows, and the median source's median."""

    rows: int
    sources: int
    median: float
    median_source: float


def summaries(layers: Sequence[LayerReport], projects: Sequence[ProjectReport], fits: Fits) -> dict[Key, Summary]:
    """The errors by kind, resource and tool, and for both tools together (`all`)."""
    groups: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    reports: list[LayerReport | ProjectReport] = [*layers, *projects]
    for report in reports:
        for error in errors(report, fits):
            kind, resource, _ = error.key
            groups[error.key][error.source].append(error.percent)
            groups[kind, resource, "all"][error.source].append(error.percent)
    return {key: _summary(by_source.values()) for key, by_source in groups.items()}


def _summary(by_source: Iterable[Sequence[float]]) -> Summary:
    sources = list(by_source)
    rows = [percent for source in sources for percent in source]
    median_source = statistics.median(statistics.median(source) for source in sources)
    return Summary(len(rows), len(sources), statistics.median(rows), median_source)


def errors(report: LayerReport | ProjectReport, fits: Fits) -> Iterator[Error]:
    """The error of each number of a report, estimated with the constants for its source.

    DSP and BRAM are compared where the tool or the estimate has any.
    """
    report = replace(report, target=replace(report.target, constants=fits[report.source]))
    estimated = layer_estimate(report) if isinstance(report, LayerReport) else project_estimate(report)
    for resource, number in estimated.items():
        reported = report.reported[resource]
        if resource not in ("dsp", "bram18") or number or reported:
            percent = 100 * abs(number - reported) / max(reported, FLOORS[resource])
            yield Error((report.kind, resource, report.target.tool), report.source, percent)


def layer_estimate(layer: LayerReport) -> dict[str, float]:
    """What the formulas say of a layer, by the names of the resources."""
    cost = layer.part.cost(layer.target)
    return {**_resources([cost]), "latency": cost.latency_cycles}


def project_estimate(project: ProjectReport) -> dict[str, float]:
    """What the formulas say of a whole project, by the names of the resources."""
    layers = [layer.part.cost(project.target) for layer in project.layers]
    between = [part.cost(project.target) for part in project.between]
    waiting = [isinstance(layer.part, StreamDense | Softmax) for layer in project.layers]
    return {**_resources(layers + between), "latency": total_latency(layers, waiting, project.target)}


def _resources(costs: Sequence[Cost]) -> dict[str, float]:
    return {name: sum(getattr(cost, name) for cost in costs) for name in ("lut", "ff", "dsp", "bram18")}
