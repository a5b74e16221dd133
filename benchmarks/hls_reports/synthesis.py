"""What logic synthesis leaves of the numbers that HLS reports: factors, their margins, and errors of other choices."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_flow.resources.estimate.interval import error, interval
from hls_reports.errors import Estimated
from hls_reports.margins import Case, Covered, margin
from hls_reports.read import Row, read_rows

#: The columns of projects.csv with what HLS reported, and logic synthesis after it.
COLUMNS = {
    "lut": ("csynth_LUT", "synth_LUT"),
    "ff": ("csynth_FF", "synth_FF"),
    "dsp": ("csynth_DSP", "synth_DSP"),
    "bram18": ("csynth_BRAM_18K", "synth_BRAM_18K"),
}
#: What factors could depend on: what is tried in `choices`.
CHOICES: Mapping[str, Callable[[Row], str]] = {
    "none": lambda _: "",
    "io type": lambda row: row["io_type"],
    "strategy": lambda row: row["strategy"].split(":")[0],
    "strategy and io type": lambda row: f"{row['strategy'].split(':')[0]}, {row['io_type']}",
    "tool": lambda row: row["tool"],
}
#: The factor of a group is drawn to that of all sources together as by so many further sources of the group.
SHRINK = 2
#: What the numbers are called among the kinds of parts and projects.
KIND = "post-synthesis"


@dataclass(frozen=True)
class Pair:
    """A number before and after logic synthesis; `row` is the project's line of the file."""

    name: str
    source: str
    csynth: float
    synthesised: float
    row: Row

    @property
    def ratio(self) -> float:
        """The logarithm of what is left."""
        return error(self.synthesised, self.csynth, self.name)

    def estimated(self, factor: float) -> Estimated:
        """The number after logic synthesis, and what the factor makes of the one before it."""
        tool = self.row["tool"]
        return Estimated(KIND, self.name, tool, self.source, self.synthesised, factor * self.csynth)


def pairs(directory: Path) -> list[Pair]:
    """The numbers of all projects that have both reports."""
    return [
        Pair(name, row["source"], float(row[before]), float(row[after]), row)
        for row in read_rows(directory / "projects.csv")
        for name, (before, after) in COLUMNS.items()
        if row[before] and row[after]
    ]


def factors(found: Sequence[Pair]) -> dict[str, float]:
    """What is left of each number: the median of the sources' medians."""
    return {name: math.exp(statistics.median(_by_source(found, name))) for name in COLUMNS}


def _by_source(found: Sequence[Pair], name: str) -> list[float]:
    """The median ratio of each source."""
    ratios = defaultdict(list)
    for each in found:
        if each.name == name:
            ratios[each.source].append(each.ratio)
    return [statistics.median(of_source) for of_source in ratios.values()]


def estimated(found: Sequence[Pair]) -> list[Estimated]:
    """The numbers, each with a factor that has not seen its source."""
    return [number for source in sorted({each.source for each in found}) for number in _of_source(found, source)]


def _of_source(found: Sequence[Pair], source: str) -> list[Estimated]:
    by_others = factors(_without(found, source))
    return [each.estimated(by_others[each.name]) for each in found if each.source == source]


def _without(found: Sequence[Pair], source: str) -> list[Pair]:
    return [each for each in found if each.source != source]


def cases(found: Sequence[Pair]) -> list[Case]:
    """A case for each source, see margins.py."""
    sources = sorted({each.source for each in found})
    return [Case(_of_source(found, source), estimated(_without(found, source))) for source in sources]


def choices(found: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """For each number the median source's median error, in percent, of factors by what they could depend on.

    Each source is estimated by the others. A group's factor is the mean of its sources' and `SHRINK` times the common
    one.
    """
    made: dict[str, dict[str, float]] = {name: {} for name in COLUMNS}
    for name, choice in [(name, choice) for name in COLUMNS for choice in CHOICES]:
        errors = defaultdict(list)
        for each in [each for each in found if each.name == name]:
            others = _without(found, each.source)
            like = [other for other in others if CHOICES[choice](other.row) == CHOICES[choice](each.row)]
            common = statistics.median(_by_source(others, name))
            of_group = _by_source(like, name) + SHRINK * [common] if choice != "none" else [common]
            errors[each.source].append(abs(each.ratio - statistics.fmean(of_group)))
        made[name][choice] = 100 * math.expm1(statistics.median(map(statistics.median, errors.values())))
    return made


def _after(number: Estimated) -> str:
    """The number after logic synthesis, if it is of a whole project that was reported twice; else nothing."""
    report = number.report
    if report is None or not number.is_project or number.name not in COLUMNS:
        return ""
    if any(report.reported[name] != float(report.row[before]) for name, (before, _) in COLUMNS.items()):
        return ""  # it is of a function inside of the project
    return report.row[COLUMNS[number.name][1]]


def of_estimates(of_projects: Sequence[Case], found: Sequence[Pair]) -> list[Covered]:
    """The numbers after logic synthesis of the projects that can be estimated, with the intervals of the estimates.

    Args:
        of_projects: cases of estimates by csynth, see `margins.cases`.
        found: see `pairs`.
    """
    of_others = {case.own[0].source: case.others for case in of_projects}
    made = []
    for each in [each for case in of_projects for each in case.own if _after(each)]:
        others = _without(found, each.source)
        of_csynth = margin(of_others[each.source], each.kind, each.name)
        of_factor = margin(estimated(others), KIND, each.name)
        wide = math.hypot(of_csynth, of_factor)
        number = replace(each, reported=float(_after(each)), estimated=factors(others)[each.name] * each.estimated)
        made.append(Covered(number, *interval(number.estimated, wide, each.name), wide))
    return made
