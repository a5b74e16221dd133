"""Synthesis by Yosys: RTL becomes a netlist of a family's cells, which are counted."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_flow import process
from fpga_flow.errors import InputError, ToolError
from fpga_flow.resources import tool_step
from fpga_flow.resources.open import families, tools
from fpga_flow.resources.open.families import Counts, Family
from fpga_flow.resources.report import ResourceReport
from fpga_flow.resources.tool_step import Step, Ui
from fpga_flow.resources.tools import Tool
from fpga_flow.rtl.project import RtlProject
from fpga_flow.whole import whole

#: Minutes after which a synthesis is given up.
TIMEOUT_MINUTES = 30.0
_SCRIPT, _CELLS = "yosys.ys", "cells.json"
#: Names that need no quotes in a script.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Synthesis:
    """The netlist of a design and what it needs; `cells` has the number of each kind, `tool` the version of Yosys."""

    family: Family
    tool: str
    counts: Counts
    cells: Mapping[str, int]
    netlist: Path
    seconds: float

    def report(self, rtl: RtlProject, *, part: str = "", board: str = "") -> ResourceReport:
        """The numbers as they stand beside those of other sources; without a `part` they are of the whole family."""
        counts = self.counts
        return ResourceReport(
            source="open-synthesis", tool=self.tool, part=part or self.family.title, board=board,
            lut=counts.lut, ff=counts.ff, dsp=counts.dsp, bram18=counts.bram18, uram=None,
            latency_cycles=rtl.latency_cycles, ii=1, clock_ns=rtl.clock_ns,
        )  # fmt: skip


def synthesise(
    rtl: RtlProject, family: str, folder: Path, *, timeout_minutes: float = TIMEOUT_MINUTES, ui: Ui = tool_step.QUIET
) -> Synthesis:
    """Synthesise RTL for a family of FPGAs; the netlist, the script and the counts are in `folder/<family>`.

    Args:
        family: a name of `families.FAMILIES`.
        folder: gets `<family>/`, whole or not at all, and the log as `logs/yosys-<family>.log`.

    Raises:
        InputError: the family is not known, or the time is not positive.
        ToolError: Yosys is missing, failed, took too long, or left no netlist that can be counted.
    """
    chosen = families.by_name(family)
    check_timeout(timeout_minutes)
    yosys = tools.YOSYS.find()
    target = folder / chosen.name
    with process.terminable(), whole(target) as work:
        copy_sources(rtl, work)
        log_file = log_of(folder, f"yosys-{chosen.name}")
        made = run(yosys, chosen, rtl.top, work, log_file, timeout_minutes, ui)
    return replace(made, netlist=target / made.netlist.name)


def check_timeout(minutes: float) -> None:
    """Raise InputError unless this is a time."""
    if not minutes > 0:
        raise InputError.at("--timeout", f"expected a time above 0 minutes, got {minutes:g}")


def log_of(folder: Path, name: str) -> Path:
    """The log of a step."""
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def copy_sources(rtl: RtlProject, work: Path) -> None:
    """Copy the Verilog and the tables that it reads side by side, as the tools want them."""
    for name in (*rtl.verilog, *rtl.tables):
        shutil.copyfile(rtl.folder / name, work / Path(name).name)


def run(
    yosys: Tool,
    family: Family,
    top: str,
    work: Path,
    log_file: Path,
    timeout_minutes: float,
    ui: Ui,
) -> Synthesis:
    """Synthesise all Verilog files of the folder `work`; the netlist is left there.

    Raises:
        ToolError: Yosys failed, took too long, or left no netlist that can be counted.
    """
    netlist, write = family.netlist
    sources = sorted(path.name for path in work.glob("*.v") if path.name != netlist)
    for name in (top, *sources):
        if not _PLAIN.fullmatch(name):
            raise ValueError(f"expected a name of letters, digits, _, - and ., got {name!r}")
    step = Step(log_file.stem, f"synthesis for {family.title}")
    (work / _SCRIPT).write_text("\n".join([
        *(f"read_verilog -defer {name}" for name in sources),
        *(command.format(top=top) for command in family.commands),
        f"tee -q -o {_CELLS} stat -json",
        f"{write} {netlist}\n",
    ]), encoding="utf-8")  # fmt: skip
    started = time.monotonic()
    ui.start(step, log_file)
    tool_step.run([yosys.path, "-v", "2", "-s", _SCRIPT], work, log_file, timeout_minutes, step, ui)
    try:
        tool, cells = parse((work / _CELLS).read_text(encoding="utf-8"))
        if not (work / netlist).is_file():
            raise ValueError(f"no {netlist}")
    except (OSError, ValueError) as error:
        raise ToolError(
            f"step {step.name}: Yosys ended well, but left no netlist to count: {error}; its output: {log_file}"
        ) from error
    seconds = time.monotonic() - started
    ui.done(step, log_file, seconds)
    return Synthesis(family, tool, family.count(cells), cells, work / netlist, seconds)


def parse(text: str) -> tuple[str, dict[str, int]]:
    """The version of Yosys, and the number of cells of each kind, of what `stat -json` printed.

    Raises:
        ValueError: it is something else, or cut off.
    """
    told = json.loads(text)
    try:
        creator, cells = told["creator"], told["design"]["num_cells_by_type"]
        version = re.match(r"Yosys \d[\w.]*", creator)
        if version is None:
            raise ValueError(f"expected the version of Yosys, got {creator!r}")
        return version[0], {str(name): int(number) for name, number in cells.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected the counts of `stat -json`, got {text[:80]!r}") from error
