"""A bitstream of a network for a board with open tools, from its RTL."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from fpga_flow import process
from fpga_flow.boards import Board, Device
from fpga_flow.errors import CheckFailed, InputError
from fpga_flow.resources import tool_step
from fpga_flow.resources.open import families, place_route, tools, yosys
from fpga_flow.resources.open.place_route import Placement
from fpga_flow.resources.open.uart import harness
from fpga_flow.resources.open.uart.harness import Clock
from fpga_flow.resources.open.yosys import Synthesis
from fpga_flow.resources.report import ResourceReport, shortfalls
from fpga_flow.resources.tool_step import Ui
from fpga_flow.rtl.project import RtlProject
from fpga_flow.whole import whole

#: How often the clock is halved at most.
_MOST_HALVINGS = 6
#: A slower clock is chosen with this margin, since the design is placed anew for it.
_MARGIN = 0.9


@dataclass(frozen=True)
class Bitstream:
    """A bitstream, and what the design in it needs, with its serial line.

    file        what the board is loaded with
    clock       what the design runs at, which `fmax_mhz` allows
    """

    file: Path
    board: Board
    baud: int
    clock: Clock
    fmax_mhz: float
    synthesis: Synthesis
    placement: Placement
    seconds: float

    def report(self, rtl: RtlProject) -> ResourceReport:
        """The numbers as they stand beside those of other sources; the clock period is the shortest possible one."""
        counts = self.placement.counts
        return ResourceReport(
            source="open-synthesis", tool=f"{self.synthesis.tool}, {self.placement.tool}", part=self.board.part,
            board=self.board.name, lut=counts.lut, ff=counts.ff, dsp=counts.dsp, bram18=counts.bram18,
            uram=None, latency_cycles=rtl.latency_cycles, ii=1, clock_ns=round(1e3 / self.fmax_mhz, 3), fits=True,
        )  # fmt: skip


def bitstream(
    rtl: RtlProject,
    board: Board,
    folder: Path,
    *,
    baud: int = harness.BAUD,
    seed: int = 1,
    synthesis_minutes: float = yosys.TIMEOUT_MINUTES,
    place_route_minutes: float = place_route.TIMEOUT_MINUTES,
    ui: Ui = tool_step.QUIET,
) -> Bitstream:
    """Make a bitstream of a network with a serial line, see `uart.frames` for what goes over it.

    The clock is the board's oscillator; where the network is too slow for it, the oscillator divided by 2, 4, ...

    Args:
        folder: gets `<board>/`, whole or not at all, with the bitstream and what it was made of; and `logs/`.
        seed: of placing.
        synthesis_minutes, place_route_minutes: after which each is given up.

    Raises:
        InputError: the board has no open tools, or a number is out of range.
        ToolError: a tool is missing, failed (as where the design can't be placed), or took too long.
        CheckFailed: the board is too small, or the network too slow for any of the clocks.
    """
    started = time.monotonic()
    device = board.open
    if device is None:
        message = "expected a board with open tools (fpga-flow boards --toolchain open lists them)"
        raise InputError.at("--board", f"{message}, got {board.name}")
    for minutes in (synthesis_minutes, place_route_minutes):
        yosys.check_timeout(minutes)
    clock = Clock(device.oscillator_mhz)
    harness.check_names(rtl)
    harness.cycles_per_bit(clock, baud)
    for tool in (tools.YOSYS, place_route.nextpnr(device).tool, place_route.nextpnr(device).pack):
        tool.find()
    target = folder / board.name
    with process.terminable(), whole(target) as work:
        while True:
            synthesis = _synthesise(rtl, board, device, clock, baud, work, folder, synthesis_minutes, ui)
            log_file = yosys.log_of(folder, f"nextpnr-{board.name}")
            placement = place_route.place_route(
                board, device, synthesis, clock.mhz, seed, log_file, place_route_minutes, ui
            )
            fmax = min(placement.fmax_mhz.values())  # of a divided clock and the divider's, the network's is the slower
            if fmax >= clock.mhz:
                break
            clock = _slower(rtl, board, clock, fmax)
            harness.cycles_per_bit(clock, baud)
        log_file = yosys.log_of(folder, f"pack-{board.name}")
        made = place_route.pack(device, work, log_file, place_route_minutes, ui)
    synthesis = replace(synthesis, netlist=target / synthesis.netlist.name)
    seconds = time.monotonic() - started
    return Bitstream(target / made.name, board, baud, clock, fmax, synthesis, placement, seconds)


def _synthesise(
    rtl: RtlProject,
    board: Board,
    device: Device,
    clock: Clock,
    baud: int,
    work: Path,
    folder: Path,
    timeout_minutes: float,
    ui: Ui,
) -> Synthesis:
    """The netlist of the network with its serial line.

    Raises:
        CheckFailed: the board has too little of something; placing would find it out much later.
    """
    family = families.by_name(device.family)
    yosys.copy_sources(rtl, work)
    harness.write(rtl, device, clock, baud, work)
    log_file = yosys.log_of(folder, f"yosys-{board.name}")
    made = yosys.run(tools.YOSYS.find(), family, harness.TOP, work, log_file, timeout_minutes, ui)
    check_size(rtl, board, made, "the network with its serial line")
    return made


def check_size(rtl: RtlProject, board: Board, synthesis: Synthesis, what: str) -> None:
    """See whether a board can hold a netlist of its family; `what` it is, in words.

    Raises:
        CheckFailed: it can't.
    """
    lacks = shortfalls(synthesis.report(rtl), dict(board.resources.die))
    if lacks:
        needs = ", ".join(f"{lack.needed:,} {lack.resource} of {lack.usable:,}" for lack in lacks)
        raise CheckFailed(f"{rtl.folder}: {what} is too large for the {board.name}: {needs}")


def _slower(rtl: RtlProject, board: Board, clock: Clock, fmax: float) -> Clock:
    """A clock that the network, which reached `fmax` MHz, is fast enough for.

    Raises:
        CheckFailed: there is none, or the network was placed for such a one already.
    """
    halvings = math.ceil(math.log2(clock.oscillator_mhz / (_MARGIN * fmax)))
    if clock.halvings or halvings > _MOST_HALVINGS:
        message = f"expected a clock of {clock.mhz:g} MHz, got {fmax:.1f} MHz at most after placing and routing"
        raise CheckFailed(f"{rtl.folder}: the network is too slow for the {board.name}: {message}")
    return Clock(clock.oscillator_mhz, halvings)
