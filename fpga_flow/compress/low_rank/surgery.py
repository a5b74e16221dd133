"""A network whose layers stand replaced by their factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_flow.compress.low_rank.geometry import layers
from fpga_flow.compress.low_rank.methods import Ranks
from fpga_flow.compress.low_rank.plan import Target
from fpga_flow.keras import keras
from fpga_flow.networks.rebuild import copy, rebuild


def outlined(model: Any, targets: Mapping[str, Target], ranks: Mapping[str, Ranks]) -> Any:
    """A flat model with the factors of layers, of these ranks, in their place; what is not as it was has no values."""
    return _rebuilt(model, targets, ranks)[0]


@dataclass(frozen=True)
class Made:
    """A model with the factors of layers in their place; for each of these layers the names of its factors, and the
    relative error of its weights.
    """

    model: Any
    names: Mapping[str, list[str]]
    errors: Mapping[str, float]


def factored(model: Any, targets: Mapping[str, Target], ranks: Mapping[str, Ranks], seed: int) -> Made:
    """A flat model with the factors of layers, of these ranks, in their place."""
    made, names = _rebuilt(model, targets, ranks)
    errors = {}
    for name, each in ranks.items():
        target = targets[name]
        found = target.method.factored(target.kernel, target.geometry, each, seed)
        for factor, weights in zip(names[name], found.weights, strict=True):
            for attribute, values in weights.items():
                variable = getattr(made.get_layer(factor), attribute)
                variable.assign(values.astype(np.float32).reshape(variable.shape))
        if target.layer.use_bias:
            made.get_layer(name).bias.assign(target.layer.bias)
        errors[name] = found.error
    return Made(made, names, errors)


def _rebuilt(model: Any, targets: Mapping[str, Target], ranks: Mapping[str, Ranks]) -> tuple[Any, dict[str, list[str]]]:
    taken = {layer.name for layer in model.layers}
    names = {}
    for name, each in ranks.items():
        names[name] = [_unused(name, factor.suffix, taken) for factor in targets[name].factors(each)]
        taken.update(names[name])

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return []
        if layer.name not in ranks:
            return [copy(layer)]
        target = targets[layer.name]
        return layers(layer, target.geometry, target.factors(ranks[layer.name]), names[layer.name])

    return rebuild(model, replace), names


def _unused(name: str, suffix: str, taken: set[str]) -> str:
    """The name of a factor; with a number where another layer has it."""
    if not suffix:
        return name
    found, number = f"{name}_{suffix}", 1
    while found in taken:
        number += 1
        found = f"{name}_{suffix}_{number}"
    return found
