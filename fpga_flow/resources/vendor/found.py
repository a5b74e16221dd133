"""What every reader of resource numbers finds, and what readers share.

A reader is a function from an `HlsProject` to the `Found` of all its reports in the project's folder, of which there
may be none. It raises an `InputError` where a report is cut off or damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpga_flow import sizes
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.report import ResourceReport


@dataclass(frozen=True)
class Found:
    """Resource numbers, the file that they were read from (relative to the project), and what else it says."""

    file: str
    report: ResourceReport
    note: str


#: Of a report; the longest are of some megabytes, and hostile ones take a second for each.
MOST_BYTES = 2**25


def read_text(path: Path) -> str:
    """A report's text."""
    return sizes.read_text(path, MOST_BYTES, errors="replace")


def relative(project: HlsProject, path: Path) -> str:
    """A file's path as messages and tables have it: from the project's folder."""
    return str(path.relative_to(project.folder))
