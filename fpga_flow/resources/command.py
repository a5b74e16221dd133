"""What `fpga-flow resources` does: run the tools that are asked for, then collect all numbers of a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpga_flow import boards
from fpga_flow.errors import FieldError, InputError
from fpga_flow.resources import build, numbers
from fpga_flow.resources.numbers import Numbers
from fpga_flow.resources.process import Ui

#: Minutes after which a step of `--open` counts as hanging.
OPEN_MINUTES = 60.0


@dataclass(frozen=True)
class Options:
    """What is asked for: `build` and its `steps` of the vendor's tools; the open tools with the board and the families
    of FPGAs; the minutes that a step may take. What is left out is up to the tools.
    """

    build: bool = False
    steps: str = ""
    open: bool = False
    board: str | None = None
    families: tuple[str, ...] = ()
    timeout_minutes: float | None = None


def execute(path: Path, options: Options, ui: Ui) -> Numbers:
    """Run the tools on the project in a folder, which may be that of a run, and collect its numbers.

    Raises:
        InputError, ToolError, CheckFailed: see `build.build`, `measure.measure` and `numbers.collect`.
    """
    given = [name for name, value in (("--board", options.board), ("--family", options.families)) if value]
    if given and not options.open:
        raise InputError.at(given[0], "expected --open with it, got none")
    project = numbers.find_project(path)
    if options.build:
        minutes = options.timeout_minutes or build.TIMEOUT_MINUTES
        build.build(project, build.parse_steps(options.steps), timeout_minutes=minutes, ui=ui)
    if options.open:
        from fpga_flow.resources.open import measure

        board = _board(options.board or project.settings.board)
        minutes = options.timeout_minutes or OPEN_MINUTES
        measure.measure(project, board, chosen=options.families, timeout_minutes=minutes, ui=ui)
    return numbers.collect(project)


def _board(name: str) -> boards.Board:
    try:
        return boards.load(name)
    except FieldError as error:
        raise InputError.at("--board", error.message) from error
