"""The whole flow on the example specs: accuracy at each stage, exactness of the C++, time.

    python benchmarks/flow.py [--quick] [--json FILE]

Runs each spec twice in a folder of its own, once from nothing and once with all stages there, as a user would from the
command line, and prints a table. `--quick` leaves out the specs that need downloaded data. The MNIST specs take the
data from $FPGA_FLOW_DATA. Takes about 20 minutes on 2 cores, `--quick` 2 minutes. Exit code 1 if a bar is missed.
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

QUICK = ["digits_mlp", "digits_cnn"]
FULL = [*QUICK, "mnist_lenet300", "mnist_lenet5", "fashion_cnn"]
PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]


def fpga_flow(*arguments: str) -> tuple[float, dict[str, Any] | None]:
    """Seconds and JSON output of a command; its exit code must be 0."""
    command = [sys.executable, "-m", "fpga_flow.cli", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} gave exit code {done.returncode}:\n{done.stderr}")
    return seconds, json.loads(done.stdout)[0] if "--json" in arguments else None


def measure(name: str, out: Path) -> dict[str, Any]:
    """The figures of one spec."""
    arguments = ["run", str(ROOT / "hls_configs" / f"{name}.yaml"), "--out", str(out), "--json"]
    first_seconds, record = fpga_flow(*arguments)
    firmware = sorted((Path(record["folder"]) / "5-hls" / "project" / "firmware").rglob("*"))
    before = [file.read_bytes() for file in firmware if file.is_file()]
    second_seconds, again = fpga_flow(*arguments)
    same = before == [file.read_bytes() for file in firmware if file.is_file()]
    estimate = record["resources"][0]
    return {
        "spec": name,
        "io_type": record["spec"]["hls"]["io_type"],
        "weight_bits": sorted({layer["weight_type"] for layer in record["layers"] if layer["weight_type"]}),
        "pruned": max(options["options"]["sparsity"] for options in record["passes"] if options["name"] == "prune"),
        "float_accuracy": record["metrics"]["float"]["accuracy"],
        "final_accuracy": record["metrics"]["final"]["accuracy"],
        "csim_accuracy": record["metrics"]["csim"]["accuracy"],
        "test_samples": record["data"]["test"],
        "csim_samples": record["csim"]["samples"],
        "mismatches": record["csim"]["mismatches"],
        "exact": record["csim"]["exact"],
        "parameters": record["size"]["parameters"],
        "nonzero": record["size"]["nonzero"],
        "board": estimate["board"],
        **{key: estimate[key] for key in ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii", "fits")},
        "resource_source": estimate["source"],
        "seconds": round(first_seconds, 1),
        "cached_seconds": round(second_seconds, 2),
        "cached_ratio": round(first_seconds / second_seconds, 1),
        "all_cached": all(stage["cached"] for stage in again["stages"]),
        "same_cpp": same,
    }


def bars(rows: list[dict[str, Any]], help_seconds: float) -> list[Bar]:
    """What the rows are held against."""
    found = {row["spec"]: row for row in rows}
    made = [Bar.at_most("fpga-flow --help, seconds", help_seconds, 0.5)]
    for row in rows:
        made.append(Bar.at_most(f"{row['spec']}: samples that differ in C simulation", row["mismatches"], 0))
        made.append(Bar.at_most(f"{row['spec']}: cached second run, seconds", row["cached_seconds"], 10))
    for name, least in (("digits_mlp", 0.96), ("digits_cnn", 0.97)):
        made.append(Bar.at_least(f"{name}: accuracy of the C simulation", found[name]["csim_accuracy"], least))
        made.append(
            Bar.at_least(
                f"{name}: test samples simulated, all", found[name]["csim_samples"], found[name]["test_samples"]
            )
        )
    made.append(Bar.at_most("digits_mlp: whole run, seconds", found["digits_mlp"]["seconds"], 90))
    for name, error in (("mnist_lenet300", 1.9), ("mnist_lenet5", 1.0)):
        if name in found:
            row = found[name]
            made.append(Bar.at_most(f"{name}: error of the float network, %", 100 * (1 - row["float_accuracy"]), error))
            loss = 100 * (row["float_accuracy"] - row["final_accuracy"])
            made.append(Bar.at_most(f"{name}: accuracy lost to 6 bits and pruning, points", loss, 0.3))
            made.append(Bar.at_least(f"{name}: samples simulated", row["csim_samples"], 1000))
    return made


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the specs with embedded data")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    fpga_flow("--help")
    help_seconds = sorted(fpga_flow("--help")[0] for _ in range(5))[2]
    rows = []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        for name in QUICK if options.quick else FULL:
            row = measure(name, Path(folder))
            rows.append(row)
            print(
                f"{name:<15} float {row['float_accuracy']:.4f}  final {row['final_accuracy']:.4f}  "
                f"C simulation {row['csim_accuracy']:.4f} on {row['csim_samples']:,} samples, "
                f"{row['mismatches']} differ  "
                f"{row['seconds']:.0f} s, again {row['cached_seconds']:.1f} s",
                flush=True,
            )
    made = bars(rows, round(help_seconds, 3))
    all_met = print_bars(made)
    if options.json:
        write(options.json, result("flow", {"help_seconds": round(help_seconds, 3), "runs": rows}, PACKAGES, made))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
