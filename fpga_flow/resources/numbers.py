"""All resource numbers of an HLS project: the estimates and what the vendor's tools say, compared with its board."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fpga_flow import boards, doing
from fpga_flow.errors import CheckFailed, FieldError, InputError
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.estimate import LUT_KIND, tool_of
from fpga_flow.resources.estimate.stages import estimates
from fpga_flow.resources.open import results
from fpga_flow.resources.open.results import BoardResults
from fpga_flow.resources.report import ResourceReport, Shortfall, shortfalls
from fpga_flow.resources.vendor import project as reports
from fpga_flow.resources.vendor.project import FoundCosimulation, FoundTiming


@dataclass(frozen=True)
class Entry:
    """The numbers of one source; `file` (relative to the project) and `note` are empty for an estimate.

    The report's `fits` is None where it is of another part than the project's, or the board is not known.
    """

    report: ResourceReport
    lacks: tuple[Shortfall, ...]
    file: str
    note: str


@dataclass(frozen=True)
class Numbers:
    """The numbers of a project, the least certain source first.

    `usable` is what the board has for a network, by resource; None if the project's board is not one of the package's,
    or its LUTs are of another kind than those that are counted. `rtl` is what the open tools measured: of another
    architecture than the HLS code, so that it says nothing of whether the HLS code fits.
    """

    project: HlsProject
    usable: Mapping[str, int] | None
    entries: tuple[Entry, ...]
    rtl: tuple[BoardResults, ...]
    cosimulations: tuple[FoundCosimulation, ...]
    timings: tuple[FoundTiming, ...]

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON values; each of `resources` has the keys of run.json, and `file`, `note` and `lacks`."""
        settings = self.project.settings
        return {
            "project": str(self.project.folder),
            "name": settings.project,
            "board": settings.board,
            "part": settings.part,
            "usable": None if self.usable is None else dict(self.usable),
            "resources": [
                {
                    **each.report.to_dict(),
                    "file": each.file,
                    "note": each.note,
                    "lacks": [asdict(lack) for lack in each.lacks],
                }
                for each in self.entries
            ],
            "rtl": [_rtl(each, self.project) for each in self.rtl],
            "cosimulation": [
                {"file": each.file, "language": each.language, **asdict(each.result)} for each in self.cosimulations
            ],
            "timing": [{"file": each.file, **asdict(each.timing)} for each in self.timings],
        }

    def raise_failures(self) -> None:
        """Raise what does not pass: the board, too small by the most certain source there is, or co-simulation. Of the
        estimates that is post-synthesis: csynth counts about twice the LUTs.

        Raises:
            CheckFailed: one or both.
        """
        failures = [
            f"{each.file}: co-simulation failed: the {each.language} computes something else than the C++"
            for each in self.cosimulations
            if each.result.status == "Fail"
        ]
        certainty = self.entries[-1].report.certainty
        for entry in self.entries:
            if entry.report.certainty == certainty and entry.lacks:
                lacks = ", ".join(f"{lack.missing:,} {lack.resource}" for lack in entry.lacks)
                report = entry.report
                failures.append(f"the design does not fit {report.board} by the {report.title}: {lacks} too few")
        if failures:
            raise CheckFailed("\n".join(dict.fromkeys(failures)))


def find_project(path: Path) -> HlsProject:
    """The HLS project in a folder, or the newest one of a run in it.

    Raises:
        InputError: there is none, or it is damaged.
    """
    folder = project_folder(path)
    if folder is None:
        what = (
            "but there is no such folder" if not path.is_dir() else "but it has neither project.json nor *-hls/project/"
        )
        raise InputError.at(str(path), f"expected the folder of an HLS project or of a run, {what}")
    return HlsProject.load(folder)


def project_folder(path: Path) -> Path | None:
    """The folder of the HLS project that `find_project` finds; None if there is none."""
    if (path / "project.json").is_file():
        return path
    found = [file for file in path.glob("*-hls/project/project.json") if file.is_file()]
    return max(found, key=lambda file: file.stat().st_mtime_ns).parent if found else None


def estimates_of(project: HlsProject) -> tuple[ResourceReport, ResourceReport]:
    """The estimates of a project at csynth and post-synthesis, from its own layers and settings."""
    settings = project.settings
    return estimates(
        project.layers,
        io_type=settings.io_type,
        clock_ns=settings.clock_ns,
        tool=tool_of(settings.backend),
        part=settings.part,
        board=settings.board,
    )


def collect(project: HlsProject) -> Numbers:
    """Estimate the project's resources and read all reports of the vendor's tools in its folder.

    Raises:
        InputError: a report is cut off or damaged.
    """
    settings = project.settings
    try:
        board = boards.load(settings.board)
        usable = board.usable() if board.lut_kind == LUT_KIND else None
    except FieldError:  # it was made for the board of a user's own file
        usable = None
    doing.now("estimating, and reading reports")
    estimated = estimates_of(project)
    found = reports.read(project)
    entries = [_entry(report, usable) for report in estimated]
    for each in found.resources:
        of_board = usable if _same_part(each.report.part, settings.part) else None
        entries.append(_entry(each.report, of_board, each.file, each.note))
    return Numbers(project, usable, tuple(entries), tuple(results.read(project)), found.cosimulations, found.timings)


def _rtl(made: BoardResults, project: HlsProject) -> dict[str, Any]:
    """What the open tools measured for a board, as JSON values; files are relative to the project's folder."""
    return {
        "board": made.board,
        "folder": os.path.relpath(made.folder, project.folder),
        "witnesses": made.witnesses,
        "resources": [
            {
                **each.report.to_dict(),
                "carry": each.carry,
                "file": os.path.relpath(each.file, project.folder),
                "bitstream": each.bitstream and os.path.relpath(each.file.parent / each.bitstream, project.folder),
            }
            for each in made.found
        ],
    }


def _entry(report: ResourceReport, usable: Mapping[str, int] | None, file: str = "", note: str = "") -> Entry:
    lacks = () if usable is None else shortfalls(report, usable)
    return Entry(replace(report, fits=None if usable is None else not lacks), lacks, file, note)


def _same_part(one: str, other: str) -> bool:
    """Whether two names mean one part: Vivado leaves out `xc`, hyphens and the temperature grade in some reports."""
    names = sorted((re.sub("[^a-z0-9]", "", part.lower()).removeprefix("xc") for part in (one, other)), key=len)
    return bool(names[0]) and names[1].startswith(names[0])
