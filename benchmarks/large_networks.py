"""Networks of real sizes go through the compression passes: memory and time of each step.

    python benchmarks/large_networks.py [--quick] [--json FILE]

VGG-16 and ResNet-50 with random weights are pruned to 10 % of their weights, filter-pruned to 25 % of their parameters
and half of their multiplications, clustered, encoded and decoded; nothing is trained. Each network has a process of its
own, whose peak memory is measured. `--quick` takes small images and few classes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from helpers.result import Bar, print_bars, result, write

NETWORKS = ("VGG16", "ResNet50")
PARAMETERS, MACS, GIGABYTES, SECONDS = 0.25, 0.5, 8.0, 300.0
#: Pixels along a side, and classes: of ImageNet, and small.
SIZES = {False: (224, 1000), True: (64, 10)}
#: Values that the weights of a layer share.
CLUSTERS = 32


def images(pixels: int, classes: int) -> Any:
    """A data set of random images."""
    from fpga_flow.datasets.base import Dataset, Part

    rng = np.random.default_rng(1)

    def part(samples: int) -> Part:
        x = rng.random((samples, pixels, pixels, 3), np.float32)
        return Part(x, np.eye(classes, dtype=np.float32)[rng.integers(classes, size=samples)])

    names = tuple(map(str, range(classes)))
    return Dataset("random", part(8), part(4), part(4), names, {"method": "none"}, "random")


class Steps:
    """Does one step after the other, and notes how long each takes and the peak of memory after it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def do(self, name: str, work: Callable[[], Any], **more: Callable[[Any], Any]) -> Any:
        """Do a step; `more` are figures that are taken of its result."""
        started = time.monotonic()
        outcome = work()
        row = {"step": name, "seconds": round(time.monotonic() - started, 2), "peak_gigabytes": round(peak(), 2)}
        self.rows.append({**row, **{key: figure(outcome) for key, figure in more.items()}})
        print(self.rows[-1], file=sys.stderr, flush=True)
        return outcome


def peak() -> float:
    """The most memory that this process has had, in GB (1e9 bytes)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """One network's steps and figures, in this process."""
    from fpga_flow import compress, storage
    from fpga_flow.compress.base import Context
    from fpga_flow.keras import keras, seed_everything
    from fpga_flow.networks.network import Network
    from fpga_flow.spec.base import Training

    pixels, classes = SIZES[quick]
    dataset, steps = images(pixels, classes), Steps()
    context = Context(Training(epochs=0), None, seed=1)

    def build() -> Network:
        seed_everything(1)
        make = getattr(keras.applications, name)
        shape = (pixels, pixels, 3)
        return Network(make(weights=None, input_shape=shape, classes=classes, classifier_activation=None))

    def compressed(network: Network, name: str, **options: Any) -> tuple[Network, Any]:
        chosen = compress.PASSES[name].Options(epochs=0, **options)
        return compress.apply(name, network, dataset, chosen, context)

    network = steps.do("build", build, parameters=lambda made: made.model.count_params())
    network, _ = steps.do("prune", lambda: compressed(network, "prune", sparsity=0.9, method="one_shot"))
    network, report = steps.do(
        "prune_filters", lambda: compressed(network, "prune_filters", parameters=PARAMETERS, macs=MACS),
        parameters=lambda made: made[0].model.count_params(), macs=lambda made: made[1].details["after"]["macs"],
    )  # fmt: skip
    before, after = report.details["before"], report.details["after"]
    figures: dict[str, Any] = {key: after[key] / before[key] for key in ("parameters", "macs")}
    network, _ = steps.do("cluster", lambda: compressed(network, "cluster", clusters=CLUSTERS))
    file = steps.do("encode", lambda: storage.encode(network), bytes=len)
    decoded = steps.do("decode", lambda: storage.decode(file))
    figures["ratio"] = 4 * before["parameters"] / len(file)
    figures["decoded_the_same"] = all(
        np.array_equal(one, other)
        for one, other in zip(network.model.get_weights(), decoded.model.get_weights(), strict=True)
    )
    return {"network": name, **figures, "peak_gigabytes": round(peak(), 2), "steps": steps.rows}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small images and few classes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    parser.add_argument("--network", choices=NETWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.network:
        print(json.dumps(measure(options.network, quick=options.quick)))
        return
    rows, bars = [], []
    for name in NETWORKS:
        command = [sys.executable, __file__, "--network", name, *(["--quick"] if options.quick else [])]
        row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows.append(row)
        bars += [
            Bar.at_most(f"{name}: share of the parameters", row["parameters"], PARAMETERS),
            Bar.at_most(f"{name}: share of the multiplications", row["macs"], MACS),
            Bar.at_most(f"{name}: peak of memory, GB", row["peak_gigabytes"], GIGABYTES),
            Bar.at_most(f"{name}: seconds of all steps", sum(step["seconds"] for step in row["steps"]), SECONDS),
            Bar.at_least(f"{name}: decoded bit for bit the same", row["decoded_the_same"], 1),
        ]
    all_met = print_bars(bars)
    if options.json:
        write(options.json, result("large_networks", rows, ["tensorflow", "numpy"], bars))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
