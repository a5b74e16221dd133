"""`csynth.xml` and `<function>_csynth.xml`: the figures of the .rpt, and from Vitis on those of every module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from fpga_flow.errors import InputError
from fpga_flow.resources.vendor.values import HLS_NAMES, UNKNOWN, Amounts, Clock, Cycles


@dataclass(frozen=True)
class Module:
    """A function of the design: what it takes in all, and its greatest latency in cycles."""

    amounts: Amounts
    latency_max: int | None


@dataclass(frozen=True)
class CsynthXml:
    """What the report says. `modules` is None where it lists none."""

    version: str
    part: str
    top: str
    clock: Clock
    cycles: Cycles
    total: Amounts
    available: Amounts
    modules: Mapping[str, Module] | None


def parse(text: str, file: str) -> CsynthXml:
    """Read a report; `file` is for messages.

    Raises:
        InputError: it is cut off or no XML, or something is missing or no number.
    """
    try:
        # expat, from version 2.4.1 on, refuses entities that expand without end; these reports use none
        root = Xml.fromstring(text)  # noqa: S314
    except Xml.ParseError as error:
        line, column = error.position
        message = f"expected the whole XML of an HLS report, but it is cut off or damaged: {error.msg.split(':')[0]}"
        raise InputError.at(file, message, line=line, column=column + 1) from error
    node = _Node(root, file)
    settings, performance, area = (
        node.at(name) for name in ("UserAssignments", "PerformanceEstimates", "AreaEstimates")
    )
    latency = performance.at("SummaryOfOverallLatency")
    modules = root.find("ModuleInformation")
    return CsynthXml(
        version=node.text("ReportVersion/Version"),
        part=settings.text("Part"),
        top=settings.text("TopModelName"),
        clock=Clock(
            target_ns=settings.decimal("TargetClockPeriod"),
            estimated_ns=performance.decimal("SummaryOfTimingAnalysis/EstimatedClockPeriod"),
            uncertainty_ns=settings.decimal("ClockUncertainty"),
        ),
        cycles=Cycles(
            latency_min=latency.known("Best-caseLatency"),
            latency_max=latency.known("Worst-caseLatency"),
            ii_min=latency.known("Interval-min"),
            ii_max=latency.known("Interval-max"),
        ),
        total=area.amounts("Resources"),
        available=area.amounts("AvailableResources"),
        modules=None if modules is None else dict(_module(_Node(each, file)) for each in modules.findall("Module")),
    )


def _module(node: _Node) -> tuple[str, Module]:
    amounts = node.at("AreaEstimates").amounts("Resources")
    latency = node.at("PerformanceEstimates/SummaryOfOverallLatency").known("Worst-caseLatency")
    return node.text("Name"), Module(amounts, latency)


@dataclass(frozen=True)
class _Node:
    """An element of the report, whose parts must be there."""

    element: Xml.Element
    file: str

    def at(self, path: str) -> _Node:
        found = self.element.find(path)
        if found is None:
            raise InputError.at(self.file, f"expected <{path}> in <{self.element.tag}>, but there is none")
        return _Node(found, self.file)

    def text(self, path: str) -> str:
        found = (self.at(path).element.text or "").strip()
        if not found:
            raise InputError.at(self.file, f"expected a text in <{path}>, but it is empty")
        return found

    def decimal(self, path: str) -> float:
        text = self.text(path)
        if not re.fullmatch(r"\d+(\.\d+)?", text):
            raise InputError.at(self.file, f'expected a number in <{path}>, got "{text}"')
        return float(text)

    def known(self, path: str) -> int | None:
        text = self.text(path)
        if text in UNKNOWN:
            return None
        if not re.fullmatch(r"\d+", text):
            raise InputError.at(self.file, f'expected a whole number or undef in <{path}>, got "{text}"')
        return int(text)

    def amounts(self, path: str) -> Amounts:
        """The resources below `path`. URAM is the only one that older reports don't have."""
        node, values = self.at(path), dict[str, int | None]()
        for field, names in HLS_NAMES.items():
            name = next((each for each in names if node.element.find(each) is not None), names[0])
            left_out = field == "uram" and node.element.find(name) is None
            values[field] = None if left_out else node.known(name)
        return Amounts(**values)
