"""The families of FPGAs that Yosys synthesises for: its commands, and how the cells of the netlist are counted.

A network unrolled is thousands of small adders. For the AMD families the usual order (`synth_xilinx -flatten`, which
maps all to LUTs at once) takes longer than anyone waits; here each kind of adder is mapped to its carry chain before
the modules are merged, and then the rest to LUTs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction

from fpga_flow.errors import InputError, ToolError, suggest


@dataclass(frozen=True)
class Counts:
    """What a netlist needs, in the units of `ResourceReport`; `carry` in cells of carry chains.

    lut     cells that a LUT of the part is taken for: functions, inverters, shift registers of AMD's LUTs, and the
            LUTs that carry chains need where these don't count by themselves (ECP5, Gowin)
    carry   CARRY4, CCU2C, SB_CARRY or ALU; of 4, 2, 1 and 1 bit
    dsp     multipliers of 18 x 18 bits (AMD: DSP slices; iCE40: 16 x 16), as `boards.Amounts` has them
    """

    lut: int
    ff: int
    carry: int
    dsp: int
    bram18: int


#: Amounts of `Counts`, by a regular expression of what counts so.
Amounts = Mapping[str, Mapping[str, int | Fraction]]


@dataclass(frozen=True)
class Family:
    """A family of FPGAs.

    name        as in `synthesise`
    commands    of Yosys, after the sources are read; {top} stands for the top module
    cells       what each kind of cell counts as; nothing for those that need no such resource
    sites       the same for what nextpnr says that is used; what is not named does not count, as flip-flops and carry
                cells do not: placing changes nothing in their number
    netlist     the file with the netlist, and the command that writes it
    """

    name: str
    title: str
    commands: tuple[str, ...]
    cells: Amounts
    netlist: tuple[str, str]
    sites: Amounts = field(default_factory=dict)

    def count(self, cells: Mapping[str, int]) -> Counts:
        """What the cells of a netlist need.

        Args:
            cells: how many there are of each kind.

        Raises:
            ToolError: there are cells of a kind that is not known here.
        """
        unknown = [name for name in cells if _amounts(self.cells, name) is None]
        if unknown:
            raise ToolError(f"expected cells of {self.title} in the netlist, but Yosys left {', '.join(unknown)}")
        return _sum((number, _amounts(self.cells, name) or {}) for name, number in cells.items())

    def count_sites(self, used: Mapping[str, int]) -> Counts:
        """What a placed design takes of LUTs, DSP and block RAM.

        Args:
            used: how many places of each kind it uses.
        """
        return _sum((number, _amounts(self.sites, name) or {}) for name, number in used.items())


def _amounts(table: Amounts, name: str) -> Mapping[str, int | Fraction] | None:
    return next((amounts for pattern, amounts in table.items() if re.fullmatch(pattern, name)), None)


def _sum(amounts: Iterable[tuple[int, Mapping[str, int | Fraction]]]) -> Counts:
    totals = dict.fromkeys((each.name for each in fields(Counts)), Fraction(0))
    for number, resources in amounts:
        for resource, amount in resources.items():
            totals[resource] += number * amount
    return Counts(**{name: math.ceil(total) for name, total in totals.items()})


_Amount = dict[str, int | Fraction]
_LUT: _Amount = {"lut": 1}
_FF: _Amount = {"ff": 1}
_DSP: _Amount = {"dsp": 1}
_BRAM18: _Amount = {"bram18": 1}
_NOTHING: _Amount = {}

#: `$scopeinfo` only keeps the names of modules.
_XILINX_CELLS: Amounts = {
    "LUT[1-6]|INV": _LUT,
    "SRL16E|SRLC32E": _LUT,
    "CARRY4": {"carry": 1},
    "FD[RSCP]E(_1)?": _FF,
    "DSP48E[12]": _DSP,
    "RAMB18E[12]": _BRAM18,
    "RAMB36E[12]": {"bram18": 2},
    r"MUXF[78]|BUFG|VCC|GND|\$scopeinfo": _NOTHING,
}


def _xilinx(family: str, title: str) -> Family:
    begin = f"synth_xilinx -family {family} -top {{top}} -noiopad -run"
    commands = (
        f"{begin} begin:map_luts",
        "flatten",
        "opt -full",
        "opt_expr -mux_undef -noclkinv",
        "abc -luts 2:2,3,6:5,10,20",
        "clean",
        "xilinx_srl -fixed -minlen 3",
        "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
        "xilinx_dffopt",
        "opt_lut_ins -tech xilinx",
        f"{begin} finalize:edif",
    )
    return Family(family, title, commands, _XILINX_CELLS, ("netlist.v", "write_verilog -noattr"))


_ECP5 = Family(
    "ecp5",
    "ECP5",
    ("synth_ecp5 -top {top}",),
    {
        "LUT4": _LUT,
        "CCU2C": {"lut": 2, "carry": 1},
        "TRELLIS_FF": _FF,
        "MULT18X18D": _DSP,
        "DP16KD|PDPW16KD": _BRAM18,
        r"PFUMX|L6MUX21|ALU54B|TRELLIS_IO|VHI|VLO|\$scopeinfo": _NOTHING,
    },
    ("netlist.json", "write_json"),
    {"TRELLIS_COMB": _LUT, "MULT18X18D": _DSP, "DP16KD": _BRAM18},
)
_ICE40 = Family(
    "ice40",
    "iCE40 UltraPlus",
    ("synth_ice40 -device u -dsp -top {top}",),
    {
        "SB_LUT4": _LUT,
        "SB_CARRY": {"carry": 1},
        "SB_DFF(N|E|SR|R|SS|S|ESR|ER|ESS|ES|NE|NSR|NR|NSS|NS|NESR|NER|NESS|NES)?": _FF,
        "SB_MAC16": _DSP,
        "SB_RAM40_4K(NR|NW|NRNW)?": {"bram18": Fraction(1, 5)},
        r"SB_GB|SB_IO|\$scopeinfo": _NOTHING,
    },
    ("netlist.json", "write_json"),
    {"ICESTORM_LC": _LUT, "ICESTORM_DSP": _DSP, "ICESTORM_RAM": {"bram18": Fraction(1, 5)}},
)
_GOWIN_DSP: dict[str, _Amount] = {
    "MULT9X9": {"dsp": Fraction(1, 2)},
    "MULT18X18": _DSP,
    "MULTALU18X18": _DSP,
    "MULTALU36X18": {"dsp": 2},
    "MULTADDALU18X18": {"dsp": 2},
    "MULT36X36": {"dsp": 4},
}
_GOWIN = Family(
    "gowin",
    "Gowin",
    ("synth_gowin -top {top}",),
    {
        "LUT[1-4]": _LUT,
        "ALU": {"lut": 1, "carry": 1},
        "DFFN?[SRPC]?E?": _FF,
        **_GOWIN_DSP,
        "SPX?9?|SDPX?9?B|DPX?9?B|pROMX?9?": _BRAM18,
        r"MUX2_LUT[5-8]|IBUF|OBUF|BUFG|GSR|VCC|GND|\$scopeinfo": _NOTHING,
    },
    ("netlist.json", "write_json"),
    {"LUT4|ALU": _LUT, "BSRAM": _BRAM18, **_GOWIN_DSP},
)

#: By their names.
FAMILIES = {
    each.name: each for each in (_xilinx("xc7", "7-series"), _xilinx("xcup", "UltraScale+"), _ECP5, _ICE40, _GOWIN)
}


def by_name(name: str) -> Family:
    """A family by its name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in FAMILIES:
        raise InputError.at("--family", f'expected a family that Yosys synthesises for, got "{name}": '
                            f"{suggest(name, FAMILIES)}")  # fmt: skip
    return FAMILIES[name]
