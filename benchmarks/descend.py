"""Widths layer by layer: `descend` against the best uniform width, and against AutoQKeras.

    python benchmarks/descend.py [--quick] [--specs NAME...] [--trainings N] [--epochs N] [--out DIR] [--json FILE]

For each spec, all begin with the same float and pruned network (so with the same sparsity), and train each point with
the same epochs and seed: the widths of the input, of each layer's weights and of each layer's activations, from 8 bits
down, all with integer bits found from data. Of each method, the result is the point of the fewest LUTs (estimated for
after logic synthesis) whose validation accuracy is at most 0.2 points below that with 8 bits everywhere. The test
samples choose nothing.

uniform     2 to 8 bits for the weights, for weights and activations, and for the input, too; trained from the smallest
            one up until one is within the budget, so that it is the best of all
descend     --trainings trainings
AutoQKeras  as many, with QKeras' own search (helpers/autoqkeras.py); of its trials those that are within the budget by
            its own training are trained again as the others are, up to three, until one is within it here

Twice: with the HLS settings of the spec (strategy resource, where multipliers are shared and much of the logic does not
depend on widths), and unrolled (strategy latency, reuse factor 1). The best points' C++ is simulated on 100 samples.

`--quick` takes fewer samples, epochs and trainings, and holds them against no bars; `--epochs` shortens all
retrainings alike; `--out` keeps the runs, so that what was trained is not trained again. Data is taken from
$FPGA_FLOW_DATA. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from helpers.points import Points, row
from helpers.result import Bar, print_bars, result, write

from fpga_flow.sweep import descend
from fpga_flow.sweep.options import DescendOptions
from fpga_flow.sweep.result import Trial

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "keras-tuner", "hls4ml", "numpy"]
SPECS = ("mnist_lenet300", "fashion_cnn")
UNROLLED = ("hls.strategy=latency", "hls.reuse_factor=1", "hls.layers={}")
SETTINGS = {"as written": (), "unrolled": UNROLLED}
DROP, SAVED, TRAININGS = 0.002, 25.0, 16
#: Per cent of accuracy that a halving of the bits is worth to AutoQKeras: so much that its best lies about where the
#: budget ends. (With the 8 % of its examples, it would give accuracy away.)
DELTA = 0.5
QUICK = ("data.train_samples=6000", "training.epochs=3", "compress.prune.epochs=2")
QUICK_EPOCHS, QUICK_TRAININGS = 2, 5
SIMULATED, RETRAINED = 100, 3


def best_uniform(points: Points, floor: float, *, input_kept: bool) -> tuple[str, Trial, int]:
    """The name and the point of the fewest LUTs within the budget, and how many were trained to find it."""
    offered = [each for each in points.uniform() if not input_kept or each[1]["input"] == 8]
    ordered = sorted(offered, key=lambda each: points.probe.resources(each[1])["lut"])
    for count, (name, values) in enumerate(ordered, 1):
        trial = points.train(values)
        if _accuracy(trial) >= floor:
            return name, trial, count
    raise AssertionError("8 bits everywhere are within the budget")


def descended(points: Points, options: DescendOptions) -> tuple[Trial, list[Trial]]:
    """The best point that `descend` finds, and all that it trained."""
    base = descend.widest(points.parameters)
    sensitivities = points.probe.sensitivities(base, points.parameters)
    trials: list[Trial] = []
    while found := descend.next_points(trials, points.parameters, sensitivities, points.probe.resources, options):
        trials += [points.train(values) for values in found]
    best = descend.best(trials, points.parameters, options)
    assert best is not None
    return best, trials


def of_autoqkeras(points: Points, trials: list[dict[str, Any]], floor: float) -> Trial:
    """The best point of AutoQKeras' trials, trained as the others are."""
    within = [each["values"] for each in trials if each["accuracy"] >= floor]
    ordered = sorted(within, key=lambda values: points.probe.resources(values)["lut"])[:RETRAINED]
    found = [points.train(trials[0]["values"])] if not ordered else []
    for values in ordered:
        found.append(points.train(values))
        if _accuracy(found[-1]) >= floor:
            break
    return found[-1]


def compare(name: str, out: Path, trainings: int, epochs: int | None, *, quick: bool) -> list[Any]:
    """The rows of a spec, with the HLS settings of each."""
    changes = ["csim.samples=0", *(QUICK if quick else ())]
    changes += [f"compress.quantize.epochs={epochs}"] if epochs is not None else []
    options = DescendOptions(max_accuracy_drop=DROP, trials=trainings)
    made, searched = [], None
    for words, more in SETTINGS.items():
        print(f"{name}, {words}", flush=True)
        points = Points(name, [*changes, *more], out)
        base = points.train(descend.widest(points.parameters))
        floor = _accuracy(base) - DROP - 1e-9
        started = time.monotonic()
        best, trials = descended(points, options)
        seconds = time.monotonic() - started
        uniform = {kept: best_uniform(points, floor, input_kept=kept) for kept in (True, False)}
        if searched is None:
            searched = points.autoqkeras(trainings, DELTA)
        theirs = of_autoqkeras(points, searched["trials"], floor)
        least = {each.name: min(each.values or ()) for each in points.parameters}
        made.append(
            {
                "spec": name,
                "settings": words,
                "rows": [
                    row("8 bits", base, 1),
                    row(f"uniform, {uniform[True][0]}", *uniform[True][1:]),
                    row(f"uniform, {uniform[False][0]}", *uniform[False][1:]),
                    row("descend", best, len(trials)),
                    row("AutoQKeras", theirs, trainings),
                ],
                "least_lut": points.probe.resources(least)["lut"],
                "seconds": {"descend": round(seconds), "AutoQKeras": searched["seconds"]},
                "points": [row("", trial, 1) for trial in points.trained.values()],
                "autoqkeras": searched["trials"],
                "exact": [points.simulate(trial.values, SIMULATED) for trial in (best, uniform[False][1])],
            }
        )
    return made


def bars(made: list[Any]) -> list[Bar]:
    """The bars of all comparisons."""
    found = []
    for each in made:
        _, kept, uniform, best, theirs = each["rows"]
        words = f"{each['spec']}, {each['settings']}"
        for what, other in (("weights and activations", kept), ("input, too", uniform)):
            saved = 100 * (1 - best["lut"] / other["lut"])
            found.append(Bar.at_least(f"{words}: % LUT saved against the best uniform width ({what})", saved, SAVED))
        for what, other in (("the best uniform width", uniform), ("AutoQKeras", theirs)):
            points = 100 * (best["test_accuracy"] - other["test_accuracy"])
            found.append(Bar.at_least(f"{words}: points of test accuracy above {what}", points, -100 * DROP))
        found.append(Bar.at_most(f"{words}: LUT, in AutoQKeras'", best["lut"] / theirs["lut"], 1.0))
        found.append(Bar.at_least(f"{words}: best points whose C++ is exact", sum(each["exact"]), len(each["exact"])))
    return found


def _accuracy(trial: Trial) -> float:
    accuracy = trial.measures["accuracy"]
    assert accuracy is not None
    return accuracy


def main() -> int:
    """Compare, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--specs", nargs="+", choices=SPECS, default=SPECS)
    parser.add_argument("--trainings", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    trainings = given.trainings or (QUICK_TRAININGS if given.quick else TRAININGS)
    epochs = given.epochs or (QUICK_EPOCHS if given.quick else None)
    with tempfile.TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        made = [each for name in given.specs for each in compare(name, out, trainings, epochs, quick=given.quick)]
    for each in made:
        print(f"{each['spec']}, {each['settings']} ({each['least_lut']:,.0f} LUT with the least widths)")
        for line in each["rows"]:
            accuracies = f"{100 * line['accuracy']:.2f} % | {100 * line['test_accuracy']:.2f} %"
            print(f"  {line['method']} | {accuracies} | {line['lut']:,.0f} LUT | {line['trainings']} trainings")
    held = [] if given.quick else bars(made)
    met = print_bars(held)
    if given.json:
        figures = {"trainings": trainings, "epochs": epochs, "comparisons": made}
        write(given.json, result("descend", figures, PACKAGES, held))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
