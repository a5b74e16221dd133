"""Placing and routing a netlist with nextpnr: what it takes of the part, and how fast its clock may be."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_flow.boards import Board, Device, Ecp5, Gowin, Ice40
from fpga_flow.errors import ToolError
from fpga_flow.resources import tool_step
from fpga_flow.resources.open import constraints, tools
from fpga_flow.resources.open.families import Counts
from fpga_flow.resources.open.tools import OpenTool
from fpga_flow.resources.open.yosys import Synthesis
from fpga_flow.resources.tool_step import Step, Ui
from fpga_flow.resources.tools import Tool

#: Minutes after which placing and routing is given up.
TIMEOUT_MINUTES = 60.0
_REPORT = "report.json"


@dataclass(frozen=True)
class Nextpnr:
    """nextpnr for a family: the tool, what makes a bitstream of its result, and the names of the files between."""

    tool: OpenTool
    pack: OpenTool
    pins: str
    placed: str
    bitstream: str


_NEXTPNR = {
    "ecp5": Nextpnr(tools.NEXTPNR_ECP5, tools.ECPPACK, "pins.lpf", "placed.config", "network.bit"),
    "ice40": Nextpnr(tools.NEXTPNR_ICE40, tools.ICEPACK, "pins.pcf", "placed.asc", "network.bin"),
    "gowin": Nextpnr(tools.NEXTPNR_GOWIN, tools.GOWIN_PACK, "pins.cst", "placed.json", "network.fs"),
}


@dataclass(frozen=True)
class Placement:
    """A placed and routed design.

    tool        nextpnr with its version
    counts      what it takes, in the units of `ResourceReport`
    used        the places of the part that it uses, by nextpnr's own names; `available` are those that there are
    fmax_mhz    how fast each clock may be, by nextpnr's names
    """

    tool: str
    counts: Counts
    used: Mapping[str, int]
    available: Mapping[str, int]
    fmax_mhz: Mapping[str, float]
    seed: int
    seconds: float


def nextpnr(device: Device) -> Nextpnr:
    """What places, routes and packs for a device."""
    return _NEXTPNR[device.family]


def place_route(
    board: Board,
    device: Device,
    synthesis: Synthesis,
    mhz: float,
    seed: int,
    log_file: Path,
    timeout_minutes: float,
    ui: Ui,
) -> Placement:
    """Place and route the netlist of a design with the ports of `constraints.text`; the result is left beside it.

    Args:
        mhz: the clock that is aimed at. Whether it is reached is for the caller to judge.

    Raises:
        ToolError: nextpnr is missing, failed (as where the design is too large), took too long, or left no report.
    """
    needed, work = nextpnr(device), synthesis.netlist.parent
    tool = needed.tool.find()
    step = Step(log_file.stem, f"placing and routing for {board.title}")
    version = tools.version(needed.tool.name, tool)
    (work / needed.pins).write_text(constraints.text(device), encoding="utf-8")
    command = [
        tool.path, *_options(board, device, needed), "--json", synthesis.netlist.name, "--freq", f"{mhz:g}",
        "--seed", str(seed), "--timing-allow-fail", "--report", _REPORT,
    ]  # fmt: skip
    started = time.monotonic()
    ui.start(step, log_file)
    tool_step.run(command, work, log_file, timeout_minutes, step, ui)
    try:
        used, available, fmax = parse((work / _REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolError(
            f"step {step.name}: {needed.tool.name} ended well, but left no report: {error}; its output: {log_file}"
        ) from error
    seconds = time.monotonic() - started
    ui.done(step, log_file, seconds)
    counts = synthesis.family.count_sites(used)
    counts = replace(counts, ff=synthesis.counts.ff, carry=synthesis.counts.carry)
    return Placement(version, counts, used, available, fmax, seed, seconds)


def pack(device: Device, work: Path, log_file: Path, timeout_minutes: float, ui: Ui) -> Path:
    """Make the bitstream of what `place_route` left in a folder.

    Raises:
        ToolError: the tool is missing, failed, took too long, or left no bitstream.
    """
    needed = nextpnr(device)
    tool = needed.pack.find()
    step = Step(log_file.stem, "making the bitstream")
    started = time.monotonic()
    ui.start(step, log_file)
    tool_step.run(_pack_command(tool, device, needed), work, log_file, timeout_minutes, step, ui)
    made = work / needed.bitstream
    if not made.is_file() or not made.stat().st_size:
        raise ToolError(
            f"step {step.name}: {needed.pack.name} ended well, but left no {made.name}; its output: {log_file}"
        )
    ui.done(step, log_file, time.monotonic() - started)
    return made


def _options(board: Board, device: Device, needed: Nextpnr) -> list[str]:
    """The options of nextpnr that name the part and the files."""
    if isinstance(device, Ecp5):
        # the first router does not finish in half an hour where a fourth of the part is used
        return [f"--{device.size}", "--package", device.package, "--speed", str(device.speed), "--router", "router2",
                "--lpf", needed.pins, "--textcfg", needed.placed]  # fmt: skip
    if isinstance(device, Ice40):
        return [f"--{device.size}", "--package", device.package, "--pcf", needed.pins, "--asc", needed.placed]
    return ["--device", board.part, "--vopt", f"family={device.chip}", "--vopt", f"cst={needed.pins}",
            "--write", needed.placed]  # fmt: skip


def _pack_command(tool: Tool, device: Device, needed: Nextpnr) -> list[str]:
    if isinstance(device, Gowin):
        return [tool.path, "-d", device.chip, "-o", needed.bitstream, needed.placed]
    options = ["--compress"] if isinstance(device, Ecp5) else []
    return [tool.path, *options, needed.placed, needed.bitstream]


def parse(text: str) -> tuple[dict[str, int], dict[str, int], dict[str, float]]:
    """The places that are used, those that there are, and the MHz of each clock, of what nextpnr's `--report` wrote.

    Raises:
        ValueError: it is something else, or cut off.
    """
    told = json.loads(text)
    try:
        sites, clocks = told["utilization"], told["fmax"]
        used = {name: int(each["used"]) for name, each in sites.items() if each["used"]}
        available = {name: int(each["available"]) for name, each in sites.items()}
        fmax = {name: float(each["achieved"]) for name, each in clocks.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a report of nextpnr, got {text[:80]!r}") from error
    if not used or not fmax:
        raise ValueError("expected what is used of the part, and a clock; got none")
    return used, available, fmax
