"""The types that a spec can give to numbers: `FixedPoint`, a fixed-point type of which only the width is given
(`fixed<W,auto>`), and for weights `binary`, `ternary` and `po2<W>`.

A type is *open* as long as the power of two by which it is scaled is left to the data: `fixed<W,auto>`, `binary`,
`ternary` and `po2<W>` without an exponent. `at` closes it; `networks/ranges.py` finds where. Since scales are powers of
two, each type's values are those of some fixed-point type, and hardware computes with them exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import MAX_WIDTH, FixedPoint

#: The exponents that binary, ternary and po2 may have.
MAX_EXPONENT = 32
#: po2<5> has magnitudes of 15 powers of two, which fixed-point types of 16 bits hold; those of po2<6> would need 32.
PO2_WIDTHS = range(2, 6)

_AUTO = re.compile(r"\s*(u?)fixed\s*<\s*(\d+)\s*,\s*auto\s*>\s*")
_SCALED = re.compile(r"\s*(binary|ternary)\s*(?:<\s*([+-]?\d+)\s*>)?\s*")
_PO2 = re.compile(r"\s*po2\s*<\s*(\d+)\s*(?:,\s*([+-]?\d+)\s*)?>\s*")


@dataclass(frozen=True)
class FixedWidth:
    """`fixed<W,auto>` or `ufixed<W,auto>`: a fixed-point type of W bits, whose integer bits are found from data."""

    width: int
    signed: bool = True

    def __str__(self) -> str:
        return f"{'fixed' if self.signed else 'ufixed'}<{self.width},auto>"

    def at(self, integer: int) -> FixedPoint:
        """The type with so many integer bits."""
        return FixedPoint(self.width, integer, self.signed)


@dataclass(frozen=True)
class Levels:
    """Weights of a few magnitudes, times 2**exponent, with both signs.

    binary   1 (Courbariaux et al. 2015, "BinaryConnect"); 1 bit; there is no zero
    ternary  0 and 1 (Li & Liu 2016, "Ternary weight networks"); 2 bits
    po2      0 and 1, 1/2, 1/4, ..., so many that a code of W bits holds them: a bit for the sign and W - 1 for zero or
             one of 2**(W-1) - 1 powers of two (Miyashita et al. 2016, "Convolutional neural networks using logarithmic
             data representation"). po2<2> has the values of ternary

    A number becomes the nearest value, of two equally near ones the larger in magnitude; binary makes 0 positive.
    `exponent` is None where it is left to the data.
    """

    kind: str
    width: int
    exponent: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("binary", "ternary", "po2"):
            raise ValueError(f'expected binary, ternary or po2, got "{self.kind}"')
        if self.kind != "po2" and self.width != (fixed := 1 if self.kind == "binary" else 2):
            raise ValueError(f"expected a width of {fixed} for {self.kind}, got {self.width}")
        if self.kind == "po2" and self.width not in PO2_WIDTHS:
            raise ValueError(
                f"{self}: expected a width of {PO2_WIDTHS[0]} to {PO2_WIDTHS[-1]} bits, as HLS types can't hold more "
                f"powers of two, got {self.width}"
            )
        if self.exponent is not None and abs(self.exponent) > MAX_EXPONENT:
            raise ValueError(f"{self}: expected an exponent of {-MAX_EXPONENT} to {MAX_EXPONENT}, got {self.exponent}")

    def __str__(self) -> str:
        numbers = [str(self.width)] if self.kind == "po2" else []
        numbers += [] if self.exponent is None else [str(self.exponent)]
        return f"{self.kind}<{','.join(numbers)}>" if numbers else self.kind

    def at(self, exponent: int) -> Levels:
        """The type with this exponent."""
        return replace(self, exponent=exponent)

    @property
    def magnitudes(self) -> tuple[float, ...]:
        """The magnitudes where the exponent is 0, rising."""
        if self.kind == "binary":
            return (1.0,)
        count = 2 ** (self.width - 1) - 1
        return (0.0, *(2.0 ** (power - count + 1) for power in range(count)))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Where one magnitude ends and the next begins: half-way between them."""
        return tuple((low + high) / 2 for low, high in zip(self.magnitudes, self.magnitudes[1:], strict=False))

    def quantize(self, values: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """The nearest values of the type; any shape, in double.

        Raises:
            ValueError: the exponent is left open.
        """
        if self.exponent is None:
            raise ValueError(f"expected a type with an exponent, got {self}")
        scaled = np.asarray(values, np.float64) / 2.0**self.exponent
        near = np.array(self.magnitudes)[np.digitize(np.abs(scaled), self.thresholds)] if self.thresholds else 1.0
        return np.where(scaled >= 0, near, -1.0 * near) * 2.0**self.exponent + 0.0  # + 0.0: no negative zeros


#: A type as a spec writes it.
NumberType = FixedPoint | FixedWidth | Levels


def is_open(type_: NumberType) -> bool:
    """Whether the power of two that scales the type is left to the data."""
    return isinstance(type_, FixedWidth) or (isinstance(type_, Levels) and type_.exponent is None)


def hardware_width(type_: NumberType) -> int:
    """The bits of the fixed-point type with which hardware holds all values of a type."""
    if isinstance(type_, Levels):
        return FixedPoint.holding(np.outer(type_.magnitudes, (1, -1))).width
    return type_.width


def parse(text: str, max_width: int = MAX_WIDTH, *, weight: bool = False) -> NumberType:
    """Read a type as a spec writes it.

    Args:
        weight: whether `binary`, `ternary` and `po2<W>` are possible, too.

    Raises:
        ValueError: the text is no such type, or the type is impossible.
    """
    if match := _AUTO.fullmatch(text):
        width, signed = int(match[2]), not match[1]
        if not (least := 1 + signed) <= width <= max_width:
            type_ = FixedWidth(width, signed)
            raise ValueError(f"{type_}: expected a width of {least} to {max_width} bits, got {width}")
        return FixedWidth(width, signed)
    if match := _SCALED.fullmatch(text) or _PO2.fullmatch(text):
        first, exponent = match.groups()
        kind, width = (first, 1 if first == "binary" else 2) if first.isalpha() else ("po2", int(first))
        if not weight:
            raise ValueError(f'expected {words()}, as only weights may be {kind}, got "{text}"')
        return Levels(kind, width, None if exponent is None else int(exponent))
    try:
        return FixedPoint.parse(text, max_width)
    except ValueError as error:
        if weight and "expected fixed<W,I>" in str(error):
            raise ValueError(f'expected {words(weight=True)}, for example fixed<6,1>, got "{text}"') from error
        raise


def words(*, weight: bool = False) -> str:
    """The forms of types, for messages."""
    return "fixed<W,I>, ufixed<W,I>, binary, ternary or po2<W>" if weight else "fixed<W,I> or ufixed<W,I>"
