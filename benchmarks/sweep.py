"""The sweep of digits_mlp against the loop that one writes without this package, in one run.

    python benchmarks/sweep.py [--quick] [--json FILE]

`fpga-flow sweep digits_mlp` trains 48 points anew (weights of 2 to 8 bits, activations of 4 to 8, none, half and three
quarters of the weights pruned), simulates the C++ of each on 100 samples, emulates it on all, and simulates the C++ of
the front on all. Beside it, for some of the same points, a plain loop of Keras, tensorflow-model-optimization, QKeras
and hls4ml: for each point it trains in float, prunes, trains the quantized network, converts, compiles and predicts,
with the same numbers of epochs. The loop's points are timed before and after the sweep, each in a fresh process whose
clock starts when everything is imported; the sweep's starts with its command. `--quick` takes 6 points, and one of the
loop's. Takes about 10 minutes on 2 cores. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from helpers.result import ROOT, Bar, print_bars, result, write
from helpers.runs import shipped

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "optuna", "numpy"]
#: Points that the plain loop is timed on: (weights, activations, sparsity), from all over the grid.
POINTS = [(4, 6, 0.5), (8, 8, 0.75), (2, 4, 0.0), (6, 5, 0.75), (8, 4, 0.5)]
_QUICK = ["sweep.parameters.weights.bits=[4, 8]", "sweep.parameters.activations.bits=[6]"]


def own(out: Path, changes: list[str]) -> dict[str, Any]:
    """The sweep, from nothing: its seconds and what it found."""
    options = [option for change in changes for option in ("--set", change)]
    command = [
        sys.executable,
        "-m",
        "fpga_flow.cli",
        "sweep",
        str(shipped("digits_mlp")),
        "--out",
        str(out),
        "--json",
        *options,
    ]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"the sweep gave exit code {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return {"seconds": seconds, "found": found}


def plain(point: tuple[int, int, float], folder: str) -> dict[str, float]:
    """One turn of the loop that a user writes with Keras, tensorflow-model-optimization, QKeras and hls4ml."""
    sys.path.insert(0, str(ROOT))
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # as QKeras needs it, before TensorFlow
    import numpy as np
    import tensorflow_model_optimization as tfmot
    from qkeras import QActivation, QDense

    from fpga_flow import datasets
    from fpga_flow.keras import keras, quietly, seed_everything
    from fpga_flow.spec.load import load
    from tests import stock_hls4ml

    spec = load(shipped("digits_mlp")).spec
    assert spec is not None
    data = datasets.load(spec.data, spec.seed)
    width, activation_width, sparsity = point
    prune, quantize = (next(one.options for one in spec.compress if one.name == name) for name in ("prune", "quantize"))
    bias = "quantized_bits(8,1,alpha=1)"

    def fit(model: Any, epochs: int, learning_rate: float) -> Any:
        """Train, with the zeros kept where there are some."""
        trained, callbacks = model, []
        if sparsity and model is not first:
            schedule = tfmot.sparsity.keras.ConstantSparsity(sparsity, 0, frequency=100)
            trained = tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)
            callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        trained.compile(keras.optimizers.legacy.Adam(learning_rate), loss, ["accuracy"])
        trained.fit(
            data.train.x, data.train.y, batch_size=spec.training.batch_size, epochs=epochs, callbacks=callbacks,
            validation_data=(data.validation.x, data.validation.y), verbose=0,
        )  # fmt: skip
        return tfmot.sparsity.keras.strip_pruning(trained) if callbacks else trained

    def network(dense: Any, hidden: dict[str, Any], last: dict[str, Any], activation: Any) -> Any:
        inputs = keras.Input(data.input_shape)
        tensor = dense(spec.network.hidden[0], name="dense_1", **hidden)(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, dense(len(data.classes), name="output", **last)(activation(tensor)))

    started = time.perf_counter()
    seed_everything(spec.seed)
    with quietly():
        first = network(keras.layers.Dense, {}, {}, keras.layers.Activation("relu", name="relu_1"))
        model = fit(first, spec.training.epochs, spec.training.learning_rate)
        if sparsity:
            copy = keras.models.clone_model(model)
            copy.set_weights(model.get_weights())
            model = fit(copy, prune.epochs, spec.training.learning_rate)
        kernels = [
            {"kernel_quantizer": f"quantized_bits({width},{integer},alpha=1)", "bias_quantizer": bias}
            for integer in (0, 1)
        ]
        activation = QActivation(f"quantized_relu({activation_width},4)", name="relu_1")
        quantized = network(QDense, kernels[0], kernels[1], activation)
        quantized.set_weights(model.get_weights())
        quantized = fit(quantized, quantize.epochs, quantize.learning_rate)
        trained = time.perf_counter()
        graph = stock_hls4ml.write(quantized, Path(folder) / "project")
        graph.compile()
        outputs = graph.predict(np.ascontiguousarray(data.test.x))
    ended = time.perf_counter()
    accuracy = float(np.mean(outputs.argmax(axis=1) == data.test.y.argmax(axis=1)))
    return {"seconds": ended - started, "training": trained - started, "hls4ml": ended - trained, "accuracy": accuracy}


def timed(points: list[tuple[int, int, float]], folder: Path) -> list[dict[str, Any]]:
    """The plain loop's turns, each in a process of its own."""
    rows = []
    for point in points:
        with get_context("spawn").Pool(1) as pool, tempfile.TemporaryDirectory(dir=folder) as made:
            row = pool.apply(plain, (point, made))
        print(f"  plain loop, {point}: {row['seconds']:.1f} s", flush=True)
        rows.append({"weights": point[0], "activations": point[1], "sparsity": point[2], **row})
    return rows


def main() -> None:
    """Measure, print, compare with the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="6 points, and one of the plain loop's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    points = POINTS[:1] if arguments.quick else POINTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        half = (len(points) + 1) // 2
        rows = timed(points[:half], folder)
        sweep = own(folder / "runs", _QUICK if arguments.quick else [])
        rows += timed(points[half:], folder)
        again = own(folder / "runs", _QUICK if arguments.quick else [])
    trials = sweep["found"]["trials"]
    each, loop = sweep["seconds"] / len(trials), median(row["seconds"] for row in rows)
    front = sweep["found"]["front"]
    simulated = [trial["simulated"] for trial in trials if trial["number"] in front]
    figures = {
        "points": len(trials),
        "done": sum(trial["state"] == "done" for trial in trials),
        "seconds": round(sweep["seconds"], 1),
        "seconds_per_point": round(each, 2),
        "again_seconds": round(again["seconds"], 1),
        "front": [trial for number in front for trial in trials if trial["number"] == number],
        "front_simulated": min(simulated, default=0),
        "plain": rows,
        "plain_seconds_per_point": round(loop, 2),
        "ratio": round(loop / each, 2),
    }
    print(f"{len(trials)} points, {each:.2f} s each; a turn of the plain loop {loop:.1f} s: {loop / each:.1f}x")
    made = [
        Bar.at_least("points that were done", figures["done"], 6 if arguments.quick else 48),
        Bar.at_most("seconds of the sweep", sweep["seconds"], 600),
        Bar.at_least("times as fast as the plain loop", loop / each, 8),
        Bar.at_least(
            "samples on which the C++ of each point of the front is simulated", min(simulated, default=0), 450
        ),
    ]
    met = print_bars(made)
    if arguments.json:
        write(arguments.json, result("sweep", figures, PACKAGES, made))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
