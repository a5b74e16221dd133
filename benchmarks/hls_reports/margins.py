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
#: A kind of fewer sources than this has no margin of its own: even the largest error would not be enough.
MIN_SOURCES = 4


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
    """The numbers of a source, estimated without it, and those of all others, from which its margins are made.

    Reports that are not sound (`LayerReport.sound`) say nothing of the estimate: margins are not made from them.
    """

    own: Sequence[Estimated]
    others: Sequence[Estimated]


def cases(reports: LeftOut) -> list[Case]:
    """A case for each source."""
    return [Case(reports.of_source(source), sound(reports.of_others(source))) for source in reports.sources]


def sound(numbers: Sequence[Estimated]) -> list[Estimated]:
    """The numbers of sound reports."""
    return [each for each in numbers if each.is_sound]


def quantile(errors: Sequence[tuple[str, float]]) -> float:
    """The least margin within which enough of the errors lie; (source, error), at least one. Each source counts the
    same, and one more, the source to come, counts as if its errors were the largest.
    """
    count = Counter(source for source, _ in errors)
    total = 0.0
    for absolute, weight in sorted((abs(log), 1 / (len(count) + 1) / count[source]) for source, log in errors):
        total += weight
        if total >= SHARE - 1e-9:
            return absolute
    return max(abs(log) for _, log in errors)


def margin(numbers: Sequence[Estimated], kind: str, name: str) -> float:
    """The margin of a number of a kind, made from the errors of such numbers; of a kind with few sources, from those of
    all parts, or of all projects.
    """
    of_name = [each for each in numbers if each.name == name]
    own = [(each.source, each.log) for each in of_name if each.kind == kind]
    if len({source for source, _ in own}) >= MIN_SOURCES:
        return quantile(own)
    every = [(each.source, each.log) for each in of_name if each.is_project == kind.startswith("project")]
    return max(quantile(every), *(abs(log) for _, log in own))


def margins(numbers: Sequence[Estimated]) -> dict[str, dict[str, float]]:
    """The margins of each kind and number."""
    made: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, name in sorted({(each.kind, each.name) for each in numbers}):
        made[kind][name] = margin(numbers, kind, name)
    return dict(made)


def unseen(of_kinds: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The margins of what no report has the like of: the widest that there are."""
    widest: dict[str, float] = defaultdict(float)
    for of_kind in of_kinds.values():
        for name, margin in of_kind.items():
            widest[name] = max(widest[name], margin)
    return dict(widest)


def covered(found: Sequence[Case]) -> list[Covered]:
    """All numbers of the cases with intervals that the others make."""
    made = []
    for case in found:
        groups = {(each.kind, each.name) for each in case.own}
        of_group = {group: margin(case.others, *group) for group in groups}
        for each in case.own:
            wide = of_group[each.kind, each.name]
            made.append(Covered(each, *interval(each.estimated, wide, each.name), wide))
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
