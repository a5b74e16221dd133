"""Conversions between types, sums and greatest values of symbolic numbers.

A symbolic number (`Number`, da4ml's FixedVariable) is what a wire of the design carries: it knows the interval and the
step of its values, which are real numbers, not counts of steps; so a multiplication by a power of two costs nothing,
and numbers of different types can be added as they are. `Numbers` are arrays of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from da4ml.trace.fixed_variable import FixedVariable
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint

Number = Any
Numbers = NDArray[Any]


def is_constant(number: Number) -> bool:
    """Whether a number has a single value."""
    return bool(number.low == number.high)


def constant(value: float | Fraction, like: Number) -> Number:
    """A number with a single value, for the same hardware as another."""
    return FixedVariable.from_const(float(value), hwconf=like.hwconf)


def converted(number: Number, type_: FixedPoint) -> Number:
    """Into a type as `ap_fixed` does by default: bits behind the step are cut off, those in front wrap around."""
    if is_constant(number):
        steps = math.floor(Fraction(number.low) / Fraction(type_.step))
        least = round(type_.min / type_.step)
        return constant(((steps - least) % 2**type_.width + least) * Fraction(type_.step), number)
    if number.low < 0 and not type_.signed:
        # a multiple of what the type wraps around at: of negative numbers da4ml would fill in too few bits
        number = number + 2.0 ** max(type_.integer, math.ceil(math.log2(-number.low)))
    return number.quantize(int(type_.signed), type_.integer - type_.signed, type_.fraction)


def rounded(number: Number, type_: FixedPoint, *, symmetric: bool = False) -> Number:
    """Into a type as a quantizer does: rounded half to even, saturated.

    Args:
        symmetric: whether it saturates at -max, not at min.
    """
    least, most = -type_.max if symmetric else type_.min, type_.max
    if is_constant(number):
        steps = round(Fraction(number.low) / Fraction(type_.step))  # half to even
        return constant(min(max(steps * Fraction(type_.step), Fraction(least)), Fraction(most)), number)
    number = _half_to_even(number, type_.fraction)
    if least == 0.0:
        return _at_most(number.relu(), type_)
    return number.max_of(least).min_of(most)


def greatest(numbers: Sequence[Number]) -> Number:
    """The greatest of several numbers."""
    return _tree(numbers, lambda one, other: one.max_of(other))


def total(numbers: Sequence[Number]) -> Number:
    """The sum of several numbers."""
    return _tree(numbers, lambda one, other: one + other)


def elementwise(function: Callable[..., Number], *arrays: Numbers) -> Numbers:
    """A function of each element of arrays of one shape."""
    made = np.empty(arrays[0].shape, object)
    made.ravel()[:] = [function(*numbers) for numbers in zip(*(array.ravel() for array in arrays), strict=True)]
    return made


def _tree(numbers: Sequence[Number], join: Callable[[Number, Number], Number]) -> Number:
    """Joined pair by pair, so that the way from each to the result is short."""
    left = list(numbers)
    while len(left) > 1:
        left = [join(*left[i : i + 2]) if i + 1 < len(left) else left[i] for i in range(0, len(left), 2)]
    return left[0]


def _half_to_even(number: Number, fraction: int) -> Number:
    """Rounded to whole multiples of 2^-fraction: floor(x + half - step), or floor(x + half) where floor(x) is odd."""
    kept, step = 2.0**-fraction, float(number.step)
    if step >= kept:
        return number
    odd = number.quantize(0, 1 - fraction, fraction)  # the last bit that is kept
    moved = number + _chosen(odd, constant(kept / 2, number), constant(kept / 2 - step, number))
    _, integer, _ = moved.kif
    return moved.quantize(1 if moved.low < 0 else 0, integer, fraction)


def _at_most(number: Number, type_: FixedPoint) -> Number:
    """A number from 0 on, saturated at the greatest value of an unsigned type: that, where a higher bit is set."""
    _, integer, _ = number.kif
    if is_constant(number) or integer <= type_.integer:
        return number
    above = number.quantize(0, integer, -type_.integer)
    below = number.quantize(0, type_.integer, type_.fraction)
    return _chosen(above, constant(type_.max, number), below)


def _chosen(bits: Number, one: Number, other: Number) -> Number:
    """One number where any of the unsigned `bits` is set, the other where none is.

    The bit that decides is made a number of its own: da4ml's interpreter looks at the wrong bit of wider ones.
    """
    if is_constant(bits):
        return one if bits.low else other
    if sum(bits.kif) == 1:
        return bits.unscaled.unary_bit_op("not").msb_mux(other, one)
    return bits.unscaled.unary_bit_op("any").msb_mux(one, other)
