"""Fixed-point types, written the way HLS writes them: `fixed<W,I>` and `ufixed<W,I>`.

`FixedPoint` is the one place that turns a type into its values, its QKeras quantizer and its HLS type, so that the
three cannot disagree. W is the number of bits, I the number of bits left of the binary point (counting the sign bit of
a signed type), as in AMD's `ap_fixed<W,I>`. I may be negative or larger than W.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The widest type: a double, in which the flow computes its references, holds no wider one exactly.
MAX_WIDTH = 53

_PATTERN = re.compile(r"\s*(u?)fixed\s*<\s*([+-]?\d+)\s*,\s*([+-]?\d+)\s*>\s*")


@dataclass(frozen=True)
class FixedPoint:
    """A fixed-point type whose values are `k * step` for the whole numbers k from `min / step` to `max / step`.

    Conversion into it rounds half to even and saturates (`AP_RND_CONV`, `AP_SAT`), which is what QKeras does.
    """

    width: int
    integer: int
    signed: bool = True

    def __post_init__(self) -> None:
        _check(self.width, self.integer, self.signed, MAX_WIDTH)

    @classmethod
    def parse(cls, text: str, max_width: int = MAX_WIDTH) -> FixedPoint:
        """Read `fixed<W,I>` or `ufixed<W,I>`.

        Raises:
            ValueError: the text is not of this form, or the type is impossible (no bits, more than `max_width`).
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "{text}"')
        unsigned, width, integer = match.groups()
        _check(int(width), int(integer), not unsigned, max_width)
        return cls(int(width), int(integer), signed=not unsigned)

    @classmethod
    def covering(cls, low: float, high: float, fraction: int) -> FixedPoint:
        """The narrowest type with `fraction` fractional bits that holds every multiple of its step in [low, high].

        Raises:
            ValueError: no type of up to `MAX_WIDTH` bits does.
        """
        try:
            least, most = math.ceil(low * 2.0**fraction), math.floor(high * 2.0**fraction)
        except OverflowError as error:
            raise ValueError(f"expected a finite range, got {low} to {high}") from error
        signed = least < 0
        steps = max(most, -least - 1, 0)
        width = max(steps.bit_length() + signed, 2 if signed else 1)
        return cls(width, width - fraction, signed)

    @classmethod
    def holding(cls, values: NDArray[np.floating]) -> FixedPoint:
        """The narrowest type that holds each of `values` exactly; any shape.

        Raises:
            ValueError: no type of up to `MAX_WIDTH` bits does, or a value is not finite.
        """
        doubles = np.asarray(values, np.float64).ravel()
        if not np.isfinite(doubles).all():
            raise ValueError("expected finite values")
        mantissas, exponents = np.frexp(doubles[doubles != 0])
        if not len(mantissas):
            return cls(1, 1, signed=False)
        steps = np.abs(mantissas * 2.0**MAX_WIDTH).astype(np.int64)
        lowest = np.log2((steps & -steps).astype(np.float64)).astype(np.int64) + exponents - MAX_WIDTH
        return cls.covering(float(doubles.min()), float(doubles.max()), -int(lowest.min()))

    def __str__(self) -> str:
        return f"{'fixed' if self.signed else 'ufixed'}<{self.width},{self.integer}>"

    @property
    def fraction(self) -> int:
        """Bits right of the binary point; negative where the step is larger than one."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """The distance of neighbouring values, a power of two."""
        return 2.0**-self.fraction

    @property
    def min(self) -> float:
        """The smallest value."""
        return -(2.0 ** (self.integer - 1)) if self.signed else 0.0

    @property
    def max(self) -> float:
        """The largest value."""
        return 2.0 ** (self.integer - self.signed) - self.step

    def quantize(self, values: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """The nearest values of the type (half to even), saturated at `min` and `max`; any shape, in double."""
        # saturated first, so that no double overflows; min and max are whole steps, so the order doesn't matter
        return np.round(np.clip(np.asarray(values, np.float64), self.min, self.max) / self.step) * self.step

    def holds(self, values: NDArray[np.floating] | float) -> bool:
        """Whether every one of `values` is exactly a value of the type."""
        return bool(np.array_equal(self.quantize(values), np.asarray(values, np.float64)))

    def hls(self, *, rounding: bool = False, symmetric: bool = False) -> str:
        """The type as hls4ml's configuration writes it; with `rounding`, converting into it rounds and saturates, with
        `symmetric` at -max instead of min.
        """
        name = "fixed" if self.signed else "ufixed"
        modes = f",RND_CONV,SAT{'_SYM' if symmetric else ''}" if rounding else ""
        return f"{name}<{self.width},{self.integer}{modes}>"

    def relu(self) -> FixedPoint:
        """The unsigned type with exactly the non-negative values of this one."""
        return FixedPoint(self.width - 1, self.integer - 1, signed=False) if self.signed else self


def _check(width: int, integer: int, signed: bool, max_width: int) -> None:
    """Raise ValueError for an impossible type: a sign needs a second bit."""
    name, least = ("fixed", 2) if signed else ("ufixed", 1)
    if not least <= width <= max_width:
        raise ValueError(f"{name}<{width},{integer}>: expected a width of {least} to {max_width} bits, got {width}")
    if not -MAX_WIDTH <= integer <= MAX_WIDTH:
        raise ValueError(f"{name}<{width},{integer}>: expected {-MAX_WIDTH} to {MAX_WIDTH} integer bits, got {integer}")
