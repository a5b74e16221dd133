"""`circulant`: the matrices of dense layers are made of circulant blocks, each of which is known by one column.

Source: Ding et al. 2017, "CirCNN: Accelerating and Compressing Deep Neural Networks Using Block-Circulant Weight
Matrices", section 3. In hardware the blocks save multiplications only with Fourier transforms, which hls4ml has not:
here they save storage. As with `hash_share`, it takes as many epochs as a training from the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fpga_flow.compress import sharing
from fpga_flow.compress.base import Context, Key
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, FieldPath
from fpga_flow.networks.network import Network, weight
from fpga_flow.networks.promises import Sharing
from fpga_flow.spec.base import Retraining

Block = Annotated[int, Field(ge=2, le=4096)]
#: Weights whose groups are found at once: the numbers on the way to them are longer than they are.
_AT_ONCE = 1 << 20


class Options(Retraining):
    """The size of the square blocks of a dense layer's matrix. Without `block` only the layers of the patterns are
    changed. Blocks at the edges are cut off; no block is larger than the longer side of the matrix.

    block   rows of a block
    layers  the same by glob pattern of layer names
    """

    block: Block | None = None
    layers: dict[str, Block] = Field(default_factory=dict)


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def shared(options: Options, model: Any) -> dict[Key, int]:
    """The kernels that come to be block-circulant, and the size of their blocks."""
    return sharing.chosen(model, options.layers, options.block, _is_matrix)


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a dense layer, with weights of one type."""
    yield from sharing.check_layers(model, options.layers, options.block, "dense layer", path, "block", _is_matrix)
    yield from sharing.check_types(shared(options, model), precision, path)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Make the matrices block-circulant, train them, and promise the sharing."""
    values, promises = {}, []
    for key, block in shared(options, network.model).items():
        shape = tuple(weight(network.model, *key).shape)
        # a larger block has more values than the matrix has weights
        rule = {"kind": "circulant", "block": min(block, max(shape))}
        made = Sharing("circulant", *key, groups(shape, rule), None, rule)
        values[key] = sharing.spread_values(made, network)
        promises.append(made)
    return sharing.share(network, values, promises, dataset, options, context)


def groups(shape: Sequence[int], rule: dict[str, Any]) -> NDArray[np.int32]:
    """The value's number of each weight of a matrix (inputs, outputs), from the rule {"kind", "block"}.

    In a block of size b, the weight of row i and column j is value (i - j) modulo b; block (p, q) of the grid has the
    values from (p * columns of the grid + q) * b on.
    """
    block = rule["block"]
    numbers = np.empty(shape, np.int32)
    column = np.arange(shape[1])
    rows = max(1, _AT_ONCE // max(shape[1], 1))
    for start in range(0, shape[0], rows):
        row = np.arange(start, min(start + rows, shape[0]))[:, None]
        number = row // block * -(-shape[1] // block) + column // block
        numbers[start : start + rows] = number * block + (row - column) % block
    return numbers


def _is_matrix(name: str, shape: Sequence[int]) -> bool:
    return len(shape) == 2
