"""`transfer`: the kernels of a convolution are those of a few base filters, turned by quarters and mirrored.

Sources: Cohen & Welling 2016, "Group Equivariant Convolutional Networks", section 6 (the filters of their first layer,
of an image: each base filter is used in all its orientations), and Dieleman et al. 2016, "Exploiting Cyclic Symmetry in
Convolutional Neural Networks". In HLS code each is a convolution like any other: what is saved is storage. As with
`circulant`, it takes as many epochs as a training from the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

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

Symmetry = Literal["rotate", "flip", "rotate_flip"]
#: Quarter turns, and mirror images, in which each base filter is used.
_ORIENTATIONS: dict[Symmetry, tuple[int, int]] = {"rotate": (4, 1), "flip": (1, 2), "rotate_flip": (4, 2)}


class Options(Retraining):
    """How the filters of convolutions are made of base filters. Without `symmetry` only the layers of the patterns are
    changed.

    symmetry  in which orientations each base filter is used: `rotate` (4 quarter turns), `flip` (mirrored left to
              right, 2) or both (8)
    layers    the same by glob pattern of layer names
    """

    symmetry: Symmetry | None = None
    layers: dict[str, Symmetry] = Field(default_factory=dict)


def uses(options: Options) -> tuple[str, ...]:
    """Sections of the spec that the pass depends on."""
    return ()


def shared(options: Options, model: Any) -> dict[Key, Symmetry]:
    """The kernels that come to be symmetric, and how."""
    return sharing.chosen(model, options.layers, options.symmetry, _is_square)


def check(options: Options, model: Any, precision: Any, path: FieldPath) -> Iterator[FieldError]:
    """Patterns must match a convolution over square windows, with weights of one type."""
    what = "2D convolution of several filters over square windows of more than one pixel"
    yield from sharing.check_layers(model, options.layers, options.symmetry, what, path, "symmetry", _is_square)
    yield from sharing.check_types(shared(options, model), precision, path)


def apply(network: Network, dataset: Dataset, options: Options, context: Context) -> tuple[Network, dict[str, Any]]:
    """Make the kernels symmetric, train them, and promise the sharing."""
    values, promises = {}, []
    for key, symmetry in shared(options, network.model).items():
        rotations, flips = _ORIENTATIONS[symmetry]
        rule = {"kind": "transfer", "rotations": rotations, "flips": flips}
        made = Sharing("transfer", *key, groups(tuple(weight(network.model, *key).shape), rule), None, rule)
        values[key] = sharing.spread_values(made, network)
        promises.append(made)
    return sharing.share(network, values, promises, dataset, options, context)


def groups(shape: Sequence[int], rule: dict[str, Any]) -> NDArray[np.int32]:
    """The value's number of each weight of a kernel (size, size, channels, filters), from the rule {"kind",
    "rotations", "flips"}.

    Of n = rotations * flips orientations, filter f is base filter f // n in orientation o = f % n: turned by o modulo
    `rotations` quarters, counterclockwise, and then, from o = `rotations` on, mirrored left to right. The weight of row
    i and column j of channel c of base filter b is value ((b * channels + c) * size + i) * size + j.

    Raises:
        ValueError: the rule is for other kernels.
    """
    rotations, flips = rule["rotations"], rule["flips"]
    if len(shape) != 4 or shape[0] != shape[1] or rotations not in (1, 4):
        raise ValueError("square kernels, in 1 or 4 rotations")
    size, _, channels, filters = shape
    pixels = np.arange(size * size, dtype=np.int32).reshape(size, size)
    base, orientation = np.divmod(np.arange(filters, dtype=np.int32), np.int32(rotations * flips))
    numbers = np.empty(shape, np.int32)
    for one in range(min(rotations * flips, filters)):
        turned = np.rot90(pixels, one % rotations)
        numbers[..., orientation == one] = (turned[:, ::-1] if one >= rotations else turned)[:, :, None, None]
    numbers += (base * channels + np.arange(channels, dtype=np.int32)[:, None]) * (size * size)
    return numbers


def _is_square(name: str, shape: Sequence[int]) -> bool:
    return name == "kernel" and len(shape) == 4 and shape[0] == shape[1] > 1 and shape[-1] > 1
