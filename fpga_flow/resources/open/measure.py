"""All that open tools say of an HLS project: its RTL, simulated, synthesised and, for some boards, made a bitstream.

It is in `rtl/<board>` beside the project, a folder that belongs to one state of the project: where the network or the
clock changes it is made anew. Each step leaves its result as soon as it is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_flow import process, runs
from fpga_flow.boards import Board
from fpga_flow.errors import CheckFailed, FlowError, InputError, ToolError
from fpga_flow.hls.project import HlsProject
from fpga_flow.process import Deadline
from fpga_flow.resources import tool_step
from fpga_flow.resources.open import bitstream, families, place_route, results, tools, yosys
from fpga_flow.resources.open.bitstream import Bitstream
from fpga_flow.resources.open.uart import simulation
from fpga_flow.resources.open.uart.harness import BAUD, Clock, cycles_per_bit
from fpga_flow.resources.open.yosys import Synthesis
from fpga_flow.resources.tool_step import Step, Ui
from fpga_flow.rtl import verilator, witnesses
from fpga_flow.rtl.__main__ import OURS
from fpga_flow.rtl.check import check
from fpga_flow.rtl.project import RtlProject, digest_of
from fpga_flow.rtl.witnesses import Samples, Witnesses

#: Samples that go over the serial line in the simulation of a bitstream's design.
UART_SAMPLES = 10


@dataclass(frozen=True)
class Measured:
    """What was found."""

    rtl: RtlProject
    witnesses: Witnesses
    syntheses: tuple[Synthesis, ...]
    bitstream: Bitstream | None


def default_family(board: Board) -> str:
    """The family for which Yosys synthesises if nothing else is asked for: the board's, or AMD's 7 series."""
    if board.open is not None:
        return board.open.family
    newer = board.part.startswith("xc") and not board.part.startswith("xc7")
    return "xcup" if newer else "xc7"


def measure(
    project: HlsProject,
    board: Board,
    *,
    chosen: Sequence[str] = (),
    baud: int | None = None,
    timeout_minutes: float = yosys.TIMEOUT_MINUTES,
    ui: Ui = tool_step.QUIET,
) -> Measured:
    """Make the RTL of a project for a board, simulate it, synthesise it; if the board has open tools, make a bitstream.

    Args:
        chosen: names of families to synthesise for; left out: the board's.
        baud: bits a second of the serial line around a bitstream's network; left out: the usual ones.
        timeout_minutes: for each step.

    Raises:
        InputError: the network can't become RTL, a family is not known, the time is not positive, or the board's clock
            makes no such speed of the line.
        ToolError: a tool is missing (found before anything is done), failed or took too long.
        CheckFailed: the witnesses don't agree, or the board is too small.
    """
    yosys.check_timeout(timeout_minutes)
    names = [families.by_name(name).name for name in chosen or [default_family(board)]]
    speed = BAUD if baud is None else baud
    if board.open is not None:
        cycles_per_bit(Clock(board.open.oscillator_mhz), speed)
    elif baud is not None:
        raise InputError.at("--baud", f"expected a board with open tools, which has a serial line, got {board.name}")
    check(project)
    _find_tools(board)
    samples = witnesses.samples_of(project, results.run_folder(project))
    folder = results.folder(project) / board.name
    folder.parent.mkdir(exist_ok=True)
    taken = f"{folder}: another process measures this network"
    with process.terminable(), tool_step.locked(folder.with_name(f".{board.name}.lock"), taken):
        rtl = _rtl(project, folder, board, timeout_minutes, ui)
        agreed = _simulate(rtl, project, samples, timeout_minutes, ui)
        syntheses = [_synthesise(rtl, board, name, timeout_minutes, ui) for name in names]
        for each in syntheses:  # before a design with a serial line is made of what no board can hold
            if board.open is not None and each.family.name == board.open.family:
                bitstream.check_size(rtl, board, each, "the network")
        made = None if board.open is None else _bitstream(rtl, board, speed, samples, timeout_minutes, ui)
    return Measured(rtl, agreed, tuple(syntheses), made)


def _find_tools(board: Board) -> None:
    verilator.find()
    needed = [tools.YOSYS]
    if board.open is not None:
        needed += [place_route.nextpnr(board.open).tool, place_route.nextpnr(board.open).pack]
    for tool in needed:
        tool.find()


def _rtl(project: HlsProject, folder: Path, board: Board, timeout_minutes: float, ui: Ui) -> RtlProject:
    """The RTL, made in a process of its own unless it is there.

    Raises:
        FlowError, CheckFailed: what `generate` says.
        ToolError: it failed in another way, or took too long.
    """
    digest = digest_of(project, board.clock_ns, board.part)
    try:
        there = RtlProject.load(folder)
    except InputError:
        there = None
    if there is not None and there.digest == digest:
        return there
    step = Step("rtl", "Verilog and VHDL of the network")
    arguments = project.folder.absolute(), folder.absolute(), board.clock_ns, board.part
    command = [sys.executable, "-m", "fpga_flow.rtl", *map(str, arguments)]
    with _told(step, folder, ui):
        result = process.run(command, Deadline.after(timeout_minutes), folder=folder.parent)
        said = result.said.strip()
        kinds = {OURS + kind.exit_code: kind for kind in (FlowError, CheckFailed)}
        if result.code in kinds:
            raise kinds[result.code](said)
        if result.code != 0:
            raise ToolError(f"step {step.name}: it failed (exit code {result.code}):\n{said}")
    return RtlProject.load(folder)


def _simulate(rtl: RtlProject, project: HlsProject, samples: Samples, timeout_minutes: float, ui: Ui) -> Witnesses:
    with _told(Step("simulate", "RTL and C simulation compared"), rtl.folder / results.WITNESSES, ui):
        made = witnesses.compare_all(rtl, project, samples, timeout_minutes=timeout_minutes)
        runs.write_json(rtl.folder / results.WITNESSES, made.to_dict())
        made.raise_failures()
    return made


def _synthesise(rtl: RtlProject, board: Board, family: str, timeout_minutes: float, ui: Ui) -> Synthesis:
    folder = rtl.folder / results.SYNTHESIS
    made = yosys.synthesise(rtl, family, folder, timeout_minutes=timeout_minutes, ui=ui)
    own = family == default_family(board)
    report = made.report(rtl, part=board.part if own else "", board=board.name if own else "")
    results.write(folder / f"{family}.json", report, made.counts.carry)
    return made


def _bitstream(rtl: RtlProject, board: Board, baud: int, samples: Samples, timeout_minutes: float, ui: Ui) -> Bitstream:
    """The bitstream, whose design was simulated with the serial line.

    Raises:
        CheckFailed: what came back on the line is not what the network computes.
    """
    folder = rtl.folder / results.BITSTREAM
    report = folder / f"{board.name}.json"
    report.unlink(missing_ok=True)  # of a bitstream that is replaced
    made = bitstream.bitstream(
        rtl, board, folder, baud=baud, synthesis_minutes=timeout_minutes, place_route_minutes=timeout_minutes, ui=ui
    )
    if board.open is None:
        raise ValueError("expected a board with open tools")
    with _told(Step("serial", "the bitstream's design simulated with its serial line"), made.file, ui):
        expected = samples.expected[:UART_SAMPLES]
        got = simulation.simulate(
            rtl, board.open, samples.values[:UART_SAMPLES], clock=made.clock, baud=made.baud,
            timeout_minutes=timeout_minutes,
        )  # fmt: skip
        if not np.array_equal(got, expected.reshape(got.shape)):
            raise CheckFailed(
                f"{made.file}: what comes back on the simulated serial line is not what the network computes"
            )
    results.write(report, made.report(rtl), made.placement.counts.carry, f"{board.name}/{made.file.name}")
    return made


@contextmanager
def _told(step: Step, file: Path, ui: Ui) -> Iterator[None]:
    """Tell of a step that is done in this process."""
    started = time.monotonic()
    ui.start(step, file)
    yield
    ui.done(step, file, time.monotonic() - started)
