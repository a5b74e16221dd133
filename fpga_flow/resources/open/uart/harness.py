"""The Verilog of a board's design: the network, and what receives samples and sends results on a serial line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpga_flow.boards import Device, Gowin
from fpga_flow.errors import InputError
from fpga_flow.rtl.project import RtlProject

#: The top module of a board's design.
TOP = "uart_board"
#: Bits a second of the serial line, if nothing else is asked for.
BAUD = 115_200
#: Clock cycles of a bit, at least: fewer are sampled too far from the bit's middle.
_FEWEST_CYCLES = 8
#: How far the line's speed may be off.
_TOLERANCE = 0.02
#: The silence after which a byte is the first of a sample.
SILENCE_SECONDS = 0.1
_MODULES = ("uart_receiver", "uart_sender", "uart_harness")


@dataclass(frozen=True)
class Clock:
    """The clock of a design: the board's oscillator divided by 2 ** `halvings`."""

    oscillator_mhz: float
    halvings: int = 0

    @property
    def mhz(self) -> float:
        """How fast it is."""
        return self.oscillator_mhz / (1 << self.halvings)


def cycles_per_bit(clock: Clock, baud: int) -> int:
    """Clock cycles of a bit on the line.

    Raises:
        InputError: the clock makes no such speed.
    """
    if baud < 1:
        raise InputError.at("--baud", f"expected at least 1 bit a second, got {baud}")
    exact = 1e6 * clock.mhz / baud
    cycles = round(exact)
    if cycles < _FEWEST_CYCLES or abs(cycles - exact) > _TOLERANCE * exact:
        most = int(1e6 * clock.mhz / _FEWEST_CYCLES)
        message = f"expected a speed that a clock of {clock.mhz:g} MHz divides into, at most {most}, got {baud}"
        raise InputError.at("--baud", message)
    return cycles


def check_names(rtl: RtlProject) -> None:
    """Raise InputError if a module of the network has the name of one that comes around it."""
    taken = {Path(name).stem for name in rtl.verilog} & {TOP, *_MODULES}
    if taken:
        raise InputError.at(str(rtl.folder), f"expected modules of other names than {', '.join(sorted(taken))}")


def write(rtl: RtlProject, device: Device, clock: Clock, baud: int, folder: Path) -> None:
    """Write the Verilog around a network into a folder, where the network's own is.

    Raises:
        InputError: the clock makes no such speed, or a module of the network has a name of one of these.
    """
    check_names(rtl)
    cycles = cycles_per_bit(clock, baud)
    for name in _MODULES:
        text = (Path(__file__).parent / f"{name}.v").read_text(encoding="utf-8")
        (folder / f"{name}.v").write_text(text, encoding="utf-8")
    (folder / f"{TOP}.v").write_text(_top(rtl, device, clock, cycles), encoding="utf-8")


def _top(rtl: RtlProject, device: Device, clock: Clock, cycles: int) -> str:
    in_bits, out_bits = rtl.inputs * rtl.input_type.width, rtl.outputs * rtl.output_type.width
    high = range(len(device.pins.high))
    silence = max(int(1e6 * clock.mhz * SILENCE_SECONDS), 1)
    ports = ["input clk", "input rx", "output tx", *(f"output high_{number}" for number in high)]
    return "\n".join([
        f"// A network on a serial line, with a clock of {clock.mhz:g} MHz.",
        f"module {TOP} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        *(f"    assign high_{number} = 1'b1;" for number in high),
        *_clock(device, clock.halvings),
        "    wire in_valid, out_valid;",
        f"    wire [{in_bits - 1}:0] in_data;",
        f"    wire [{out_bits - 1}:0] out_data;",
        "",
        "    uart_harness #(",
        f"        .CYCLES({cycles}), .PAUSE({silence}), .IN_BITS({in_bits}), .OUT_BITS({out_bits})",
        "    ) harness (",
        "        .clk(step), .rx(rx), .tx(tx), .in_valid(in_valid), .in_data(in_data),",
        "        .out_valid(out_valid), .out_data(out_data)",
        "    );",
        f"    {rtl.top} network (",
        "        .clk(step), .in_valid(in_valid), .in_data(in_data), .out_valid(out_valid), .out_data(out_data)",
        "    );",
        "endmodule\n",
    ])  # fmt: skip


def _clock(device: Device, halvings: int) -> list[str]:
    """The network's clock. nextpnr puts a divided one on the wires for clocks by itself, but for Gowin's parts, where
    a buffer (which the simulation can do without) makes it.
    """
    if halvings == 0:
        return ["    wire step = clk;"]
    divided = f"divider[{halvings - 1}]"
    lines = [
        f"    reg [{halvings - 1}:0] divider = 0;",
        "    always @(posedge clk) divider <= divider + 1'b1;",
    ]
    if not isinstance(device, Gowin):
        return [*lines, f"    wire step = {divided};"]
    return [
        *lines,
        "    wire step;",
        "`ifdef VERILATOR",
        f"    assign step = {divided};",
        "`else",
        f"    BUFG buffer (.I({divided}), .O(step));",
        "`endif",
    ]
