"""What `fpga-flow resources` does: run the tools that are asked for, then collect all numbers of a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpga_flow import boards
from fpga_flow.errors import FieldError, InputError
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources import build, numbers
from fpga_flow.resources.numbers import Numbers
from fpga_flow.resources.tool_step import Ui

#: Minutes after which a step of `--open` counts as hanging.
OPEN_MINUTES = 60.0
#: The most minutes that may be asked for, a year: operating systems count no further than they must.
_MOST_MINUTES = 60.0 * 24 * 365
#: What `--build` does.
STEPS = "synth,cosim,export,vsynth"


@dataclass(frozen=True)
class Options:
    """What is asked for: `build` and its `steps` of the vendor's tools; the open tools with the board, the bits a
    second of its serial line, and the families of FPGAs; the minutes that a step may take. What is left out is up to
    the tools.
    """

    build: bool = False
    steps: str | None = None
    open: bool = False
    board: str | None = None
    baud: int | None = None
    families: tuple[str, ...] = ()
    timeout_minutes: float | None = None


def execute(path: Path, options: Options, ui: Ui) -> Numbers:
    """Run the tools on the project in a folder, which may be that of a run, and collect its numbers.

    Raises:
        InputError: an option has nothing to act on, or the time is too long.
        InputError, ToolError, CheckFailed: see `build.build`, `measure.measure` and `numbers.collect`.
    """
    _check(options)
    project = numbers.find_project(path)
    if options.build:
        minutes = build.TIMEOUT_MINUTES if options.timeout_minutes is None else options.timeout_minutes
        steps = build.parse_steps(STEPS if options.steps is None else options.steps)
        build.build(project, steps, timeout_minutes=minutes, ui=ui)
    if options.open:
        from fpga_flow.resources.open import measure

        board = _board(project, options.board)
        minutes = OPEN_MINUTES if options.timeout_minutes is None else options.timeout_minutes
        measure.measure(project, board, chosen=options.families, baud=options.baud, timeout_minutes=minutes, ui=ui)
    return numbers.collect(project)


def _check(options: Options) -> None:
    """See whether each option has something to act on, and the time is one.

    Raises:
        InputError: the first that has not.
    """
    needs = [
        ("--board", options.board is not None, "--open", options.open),
        ("--baud", options.baud is not None, "--open", options.open),
        ("--family", bool(options.families), "--open", options.open),
        ("--steps", options.steps is not None, "--build", options.build),
        ("--timeout", options.timeout_minutes is not None, "--build or --open", options.build or options.open),
    ]
    for name, given, needed, there in needs:
        if given and not there:
            raise InputError.at(name, f"expected {needed} with it, got none")
    minutes = options.timeout_minutes
    if minutes is not None and minutes > _MOST_MINUTES:
        raise InputError.at("--timeout", f"expected at most {_MOST_MINUTES:,.0f} minutes, got {minutes:g}")


def _board(project: HlsProject, name: str | None) -> boards.Board:
    """The board of that name, or the project's, with the clock that the project has.

    Raises:
        InputError: there is no such board.
    """
    own = project.settings
    try:
        board = boards.load(own.board if name is None else name)
    except FieldError as error:
        raise InputError.at("--board", error.message) from error
    return board if name is not None else board.model_copy(update={"clock_ns": own.clock_ns})
