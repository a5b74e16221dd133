"""What compression passes promise of a layer's weight, and every later pass keeps: zeros, and shared values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mask:
    """Where `mask` (the weight's shape) is False, the weight is zero and stays zero.

    made_by  the name of the pass
    layer    the layer's name; `weight` is the name of its weight, one of `network.WEIGHTS`
    """

    made_by: str
    layer: str
    weight: str
    mask: NDArray[np.bool_]

    def broken(self, values: NDArray[np.floating] | None) -> str:
        """What is wrong with values of the weight, in words; empty where the promise is kept."""
        if values is None or values.shape != self.mask.shape:
            return f"gone or reshaped, but {self.made_by} pruned it"
        if count := int(np.count_nonzero(values[~self.mask])):
            return f"{count} of {int((~self.mask).sum())} weights that {self.made_by} pruned are no longer zero"
        return ""

    def cut(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Mask:
        """The promise of a weight of which only a part is left; `change` takes that part of an array."""
        return Mask(self.made_by, self.layer, self.weight, change(self.mask))


@dataclass(frozen=True)
class Sharing:
    """Weights of the same group are zero or of one value, which may change.

    groups  whole numbers of the weight's shape: the group of each weight, -1 for a weight by itself
    signs   None, or +1 and -1 of the weight's shape: a weight is its group's value times its sign
    rule    how the groups can be computed again, for example {"kind": "circulant", "block": 8}; empty where they can't
    """

    made_by: str
    layer: str
    weight: str
    groups: NDArray[np.integer]
    signs: NDArray[np.int8] | None = None
    rule: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many groups there are, counted to the last one that has members."""
        return int(self.groups.max(initial=-1)) + 1

    def values(self, weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """The value of each group (count,), 0 for one that has only zeros."""
        found = np.zeros(self.count, weights.dtype)
        member = (self.groups >= 0) & (weights != 0)
        found[self.groups[member]] = (weights if self.signs is None else weights * self.signs)[member]
        return found

    def spread(self, values: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """Weights in which each group has its value of `values` (count,); those by themselves stay as they are."""
        shared = values[np.maximum(self.groups, 0)] if len(values) else np.zeros_like(weights)
        return np.where(self.groups >= 0, shared if self.signs is None else shared * self.signs, weights)

    def broken(self, values: NDArray[np.floating] | None) -> str:
        """What is wrong with values of the weight, in words; empty where the promise is kept."""
        if values is None or values.shape != self.groups.shape:
            return f"gone or reshaped, but {self.made_by} shares its values"
        wrong = (values != 0) & (values != self.spread(self.values(values), values))
        if count := int(np.count_nonzero(wrong)):
            return f"{count} of {values.size} weights no longer have the value that {self.made_by} lets them share"
        return ""

    def cut(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Sharing:
        """The promise of a weight of which only a part is left; `change` takes that part of an array."""
        signs = None if self.signs is None else change(self.signs)
        return Sharing(self.made_by, self.layer, self.weight, change(self.groups), signs)


Promise = Mask | Sharing


def save(promises: Sequence[Promise], path: Path) -> None:
    """Write promises as a .npz file."""
    head: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for number, promise in enumerate(promises):
        entry: dict[str, Any] = {"made_by": promise.made_by, "layer": promise.layer, "weight": promise.weight}
        if isinstance(promise, Mask):
            entry["shape"] = list(promise.mask.shape)
            arrays[f"mask_{number}"] = np.packbits(promise.mask)
        else:
            entry["rule"] = promise.rule
            arrays[f"groups_{number}"] = promise.groups
            if promise.signs is not None:
                arrays[f"signs_{number}"] = promise.signs
        head.append(entry)
    np.savez_compressed(path, allow_pickle=False, head=np.array(json.dumps(head)), **arrays)


def load(path: Path) -> tuple[Promise, ...]:
    """Read what `save` wrote.

    Raises:
        one of `saved.UNREADABLE`: the file is missing or damaged.
    """
    promises: list[Promise] = []
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
        for number, entry in enumerate(json.loads(str(data["head"]))):
            names = entry["made_by"], entry["layer"], entry["weight"]
            if "shape" in entry:
                bits = np.unpackbits(data[f"mask_{number}"], count=int(np.prod(entry["shape"])))
                promises.append(Mask(*names, bits.reshape(entry["shape"]).astype(bool)))
            else:
                signs = data.get(f"signs_{number}")
                promises.append(Sharing(*names, data[f"groups_{number}"], signs, entry["rule"]))
    return tuple(promises)
