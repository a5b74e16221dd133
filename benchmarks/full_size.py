"""MobileNet-224 and SqueezeNet at full size, from YAML to the written HLS project: seconds and memory of each stage.

    python benchmarks/full_size.py [--only NETWORK] [--simulate] [--json FILE]

Images of 224x224x3 pixels and 1000 classes, random and untrained weights: what is measured is whether the flow bears
networks of this size, not what they recognise. Each is pruned to half of its weights, quantized to 6 bits, its weights
are clustered, encoded and converted, and the HLS project is written, by `fpga-flow run` as a user would. The C++ is not
compiled, unless `--simulate` says so, which then simulates one image. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from helpers.result import ROOT, Bar, print_bars, result, write
from helpers.runs import written

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]
PIXELS, CLASSES = 224, 1000
NETWORKS: dict[str, dict[str, Any]] = {
    "mobilenet, width 0.25": {"family": "mobilenet", "layout": "imagenet", "width": 0.25},
    "squeezenet": {"family": "squeezenet", "layout": "imagenet"},
}
MOST_GIGABYTES, MOST_SECONDS = 8.0, 10 * 60.0


def images(folder: Path) -> Path:
    """A file of random images, one of each class to train with, as classes are those of the file, and two to test."""
    path = folder / "images.npz"
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (CLASSES + 2, PIXELS, PIXELS, 3), np.uint8)
    y = np.arange(CLASSES + 2) % CLASSES
    np.savez(path, x=x[:CLASSES], y=y[:CLASSES], x_test=x[CLASSES:], y_test=y[CLASSES:])
    return path


def build(name: str, folder: Path) -> Path:
    """The file of a network with random weights, as the spec of a user who has trained it elsewhere names it."""
    from fpga_flow.keras import quietly, seed_everything
    from fpga_flow.networks import mobilenet, squeezenet

    family = {"mobilenet": mobilenet, "squeezenet": squeezenet}[NETWORKS[name]["family"]]
    seed_everything(1)
    model = family.build(family.Options.model_validate(NETWORKS[name]), (PIXELS, PIXELS, 3), CLASSES)
    with quietly():
        model.save(folder / f"{NETWORKS[name]['family']}.h5")
    return folder / f"{NETWORKS[name]['family']}.h5"


def spec(name: str, folder: Path, *, simulate: bool) -> dict[str, Any]:
    """The spec of one network."""
    return {
        "name": name.partition(",")[0],
        "seed": 1,
        "data": {"name": "npz", "path": str(folder / "images.npz"), "scale": 256, "split": {"validation": 0}},
        "network": {"family": "imported", "path": str(build(name, folder))},
        "training": {"epochs": 0},
        "compress": [
            {"prune": {"sparsity": 0.5, "method": "one_shot", "epochs": 0}},
            {"quantize": {"epochs": 0}},
            {"cluster": {"clusters": 16, "epochs": 0}},
        ],
        "precision": {
            "input": "ufixed<8,0>",
            "layers": {"*": {"weight": "fixed<6,auto>", "bias": "fixed<8,auto>", "activation": "ufixed<6,auto>"}},
        },
        "hls": {"board": "alveo-u250", "io_type": "io_stream", "strategy": "fit"},
        "csim": {"samples": 1 if simulate else 0},
    }


def run(name: str, folder: Path, *, simulate: bool) -> dict[str, Any]:
    """The figures of one network: those of its run.json, and of the process that made it."""
    file = written(spec(name, folder, simulate=simulate), folder)
    command = [sys.executable, "-m", "fpga_flow.cli", "run", str(file), "--out", str(folder / "runs"), "--json"]
    started = time.monotonic()
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not (text := (folder / "out").read_text(encoding="utf-8")):
        sys.exit(f"{file.name} gave exit code {process.returncode}:\n{(folder / 'err').read_text(encoding='utf-8')}")
    seconds, record = time.monotonic() - started, json.loads(text)[0]
    (project,) = Path(record["folder"]).glob("*-hls/project")
    return {
        "network": name,
        "parameters": record["size"]["encoded"]["weights"],  # not the constants with which HLS code averages
        "macs": record["size"]["macs"],
        "bytes": record["size"]["bytes_encoded"],
        "project_megabytes": round(sum(each.stat().st_size for each in project.rglob("*") if each.is_file()) / 1e6, 1),
        "stages": {each["name"]: round(each["seconds"], 1) for each in record["stages"]},
        "samples": record["csim"]["samples"],
        "mismatches": record["csim"]["mismatches"],
        "seconds": round(seconds, 1),
        "peak_gigabytes": round(usage.ru_maxrss * 1024 / 1e9, 2),
    }


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, metavar="NETWORK", help="one network")
    parser.add_argument("--simulate", action="store_true", help="compile the C++, too, and simulate one image")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    rows, bars = [], []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        images(Path(folder))
        for name in [options.only] if options.only else NETWORKS:
            row = run(name, Path(folder), simulate=options.simulate)
            rows.append(row)
            print(row, flush=True)
            bars += [
                Bar.at_most(f"{name}: peak of memory, GB", row["peak_gigabytes"], MOST_GIGABYTES),
                Bar.at_most(f"{name}: seconds", row["seconds"], MOST_SECONDS),
            ]
            if options.simulate:
                bars.append(Bar.at_least(f"{name}: images simulated", row["samples"], 1))
                bars.append(Bar.at_most(f"{name}: images that differ in C simulation", row["mismatches"], 0))
    all_met = print_bars(bars)
    if options.json:
        write(options.json, result("full_size", rows, PACKAGES, bars))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
