"""Types as a spec writes them: what is read, what is refused, and which values binary, ternary and po2 have."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.number_types import FixedWidth, Levels, hardware_width, is_open, parse

WEIGHTS = "expected fixed<W,I>, ufixed<W,I>, binary, ternary or po2<W>, for example fixed<6,1>"


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("fixed<6,1>", FixedPoint(6, 1)),
        ("ufixed< 6 , -2 >", FixedPoint(6, -2, signed=False)),
        ("fixed<4,auto>", FixedWidth(4)),
        (" ufixed < 1 , auto > ", FixedWidth(1, signed=False)),
        ("binary", Levels("binary", 1)),
        ("binary<-3>", Levels("binary", 1, -3)),
        ("ternary<+2>", Levels("ternary", 2, 2)),
        ("po2<4>", Levels("po2", 4)),
        ("po2<3,-1>", Levels("po2", 3, -1)),
    ],
)
def test_types_are_read_and_written(text, type_):
    assert parse(text, weight=True) == type_
    assert parse(str(type_), weight=True) == type_
    assert is_open(type_) == ("auto" in text or text in ("binary", "po2<4>"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tern", f'{WEIGHTS}, got "tern"'),
        ("po2", f'{WEIGHTS}, got "po2"'),
        ("binary<1,2>", f'{WEIGHTS}, got "binary<1,2>"'),
        ("po2<6>", "po2<6>: expected a width of 2 to 5 bits, as HLS types can't hold more powers of two, got 6"),
        ("po2<1,3>", "po2<1,3>: expected a width of 2 to 5 bits, as HLS types can't hold more powers of two, got 1"),
        ("ternary<33>", "ternary<33>: expected an exponent of -32 to 32, got 33"),
        ("fixed<1,auto>", "fixed<1,auto>: expected a width of 2 to 24 bits, got 1"),
        ("ufixed<25,auto>", "ufixed<25,auto>: expected a width of 1 to 24 bits, got 25"),
        ("fixed<25,1>", "fixed<25,1>: expected a width of 2 to 24 bits, got 25"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(ValueError) as error:
        parse(text, 24, weight=True)
    assert str(error.value) == message


def test_only_weights_have_levels():
    with pytest.raises(ValueError, match=r'^expected fixed<W,I> or ufixed<W,I>, as only weights may be po2, got "po2'):
        parse("po2<4>")
    with pytest.raises(ValueError, match=r'^expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "tern"$'):
        parse("tern")


TYPES = [Levels("binary", 1), Levels("ternary", 2), *(Levels("po2", width) for width in range(2, 6))]


def values(type_: Levels) -> np.ndarray:
    """All values of a type, rising."""
    return np.unique(np.outer(type_.magnitudes, (-1, 1)) * 2.0 ** (type_.exponent or 0))


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_code_of_its_width_holds_all_values(type_):
    every = values(type_)
    assert len(every) == {"binary": 2, "ternary": 3, "po2": 2**type_.width - 1}[type_.kind]
    holding = FixedPoint.holding(every)
    assert holding.holds(every)
    assert hardware_width(type_) == holding.width == {1: 2, 2: 2, 3: 4, 4: 8, 5: 16}[type_.width]


@pytest.mark.parametrize("exponent", [-5, 0, 3])
@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_number_becomes_the_nearest_value(type_, exponent):
    type_ = type_.at(exponent)
    every = values(type_)
    np.testing.assert_array_equal(type_.quantize(every), every)
    numbers = np.random.default_rng(1).normal(0, 2.0**exponent, (50, 40))
    got = type_.quantize(numbers)
    nearest = every[np.abs(numbers[..., None] - every).argmin(axis=-1)]
    np.testing.assert_array_equal(got, nearest)
    np.testing.assert_array_equal(type_.quantize(-numbers), -got)


def test_ties_and_zero():
    np.testing.assert_array_equal(Levels("po2", 3, 0).quantize([0.125, -0.125, 0.375, -0.75]), [0.25, -0.25, 0.5, -1])
    np.testing.assert_array_equal(Levels("ternary", 2, 1).quantize([1.0, -1.0, 0.99]), [2, -2, 0])
    assert str(Levels("binary", 1, 0).quantize([0.0, -0.0])) == "[1. 1.]"
    assert str(Levels("ternary", 2, 0).quantize([-0.1])) == "[0.]"  # no negative zero
    with pytest.raises(ValueError, match="expected a type with an exponent, got binary"):
        Levels("binary", 1).quantize([1.0])
