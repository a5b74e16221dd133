"""Checking the section `sweep` against the data, the board, the passes and the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fpga_flow import boards
from fpga_flow.boards import Board
from fpga_flow.datasets import Dataset
from fpga_flow.errors import FieldError, InputError
from fpga_flow.hls import backends
from fpga_flow.resources.estimate import LUT_KIND
from fpga_flow.spec.checks import passes
from fpga_flow.spec.load import Loaded
from fpga_flow.sweep import space
from fpga_flow.sweep.options import DescendOptions, SensitivityOptions, Sweep


def check_samples(sweep: Sweep, dataset: Dataset) -> Iterator[FieldError]:
    """What points are chosen by must be measured, and no more samples be simulated than there are."""
    by_accuracy = "accuracy" in sweep.objectives or "accuracy" in sweep.constraints.limits()
    if by_accuracy and not len(dataset.validation.x):
        yield FieldError(
            ("sweep", "objectives"),
            "expected validation samples to measure accuracy on, got none: give some as data.split.validation",
        )
    if sweep.samples is not None and sweep.samples > (there := len(dataset.test.x)):
        yield FieldError(
            ("sweep", "samples"), f"expected at most {there}, as many as there are test samples, got {sweep.samples}"
        )


def check_strategy(sweep: Sweep, passes: Sequence[Any]) -> Iterator[FieldError]:
    """Strategies that leave out the training of the quantize pass, or look at what it gets, need one."""
    chosen = sweep.strategy
    if any(one.name == "quantize" for one in passes):
        return
    if isinstance(chosen, DescendOptions):
        yield FieldError(
            ("sweep", "strategy"), "expected a spec with a quantize pass for the strategy descend, got none"
        )
    if isinstance(chosen, SensitivityOptions) and not chosen.retrain:
        yield FieldError(
            ("sweep", "strategy", "retrain"),
            "expected true, as the spec has no quantize pass whose training could be left out, got false",
        )


def check_boards(sweep: Sweep, backend: str | None) -> Iterator[FieldError]:
    """Each board that the sweep tries must be one for which projects can be made.

    Args:
        backend: the spec's `hls.backend`.
    """
    varied = {path for parameter in sweep.parameters.values() for path in parameter.paths}
    for name, parameter in sweep.parameters.items():
        for number, value in enumerate(parameter.values or ()) if "hls.board" in parameter.paths else ():
            if not isinstance(value, str):
                continue  # that it is no text is said of all fields
            place = ("sweep", "parameters", name, "values", number)
            try:
                board = boards.load(value)
                if "hls.backend" not in varied:
                    backends.choose(backend, board)
            except FieldError as error:
                yield FieldError(place, str(error))
            except InputError as error:  # the board's file is wrong
                yield FieldError(place, "; ".join(map(str, error.problems)))


def check_board(sweep: Sweep, board: Board) -> Iterator[FieldError]:
    """Only of boards with AMD's LUTs is it known whether a design fits; a sweep may vary the board."""
    varied = any("hls.board" in parameter.paths for parameter in sweep.parameters.values())
    if sweep.constraints.fits and board.lut_kind != LUT_KIND and not varied:
        yield FieldError(
            ("sweep", "constraints", "fits"),
            f"expected a board of AMD, as the estimate is not compared with others, got {board.name}: leave it out",
        )


def check_varied(loaded: Loaded, model: Any) -> Iterator[FieldError]:
    """What the sweep of a spec varies must be there."""
    try:
        sites = passes.sites(model, loaded.sections.get("compress") or ())
    except FieldError:
        return  # the passes or the network are wrong, which is said elsewhere
    parameters = loaded.sections["sweep"].parameters
    yield from space.check(loaded.document, parameters, sites, loaded.sections.get("precision"))
