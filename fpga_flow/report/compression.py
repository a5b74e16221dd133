"""What the compression of a run is told by: bytes, accuracy against sparsity, zeros, shared values, code lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fpga_flow.report.weights import LayerWeights


@dataclass(frozen=True)
class Step:
    """What one step makes of the network's bytes.

    before   None for a total, which is no step
    ratio    how many times smaller than float32 the network is then
    encoded  after a pass: what the file would have with Huffman coding, too
    """

    name: str
    before: int | None
    after: int
    ratio: float
    encoded: int | None = None

    @property
    def factor(self) -> float | None:
        """How many times smaller this step makes it; below 1 if it grows."""
        return None if self.before is None or not self.after else self.before / self.after


@dataclass(frozen=True)
class Point:
    """A network on the way: the share of its weights that are gone, and its accuracy on the validation samples."""

    sparsity: float
    accuracy: float
    kept: bool


@dataclass(frozen=True)
class Curve:
    """Accuracy against sparsity in one pass.

    removes    whether weights that are gone are really removed, with whole filters or by factors; else they are zero
    in_rounds  whether points that are not kept were taken back; else sparsity was still rising there
    before     accuracy on the test samples; `after` likewise
    end        the sparsity that the pass left, None if that is not known
    losses     each layer's losses when only this layer is pruned: not at all, then to each of `prune`'s
               SENSITIVITY_AT; empty where none were measured
    """

    name: str
    points: tuple[Point, ...]
    removes: bool
    in_rounds: bool
    before: float
    after: float
    end: float | None
    losses: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class LayerZeros:
    """A layer's weights without biases: how many there are, how many are zero in the end, and the share that passes
    (by number and name) pruned.
    """

    name: str
    weights: int
    zeros: int
    pruned: Mapping[str, float]

    @property
    def share(self) -> float:
        """The share of the weights that are zero in the end."""
        return self.zeros / self.weights


@dataclass(frozen=True)
class SharedWeight:
    """A weight whose values are shared: groups of weights, and how many values other than zero the pass left."""

    made_by: str
    layer: str
    weight: str
    weights: int
    groups: int
    distinct: int


@dataclass(frozen=True)
class CodedWeight:
    """A weight as model.fpz holds it. The lists are how many codes of each length, from 0 bits on, its streams of
    indices and of values have; they are empty where these are not Huffman-coded.
    """

    name: str
    count: int
    nonzero: int
    coding: str
    index_bits: int
    bytes_indices: int
    bytes_values: int
    bytes_tables: int
    bytes_header: int
    entropy_bits: float
    index_lengths: Sequence[int]
    value_lengths: Sequence[int]

    @property
    def total(self) -> int:
        """Its bytes in all."""
        return self.bytes_indices + self.bytes_values + self.bytes_tables + self.bytes_header

    @property
    def streams(self) -> dict[str, Sequence[int]]:
        """The code lengths of its Huffman-coded streams by what these hold."""
        lengths = {"values": self.value_lengths, "indices": self.index_lengths}
        return {what: counts for what, counts in lengths.items() if sum(counts)}


def steps(record: Mapping[str, Any]) -> list[Step]:
    """The bytes of the network that was trained first, as float32, then those of the network over each pass (its
    streams as numbers of fixed width) and Huffman coding to the file.
    """
    start, end = record["size"]["bytes_original"], record["size"]["bytes_encoded"]
    made = [Step("float32", None, start, 1.0)]
    for each in record["passes"]:
        fixed, encoded = each["bytes"]["fixed_length"], each["bytes"]["encoded"]
        made.append(Step(each["name"], made[-1].after, fixed, start / fixed, encoded))
    made.append(Step("Huffman coding", made[-1].after, end, start / end))
    return [*made, Step("model.fpz", None, end, start / end)]


def curves(record: Mapping[str, Any]) -> list[Curve]:
    """Of each pass that says so, accuracy against sparsity, or how sensitive layers are to it."""
    found = []
    for name, each in numbered(record["passes"]).items():
        removes, rows = "rounds" in each, each.get("curve", ())
        if removes:
            start = each["before"]["parameters"]
            rows = [{**row, "sparsity": 1 - row["parameters"] / start} for row in each["rounds"]]
        points = tuple(
            Point(row["sparsity"], row["accuracy"], row["kept"]) for row in rows if row["accuracy"] is not None
        )
        losses = each.get("sensitivity", {})
        if not points and not losses:
            continue
        kept = [point.sparsity for point in points if point.kept]
        none = removes or not any(each["sparsity"].values())
        end = kept[-1] if kept else 0.0 if none else None
        in_rounds = removes or each["options"].get("method") == "iterative"
        before, after = each["accuracy_before"], each["accuracy_after"]
        found.append(Curve(name, points, removes, in_rounds, before, after, end, losses))
    return found


def zeros(record: Mapping[str, Any], collected: Sequence[LayerWeights]) -> list[LayerZeros]:
    """The zeros of each layer; empty if there are none, or if no pass was there to make any."""
    pruned = {name: each["sparsity"] for name, each in numbered(record["passes"]).items() if "sparsity" in each}
    found = [
        LayerZeros(
            each.name,
            each.final.size,
            each.final.size - int(np.count_nonzero(each.final)),
            {name: shares[each.name] for name, shares in pruned.items() if each.name in shares},
        )
        for each in collected
        if each.final.size
    ]
    return found if record["passes"] and any(each.zeros or any(each.pruned.values()) for each in found) else []


def shared(record: Mapping[str, Any]) -> list[SharedWeight]:
    """What passes let share values."""
    return [
        SharedWeight(name, row["layer"], row["weight"], row["weights"], row["shared"], row["distinct"])
        for name, each in numbered(record["passes"]).items()
        for row in each.get("layers", ())
    ]


def placements(record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Of each pass that moves downsamplings, the placements that it tried, and `kept` for the one that it took."""
    found = {}
    for name, each in numbered(record["passes"]).items():
        rows = each.get("placements", [])
        chosen = each.get("chosen", rows[-1]["placement"] if rows else None)
        if rows:
            found[name] = [{**row, "kept": row["placement"] == chosen} for row in rows]
    return found


def coded(record: Mapping[str, Any]) -> list[CodedWeight]:
    """The weights as the file holds them: the one place that knows how run.json tells it."""
    kept = [each.name for each in fields(CodedWeight) if each.name != "name"]
    return [
        CodedWeight(f"{row['name']}.{row['weight']}", **{name: row[name] for name in kept})
        for row in record["size"]["encoded"]["layers"]
    ]


def numbered(passes: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Passes by name; those of a name that occurs again have a number."""
    names = [each["name"] for each in passes]
    made = {}
    for place, (name, each) in enumerate(zip(names, passes, strict=True)):
        made[name if names.count(name) == 1 else f"{name} {names[: place + 1].count(name)}"] = each
    return made


def mean_length(counts: Sequence[int]) -> float | None:
    """The mean number of bits of codes of which there are so many of each length."""
    total = sum(counts)
    return sum(length * count for length, count in enumerate(counts)) / total if total else None


def summed(lists: Sequence[Sequence[int]]) -> list[int]:
    """Counts by length of several streams together."""
    longest = max(map(len, lists), default=0)
    return [sum(each[length] for each in lists if length < len(each)) for length in range(longest)]
