"""Ledger's report of utilization, `ledger.txt`: a line `name: amount` for each resource."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_flow.errors import InputError
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.report import RESOURCES, ResourceReport
from fpga_flow.resources.vendor.found import Found, read_text, relative


def read(project: HlsProject) -> Iterator[Found]:
    """The report in the project's folder, if it is there.

    Raises:
        InputError: it is cut off or damaged.
    """
    path = project.folder / "ledger.txt"
    if path.is_file():
        amounts, settings = parse(read_text(path), str(path)), project.settings
        report = ResourceReport(
            source="post-synthesis", tool="Ledger", part=settings.part, board=settings.board,
            latency_cycles=None, ii=None, clock_ns=settings.clock_ns, **amounts,
        )  # fmt: skip
        yield Found(relative(project, path), report, "")


def parse(text: str, file: str) -> dict[str, int]:
    """The amount of each of `RESOURCES`; `file` is for messages.

    Raises:
        InputError: one is missing, or no number.
    """
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    for name in RESOURCES:
        if not (amount := values.get(name, "nothing")).isdecimal():
            raise InputError.at(file, f"expected an amount, got {amount}", field=name)
    return {name: int(values[name]) for name in RESOURCES}
