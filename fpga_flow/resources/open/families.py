"""The families of FPGAs that Yosys synthesises for: its commands, and how the cells of the netlist are counted.

A network unrolled is thousands of small adders. For the AMD families the usual order (`synth_xilinx -flatten`, which
maps all to LUTs at once) takes longer than anyone waits; here each kind of adder is mapped to its carry chain before
the modules are merged, and then the rest to LUTs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
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


@dataclass(frozen=True)
class Family:
    """A family of FPGAs.

    name        as in `synthesise`
    commands    of Yosys, after the sources are read; {top} stands for the top module
    cells       what each kind of cell counts as, by a regular expression of its name: amounts of `Counts`, nothing for
                cells that need no such resource
    netlist     the file with the netlist, and the command that writes it
    """

    name: str
    title: str
    commands: tuple[str, ...]
    cells: Mapping[str, Mapping[str, int | Fraction]]
    netlist: tuple[str, str]

    def count(self, cells: Mapping[str, int]) -> Counts:
        """What the cells of a netlist need.

        Args:
            cells: how many there are of each kind.

        Raises:
            ToolError: there are cells of a kind that is not known here.
        """
        totals = dict.fromkeys((field.name for field in fields(Counts)), Fraction(0))
        for name, number in cells.items():
            for resource, amount in self._amounts(name).items():
                totals[resource] += number * amount
        return Counts(**{name: math.ceil(total) for name, total in totals.items()})

    def _amounts(self, cell: str) -> Mapping[str, int | Fraction]:
        for pattern, amounts in self.cells.items():
            if re.fullmatch(pattern, cell):
                return amounts
        raise ToolError(f"expected cells of {self.title} in the netlist, but Yosys left {cell}")


_LUT, _FF, _DSP, _BRAM18 = {"lut": 1}, {"ff": 1}, {"dsp": 1}, {"bram18": 1}
_NOTHING: dict[str, int] = {}

#: `$scopeinfo` only keeps the names of modules.
_XILINX_CELLS = {
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
)
_GOWIN = Family(
    "gowin",
    "Gowin",
    ("synth_gowin -top {top}",),
    {
        "LUT[1-4]": _LUT,
        "ALU": {"lut": 1, "carry": 1},
        "DFFN?[SRPC]?E?": _FF,
        "MULT9X9": {"dsp": Fraction(1, 2)},
        "MULT18X18|MULTALU18X18": _DSP,
        "MULTALU36X18|MULTADDALU18X18": {"dsp": 2},
        "MULT36X36": {"dsp": 4},
        "SPX?9?|SDPX?9?B|DPX?9?B|pROMX?9?": _BRAM18,
        r"MUX2_LUT[5-8]|IBUF|OBUF|GSR|VCC|GND|\$scopeinfo": _NOTHING,
    },
    ("netlist.json", "write_json"),
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
