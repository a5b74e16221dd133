"""The compact networks of hls_configs/ on Fashion-MNIST: accuracy, size, and whether their C++ is exact.

    python benchmarks/compact_specs.py [--only SPEC] [--json FILE]

Runs each spec from nothing, as a user would. `--only` runs one, and leaves the others in the file as they are.
Fashion-MNIST is taken from $FPGA_FLOW_DATA. Takes about an hour on 2 cores. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from helpers.result import Bar, print_bars, result, write
from helpers.runs import run, shipped

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy", "tensorly"]
SMALL = ("fashion_squeezenet", "fashion_mobilenet", "fashion_shufflenet")
SPECS = ("fashion_cnn_low_rank", *SMALL, "fashion_dilated", "fashion_deformable")
MOST_PARAMETERS, LEAST_ACCURACY, LEAST_SAMPLES = 60_000, 90.0, 1000
#: How many times fewer multiplications low rank leaves, and the points that it may lose after retraining.
LEAST_CUT, MOST_LOST = 2.5, 0.5


def measure(name: str, out: Path) -> dict[str, Any]:
    """The figures of one spec: accuracies in per cent; of low rank those of the float network, and what it cuts."""
    record = run(shipped(name), out)
    size, estimate = record["size"], record["resources"][0]
    row = {
        "spec": name,
        "io_type": record["spec"]["hls"]["io_type"],
        "float": round(100 * record["metrics"]["float"]["accuracy"], 2),
        "accuracy": round(100 * record["metrics"]["final"]["accuracy"], 2),
        "weight_bits": sorted({each["weight_type"] for each in record["layers"] if each["weight_type"]}),
        "parameters": size["parameters"],
        "macs": size["macs"],
        "bytes": size["bytes_encoded"],
        **{key: estimate[key] for key in ("board", "lut", "dsp", "bram18", "latency_cycles", "fits")},
        "samples": record["csim"]["samples"],
        "mismatches": record["csim"]["mismatches"],
        "seconds": round(record["seconds"], 1),
    }
    for one in record["passes"]:
        if one["name"] == "low_rank":
            row["cut"] = round(one["before"]["macs"] / one["after"]["macs"], 3)
            row["lost"] = round(100 * (one["accuracy_before"] - one["accuracy_after"]), 2)
    return row


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """What the rows are held against."""
    made = []
    for row in rows:
        name = row["spec"]
        if name in SMALL:
            made.append(Bar.at_most(f"{name}: parameters", row["parameters"], MOST_PARAMETERS))
            made.append(Bar.at_least(f"{name}: accuracy, %", row["accuracy"], LEAST_ACCURACY))
        if "cut" in row:
            made.append(Bar.at_least(f"{name}: times fewer multiplications", row["cut"], LEAST_CUT))
            made.append(Bar.at_most(f"{name}: points lost to it after retraining", row["lost"], MOST_LOST))
        made.append(Bar.at_least(f"{name}: samples simulated", row["samples"], LEAST_SAMPLES))
        made.append(Bar.at_most(f"{name}: samples that differ in C simulation", row["mismatches"], 0))
    return made


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SPECS, metavar="SPEC", help="run one; the others' rows stay in the file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    of_spec: dict[str, dict[str, Any]] = {}
    if options.only and options.json and options.json.exists():
        before = json.loads(options.json.read_text(encoding="utf-8"))["figures"]
        of_spec = {row["spec"]: row for row in before}
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        for name in [options.only] if options.only else SPECS:
            row = of_spec[name] = measure(name, Path(folder))
            print(
                f"{name:<21} float {row['float']:.2f} %  final {row['accuracy']:.2f} %  "
                f"{row['parameters']:,} parameters  {row['mismatches']} of {row['samples']:,} samples differ  "
                f"{row['seconds']:.0f} s",
                flush=True,
            )
    rows = [of_spec[name] for name in SPECS if name in of_spec]
    made = bars(rows)
    all_met = print_bars(made)
    if options.json:
        write(options.json, result("compact_specs", rows, PACKAGES, made))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
