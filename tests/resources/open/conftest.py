"""A tiny design in place of a network's, and small scripts in place of the open tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.resources.open import tools
from fpga_flow.rtl.project import RtlProject

#: Three inputs of 5 bits; two outputs of 6 bits, a sum and a difference. One of the operands is read from a table.
DESIGN = """
module tiny (
    input clk, input in_valid, input [14:0] in_data, output out_valid, output [11:0] out_data
);
    wire signed [4:0] a = in_data[4:0], c = in_data[14:10];
    wire signed [4:0] b;
    same table_of_b (.from(in_data[9:5]), .to(b));
    reg signed [5:0] sum = 0, difference = 0;
    reg [11:0] result = 0;
    reg [1:0] valid = 0;
    always @(posedge clk) begin
        valid <= {valid[0], in_valid};
        sum <= a + b;
        difference <= b - c;
        result <= {difference, sum};
    end
    assign out_valid = valid[1];
    assign out_data = result;
endmodule
"""
TABLE = """
module same (input [4:0] from, output [4:0] to);
    reg [4:0] values [0:31];
    initial $readmemh("same.mem", values);
    assign to = values[from];
endmodule
"""


@pytest.fixture
def rtl(tmp_path: Path) -> RtlProject:
    return tiny(tmp_path / "rtl")


def tiny(folder: Path) -> RtlProject:
    """The design, written as a network's."""
    verilog = folder / "verilog"
    verilog.mkdir(parents=True)
    (verilog / "tiny.v").write_text(DESIGN)
    (verilog / "same.v").write_text(TABLE)
    (verilog / "same.mem").write_text("\n".join(f"{number:02x}" for number in range(32)) + "\n")
    return RtlProject(
        folder, "tiny", inputs=3, input_type=FixedPoint(5, 2), outputs=2, output_type=FixedPoint(6, 3),
        latency_cycles=2, clock_ns=10.0, part="", additions=1, digest="",
    )  # fmt: skip


def samples(rtl: RtlProject, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Samples (count, 3), the smallest and the largest values among them."""
    type_ = rtl.input_type
    made = type_.quantize(np.random.default_rng(seed).uniform(type_.min, type_.max, (count, rtl.inputs)))
    made[0], made[1] = type_.min, type_.max
    return made


def expected(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the design computes."""
    return np.stack([values[:, 0] + values[:, 1], values[:, 1] - values[:, 2]], axis=1)


#: A Yosys that "synthesises" any design into these cells.
YOSYS = """
import json, pathlib, sys
if "--version" in sys.argv:
    print("Yosys 0.70 (git sha1 28ba3cb92)")
    raise SystemExit
script = pathlib.Path(sys.argv[-1]).read_text()
print("1. Executing Verilog-2005 frontend")
cells = {cells}
creator = "Yosys 0.70 (git sha1 28ba3cb92, Release)"
pathlib.Path("cells.json").write_text(json.dumps({{"creator": creator, "design": {{"num_cells_by_type": cells}}}}))
pathlib.Path(script.split()[-1]).write_text("netlist")
"""

#: A nextpnr whose clocks reach `fmax`, by how often it was asked before.
NEXTPNR = """
import json, pathlib, sys
if "--version" in sys.argv:
    print('"nextpnr" -- Next Generation Place and Route (Version nextpnr-0.11.1)', file=sys.stderr)
    raise SystemExit
print("Info: asked for", *sys.argv[1:])
count = pathlib.Path({count!r})
with count.open("a") as file:
    file.write("x")
fmax = {fmax}[len(count.read_text()) - 1]
report = {{
    "utilization": {used},
    "fmax": {{name: {{"achieved": mhz, "constraint": 25}} for name, mhz in fmax.items()}},
}}
pathlib.Path(sys.argv[sys.argv.index("--report") + 1]).write_text(json.dumps(report))
for option in ("--textcfg", "--asc", "--write"):
    if option in sys.argv:
        pathlib.Path(sys.argv[sys.argv.index(option) + 1]).write_text("placed")
"""

#: A maker of bitstreams.
PACK = """
import pathlib, sys
print("asked for", *sys.argv[1:])
name = sys.argv[sys.argv.index("-o") + 1] if "-o" in sys.argv else sys.argv[-1]
pathlib.Path(name).write_bytes(b"bits")
"""

USED = {
    "TRELLIS_COMB": {"available": 83640, "used": 3901}, "TRELLIS_FF": {"available": 83640, "used": 846},
    "DP16KD": {"available": 208, "used": 0}, "TRELLIS_IO": {"available": 365, "used": 4},
}  # fmt: skip


class OpenTools:
    """Fake tools, which the variables name."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        self.count = folder / "count"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(tools.sysconfig, "get_path", lambda _: str(folder))

    def add(self, tool: tools.OpenTool, program: str) -> Path:
        """Put a Python program in a tool's place."""
        path = self.folder / tool.executables[0]
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)
        return path

    def yosys(self, cells: dict[str, int]) -> None:
        """A Yosys that makes these cells."""
        self.add(tools.YOSYS, YOSYS.format(cells=cells))

    def nextpnr(self, tool: tools.OpenTool, *fmax: dict[str, float], used: Any = USED) -> None:
        """A nextpnr that reaches these clocks, one after the other each time it is asked."""
        self.add(tool, NEXTPNR.format(fmax=fmax, used=used, count=str(self.count)))


@pytest.fixture
def open_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenTools:
    return OpenTools(tmp_path / "bin", monkeypatch)
