"""The margins of the estimate's intervals, and how many of the true numbers are inside.

The method stands in fpga_flow/resources/estimate/interval.py.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fpga_flow.resources.estimate.interval import interval
from hls_reports.errors import Estimated
from hls_reports.left_out import LeftOut

#: The share of true numbers that shall be inside of the intervals.
SHARE = 0.8
#: The quantiles that are tried, the least first.
LEVELS = (0.8, 0.85, 0.9, 0.95, 1.0)
#: A kind of fewer sources than this has no margin of its own.
MIN_SOURCES = 4

#: Whether of whole projects, and the name of the number: what has a quantile of its own.
Group = tuple[bool, str]
Margins = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Coverage:
    """How many numbers are inside of their intervals.

    by_rows     share of all numbers
    by_sources  mean of the sources' shares
    factor      by which the median interval goes up and down from the estimate
    """

    rows: int
    sources: int
    by_rows: float
    by_sources: float
    factor: float

    @property
    def enough(self) -> bool:
        """Whether so many are inside as shall be."""
        return min(self.by_rows, self.by_sources) >= SHARE


@dataclass(frozen=True)
class Covered:
    """A number with the interval of its estimate."""

    number: Estimated
    low: int
    high: int
    margin: float

    @property
    def inside(self) -> bool:
        """Whether what was reported is in the interval."""
        return self.low <= self.number.reported <= self.high


@dataclass(frozen=True)
class Case:
    """The numbers of a source, estimated without it, and those of all others, from which its margins are made."""

    own: Sequence[Estimated]
    others: Sequence[Estimated]


def cases(reports: LeftOut) -> list[Case]:
    """A case for each source."""
    return [Case(reports.of_source(source), reports.of_others(source)) for source in reports.sources]


def quantile(errors: Sequence[tuple[str, float]], level: float) -> float:
    """The least margin within which at least a share `level` of the errors lies; (source, error), each source counts
    the same.
    """
    count = Counter(source for source, _ in errors)
    total = 0.0
    for absolute, weight in sorted((abs(log), 1 / len(count) / count[source]) for source, log in errors):
        total += weight
        if total >= level - 1e-9:
            return absolute
    return max((abs(log) for _, log in errors), default=0.0)


def margins(numbers: Sequence[Estimated], levels: Mapping[Group, float]) -> dict[str, dict[str, float]]:
    """The margins of each kind and number, rounded up."""
    of_kind: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    of_all: dict[Group, list[tuple[str, float]]] = defaultdict(list)
    for each in numbers:
        of_kind[each.kind, each.name].append((each.source, each.log))
        of_all[each.is_project, each.name].append((each.source, each.log))
    made: dict[str, dict[str, float]] = defaultdict(dict)
    for (kind, name), errors in sorted(of_kind.items()):
        group = kind.startswith("project"), name
        if len({source for source, _ in errors}) >= MIN_SOURCES:
            margin = quantile(errors, levels[group])
        else:
            margin = max(quantile(of_all[group], levels[group]), quantile(errors, 1.0))
        made[kind][name] = margin
    return dict(made)


def unseen(of_kinds: Margins) -> dict[str, float]:
    """The margins of what no report has the like of: the widest that there are."""
    widest: dict[str, float] = defaultdict(float)
    for of_kind in of_kinds.values():
        for name, margin in of_kind.items():
            widest[name] = max(widest[name], margin)
    return dict(widest)


def calibrate(found: Sequence[Case]) -> dict[Group, float]:
    """For each group the least level at which enough numbers are inside; the highest if there is none."""
    levels: dict[Group, float] = {}
    for group in sorted({(each.is_project, each.name) for case in found for each in case.own}):
        of_group = [Case(_only(case.own, group), _only(case.others, group)) for case in found]
        for level in LEVELS:
            levels[group] = level
            if summary(covered(of_group, {group: level})).enough:
                break
    return levels


def _only(numbers: Sequence[Estimated], group: Group) -> list[Estimated]:
    return [each for each in numbers if (each.is_project, each.name) == group]


def covered(found: Sequence[Case], levels: Mapping[Group, float]) -> list[Covered]:
    """All numbers of the cases with intervals that the others make."""
    made = []
    for case in found:
        of_kinds = margins(case.others, levels)
        widest = unseen(of_kinds)
        for each in case.own:
            margin = of_kinds.get(each.kind, widest).get(each.name, 0.0)
            low, high = interval(each.estimated, margin, each.name)
            made.append(Covered(each, low, high, margin))
    return made


def summary(numbers: Sequence[Covered]) -> Coverage:
    """How many numbers are inside."""
    inside: dict[str, list[bool]] = defaultdict(list)
    for each in numbers:
        inside[each.number.source].append(each.inside)
    return Coverage(
        rows=len(numbers),
        sources=len(inside),
        by_rows=statistics.fmean(each.inside for each in numbers),
        by_sources=statistics.fmean(statistics.fmean(of_source) for of_source in inside.values()),
        factor=math.exp(statistics.median(each.margin for each in numbers)),
    )
