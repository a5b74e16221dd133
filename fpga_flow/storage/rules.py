"""Weights that share values by a rule: the file holds the rule and the value of each group, not each weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.networks.promises import Sharing
from fpga_flow.storage.bits import Damaged, Reader, varint

Groups = NDArray[np.integer]


@dataclass(frozen=True)
class Rule:
    """A kind of rule: its number in files, its whole-numbered settings with the least and the most that each may be,
    and the function (shape, rule) -> groups, or (groups, signs), given as the module and its name.
    """

    number: int
    settings: dict[str, tuple[int, int]]
    home: str

    def groups(self, shape: tuple[int, ...], rule: dict[str, Any]) -> tuple[Groups, NDArray[np.int8] | None]:
        """The group of each weight, and the sign by which it takes the group's value; None where all are +1."""
        module, name = self.home.split(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        made = function(shape, rule)
        return made if isinstance(made, tuple) else (made, None)


#: To add a kind of rule, add a line with a number of its own.
RULES: dict[str, Rule] = {
    "hash": Rule(1, {"seed": (0, 2**63 - 1), "buckets": (1, 2**31 - 1)}, "fpga_flow.compress.hash_share:groups"),
    "circulant": Rule(2, {"block": (1, 2**31 - 1)}, "fpga_flow.compress.circulant:groups"),
}


def write(rule: dict[str, Any]) -> bytes:
    """A rule as bytes."""
    known = RULES[rule["kind"]]
    return varint(known.number) + b"".join(varint(rule[name]) for name in known.settings)


def read(reader: Reader) -> dict[str, Any]:
    """What `write` wrote."""
    start = reader.offset
    number = reader.varint("the kind of a sharing rule")
    kind = next((kind for kind, known in RULES.items() if known.number == number), None)
    if kind is None:
        raise Damaged(f"expected a known kind of sharing rule, got {number}", start)
    rule: dict[str, Any] = {"kind": kind}
    for name, (least, most) in RULES[kind].settings.items():
        rule[name] = reader.varint(name, most)
        if rule[name] < least:
            raise Damaged(f"expected {name} of at least {least}, got {rule[name]}", start)
    return rule


def group_values(promise: Sharing, values: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The value of each group, if the promise has a rule that gives its groups, and all weights follow from them bit
    for bit; else None. So it is for a rule with more groups than weights, which saves nothing.
    """
    if promise.rule.get("kind") not in RULES:
        return None
    rule = RULES[promise.rule["kind"]]
    if set(promise.rule) != {"kind", *rule.settings} or any(
        not least <= promise.rule[name] <= most for name, (least, most) in rule.settings.items()
    ):
        return None
    groups, signs = rule.groups(values.shape, promise.rule)
    if not np.array_equal(groups, promise.groups) or not _same(signs, promise.signs) or (groups < 0).any():
        return None
    if promise.count > values.size:
        return None
    found = promise.values(values)
    return found if np.array_equal(promise.spread(found, values), values) else None


def spread(
    rule: dict[str, Any], shape: tuple[int, ...], values: NDArray[np.float32], made_by: str
) -> tuple[NDArray[np.float32], Sharing]:
    """Weights of `shape` from the values of their groups, and the promise that they share them.

    Raises:
        Damaged: the rule can't be applied to this shape, or needs another number of values.
    """
    try:
        groups, signs = RULES[rule["kind"]].groups(shape, rule)
    except (ValueError, ArithmeticError, IndexError) as error:
        raise Damaged(f"expected a rule {rule} that fits the shape {shape}, got: {error}", 0) from error
    promise = Sharing(made_by, "", "", groups, signs, rule)
    if promise.count != len(values) or groups.shape != shape or groups.min(initial=0) < 0:
        raise Damaged(f"expected {promise.count} values by the rule {rule}, got {len(values)}", 0)
    spread = values.astype(np.float32, copy=False)[groups]  # each weight has a group
    if signs is not None:
        spread *= signs
    return spread, promise


def _same(one: NDArray[np.int8] | None, other: NDArray[np.int8] | None) -> bool:
    return (one is None) == (other is None) and (one is None or other is None or np.array_equal(one, other))
