"""What a trace says of each layer, as values and as a table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

#: The columns of `TraceReport.rows`.
COLUMNS = ("layer", "kind", "type", "exact", "largest difference", "samples that differ", "wrapped", "saturated",
           "used", "available", "unused bits")  # fmt: skip
_TYPE = re.compile(r"(u?)fixed<(\d+),(-?\d+)>")


@dataclass(frozen=True)
class LayerTrace:
    """What a layer gave for all samples, and what the values that it converted into a type were.

    name        that of the layer; `inputs` for the conversion of the samples
    kind        that of the `HlsLayer`, empty if it is not known; `conversion` for a further type that the layer
                converts values into, such as its accumulator's, which has a row of its own in front of the layer's
    type        of the output, or that is converted into: `fixed<16,6>`
    exact       whether the output is that of the emulator or the record, bit for bit, on all samples; None: nothing to
                compare with
    max_abs_diff, worst_sample      the largest difference, and the sample that has it
    differing   samples that differ by more than the tolerance, which softmax alone has
    wrapped, saturated      values that did not fit into the type; None: not counted
    lowest, highest     of the values: of the output, and where they were counted, before they were converted
    least, greatest     values of the type; None for a type of floats
    unused_bits     bits at the top of the type that no value needed
    """

    name: str
    kind: str
    type: str
    exact: bool | None = None
    max_abs_diff: float | None = None
    worst_sample: int | None = None
    differing: int | None = None
    wrapped: int | None = None
    saturated: int | None = None
    lowest: float | None = None
    highest: float | None = None
    least: float | None = None
    greatest: float | None = None
    unused_bits: int | None = None


@dataclass(frozen=True)
class TraceReport:
    """All layers in the order of computation.

    headers     `light` or `bundled`, as of the `Simulator`: what counts has no kernels
    uncounted   why wrapped and saturated values were not counted; empty: they were
    compared_with   `emulator`, `record`, or empty
    """

    samples: int
    headers: str
    uncounted: str
    compared_with: str
    layers: tuple[LayerTrace, ...]

    @property
    def first_difference(self) -> str:
        """The first layer that gives something else than it should; empty if there is none."""
        return next((layer.name for layer in self.layers if layer.differing), "")

    @property
    def exact(self) -> bool | None:
        """Whether every layer is exact; None if nothing was compared."""
        compared = [layer.exact for layer in self.layers if layer.exact is not None]
        return all(compared) if compared else None

    def rows(self) -> list[tuple[str, ...]]:
        """A table, with `COLUMNS`."""
        return [_row(layer) for layer in self.layers]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "samples": self.samples,
            "headers": self.headers,
            "uncounted": self.uncounted,
            "compared_with": self.compared_with,
            "exact": self.exact,
            "first_difference": self.first_difference,
            "layers": [asdict(layer) for layer in self.layers],
        }


def limits(type_: str) -> tuple[float, float] | None:
    """The least and the greatest value of a type as C++ has it; None for one that is not of fixed point."""
    match = _TYPE.fullmatch(type_)
    if match is None:
        return None
    signed, width, integer = not match[1], int(match[2]), int(match[3])
    span, step = math.ldexp(1.0, integer - signed), math.ldexp(1.0, integer - width)
    return -span if signed else 0.0, span - step


def merged(one: LayerTrace, other: LayerTrace) -> LayerTrace:
    """A layer for the samples of both."""
    worst = max(one, other, key=lambda layer: layer.max_abs_diff or 0.0)  # of equal ones the first
    return replace(
        worst,
        exact=None if one.exact is None else one.exact and other.exact,
        differing=_both(sum, one.differing, other.differing),
        wrapped=_both(sum, one.wrapped, other.wrapped),
        saturated=_both(sum, one.saturated, other.saturated),
        lowest=_both(min, one.lowest, other.lowest),
        highest=_both(max, one.highest, other.highest),
        unused_bits=_both(min, one.unused_bits, other.unused_bits),
    )


def _both(combine: Callable[[tuple[Any, Any]], Any], one: float | None, other: float | None) -> Any:
    """Two numbers combined, where there are some."""
    return None if one is None or other is None else combine((one, other))


def range_of(type_: str, low: float | None, high: float | None) -> dict[str, Any]:
    """The fields of a `LayerTrace` on the range of values of a type."""
    found: dict[str, Any] = {"lowest": low, "highest": high}
    match, ends = _TYPE.fullmatch(type_), limits(type_)
    if match is None or ends is None:
        return found
    found |= {"least": ends[0], "greatest": ends[1]}
    if low is not None and high is not None:
        width, integer = int(match[2]), int(match[3])
        steps = max(math.floor(math.ldexp(high, width - integer)), -math.floor(math.ldexp(low, width - integer)) - 1, 0)
        found["unused_bits"] = max(0, width - max(1, steps.bit_length() + (not match[1])))
    return found


def _row(layer: LayerTrace) -> tuple[str, ...]:
    exact = {None: "-", True: "yes", False: "no"}[layer.exact]
    return (
        layer.name, layer.kind or "-", layer.type, exact, _text(layer.max_abs_diff), _text(layer.differing),
        _text(layer.wrapped), _text(layer.saturated), f"{_text(layer.lowest)} to {_text(layer.highest)}",
        "-" if layer.least is None else f"{_text(layer.least)} to {_text(layer.greatest)}", _text(layer.unused_bits),
    )  # fmt: skip


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.9g}"
