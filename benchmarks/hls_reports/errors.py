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
from fpga_flow.resources.estimate.interval import error
from fpga_flow.resources.estimate.network import total_latency
from hls_reports.read import LayerReport, ProjectReport

#: Kind, resource and tool: what a line of the table is for.
Key = tuple[str, str, str]

#: An error in percent of a small number says nothing: below these amounts it is taken relative to them.
FLOORS = {"lut": 50.0, "ff": 50.0, "dsp": 1.0, "bram18": 1.0, "latency_cycles": 1.0}


@dataclass(frozen=True)
class Estimated:
    """A number of a report, and its estimate.

    kind    of the part or project, or `top` or `fifo`: what a project has beside its layers
    name    of the number, as in a `ResourceReport`
    report  that it is of; several numbers are of the same one
    """

    kind: str
    name: str
    tool: str
    source: str
    reported: float
    estimated: float
    report: LayerReport | ProjectReport | None = None

    @property
    def log(self) -> float:
        """The error as `estimate/interval.py` defines it."""
        return error(self.reported, self.estimated, self.name)

    @property
    def percent(self) -> float:
        """The absolute error in percent."""
        return 100 * abs(self.estimated - self.reported) / max(self.reported, FLOORS[self.name])

    @property
    def is_compared(self) -> bool:
        """Whether it counts in a median of errors: DSP and BRAM only where the tool or the estimate has any."""
        return self.name not in ("dsp", "bram18") or bool(self.reported or self.estimated)

    @property
    def is_sound(self) -> bool:
        """Whether all layers of the report are sound, see `LayerReport`."""
        layers = self.report.layers if isinstance(self.report, ProjectReport) else (self.report,)
        return all(layer.sound for layer in layers if layer)

    @property
    def is_project(self) -> bool:
        """Whether it is of a whole project, not of a part."""
        return self.kind.startswith("project")


@dataclass(frozen=True)
class Summary:
    """Errors in percent of one kind, resource and tool: the median of the rows, and the median source's median."""

    rows: int
    sources: int
    median: float
    median_source: float


def summaries(numbers: Iterable[Estimated]) -> dict[Key, Summary]:
    """The errors by kind, resource and tool, and for both tools together (`all`)."""
    groups: dict[Key, list[Estimated]] = defaultdict(list)
    for number in numbers:
        for tool in (number.tool, "all"):
            groups[number.kind, number.name, tool].append(number)
    return {key: summary(of_key) for key, of_key in groups.items()}


def summary(numbers: Sequence[Estimated]) -> Summary:
    """The errors of some numbers, at least one."""
    by_source = defaultdict(list)
    for number in numbers:
        by_source[number.source].append(number.percent)
    rows = [percent for of_source in by_source.values() for percent in of_source]
    median_source = statistics.median(map(statistics.median, by_source.values()))
    return Summary(len(rows), len(by_source), statistics.median(rows), median_source)


def estimated(report: LayerReport | ProjectReport, constants: Mapping[str, Constants]) -> Iterator[Estimated]:
    """The numbers of a report, and what the formulas say with these constants."""
    report = replace(report, target=replace(report.target, constants=constants))
    numbers = layer_estimate(report) if isinstance(report, LayerReport) else project_estimate(report)
    for name, number in numbers.items():
        yield _estimated(report, report.kind, name, report.reported[name], number)


def between(project: ProjectReport, constants: Mapping[str, Constants]) -> Iterator[Estimated]:
    """What a project has beside its layers."""
    costs = [part.cost(replace(project.target, constants=constants)) for part in project.between]
    for name, number in _resources(costs).items():
        rest = max(0.0, project.reported[name] - sum(layer.reported[name] for layer in project.layers))
        yield _estimated(project, "fifo" if project.target.stream else "top", name, rest, number)


def _estimated(report: LayerReport | ProjectReport, kind: str, name: str, reported: float, number: float) -> Estimated:
    name = {"latency": "latency_cycles"}.get(name, name)
    return Estimated(kind, name, report.target.tool, report.source, reported, number, report)


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
