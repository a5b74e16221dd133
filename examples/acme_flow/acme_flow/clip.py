"""`clip`: weights beyond a limit become the limit, so that a type with fewer integer bits holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fpga_flow.compress.base import Context
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weights
from fpga_flow.networks.rebuild import copy_model
from fpga_flow.spec.base import PositiveFloat, Section


class Options(Section):
    """Weights and biases come to lie between -`limit` and `limit`."""

    limit: PositiveFloat


def uses(options: Options) -> tuple[str, ...]:
    """Other sections of the spec that the result depends on: none."""
    return ()


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """There must be weights."""
    if not any(True for _ in weights(model)):
        yield FieldError(path, "expected a network with weights, got one without")


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Limit the weights of a copy. Zeros stay zero and equal weights stay equal, so earlier promises are kept."""
    model, clipped = copy_model(network.model), 0
    for _, _, variable in weights(model):
        values = variable.numpy()
        clipped += int((np.abs(values) > options.limit).sum())
        variable.assign(np.clip(values, -options.limit, options.limit))
    return Network(model, network.promises), {"clipped": clipped}
