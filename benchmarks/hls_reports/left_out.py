"""Estimates of reports with constants that have not seen their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fpga_flow.resources.estimate.constants import Constants
from hls_reports.errors import Estimated, between, estimated
from hls_reports.fit import refit
from hls_reports.read import LayerReport, ProjectReport


class LeftOut:
    """Reports, and the constants of fits to all of them but those of one or two sources, each made once."""

    def __init__(self, layers: Sequence[LayerReport], projects: Sequence[ProjectReport]) -> None:
        self.layers, self.projects = layers, projects
        self.sources = sorted({report.source for report in [*layers, *projects]})
        self._fits: dict[frozenset[str], Mapping[str, Constants]] = {}

    def constants(self, *sources: str) -> Mapping[str, Constants]:
        """The constants of a fit to the reports of all sources but these."""
        key = frozenset(sources)
        if key not in self._fits:
            self._fits[key] = refit(
                [layer for layer in self.layers if layer.source not in key],
                [project for project in self.projects if project.source not in key],
            )
        return self._fits[key]

    def of_source(self, source: str, *others: str) -> list[Estimated]:
        """The numbers of a source's reports, estimated without it (and without the others)."""
        constants = self.constants(source, *others)
        return self.with_constants(constants, source)

    def of_others(self, source: str) -> list[Estimated]:
        """The numbers of all other sources' reports, each estimated without its own source and without this one."""
        return [each for other in self.sources if other != source for each in self.of_source(other, source)]

    def of_all(self) -> list[Estimated]:
        """The numbers of all reports, each estimated without its source."""
        return [each for source in self.sources for each in self.of_source(source)]

    def with_constants(self, constants: Mapping[str, Constants], source: str = "") -> list[Estimated]:
        """The numbers that are compared of a source's reports, or of all, with given constants."""
        layers = [layer for layer in self.layers if layer.source == source or not source]
        projects = [project for project in self.projects if project.source == source or not source]
        numbers = [each for report in [*layers, *projects] for each in estimated(report, constants)]
        numbers += [each for project in projects for each in between(project, constants)]
        return [each for each in numbers if each.is_compared]
