"""What the open tools left beside a project: where, and how it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_flow import runs
from fpga_flow.errors import InputError, reason
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.report import ResourceReport
from fpga_flow.rtl.project import MANIFEST, RtlProject, digest_of

#: The files and folders in that of a board: how the RTL compares with its witnesses, and what each tool said.
WITNESSES, SYNTHESIS, BITSTREAM = "witnesses.json", "synthesis", "bitstream"


@dataclass(frozen=True)
class Found:
    """A report and its file; `carry` has the cells of carry chains, `bitstream` is the file that a board is loaded
    with, if there is one.
    """

    report: ResourceReport
    file: Path
    carry: int
    bitstream: str | None


@dataclass(frozen=True)
class BoardResults:
    """What there is for a board: the folder of its RTL, how that compares with its witnesses, in words (None if nobody
    has simulated it), and the reports.
    """

    board: str
    folder: Path
    witnesses: str | None
    found: tuple[Found, ...]


def run_folder(project: HlsProject) -> Path | None:
    """The folder of the run that made a project; None if it stands for itself."""
    stage = project.folder.absolute().parent
    return stage.parent if stage.name.endswith("-hls") and (stage.parent / "spec.yaml").is_file() else None


def folder(project: HlsProject) -> Path:
    """Where the RTL of a project is, by board: in the folder of the run, or of the project."""
    return (run_folder(project) or project.folder) / "rtl"


def write(file: Path, report: ResourceReport, carry: int, bitstream: str | None = None) -> None:
    """Write a report where `read` finds it."""
    runs.write_json(file, {"report": report.to_dict(), "carry": carry, "bitstream": bitstream})


def read(project: HlsProject) -> list[BoardResults]:
    """What the open tools left of the project as it is now, by board; not of a network that it had before.

    Raises:
        InputError: a file is damaged.
    """
    made = []
    for manifest in sorted(folder(project).glob(f"*/{MANIFEST}")):
        of_board = manifest.parent
        rtl = RtlProject.load(of_board)
        if rtl.digest != digest_of(project, rtl.clock_ns, rtl.part, rtl.additions):
            continue
        files = [file for kind in (SYNTHESIS, BITSTREAM) for file in sorted((of_board / kind).glob("*.json"))]
        told = _json(of_board / WITNESSES)["verdict"] if (of_board / WITNESSES).is_file() else None
        made.append(BoardResults(of_board.name, of_board, told, tuple(map(_found, files))))
    return made


def _found(file: Path) -> Found:
    told = _json(file)
    try:
        return Found(ResourceReport.from_dict(told["report"]), file, told["carry"], told["bitstream"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError.at(str(file), f"expected a report of the open tools, got: {reason(error)}") from error


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.at(str(file), f"expected a result of the open tools, got: {reason(error)}") from error
