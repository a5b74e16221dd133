"""Deep compression on MNIST: how small `model.fpz` becomes, what each stage adds, and what each pass saves on the FPGA.

    python benchmarks/deep_compression.py [--quick] [--only SPEC] [--json FILE]

Runs the specs hls_configs/mnist_lenet300_deep, mnist_lenet5_deep and mnist_lenet5_smallest from nothing, as a user
would, and each again with fewer of its passes, for the resources (what the runs have in common is not done twice).
`--quick` runs only the first, and it alone; `--only` runs one, and leaves the others in the file as they are. MNIST is
taken from $FPGA_FLOW_DATA. Takes about an hour on 2 cores. Exit code 1 if a bar is missed.

The stages are those of Han et al. 2016, "Deep Compression" (tables 1 to 3), whose figures stand beside ours: pruning
(nonzero weights as float32, with relative indices), quantisation and sharing (codes of fixed length), Huffman coding.
Our bytes are those of the whole file; the paper's are those of weights and indices.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from helpers.result import Bar, print_bars, result, write
from helpers.runs import run, shipped

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy", "scikit-learn"]
#: Error in per cent and ratio of each stage, in the papers named.
PAPERS = {
    "mnist_lenet300_deep": ("Han et al. 2016", 1.58, {"pruned": 12, "quantised, shared": 32, "Huffman": 40}),
    "mnist_lenet5_deep": ("Han et al. 2016", 0.74, {"pruned": 12, "quantised, shared": 33, "Huffman": 39}),
    "mnist_lenet5_smallest": ("MIRACLE, Havasi et al. 2019", 1.0, {"Huffman": 1110}),
}
#: The greatest error in per cent, and the least ratio.
BARS = {
    "mnist_lenet300_deep": (1.58, 60),
    "mnist_lenet5_deep": (0.74, 60),
    "mnist_lenet5_smallest": (1.0, 250),
}
MOST_SECONDS = 30 * 60
SHORTLY = 3


def with_passes(name: str, out: Path, passes: list[dict[str, Any]]) -> dict[str, Any]:
    """The run.json of a spec with other passes."""
    return run(shipped(name), out, "--set", f"compress={json.dumps(passes)}")


def stages(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Error in per cent, bytes and ratio after each of the paper's stages."""
    size, passes = record["size"], record["passes"]
    error = {each["name"]: 100 * (1 - each["accuracy_after"]) for each in passes}
    last = passes[-1]
    pruned = [each for each in passes if each["name"].startswith("prune")][-1]
    rows = [
        ("float", 100 * (1 - record["metrics"]["float"]["accuracy"]), size["bytes_original"]),
        ("pruned", error[pruned["name"]], pruned["bytes"]["fixed_length"]),
        ("quantised, shared", error[last["name"]], last["bytes"]["fixed_length"]),
        ("Huffman", 100 * (1 - record["metrics"]["csim"]["accuracy"]), size["bytes_encoded"]),
    ]
    return [
        {"stage": stage, "error": round(each, 3), "bytes": count, "ratio": round(size["bytes_original"] / count, 1)}
        for stage, each, count in rows
    ]


def resources(name: str, record: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """The estimate for the network with one pass more each time; quantization is always among them. What lacks a pass
    before it is quantized with few epochs, as its accuracy does not matter here.
    """
    wanted = record["spec"]["compress"]
    quantize = next(number for number, one in enumerate(wanted) if "quantize" in one)
    shortly = {"quantize": {**wanted[quantize]["quantize"], "epochs": SHORTLY}}
    before = [[*wanted[:count], shortly if count < quantize else wanted[quantize]] for count in range(quantize + 1)]
    behind = [wanted[: count + 1] for count in range(quantize + 1, len(wanted))]
    rows = []
    for passes in [*before, *behind]:
        made = record if passes == wanted else with_passes(name, out, passes)
        (estimate,) = (each for each in made["resources"] if each["stage"] == "csynth")
        rows.append({
            "passes": [next(iter(one)) for one in passes],
            "samples": made["csim"]["samples"],
            "mismatches": made["csim"]["mismatches"],
            "nonzero": made["size"]["nonzero"],
            **{key: estimate[key] for key in ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii")},
        })  # fmt: skip
    return rows


def measure(name: str, out: Path, *, quick: bool) -> dict[str, Any]:
    """The figures of one spec."""
    started = time.perf_counter()
    record = run(shipped(name), out)
    seconds = time.perf_counter() - started
    return {
        "spec": name,
        "seconds": round(seconds, 1),
        "parameters": record["size"]["parameters"],
        "nonzero": record["size"]["nonzero"],
        "samples": record["csim"]["samples"],
        "mismatches": record["csim"]["mismatches"],
        "stages": stages(record),
        "encoded": record["size"]["encoded"],
        "resources": [] if quick else resources(name, record, out),
    }


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """What the rows are held against."""
    made = []
    for row in rows:
        error, ratio = BARS[row["spec"]]
        name, last = row["spec"], row["stages"][-1]
        made.append(Bar.at_most(f"{name}: error of the C simulation, %", last["error"], error))
        made.append(Bar.at_least(f"{name}: float32 over model.fpz", last["ratio"], ratio))
        made.append(Bar.at_least(f"{name}: test samples simulated", row["samples"], 10_000))
        made.append(Bar.at_most(f"{name}: seconds", row["seconds"], MOST_SECONDS))
        for each in [row, *row["resources"]]:
            passes = f" with {', '.join(each['passes'])}" if "passes" in each else ""
            made.append(Bar.at_most(f"{name}{passes}: samples that differ in C simulation", each["mismatches"], 0))
    return made


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the first network, without its variants")
    parser.add_argument("--only", choices=PAPERS, metavar="SPEC", help="run one; the others' rows stay in the file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    wanted = [options.only] if options.only else list(PAPERS)[: 1 if options.quick else None]
    rows = []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        for name in wanted:
            row = measure(name, Path(folder), quick=options.quick)
            rows.append(row)
            for stage in row["stages"]:
                print(
                    f"{name:<22} {stage['stage']:<18} error {stage['error']:.2f} %  {stage['bytes']:>9,} bytes  "
                    f"{stage['ratio']:>7.1f}x",
                    flush=True,
                )
    if options.only and options.json and options.json.exists():
        before = json.loads(options.json.read_text(encoding="utf-8"))["figures"]["runs"]
        of_spec = {row["spec"]: row for row in [*before, *rows]}
        rows = [of_spec[name] for name in PAPERS if name in of_spec]
    made = bars(rows)
    all_met = print_bars(made)
    if options.json:
        papers = {
            name: {"source": source, "error": error, "ratios": ratios}
            for name, (source, error, ratios) in PAPERS.items()
        }
        write(options.json, result("deep_compression", {"runs": rows, "papers": papers}, PACKAGES, made))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
