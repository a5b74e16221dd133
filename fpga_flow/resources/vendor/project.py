"""The vendor's reports in the folder of an HLS project: where the tools leave them, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.report import SOURCES
from fpga_flow.resources.vendor import (
    convert,
    cosim_rpt,
    csynth_rpt,
    csynth_xml,
    export,
    hierarchy,
    timing,
    utilization,
)
from fpga_flow.resources.vendor.cosim_rpt import Cosimulation
from fpga_flow.resources.vendor.found import Found, read_text, relative
from fpga_flow.resources.vendor.timing import Timing


@dataclass(frozen=True)
class FoundCosimulation:
    """The outcome of co-simulation in one language."""

    file: str
    language: str
    result: Cosimulation


@dataclass(frozen=True)
class FoundTiming:
    """A timing summary."""

    file: str
    timing: Timing


@dataclass(frozen=True)
class VendorReports:
    """All reports of a project: resources in the order of `SOURCES`."""

    resources: tuple[Found, ...]
    cosimulations: tuple[FoundCosimulation, ...]
    timings: tuple[FoundTiming, ...]


def solution(project: HlsProject) -> Path:
    """The folder that the HLS tool works in."""
    return project.folder / f"{project.settings.project}_prj" / "solution1"


def csynth_file(project: HlsProject) -> Path:
    """Where HLS leaves its report of the top function."""
    return solution(project) / "syn" / "report" / f"{project.top}_csynth.rpt"


def cosim_file(project: HlsProject) -> Path:
    """Where co-simulation leaves its report."""
    return solution(project) / "sim" / "report" / f"{project.top}_cosim.rpt"


def synthesis_file(project: HlsProject) -> Path:
    """Where the project's vivado_synth.tcl leaves the report of logic synthesis."""
    return project.folder / "vivado_synth.rpt"


def read(project: HlsProject) -> VendorReports:
    """Read all reports there are.

    Raises:
        InputError: one of them is cut off or damaged.
    """
    found = (each for reader in READERS for each in reader(project))
    resources = sorted(found, key=lambda found: SOURCES.index(found.report.source))
    cosimulations = tuple(
        FoundCosimulation(relative(project, path), language, result)
        for path in _existing(cosim_file(project))
        for language, result in cosim_rpt.parse(read_text(path), str(path)).items()
        if result.status != "NA"
    )
    timings = tuple(
        FoundTiming(relative(project, path), timing.parse(read_text(path), str(path)))
        for path in _matching(project, "*timing_summary*.rpt")
    )
    return VendorReports(tuple(resources), cosimulations, timings)


def read_csynth(path: Path) -> csynth_rpt.CsynthReport:
    """The report of the top function."""
    return csynth_rpt.parse(read_text(path), str(path))


def _csynth(project: HlsProject) -> Iterator[Found]:
    """The report of HLS on the top function, of which there are two forms."""
    board, rpt = project.settings.board, csynth_file(project)
    xml = [*_existing(rpt.with_suffix(".xml"), rpt.with_name("csynth.xml"))]
    if rpt.is_file():
        csynth = read_csynth(rpt)
        note = f"estimated clock {csynth.clock.estimated_ns:g} ns"
        yield Found(relative(project, rpt), convert.from_csynth(csynth, board, str(rpt)), note)
    elif xml:
        parsed = csynth_xml.parse(read_text(xml[0]), str(xml[0]))
        note = f"estimated clock {parsed.clock.estimated_ns:g} ns"
        yield Found(relative(project, xml[0]), convert.from_csynth_xml(parsed, board, str(xml[0])), note)


def _exported(project: HlsProject) -> Iterator[Found]:
    """Reports of exported RTL."""
    for path in _matching(project, "*export*.rpt"):
        exported = export.parse(read_text(path), str(path))
        reached = exported.synthesis_ns if exported.implementation_ns is None else exported.implementation_ns
        note = f"critical path {reached:g} ns, timing {'met' if exported.met else 'not met'}"
        yield Found(relative(project, path), convert.from_export(exported, project.settings.board), note)


def _utilization(project: HlsProject) -> Iterator[Found]:
    """Vivado's reports of utilization, flat or by hierarchy."""
    board, top = project.settings.board, project.top
    for path in [*_existing(synthesis_file(project)), *_matching(project, "*util*.rpt")]:
        text = read_text(path)
        if "Utilization by Hierarchy" in text:
            tree = hierarchy.parse(text, str(path))
            of_top = bool(tree.of_module(top))
            note = f"{tree.header.state}, {f'module {top} in ' if of_top else ''}design {tree.header.design}"
            yield Found(relative(project, path), convert.from_hierarchy(tree, top, board, str(path)), note)
        else:
            used = utilization.parse(text, str(path))
            note = f"{used.header.state}, design {used.header.design}"
            yield Found(relative(project, path), convert.from_utilization(used, board, str(path)), note)


#: The readers of resource numbers, see `found.py`.
READERS: tuple[Callable[[HlsProject], Iterator[Found]], ...] = (
    _csynth,
    _exported,
    _utilization,
)


def _matching(project: HlsProject, pattern: str) -> list[Path]:
    """The reports of implementation and of the user's own Vivado runs: below impl/, or in the project's folder."""
    places = [project.folder.glob(pattern), (solution(project) / "impl").glob(f"*/report/{pattern}"),
              (solution(project) / "impl").glob(f"report/*/{pattern}")]  # fmt: skip
    return sorted(path for place in places for path in place if path.is_file())


def _existing(*paths: Path) -> list[Path]:
    return [path for path in paths if path.is_file()]
