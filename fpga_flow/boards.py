"""FPGA boards: part, clock and resources. Each is one file in boards/; a user's own file works by its path."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
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

#: What makes a design for a board: a vendor's HLS tool, or `open` for Yosys and nextpnr.
Toolchain = Literal["vitis", "vivado", "oneapi", "quartus", "libero", "open"]


class Amounts(Section):
    """Resources of a die: LUTs, flip-flops, DSP slices, block RAMs of 18 Kb, UltraRAMs of 288 Kb.

    What other vendors' parts have is counted so:

    lut     the LUTs of the part, whatever they can do; `Board.lut_kind` says what that is
    dsp     blocks that multiply 18 x 18 bits (iCE40: 16 x 16), as the vendor's tool counts them; a DSP block of Intel's
            is one, though it can do two of these multiplications
    bram18  as many groups of whole memory blocks as hold 18 Kb each: one M20K, LSRAM (20 Kb), EBR or BSRAM (18 Kb) is
            one, two M10K (10 Kb) or five EBR of the iCE40 (4 Kb) are one. MLABs and uSRAM are not counted
    uram    0, if the part has no UltraRAM; eSRAM and SPRAM are not counted
    """

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


Pin = Annotated[str, Form("[A-Za-z0-9_]+", "a pin of the package, for example G2")]
_Name = Annotated[str, Form("[A-Za-z0-9_-]+", "a name of letters, digits, - and _")]

#: It stands in the scripts of the vendors' tools, where other characters could be commands.
_Part = Annotated[str, Form("[A-Za-z0-9][A-Za-z0-9_./-]*", "a part's number of letters, digits and _./-")]


class Pins(Section):
    """The pins of the clock and of the serial line: `rx` brings bytes from the host, `tx` takes them there. Those of
    `high` are held at 1.
    """

    clk: Pin
    rx: Pin
    tx: Pin
    high: list[Pin] = Field(default_factory=list)


class OpenDevice(Section):
    """What is alike for all boards with open tools."""

    oscillator_mhz: PositiveFloat
    pins: Pins


class Ecp5(OpenDevice):
    """A Lattice ECP5, as nextpnr-ecp5 names it."""

    family: Literal["ecp5"]
    size: Literal["12k", "25k", "45k", "85k"]
    package: _Name
    speed: Annotated[int, Field(ge=6, le=8)]


class Ice40(OpenDevice):
    """A Lattice iCE40 UltraPlus, as nextpnr-ice40 names it."""

    family: Literal["ice40"]
    size: Literal["up5k"]
    package: _Name


class Gowin(OpenDevice):
    """A part of Gowin's: `chip` is its chip as Project Apicula names it."""

    family: Literal["gowin"]
    chip: _Name


Device = Annotated[Ecp5 | Ice40 | Gowin, Field(discriminator="family")]


class Board(Section):
    """A board, or a module with its FPGA.

    lut_kind    what a LUT of the part is: `lut6` any function of 6 inputs, `lut4` of 4, `alut` one half of Intel's ALM,
                which shares its 8 inputs with the other half; numbers of one kind say little about another
    clock_ns    the clock period that designs get if the spec says nothing, in nanoseconds
    interfaces  how a host or processor reaches the logic
    open        what Yosys and nextpnr must know to make a bitstream with a network on a serial line; None: they can't
    source      where the figures are from
    """

    name: Annotated[str, Form(r"[a-z0-9][a-z0-9-]*", "a name of small letters, digits and -")]
    title: str
    vendor: str
    family: str
    part: _Part
    toolchain: Toolchain
    lut_kind: Literal["lut6", "lut4", "alut"] = "lut6"
    clock_ns: PositiveFloat
    resources: Resources
    interfaces: list[str] = Field(default_factory=list)
    open: Device | None = None
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


def shipped_boards() -> list[Board]:
    """The boards that come with the package, sorted by name."""
    return [read(_path(name)) for name in names()]


def select(boards: Sequence[Board], family: str | None = None, toolchain: str | None = None) -> list[Board]:
    """The boards whose family has the text `family` in its name, in small or capital letters, and with this toolchain.

    Raises:
        InputError: no board at all is of such a family, or of this toolchain.
    """
    families = sorted({board.family for board in boards})
    toolchains = sorted({board.toolchain for board in boards})
    if family is not None and not any(family.lower() in each.lower() for each in families):
        message = (
            f"expected the name of a family or a part of it, got {messages.show(family)}: {suggest(family, families)}"
        )
        raise InputError.at("--family", message)
    if toolchain is not None and toolchain not in toolchains:
        message = f"expected a toolchain, got {messages.show(toolchain)}: {suggest(toolchain, toolchains)}"
        raise InputError.at("--toolchain", message)
    return [
        board
        for board in boards
        if (family is None or family.lower() in board.family.lower()) and toolchain in (None, board.toolchain)
    ]


def load(name: str) -> Board:
    """The board that a spec names: by the name of one, or by its file if `name` ends with .yaml or .yml.

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
    return read(_path(name))


def _path(name: str) -> Path:
    return shipped.folder("boards") / f"{name}.yaml"


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
