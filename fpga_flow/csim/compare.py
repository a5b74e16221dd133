"""Comparing what the C++ computed with what the network computes, or with what it computed before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import InputError, suggest
from fpga_flow.fixed_point import FixedPoint

if TYPE_CHECKING:
    from fpga_flow.csim.golden.values import Golden, Signal

#: How far outputs may be from what is expected: all of them, or each by its name (0 for those that are not named).
Tolerance = float | Mapping[str, float]


@dataclass(frozen=True)
class Mismatch:
    """The first difference: sample and output (or `what` else) by number, both values with their types, and the first
    layer whose output differs. `got_type` is left out where it is the same.
    """

    sample: int
    output: int
    expected: float
    got: float
    type: str
    layer: str = ""
    what: str = "output"
    got_type: str = ""

    def __str__(self) -> str:
        where = f'; the first layer that differs is "{self.layer}"' if self.layer else ""
        return (
            f"sample {self.sample}, {self.what} {self.output}: expected {_value(self.expected, self.type)}, "
            f"got {_value(self.got, self.got_type or self.type)}{where}"
        )


@dataclass(frozen=True)
class Difference:
    """How an output or a layer, of `values` values for all samples, differs from what is expected.

    differing   values that differ by more than the tolerance
    samples     samples with such values
    largest     the largest difference; infinite where something is no number
    """

    name: str
    values: int
    differing: int
    samples: int
    largest: float
    first: Mismatch | None


@dataclass(frozen=True)
class Comparison:
    """A golden record against what the design computes now.

    samples     that were compared; `differing` of them have outputs that differ
    outputs, layers     in the order of the record, which is that of computation
    missing     layers of the record that can't be found any more
    changes     what else is not as it was, in words: new and renamed layers, types
    tolerant    whether outputs may differ; then the layers are told, but decide nothing
    """

    samples: int
    differing: int
    outputs: tuple[Difference, ...]
    layers: tuple[Difference, ...]
    missing: tuple[str, ...]
    changes: tuple[str, ...]
    tolerant: bool

    @property
    def passed(self) -> bool:
        """Whether the outputs, and without a tolerance all layers, are as they were."""
        return not self.differing and (self.tolerant or not (self.first_layer or self.missing))

    @property
    def same(self) -> bool:
        """Whether nothing at all has changed."""
        return not (any(each.largest for each in (*self.outputs, *self.layers)) or self.missing or self.changes)

    @property
    def first_layer(self) -> Difference | None:
        """The first layer, in the order of computation, that differs at all."""
        return next((layer for layer in self.layers if layer.differing), None)

    @property
    def first_sample(self) -> int | None:
        """The first sample whose outputs differ; if there is none, the first one of a layer that differs."""
        firsts = [each.first.sample for each in self.outputs if each.first]
        if not firsts and self.first_layer and self.first_layer.first:
            firsts = [self.first_layer.first.sample]
        return min(firsts, default=None)

    @property
    def largest(self) -> float:
        """The largest difference of all outputs."""
        return max(output.largest for output in self.outputs)

    def lines(self) -> list[str]:
        """The report, a fact a line; the first one says the most."""
        values, wrong = (sum(getattr(each, key) for each in self.outputs) for key in ("values", "differing"))
        said = [f"{self.differing:,} of {self.samples:,} samples and {wrong:,} of {values:,} outputs differ"]
        said[0] += f", by up to {self.largest:.6g}" if self.largest else ""
        for output in self.outputs:
            if output.first is not None:
                name = f'output "{output.name}": ' if len(self.outputs) > 1 else ""
                said.append(f"{name}{output.first}")
        if (layer := self.first_layer) is not None:
            said.append(
                f'the first layer that differs is "{layer.name}", in {layer.differing:,} of {layer.values:,} values, '
                f"of {layer.samples:,} of {self.samples:,} samples, by up to {layer.largest:.6g}: {layer.first}"
            )
            others = [f'"{each.name}"' for each in self.layers if each.differing and each is not layer]
            said += [f"layers behind it that differ: {', '.join(others)}"] if others else []
        said += [f'the layer "{name}" of the record is missing' for name in self.missing]
        return [*said, *self.changes]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values; a difference that is no number is null."""
        return {
            "passed": self.passed,
            "samples": self.samples,
            "differing_samples": self.differing,
            "outputs": [_to_json(each) for each in self.outputs],
            "layers": [_to_json(each) for each in self.layers],
            "first_layer": self.first_layer.name if self.first_layer else None,
            "missing_layers": list(self.missing),
            "changes": list(self.changes),
        }


def compare(expected: Golden, got: Golden, tolerance: Tolerance = 0.0) -> Comparison:
    """Compare a record with what the design computes now for the same samples; the sizes of the outputs are the same.

    Raises:
        InputError: the tolerance names an output that there is not.
    """
    allowed = tolerances(tolerance, [output.name for output in expected.outputs])
    wrong = np.zeros(len(expected), np.bool_)
    outputs = []
    for old, new, most in zip(expected.outputs, got.outputs, allowed, strict=True):
        outputs.append(_difference(old, new, most, "output"))
        wrong |= differing(old.values, new.values, most).any(axis=1)
    pairs, missing, changes = _matched(expected.layers, got.layers)
    changes = [*_changed_types("output", zip(expected.outputs, got.outputs, strict=True)), *changes]
    return Comparison(
        len(expected),
        int(wrong.sum()),
        tuple(outputs),
        tuple(_difference(old, new, 0.0, "value") for old, new in pairs),
        tuple(missing),
        tuple(changes),
        tolerant=any(most > 0 for most in allowed),
    )


def tolerances(tolerance: Tolerance, names: Sequence[str]) -> list[float]:
    """The tolerance of each output.

    Raises:
        InputError: it names an output that there is not.
    """
    if not isinstance(tolerance, Mapping):
        return [tolerance] * len(names)
    if unknown := [name for name in tolerance if name not in names]:
        raise InputError.at(
            "tolerance", f'expected the name of an output, got "{unknown[0]}": {suggest(unknown[0], names)}'
        )
    return [tolerance.get(name, 0.0) for name in names]


def first_mismatch(
    expected: NDArray[np.float64], got: NDArray[np.float64], type_: FixedPoint | str, tolerance: float
) -> Mismatch | None:
    """The first sample and output (both arrays are (n, outputs)) that differ by more than `tolerance`; NaN differs."""
    wrong = differing(expected, got, tolerance)
    if not wrong.any():
        return None
    sample, output = (int(number) for number in np.argwhere(wrong)[0])
    return Mismatch(sample, output, float(expected[sample, output]), float(got[sample, output]), str(type_))


def differing(expected: NDArray[np.float64], got: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Where two arrays of one shape differ by more than `tolerance`, or one holds NaN."""
    return ~(_distance(expected, got) <= tolerance)


def _distance(expected: NDArray[np.float64], got: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far two arrays are from each other; infinity where one holds NaN or infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance: NDArray[np.float64] = np.abs(expected - got)
    return np.where(np.isnan(distance), np.inf, distance)


def _difference(old: Signal, new: Signal, tolerance: float, what: str) -> Difference:
    wrong = differing(old.values, new.values, tolerance)
    first = first_mismatch(old.values, new.values, old.type, tolerance)
    if first is not None:
        first = Mismatch(first.sample, first.output, first.expected, first.got, old.type, "", what, new.type)
    largest = float(np.max(_distance(old.values, new.values), initial=0.0))
    return Difference(old.name, old.values.size, int(wrong.sum()), int(wrong.any(axis=1).sum()), largest, first)


def _matched(old: Sequence[Signal], new: Sequence[Signal]) -> tuple[list[tuple[Signal, Signal]], list[str], list[str]]:
    """The layers of both sides that belong together, by name, else by equal values; the names of those of the record
    that have no counterpart; and what is not as it was, in words.
    """
    by_name = {signal.name: signal for signal in new}
    others = [signal for signal in new if signal.name not in {each.name for each in old}]
    pairs, missing, changes = [], [], []
    for signal in old:
        found = by_name.get(signal.name)
        if found is None:
            found = next((each for each in others if np.array_equal(each.values, signal.values)), None)
            if found is not None:
                others.remove(found)
                changes.append(f'the layer "{signal.name}" is now called "{found.name}"')
        if found is None:
            missing.append(signal.name)
        elif found.size != signal.size:
            missing.append(signal.name)
            changes.append(f'the layer "{signal.name}" had {signal.size:,} values, and has {found.size:,} now')
        else:
            pairs.append((signal, found))
    changes += [f'the layer "{signal.name}" is new' for signal in others]
    return pairs, missing, [*changes, *_changed_types("layer", pairs)]


def _changed_types(what: str, pairs: Any) -> list[str]:
    return [
        f'the {what} "{old.name}" was of the type {old.type}, and is of {new.type} now'
        for old, new in pairs
        if old.type != new.type
    ]


def _to_json(difference: Difference) -> dict[str, Any]:
    values = asdict(difference)
    for place in (values, values["first"] or {}):
        for key, value in place.items():
            if isinstance(value, float) and not np.isfinite(value):
                place[key] = None
    return values


def _value(value: float, type_: str) -> str:
    """A value with the whole number that stands for it in hardware, if it has one."""
    try:
        raw = value / FixedPoint.parse(type_).step
    except ValueError:
        return f"{value:.17g}" if type_ == "other" else f"{value:.17g} ({type_})"
    return f"{value:.17g} ({raw:.17g} in {type_})"
