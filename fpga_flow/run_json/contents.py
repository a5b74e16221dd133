"""`run.json` and `spec.yaml`: what a run leaves for other programs to read."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

import fpga_flow
from fpga_flow import compress, datasets, runs
from fpga_flow.datasets.base import Dataset
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers.plugin import LAYERS
from fpga_flow.networks import FAMILIES
from fpga_flow.runs import Done, Run
from fpga_flow.spec.model import FlowSpec

_PACKAGES = ("tensorflow", "tf_keras", "QKeras", "hls4ml", "da4ml", "numpy", "scikit-learn")


def make(
    spec: FlowSpec, run: Run, dataset: Dataset, finished: Sequence[Done], started: datetime, notes: Sequence[str]
) -> dict[str, Any]:
    """The contents of run.json, from the spec, what its finished stages told, and the notes on it. Accuracies are on
    the test samples.
    """
    results = {done.stage.name: done.result for done in finished}
    passes = [done for done in finished if "accuracy_before" in done.result]
    simulation = dict(results["csim"])
    hls = results["hls"]
    return {
        "name": spec.name,
        "digest": run.digest,
        "seed": spec.seed,
        "spec": spec.model_dump(mode="json", exclude_none=True),
        "versions": {
            "fpga_flow": fpga_flow.__version__,
            "python": platform.python_version(),
            **runs.versions(*_PACKAGES),
        },
        "plugins": _plugins(spec, {layer["kind"] for layer in hls["layers"]}),
        "notes": list(notes),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "data": {
            "name": dataset.name,
            "train": len(dataset.train.x),
            "validation": len(dataset.validation.x),
            "test": len(dataset.test.x),
            "input_shape": list(dataset.input_shape),
            "classes": list(dataset.classes),
            "scaling": dataset.scaling,
        },
        "metrics": {
            "float": {"accuracy": results["float"]["accuracy"]},
            "final": {"accuracy": hls["accuracy"]},
            "csim": {"accuracy": simulation.pop("accuracy")},
        },
        "backend": hls["backend"],
        "fit": hls["fit"],
        "csim": simulation,
        "size": _size(hls["size"], results["store"]),
        "resources": results["resources"]["estimates"],
        "passes": [
            {**_pass(done), "bytes": size} for done, size in zip(passes, results["store"]["after_passes"], strict=True)
        ],
        "stages": [
            {"name": done.stage.name, "digest": done.stage.digest, "seconds": done.seconds, "cached": done.cached}
            for done in finished
        ],
        "layers": hls["layers"],
    }


def _plugins(spec: FlowSpec, kinds: set[str]) -> list[dict[str, str]]:
    """What of plugins the run used."""
    return [
        *datasets.DATASETS.identities(spec.data.name),
        *FAMILIES.identities(spec.network.family),
        *compress.PASSES.identities(*(one.name for one in spec.compress)),
        *LAYERS.identities(*sorted(kinds)),
    ]


def layer(layer: HlsLayer) -> dict[str, Any]:
    """A layer's entry in run.json."""
    return {
        "name": layer.name,
        "kind": layer.function or layer.kind,
        "shape": list(layer.output_shape),
        "input_type": str(layer.input_type),
        "weight_type": _text(layer.weight_type),
        "bias_type": _text(layer.bias_type),
        "accum_type": _text(layer.accum_type),
        "result_type": str(layer.result_type),
        "strategy": layer.strategy or None,
        "reuse_factor": layer.reuse_factor if layer.strategy else None,
        "parameters": layer.parameters,
        "nonzero": layer.nonzero,
        "macs": layer.macs,
    }


def size(layers: Sequence[HlsLayer]) -> dict[str, Any]:
    """The network's size: `bytes_quantized` stores every weight and bias, zeros too, in the bits of its type."""
    parameters, nonzero = sum(each.parameters for each in layers), sum(each.nonzero for each in layers)
    pairs = [(each.weights, each.weight_type) for each in layers] + [(each.biases, each.bias_type) for each in layers]
    bits = sum(values.size * type_.width for values, type_ in pairs if values is not None and type_ is not None)
    return {
        "parameters": parameters,
        "nonzero": nonzero,
        "sparsity": round(1 - nonzero / parameters, 6) if parameters else 0.0,
        "macs": sum(each.macs for each in layers),
        "bytes_float32": 4 * parameters,
        "bytes_quantized": -(-bits // 8),
        "ratio_quantized": round(32 * parameters / bits, 3) if bits else 1.0,
    }


def _size(quantized: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """The network's size with that of `model.fpz`: the ratios are of all weights as float32 to the whole file, of the
    network in it and of the one that was trained first.
    """
    keys = ("bytes_encoded", "bits_per_weight", "ratio", "bytes_original", "ratio_original")
    encoded = {key: value for key, value in stored.items() if key not in (*keys, "after_passes")}
    return {**quantized, **{key: stored[key] for key in keys}, "encoded": encoded}


def spec_yaml(spec: FlowSpec) -> str:
    """The spec as resolved, with all defaults, as YAML that can be run again."""
    return yaml.safe_dump(spec.model_dump(mode="json", exclude_none=True), sort_keys=False)


def _pass(done: Done) -> dict[str, Any]:
    result = dict(done.result)
    details = {key: value for key, value in result.pop("details").items() if key not in ("history", "histories")}
    return {**result, **details, "seconds": done.seconds}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
