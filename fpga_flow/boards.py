"""FPGA boards: part, clock and resources. Each is one file in boards/; a user's own file works by its path."""

from __future__ import annotations

import json
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from fpga_flow import shipped
from fpga_flow.errors import FieldError, InputError, suggest
from fpga_flow.spec import messages, yaml_file
from fpga_flow.spec.base import Form, PositiveFloat, Section

_FIELD = ("hls", "board")

Count = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(gt=0, le=1)]


class Amounts(Section):
    """Resources of a die: 6-input LUTs, flip-flops, DSP slices, block RAMs of 18 Kb, UltraRAMs of 288 Kb."""

    lut: Count
    ff: Count
    dsp: Count
    bram18: Count
    uram: Count


class Reserved(Amounts):
    """What a shell or a soft processor takes of them; nothing if left out."""

    lut: Count = 0
    ff: Count = 0
    dsp: Count = 0
    bram18: Count = 0
    uram: Count = 0


class Ceilings(Section):
    """The share of each resource up to which designs can be expected to be placed, routed and meet their clock."""

    lut: Share = 0.70
    ff: Share = 0.50
    dsp: Share = 0.80
    bram18: Share = 0.80
    uram: Share = 0.80


class Resources(Section):
    """What the die has, what is taken of it before the network comes, and how much of the rest a network may use."""

    die: Amounts
    reserved: Reserved = Reserved()
    ceilings: Ceilings = Ceilings()

    @model_validator(mode="after")
    def _reserved_fits(self) -> Resources:
        for name, taken in self.reserved:
            if taken > getattr(self.die, name):
                raise ValueError(f"expected at most {getattr(self.die, name)} reserved {name}, got {taken}")
        return self


class Board(Section):
    """A board, or a module with its FPGA.

    clock_ns    the clock period that designs get if the spec says nothing, in nanoseconds
    interfaces  how a host or processor reaches the logic
    source      where the figures are from
    """

    name: Annotated[str, Form(r"[a-z0-9][a-z0-9-]*", "a name of small letters, digits and -")]
    title: str
    vendor: str
    family: str
    part: str
    toolchain: Literal["vitis"]
    clock_ns: PositiveFloat
    resources: Resources
    interfaces: list[str] = Field(default_factory=list)
    source: str

    def usable(self) -> dict[str, int]:
        """What a network may use of each resource: the whole part of (die - reserved) * ceiling."""
        resources = self.resources
        free = {name: amount - getattr(resources.reserved, name) for name, amount in resources.die}
        # exact decimals: in binary, 0.7 of 10 could be just below 7
        return {
            name: math.floor(amount * Fraction(str(getattr(resources.ceilings, name)))) for name, amount in free.items()
        }


def names() -> list[str]:
    """The names of the boards that come with the package, sorted."""
    return sorted(path.stem for path in shipped.folder("boards").glob("*.yaml"))


def load(name: str) -> Board:
    """The board of this name, or of the file if `name` ends with .yaml or .yml.

    Raises:
        FieldError: there is no such board or file.
        InputError: the file is no YAML, or doesn't describe a board.
    """
    if name.endswith((".yaml", ".yml")):
        if not os.path.isfile(name):
            raise FieldError(_FIELD, f"no such file: {messages.show(name)}")
        return read(Path(name))
    known = names()
    if name not in known:
        raise FieldError(_FIELD, f"expected a board, got {messages.show(name)}: {suggest(name, known)}")
    return read(shipped.folder("boards") / f"{name}.yaml")


def read(path: Path) -> Board:
    """The board of a file.

    Raises:
        InputError: the file can't be read, is no YAML, or doesn't describe a board; all problems with their places.
    """
    document = yaml_file.read(path)
    if not isinstance(document.data, dict):
        got = messages.show(document.data)
        raise InputError.at(str(path), f"expected a mapping with the keys of a board, got {got}", line=1, column=1)
    try:
        board = Board.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        mistakes = [each for each in messages.mistakes(error, Board) if each.path not in document.wrong]
        problems = [document.problem(each.path, each.message) for each in mistakes]
        raise InputError([*document.problems, *problems]) from error
    if document.problems:
        raise InputError(document.problems)
    return board
