"""A small run as the flow leaves it, made without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fpga_flow.datasets.base import Dataset, Part
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.runs import Done, Stage

CLASSES = ("cat", "dog", "owl")
WEIGHTS = {"conv_1": (3, 3, 1, 4), "dense_1": (64, 8), "output": (8, 3)}


@dataclass
class FakeRun:
    """What the flow hands to the report. Tests change it before they write."""

    folder: Path
    record: dict[str, Any]
    dataset: Dataset
    finished: list[Done]

    def stage(self, name: str) -> Done:
        return next(done for done in self.finished if done.stage.name == name)

    def write(self) -> str:
        from fpga_flow import report

        path = report.write(self.record, self.dataset, self.finished, self.folder / "report.html")
        return path.read_text(encoding="utf-8")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., FakeRun]:
    """A function that makes runs; its keywords are those of `build`."""
    count = iter(range(100))
    return lambda **options: build(tmp_path / f"run-{next(count)}", **options)


@pytest.fixture
def fake_run(make_run: Callable[..., FakeRun]) -> FakeRun:
    return make_run()


@pytest.fixture
def keras_h5() -> Callable[..., None]:
    return save_h5


def build(
    folder: Path,
    *,
    shapes: Mapping[str, tuple[int, ...]] = WEIGHTS,
    passes: Sequence[str] = ("prune", "quantize"),
    classes: Sequence[str] = CLASSES,
    weight_type: str = "fixed<6,1>",
    validation: bool = True,
    one_hot: bool = True,
    seed: int = 0,
) -> FakeRun:
    generator = np.random.default_rng(seed)
    names = ["float", *passes, "hls", "csim", "resources"]
    stages = [Stage(number, name, f"{number:016x}") for number, name in enumerate(names, 1)]
    folders = {stage.name: folder / stage.folder for stage in stages}
    for each in folders.values():
        each.mkdir(parents=True)

    float_weights = {name: generator.normal(0, 0.3, shape) for name, shape in shapes.items()}
    pruned = {name: np.where(np.abs(values) > 0.25, values, 0) for name, values in float_weights.items()}
    type_ = FixedPoint.parse(weight_type)
    final = {name: type_.quantize(values) for name, values in (pruned if "prune" in passes else float_weights).items()}
    save_h5(folders["float"] / "model.h5", float_weights)
    for name in passes:
        save_h5(folders[name] / "model.h5", pruned if name == "prune" else final)
    project = folders["hls"] / "project"
    project.mkdir()
    arrays = {f"{name}.weights": np.round(values / type_.step).astype(np.int64) for name, values in final.items()}
    biases = {f"{name}.biases": np.zeros(shape[-1], np.int64) for name, shape in shapes.items()}
    np.savez_compressed(project / "weights.npz", **arrays, **biases)

    dataset = _dataset(generator, classes, validation=validation, one_hot=one_hot)
    labels = dataset.test.y.argmax(axis=1) if one_hot else dataset.test.y
    outputs = np.eye(len(classes))[labels]
    outputs[0] = np.roll(outputs[0], 1)
    np.save(folders["csim"] / "outputs.npy", outputs)

    history = _history(validation=validation)
    layers = _layers(final, weight_type)
    simulation = {
        "samples": len(labels), "mismatches": 0, "max_abs_diff": 0.0, "exact": True, "build_seconds": 4.5,
        "run_seconds": 0.05, "first": None, "tolerance": 0.0,
    }  # fmt: skip
    accuracy = 1 - 1 / len(labels)
    results: dict[str, dict[str, Any]] = {
        "float": {"accuracy": 0.975, "history": history},
        "hls": {"accuracy": accuracy, "layers": layers},
        "csim": {"accuracy": accuracy, **simulation},
        "resources": _resources(list(shapes)),
    }
    entries = []
    for name in passes:
        told = {"name": name, "options": {"epochs": 5, "patience": None}, "accuracy_before": 0.975,
                "accuracy_after": 0.9625, "seconds": 2.5}  # fmt: skip
        results[name] = {**told, "details": {"history": history}}
        entries.append({**told, "bytes": {"encoded": 30, "fixed_length": 40}})
    finished = [Done(stage, folders[stage.name], results[stage.name], 1.25, stage.number == 1) for stage in stages]
    parameters = sum(layer["parameters"] for layer in layers)
    nonzero = sum(layer["nonzero"] for layer in layers)
    record = {
        "name": "fake_net",
        "digest": "0123456789abcdef",
        "seed": 1,
        "spec": {"name": "fake_net", "data": {"name": "animals"}},
        "versions": {"fpga_flow": "0.1.0", "hls4ml": "1.3.0"},
        "notes": ["compress[0].prune: zeros in dense save no multipliers"],
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 12.5,
        "fit": None,
        "metrics": {name: {"accuracy": results[stage]["accuracy"]}
                    for name, stage in (("float", "float"), ("final", "hls"), ("csim", "csim"))},
        "csim": simulation,
        "size": {"parameters": parameters, "nonzero": nonzero, "sparsity": 1 - nonzero / parameters,
                 "macs": sum(layer["macs"] for layer in layers), "bytes_float32": 4 * parameters,
                 "bytes_quantized": parameters, "ratio_quantized": 4.0, "bytes_encoded": parameters // 2, "ratio": 8.0,
                 "bytes_original": 4 * parameters, "ratio_original": 8.0,
                 "encoded": {"parts": {"header": 10}, "layers": []}},
        "resources": [results["resources"]],
        "passes": entries,
        "stages": [{"name": done.stage.name, "digest": done.stage.digest, "seconds": done.seconds,
                    "cached": done.cached} for done in finished],
        "layers": layers,
    }  # fmt: skip
    return FakeRun(folder, json.loads(json.dumps(record)), dataset, finished)


def save_h5(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """A model's kernels, with biases of zero, laid out as Keras does: model_weights/<layer>/<layer>/kernel:0."""
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = "{}"
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = ["inputs", *weights]
        root.create_group("top_level_model_weights").attrs["weight_names"] = []
        root.create_group("inputs").attrs["weight_names"] = []
        for layer, values in weights.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel:0", f"{layer}/bias:0"]
            group.create_dataset(f"{layer}/kernel:0", data=values.astype(np.float32))
            group.create_dataset(f"{layer}/bias:0", data=np.zeros(values.shape[-1], np.float32))


def _dataset(generator: np.random.Generator, classes: Sequence[str], *, validation: bool, one_hot: bool) -> Dataset:
    def part(count: int) -> Part:
        numbers = np.arange(count) % len(classes)
        y = np.eye(len(classes), dtype=np.float32)[numbers] if one_hot else numbers
        return Part(generator.random((count, 6, 6, 1), np.float32), y)

    scaling = {"method": "divide", "offset": [0.0], "factor": [0.0625]}
    parts = part(120), part(30 if validation else 0), part(max(40, len(classes)))
    return Dataset("animals", *parts, tuple(classes), scaling, "d" * 64)


def _history(*, validation: bool) -> list[dict[str, Any]]:
    rows = []
    for epoch in range(1, 6):
        rows.append(
            {
                "epoch": epoch,
                "loss": 2.0 / epoch,
                "accuracy": 1 - 0.5 / epoch,
                "val_loss": 2.5 / epoch if validation else float("nan"),
                "val_accuracy": 1 - 0.6 / epoch if validation else float("nan"),
                "learning_rate": 0.001 / epoch,
                "seconds": 0.1,
                "best": epoch in (1, 4) if validation else True,
            }
        )
    return rows


def _layers(final: Mapping[str, np.ndarray], weight_type: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "kind": "conv2d" if values.ndim == 4 else "dense", "shape": [values.shape[-1]],
            "input_type": "ufixed<5,1>", "weight_type": weight_type, "bias_type": "fixed<8,2>",
            "accum_type": "fixed<15,6>", "result_type": "fixed<15,6>", "strategy": "latency", "reuse_factor": 1,
            "parameters": values.size + values.shape[-1], "nonzero": int(np.count_nonzero(values)),
            "macs": values.size,
        }
        for name, values in final.items()
    ]  # fmt: skip


def _resources(names: Sequence[str]) -> dict[str, Any]:
    layers = [
        {"name": name, "kind": "dense", "multipliers": 11, "lut": 1000 * number, "ff": 100, "dsp": 2, "bram18": 0,
         "uram": 0, "latency_cycles": 3, "ii": 1}
        for number, name in enumerate([*names, "top"], 1)
    ]  # fmt: skip
    return {
        "source": "estimate", "tool": "Vitis HLS", "part": "xc7z020clg400-1", "board": "pynq-z2",
        "lut": sum(layer["lut"] for layer in layers), "ff": 100 * len(layers), "dsp": 2 * len(layers), "bram18": 0,
        "uram": 0, "latency_cycles": 21, "ii": 1, "clock_ns": 5.0, "fits": True, "layers": layers, "lacks": [],
        "usable": {"lut": 37240, "ff": 53200, "dsp": 176, "bram18": 224, "uram": 0},
    }  # fmt: skip
