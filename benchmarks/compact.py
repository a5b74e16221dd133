"""What each way to make a network compact saves on the same small task, beside what the literature claims for it.

    python benchmarks/compact.py [--quick] [--only METHOD] [--data NAME] [--out DIR] [--json FILE]

Each method is set beside the network it starts from (`before`). All are trained on the same 20,000 samples of
Fashion-MNIST and of MNIST with the same seed, quantized to 6-bit weights and retrained, and their C++ is simulated.
Measured are the accuracy over all test samples, parameters, multiplications, bytes of `model.fpz`, and by the estimate
LUT and DSP of streams with all multiplications of a position at once (strategy latency). A claim is reached if the
network is as many times smaller at no greater loss. `--quick` takes few samples and epochs, for which no claim holds;
`--only` runs one method and what it is compared with; `--out` keeps the runs, and the same command goes on with them.
Data is taken from $FPGA_FLOW_DATA. Takes hours on 2 cores. Exit code 1 if a network's C++ differs; that a claim is not
reached is a finding, and no error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.result import Bar, print_bars, result, write
from helpers.runs import run, written

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy", "tensorly"]
DATA = ("fashion_mnist", "mnist")
SAMPLES, EPOCHS, RETRAINING, FROM_THE_START, SIMULATED = 20_000, 8, 4, 12, 1000
QUICK_SAMPLES, QUICK_EPOCHS, QUICK_SIMULATED = 2000, 1, 50
LEARNING_RATE = 2e-3
TYPES = {"weight": "fixed<6,auto>", "bias": "fixed<8,auto>", "activation": "ufixed<8,auto>"}


def conv(*filters: int, kernel: int = 5, pool: int = 2, **more: Any) -> list[dict[str, Any]]:
    """Convolutions that are each followed by pooling."""
    return [{"filters": each, "kernel": kernel, "padding": "same", "pool": pool, **more} for each in filters]


#: What most are compared with: two convolutions and two dense layers, which hold most of the parameters.
LENET = {"family": "cnn", "conv": conv(8, 16), "hidden": [64]}
#: A network whose maps are so small that a layer can be a deformable convolution with all pixels at once.
SMALL_MAPS = {"family": "cnn", "conv": [*conv(8, kernel=3, strides=2), *conv(8, kernel=3)]}
#: The student of a teacher.
STUDENT = {"family": "cnn", "conv": conv(4, 8, kernel=3)}
DEEP = [{"prune": {"sparsity": 0.66, "epochs": EPOCHS}}, {"cluster": {"clusters": 16, "epochs": RETRAINING}}]


@dataclass(frozen=True)
class Claim:
    """What a paper says: so many times fewer of `measure` (`size` is float32 before over `model.fpz`), at the loss of
    at most so many points; negative ones are gained. Without `times` only the points count, and the other way round.
    """

    text: str
    measure: str = ""
    times: float | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Method:
    """A network, its passes before quantization with 6 bits or behind it, what it is compared with, and the claim."""

    name: str
    before: str
    network: Mapping[str, Any]
    claim: Claim | None = None
    passes: Sequence[Mapping[str, Any]] = ()
    behind: Sequence[Mapping[str, Any]] = ()
    epochs: int = RETRAINING
    io_type: str = "io_stream"
    types: Mapping[str, Any] = field(default_factory=dict)


def low_rank(method: str, macs: float) -> list[dict[str, Any]]:
    """Factoring until this share of the multiplications is left."""
    return [{"low_rank": {"method": method, "macs": macs, "epochs": RETRAINING}}]


def mobilenet(width: float, version: int = 1) -> dict[str, Any]:
    """A MobileNet."""
    return {"family": "mobilenet", "width": width, "version": version}


CRELU = {**LENET, "conv": [dict(each, activation="crelu") for each in conv(4, 8)]}
DEFORMABLE = {**SMALL_MAPS, "conv": [SMALL_MAPS["conv"][0], dict(SMALL_MAPS["conv"][1], deformable=True)]}
FOUR = {"family": "cnn", "conv": [*conv(8, 16, kernel=3), *conv(16, 16, kernel=3, pool=1)], "hidden": [32]}
SQUEEZENET = {
    "family": "squeezenet",
    "stem": {"filters": 12, "pool": 2},
    "fires": [
        {"squeeze": 6, "expand": 12, "pool": 2},
        {"squeeze": 6, "expand": 12},
        {"squeeze": 8, "expand": 16, "pool": 2},
    ],
    "batch_normalization": True,
}
NARROW = {
    "family": "squeezenet",
    "stem": {"filters": 8, "pool": 2},
    "fires": [{"squeeze": 3, "expand": 8, "pool": 2}, {"squeeze": 4, "expand": 10, "pool": 2}],
    "batch_normalization": True,
}
KERNELS = {"kernels": {"*": 3}, "epochs": RETRAINING}
METHODS = (
    Method("lenet", "", LENET),
    Method("low_rank, svd", "lenet", LENET,
           Claim("2.5x faster without loss (Jaderberg 2014)", "macs", 2.5, 0), low_rank("svd", 0.4)),
    Method("low_rank, tucker", "lenet", LENET,
           Claim("2x faster within 1 point (Denton 2014)", "macs", 2, 1), low_rank("tucker", 0.5)),
    Method("low_rank, cp", "lenet", LENET,
           Claim("8.5x faster within 1 point (Lebedev 2015)", "macs", 8.5, 1), low_rank("cp", 0.117)),
    Method("replace_dense", "lenet", LENET,
           Claim("8x smaller without loss (Lin 2014)", "parameters", 8, 0),
           [{"replace_dense": {"hidden": "convolutions", "epochs": EPOCHS}}]),
    Method("shrink, width 0.5", "lenet", LENET, None, [{"shrink": {"width": 0.5, "epochs": EPOCHS}}]),
    Method("shrink, kernels 3x3", "lenet", LENET,
           Claim("3x3 in place of 5x5 without loss (Simonyan 2015)", "macs", 2.5, 0), [{"shrink": KERNELS}]),
    Method("shrink, kernels 3x3, dilated", "lenet", LENET,
           Claim("as wide a view without loss (Yu 2016)", "macs", 2.5, 0), [{"shrink": {**KERNELS, "dilated": True}}]),
    Method("crelu", "lenet", CRELU, Claim("half of the filters without loss (Shang 2016)", "macs", 1.9, 0)),
    Method("transfer", "lenet", LENET,
           Claim("0.6 points better of as many parameters (Cohen 2016)", loss=-0.6),
           [{"transfer": {"symmetry": "rotate", "epochs": FROM_THE_START}}]),
    Method("squeezenet", "lenet", SQUEEZENET,
           Claim("50x fewer parameters without loss (Iandola 2016)", "parameters", 50, 0)),
    Method("squeezenet, narrow", "lenet", NARROW,
           Claim("50x fewer parameters without loss (Iandola 2016)", "parameters", 50, 0)),
    Method("squeezenet, narrow, deep compression", "lenet", NARROW,
           Claim("510x smaller without loss (Iandola 2016)", "size", 510, 0), DEEP[:1], DEEP[1:]),
    Method("mobilenet", "lenet", mobilenet(1.0)),
    Method("mobilenet, width 0.75", "mobilenet", mobilenet(0.75),
           Claim("1.75x faster, -2.2 points (Howard 2017)", "macs", 569 / 325, 2.2)),
    Method("mobilenet, width 0.5", "mobilenet", mobilenet(0.5),
           Claim("3.8x faster, -6.9 points (Howard 2017)", "macs", 569 / 149, 6.9)),
    Method("mobilenet, width 0.25", "mobilenet", mobilenet(0.25),
           Claim("13.9x faster, -20.0 points (Howard 2017)", "macs", 569 / 41, 20)),
    Method("mobilenet, version 2", "mobilenet", mobilenet(1.0, 2),
           Claim("1.9x faster, +1.4 points (Sandler 2018)", "macs", 575 / 300, -1.4)),
    Method("shufflenet", "mobilenet, width 0.5", {"family": "shufflenet"},
           Claim("7.8 points better than a MobileNet of its speed (Zhang 2018)", loss=-7.8)),
    Method("four convolutions", "", FOUR),
    Method("downsample, late", "four convolutions", FOUR,
           Claim("late is more accurate (Iandola 2016)", loss=0),
           [{"downsample": {"placement": "late", "epochs": RETRAINING}}]),
    Method("small maps", "", SMALL_MAPS, io_type="io_parallel"),
    Method("deformable", "small maps", DEFORMABLE, Claim("more accurate (Dai 2017)", loss=0),
           io_type="io_parallel", types={"*_offsets": {**TYPES, "activation": "fixed<5,3>"}}),
    Method("student", "", STUDENT, epochs=FROM_THE_START),
    Method("distil", "student", STUDENT,
           Claim("half of the errors: 146 to 74 (Hinton 2015)", "errors", 146 / 74), epochs=FROM_THE_START),
)  # fmt: skip


def spec(method: Method, data: str, teacher: Path | None, *, quick: bool) -> dict[str, Any]:
    """The spec of a method; with the file of a teacher, the retraining is led by it, too."""
    epochs = QUICK_EPOCHS if quick else method.epochs
    quantize: list[Mapping[str, Any]] = [{"quantize": {"epochs": epochs, "learning_rate": LEARNING_RATE / 4}}]
    if teacher is not None:
        teachers = [{"network": {"family": "imported", "path": str(teacher)}}]
        distil = {"epochs": epochs, "learning_rate": LEARNING_RATE / 4, "teachers": teachers}
        quantize = [{"quantize": {"epochs": 0}}, {"distil": distil}]
    passes = [*method.passes, *quantize, *method.behind]
    if quick:
        passes = [
            {name: {**options, "epochs": min(options.get("epochs", 1), 1)}}
            for p in passes
            for name, options in p.items()
        ]
    return {
        "name": "".join(each if each.isalnum() else "_" for each in method.name),
        "seed": 1,
        "data": {"name": data, "scale": 256, "train_samples": QUICK_SAMPLES if quick else SAMPLES},
        "network": dict(method.network),
        "training": {"epochs": QUICK_EPOCHS if quick else EPOCHS, "batch_size": 64, "learning_rate": LEARNING_RATE},
        "compress": passes,
        "precision": {"input": "ufixed<8,0>", "layers": {"*": TYPES, **method.types}},
        "hls": {"board": "alveo-u250", "io_type": method.io_type},
        "csim": {"samples": QUICK_SIMULATED if quick else SIMULATED},
    }  # fmt: skip


def measure(method: Method, record: dict[str, Any]) -> dict[str, Any]:
    """The figures of one network."""
    size = record["size"]
    (estimate,) = (each for each in record["resources"] if each["stage"] == "csynth")
    return {
        "name": method.name,
        "before": method.before,
        "accuracy": round(100 * record["metrics"]["final"]["accuracy"], 2),
        "parameters": size["parameters"],
        "macs": size["macs"],
        "bytes_float32": 4 * size["parameters"],
        "bytes": size["bytes_encoded"],
        "lut": estimate["lut"],
        "dsp": estimate["dsp"],
        "samples": record["csim"]["samples"],
        "mismatches": record["csim"]["mismatches"],
        "seconds": round(record["seconds"], 1),
    }


def compare(row: dict[str, Any], before: dict[str, Any], claim: Claim | None) -> dict[str, Any]:
    """A row with how many times less it is than before, what it lost, and whether that is what was claimed."""
    keys = ("parameters", "macs", "bytes", "lut", "dsp")
    times = {key: round(before[key] / row[key], 2) if row[key] else None for key in keys}
    times["size"] = round(before["bytes_float32"] / row["bytes"], 1)
    times["errors"] = round((100 - before["accuracy"]) / (100 - row["accuracy"]), 2)
    lost = round(before["accuracy"] - row["accuracy"], 2)
    made = {**row, "times": times, "lost": lost}
    if claim is None:
        return made
    found = []
    if claim.times is not None and times[claim.measure] < 0.99 * claim.times:
        found.append(f"{times[claim.measure]:.3g}x")
    if claim.loss is not None and lost > claim.loss:
        found.append(f"{-lost:+.2f} points")
    return {**made, "claim": claim.text, "reached": not found, "falls_short": ", ".join(found)}


def chosen(only: str | None) -> list[Method]:
    """All methods, or one and what it is compared with."""
    of_name = {each.name: each for each in METHODS}
    names = []
    while only:
        names.append(only)
        only = of_name[only].before
    return [each for each in METHODS if not names or each.name in names]


def of_data(data: str, methods: Sequence[Method], folder: Path, *, quick: bool) -> list[dict[str, Any]]:
    """The rows of one data set."""
    rows: dict[str, dict[str, Any]] = {}
    for method in methods:
        teacher = None
        if method.name == "distil":
            taught = run(written(spec(METHODS[0], data, None, quick=quick), folder), folder / "runs")
            teacher = Path(taught["folder"]) / "1-float" / "model.h5"
        file = written(spec(method, data, teacher, quick=quick), folder)
        row = measure(method, run(file, folder / "runs"))
        rows[method.name] = compare(row, rows[method.before], method.claim) if method.before else row
        print(
            f"{data:<14} {method.name:<37} {row['accuracy']:.2f} %  {row['parameters']:>7,} parameters  "
            f"{row['macs']:>9,} multiplications  {row['bytes']:>7,} bytes  {row['lut']:>9,} LUT  {row['dsp']:>4} DSP  "
            f"{rows[method.name].get('falls_short', '')}",
            flush=True,
        )
    return list(rows.values())


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples and epochs")
    parser.add_argument("--only", choices=[each.name for each in METHODS], metavar="METHOD", help="one method")
    parser.add_argument("--data", choices=DATA, help="one data set; the other's rows stay in the file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the runs, and go on with those there are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    figures = {}
    if options.json and options.json.exists():
        figures = json.loads(options.json.read_text(encoding="utf-8"))["figures"]
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        for data in [options.data] if options.data else DATA:
            kept = (options.out or Path(folder)) / data
            kept.mkdir(parents=True, exist_ok=True)
            figures[data] = of_data(data, chosen(options.only), kept, quick=options.quick)
    rows = [row for each in figures.values() for row in each]
    made = [
        Bar.at_least("samples simulated of each", min(row["samples"] for row in rows), SIMULATED),
        Bar.at_most("samples that differ in C simulation", sum(row["mismatches"] for row in rows), 0),
    ]
    all_met = print_bars(made)
    if options.json:
        write(options.json, result("compact", figures, PACKAGES, made))
    sys.exit(0 if all_met or options.quick else 1)


if __name__ == "__main__":
    main()
