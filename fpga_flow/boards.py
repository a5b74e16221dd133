"""FPGA boards: part, clock and resources. Each is one file in boards/, or in a folder of a plugin's; a user's own file
works by its path.

A plugin's folder is a package, named by an entry point, that holds such files and needs no code.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from fpga_flow import plugins, shipped
from fpga_flow.errors import FieldError, InputError, suggest
from fpga_flow.plugins import Plugin, PluginError
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

    lut     the LUTs of the part, whatever they can do; `lut_kind` says what that is
    ff      flip-flops
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
    """The share of each resource up to which designs can be expected to be placed, routed and meet their clock.

    lut     of LUTs
    ff      of flip-flops
    dsp     of multipliers
    bram18  of block RAMs
    uram    of UltraRAMs
    """

    lut: Share = 0.70
    ff: Share = 0.50
    dsp: Share = 0.80
    bram18: Share = 0.80
    uram: Share = 0.80


class Resources(Section):
    """What a network may use.

    die       what the part has
    reserved  what a shell or a soft processor takes of it before the network comes
    ceilings  how much of the rest a network may use
    """

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
PART = Annotated[str, Form("[A-Za-z0-9][A-Za-z0-9_./-]*", "a part's number of letters, digits and _./-")]


class Pins(Section):
    """The pins of the clock and of the serial line.

    clk   of the clock
    rx    of what the host sends
    tx    of what the host receives
    high  those that are held at 1
    """

    clk: Pin
    rx: Pin
    tx: Pin
    high: list[Pin] = Field(default_factory=list)


class OpenDevice(Section):
    """What is alike for all boards with open tools.

    oscillator_mhz  of the board's clock
    pins            of the clock and the serial line
    """

    oscillator_mhz: PositiveFloat
    pins: Pins


class Ecp5(OpenDevice):
    """A Lattice ECP5, as nextpnr-ecp5 names it.

    family   ecp5
    size     thousands of LUTs
    package  of the part
    speed    grade of the part
    """

    family: Literal["ecp5"]
    size: Literal["12k", "25k", "45k", "85k"]
    package: _Name
    speed: Annotated[int, Field(ge=6, le=8)]


class Ice40(OpenDevice):
    """A Lattice iCE40 UltraPlus, as nextpnr-ice40 names it.

    family   ice40
    size     of the part
    package  of the part
    """

    family: Literal["ice40"]
    size: Literal["up5k"]
    package: _Name


class Gowin(OpenDevice):
    """A part of Gowin's.

    family  gowin
    chip    as Project Apicula names it
    """

    family: Literal["gowin"]
    chip: _Name


Device = Annotated[Ecp5 | Ice40 | Gowin, Field(discriminator="family")]


class Board(Section):
    """A board, or a module with its FPGA.

    name        by which specs name it, as its file is called
    title       its full name
    vendor      who makes the FPGA
    family      of the FPGA
    part        the FPGA's full name, with package and speed grade, as its vendor's tools take it
    toolchain   what makes a design for it: a vendor's HLS tool, or `open` for Yosys and nextpnr
    lut_kind    what a LUT of the part is: `lut6` any function of 6 inputs, `lut4` of 4, `alut` one half of Intel's ALM,
                which shares its 8 inputs with the other half; numbers of one kind say little about another
    clock_ns    the clock period that designs get if the spec says nothing, in nanoseconds
    resources   what the FPGA has, and how much of that a network may use
    interfaces  how a host or processor reaches the logic
    open        what Yosys and nextpnr must know to make a bitstream with a network on a serial line; None: they can't
    source      where the figures are from
    """

    name: Annotated[str, Form(r"[a-z0-9][a-z0-9-]*", "a name of small letters, digits and -")]
    title: str
    vendor: str
    family: str
    part: PART
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


def every_board() -> list[Board]:
    """The boards of the package and of plugins, sorted by name."""
    return sorted([*shipped_boards(), *(board for _, board in _of_plugins()[0].values())], key=lambda board: board.name)


def origin(name: str) -> str:
    """Where a board is from: `fpga_flow`, or a plugin's package with its version."""
    plugin, _ = _of_plugins()[0].get(name, (None, None))
    return "fpga_flow" if plugin is None else plugin.package


def problems() -> list[tuple[Plugin, str]]:
    """What is wrong with plugins' folders of boards, and with their boards."""
    return _of_plugins()[1]


@cache
def _of_plugins() -> tuple[dict[str, tuple[Plugin, Board]], list[tuple[Plugin, str]]]:
    """The plugins' boards by name, and what is wrong with others: a name that is taken, a file that is no board's."""
    wrong: list[tuple[Plugin, str]] = []
    found: dict[str, list[tuple[Plugin, Path]]] = {}
    for plugin in plugins.entries("fpga_flow.boards"):
        try:
            for path in sorted(plugin.folder().glob("*.yaml")):
                found.setdefault(path.stem, []).append((plugin, path))
        except PluginError as error:
            wrong.append((plugin, str(error)))
    shipped_names, working = names(), {}
    for name, files in found.items():
        for plugin, path in files:
            others = [each.package for each, other in files if other != path]
            taken = "the package's own" if name in shipped_names else " and ".join(others)
            try:
                if taken:
                    raise PluginError(f'expected a name of its own, got "{name}", which a board of {taken} has, too')
                board = read(path)
                if board.name != name:
                    raise PluginError(f'expected the name of its file in {path}, got "{board.name}"')
                working[name] = (plugin, board)
            except (PluginError, InputError) as error:
                wrong.append((plugin, f'board "{name}": {error}'))
    return working, wrong


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
    if name in (known := names()):
        return read(_path(name))
    found, wrong = _of_plugins()
    if name in found:
        return found[name][1]
    for plugin, why in wrong:
        if why.startswith(f'board "{name}": '):
            raise FieldError(_FIELD, f"{plugin} has it, but it can't be used: {why}")
    known = [*known, *found]
    raise FieldError(_FIELD, f"expected a board, got {messages.show(name)}: {suggest(name, known)}")


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
