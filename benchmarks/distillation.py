"""Distillation on Fashion-MNIST: what a 4-bit student gains by a float teacher.

    python benchmarks/distillation.py [--quick] [--json FILE]

For each of three seeds, as a user would: a float network, the teacher, is trained; then a smaller one, the student, is
trained, quantized to 4 bits, and trained on with its low-bit weights, once by the labels alone (`quantize`) and once by
the teacher, too (`distil`), both from the same weights with the same epochs, learning rate and order of the samples;
both keep the epoch that is best by validation. The C++ of each student is simulated. `--quick` takes fewer samples and
epochs and one seed, and holds them against no bars. Fashion-MNIST is taken from $FPGA_FLOW_DATA. Takes about 15 minutes
on 2 cores. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from helpers.result import Bar, print_bars, result, write
from helpers.runs import run, written

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]
SEEDS = (1, 2, 3)
SAMPLES, TEACHERS_EPOCHS, EPOCHS, RETRAINING = 5000, 40, 30, 100
QUICK_SAMPLES, QUICK_EPOCHS = 2000, 3  # of each training
TEMPERATURE = 2.0  # of 2 and 4, tried on the first seed
GAIN, LOSS, MOST_SECONDS = 0.5, 1.0, 30 * 60
TYPES = {"weight": "fixed<4,auto>", "bias": "fixed<8,3>", "activation": "ufixed<4,auto>"}


def spec(name: str, seed: int, epochs: int, *, quick: bool) -> dict[str, Any]:
    """What the specs of teacher and student have in common."""
    return {
        "name": name,
        "seed": seed,
        "data": {"name": "fashion_mnist", "scale": 256, "train_samples": QUICK_SAMPLES if quick else SAMPLES},
        "training": {"epochs": QUICK_EPOCHS if quick else epochs, "batch_size": 64, "learning_rate": 2e-3},
        "precision": {"input": "ufixed<8,0>", "layers": {"*": TYPES}},
        "hls": {"board": "zcu102", "strategy": "resource", "reuse_factor": 16},
        "csim": {"samples": 1000},
    }


def teacher(seed: int, *, quick: bool) -> dict[str, Any]:
    """A convolutional network, whose images are moved and mirrored in training."""
    made = spec("teacher", seed, TEACHERS_EPOCHS, quick=quick)
    made["training"] |= {"learning_rate": 3e-3, "augment": {"shift": 1, "flip": True}}
    conv = [{"filters": filters, "padding": "same", "pool": 2} for filters in (16, 32)]
    network = {"family": "cnn", "conv": conv, "hidden": [64], "dropout": 0.2}
    made["hls"] = {"board": "zcu102", "io_type": "io_stream"}
    return {**made, "network": network, "compress": [{"quantize": {"epochs": 0}}]}


def student(seed: int, path: Path | None, *, quick: bool) -> dict[str, Any]:
    """A small network of dense layers, with the teacher's file or without."""
    retraining = {"epochs": QUICK_EPOCHS if quick else RETRAINING, "learning_rate": 1e-3}
    passes: list[dict[str, Any]] = [{"quantize": retraining}]
    if path is not None:
        teachers = [{"network": {"family": "imported", "path": str(path)}}]
        passes = [
            {"quantize": {"epochs": 0}},
            {"distil": {**retraining, "teachers": teachers, "temperature": TEMPERATURE}},
        ]
    network = {"family": "mlp", "hidden": [64, 32]}
    return {**spec("student", seed, EPOCHS, quick=quick), "network": network, "compress": passes}


def measure(seed: int, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Accuracies in per cent on the test samples, of the C simulation those of its own, for one seed."""
    runs = folder / "runs"
    taught = run(written(teacher(seed, quick=quick), folder), runs, "--until", "float")
    path = Path(taught["folder"]) / "1-float" / "model.h5"
    plain, distilled = (run(written(student(seed, each, quick=quick), folder), runs) for each in (None, path))
    passes = distilled["passes"]
    return {
        "seed": seed,
        "teacher": percent(passes[1]["teacher_accuracy"]),
        "float student": percent(plain["metrics"]["float"]["accuracy"]),
        "4 bits, not trained on": percent(passes[0]["accuracy_after"]),
        "4 bits, by labels": percent(plain["passes"][0]["accuracy_after"]),
        "4 bits, by teacher": percent(passes[1]["accuracy_after"]),
        "simulated": [each["csim"]["samples"] for each in (plain, distilled)],
        "mismatches": [each["csim"]["mismatches"] for each in (plain, distilled)],
    }


def percent(accuracy: float) -> float:
    """A share in per cent."""
    return round(100 * accuracy, 3)


def spread(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and deviation over the seeds: of each network, of what 4 bits lose, and of what the teacher adds."""
    values = {name: [row[name] for row in rows] for name in rows[0] if isinstance(rows[0][name], float)}
    values["lost to 4 bits, by labels"] = [row["float student"] - row["4 bits, by labels"] for row in rows]
    values["gained by the teacher"] = [row["4 bits, by teacher"] - row["4 bits, by labels"] for row in rows]
    return {
        name: {
            "mean": round(statistics.mean(each), 3),
            "deviation": round(statistics.stdev(each), 3) if len(each) > 1 else 0.0,
            "least": round(min(each), 3),
        }
        for name, each in values.items()
    }


def bars(rows: list[dict[str, Any]], spreads: dict[str, dict[str, float]], seconds: float) -> list[Bar]:
    """What the figures are held against."""
    return [
        Bar.at_least("seeds", len(rows), len(SEEDS)),
        Bar.at_least(
            "points lost to 4 bits without a teacher, mean", spreads["lost to 4 bits, by labels"]["mean"], LOSS
        ),
        Bar.at_least("points gained by the teacher, mean", spreads["gained by the teacher"]["mean"], GAIN),
        Bar.at_least("samples simulated of each student", min(min(row["simulated"]) for row in rows), 1000),
        Bar.at_most("samples that differ in C simulation", sum(sum(row["mismatches"]) for row in rows), 0),
        Bar.at_most("seconds", seconds, MOST_SECONDS),
    ]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples and epochs, one seed, no bars")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    started, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        for seed in SEEDS[: 1 if options.quick else None]:
            rows.append(measure(seed, Path(folder), quick=options.quick))
            print(", ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    seconds = round(time.perf_counter() - started, 1)
    spreads = spread(rows)
    for name, each in spreads.items():
        print(f"{name:<28} mean {each['mean']:.2f}  deviation {each['deviation']:.2f}  least {each['least']:.2f}")
    made = [] if options.quick else bars(rows, spreads, seconds)
    all_met = print_bars(made)
    if options.json:
        figures = {"seeds": rows, "spread": spreads, "seconds": seconds}
        write(options.json, result("distillation", figures, PACKAGES, made))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
