"""The weights of a run, read from its stage folders without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.runs import Done

Values = NDArray[np.float64]


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights, without its bias, in Keras' layout.

    final     what the hardware computes with: values of `type_`
    earlier   the weights as earlier stages left them, by the stages' names; empty where no stage has such a layer
    shared_by the pass that let them share values, empty if none did
    """

    name: str
    type_: FixedPoint
    final: Values
    earlier: Mapping[str, Values]
    shared_by: str = ""


def collect(layers: Sequence[Mapping[str, Any]], finished: Sequence[Done]) -> list[LayerWeights]:
    """The weights of those `layers` (of run.json) that have some: after the first stage, before they were quantized or
    came to share values, and final.
    """
    stages = {done.stage.name: done.folder for done in finished}
    archive = stages["hls"] / "project" / "weights.npz" if "hls" in stages else None
    if archive is None or not archive.is_file():
        return []
    earlier = {name: kernels(path) for name, path in _float_stages(finished)}
    shared_by = {row["layer"]: name for name, rows in _sharing(finished).items() for row in rows}
    collected = []
    with np.load(archive, allow_pickle=False) as arrays:
        for layer in layers:
            key = f"{layer['name']}.weights"
            if layer["weight_type"] is None or key not in arrays:
                continue
            type_ = FixedPoint.parse(layer["weight_type"])
            final = arrays[key] * type_.step
            versions = {name: _like(final, found.get(layer["name"], ())) for name, found in earlier.items()}
            known = {name: values for name, values in versions.items() if values is not None}
            collected.append(LayerWeights(layer["name"], type_, final, known, shared_by.get(layer["name"], "")))
    return collected


def kernels(model: Path) -> dict[str, list[Values]]:
    """The weights of each layer of a model that Keras saved as HDF5, without biases."""
    found: dict[str, list[Values]] = {}

    def visit(name: str, item: Any) -> None:
        layer, _, weight = name.partition("/")
        if isinstance(item, h5py.Dataset) and weight.rpartition("/")[2].partition(":")[0].endswith("kernel"):
            found.setdefault(layer, []).append(item[()].astype(np.float64))

    with h5py.File(model, "r") as file:
        file["model_weights"].visititems(visit)
    return found


def models(finished: Sequence[Done]) -> list[tuple[str, Path]]:
    """The names of the stages that left a model, in their order, and the models."""
    paths = [(done.stage.name, done.folder / "model.h5") for done in finished]
    return [(name, path) for name, path in paths if path.is_file()]


def _float_stages(finished: Sequence[Done]) -> list[tuple[str, Path]]:
    """The first stage with a model, and the last one before weights were quantized or came to share values, which is
    left out if it is the same one.
    """
    few_values = {"quantize", *_sharing(finished)}
    before = [*takewhile(lambda stage: stage[0] not in few_values, models(finished))]
    return list(dict.fromkeys([*before[:1], *before[-1:]]))


def _sharing(finished: Sequence[Done]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The passes that let weights share values, and what they tell of each weight."""
    details = {done.stage.name: done.result.get("details", {}) for done in finished}
    return {name: told["layers"] for name, told in details.items() if "layers" in told}


def _like(final: Values, candidates: Sequence[Values]) -> Values | None:
    """The one of a layer's weights that became `final`, which it shares its shape with."""
    return next((values for values in candidates if values.shape == final.shape), None)
