"""FixedPoint by itself, and its agreement with the QKeras quantizers and with `ap_fixed` as g++ compiles it.

Agreement is tested on every value of every type up to 10 bits wide, at quarter steps from below its smallest to above
its largest value, so that every rounding (ties included) and both saturations occur; then on drawn float32 numbers.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fpga_flow.fixed_point import MAX_WIDTH, FixedPoint

Doubles = NDArray[np.float64]

#: Every type up to 10 bits wide, I from -3 to W + 3.
NARROW = [
    FixedPoint(width, integer, signed)
    for signed in (False, True)
    for width in range(2 if signed else 1, 11)
    for integer in range(-3, width + 4)
]
#: Some that are wider, for arbitrary inputs only.
WIDE = [
    FixedPoint(width, integer, signed)
    for signed in (False, True)
    for width, integer in [(12, 4), (16, 6), (16, -8), (18, 8), (24, 12), (32, 16), (32, 1), (48, 20), (53, 13)]
]
TYPES = NARROW + WIDE


def quarter_steps(type_: FixedPoint) -> Doubles:
    """Quarter steps from two steps below `min` to two steps above `max`, and some far outside."""
    low, high = round(type_.min / type_.step), round(type_.max / type_.step)
    near = np.arange(4 * (low - 2), 4 * (high + 2) + 1) / 4
    far = np.array([4 * low - 7.5, 4 * high + 7.5, -(2.0**14), 2.0**14])
    return np.concatenate([near, far]) * type_.step


def expected(type_: FixedPoint, values: Doubles) -> Doubles:
    """The same conversion in Python's own exact arithmetic, independent of numpy's rounding."""
    low, high = round(type_.min / type_.step), round(type_.max / type_.step)
    return np.array([min(max(round(value / type_.step), low), high) * type_.step for value in values.tolist()])


# --- the type by itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("fixed<6,1>", FixedPoint(6, 1)),
        ("ufixed<6,0>", FixedPoint(6, 0, signed=False)),
        (" fixed < 16 , -3 > ", FixedPoint(16, -3)),
        ("fixed<8,+12>", FixedPoint(8, 12)),
    ],
)
def test_parse(text: str, type_: FixedPoint) -> None:
    assert FixedPoint.parse(text) == type_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("float", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "float"'),
        ("fixed<6>", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "fixed<6>"'),
        ("fixed<6,1", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "fixed<6,1"'),
        ("ap_fixed<6,1>", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "ap_fixed<6,1>"'),
        ("fixed<6.0,1>", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got "fixed<6.0,1>"'),
        ("", 'expected fixed<W,I> or ufixed<W,I>, for example fixed<6,1>, got ""'),
        ("fixed<1,1>", "fixed<1,1>: expected a width of 2 to 53 bits, got 1"),
        ("ufixed<0,0>", "ufixed<0,0>: expected a width of 1 to 53 bits, got 0"),
        ("fixed<54,1>", "fixed<54,1>: expected a width of 2 to 53 bits, got 54"),
        ("ufixed<8,54>", "ufixed<8,54>: expected -53 to 53 integer bits, got 54"),
        ("fixed<8,-54>", "fixed<8,-54>: expected -53 to 53 integer bits, got -54"),
    ],
)
def test_parse_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        FixedPoint.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "fraction", "step", "low", "high"),
    [
        ("fixed<6,1>", 5, 2**-5, -1.0, 1 - 2**-5),
        ("ufixed<6,1>", 5, 2**-5, 0.0, 2 - 2**-5),
        ("fixed<4,6>", -2, 4.0, -32.0, 28.0),
        ("ufixed<4,6>", -2, 4.0, 0.0, 60.0),
        ("fixed<4,-2>", 6, 2**-6, -0.125, 0.125 - 2**-6),
        ("ufixed<1,1>", 0, 1.0, 0.0, 1.0),
        ("fixed<2,1>", 1, 0.5, -1.0, 0.5),
    ],
)
def test_values(text: str, fraction: int, step: float, low: float, high: float) -> None:
    type_ = FixedPoint.parse(text)
    assert (type_.fraction, type_.step, type_.min, type_.max) == (fraction, step, low, high)


def test_there_are_as_many_values_as_bits_allow() -> None:
    for type_ in NARROW:
        assert (type_.max - type_.min) / type_.step + 1 == 2**type_.width


@settings(deadline=None)
@given(st.sampled_from(TYPES))
def test_text_is_read_back(type_: FixedPoint) -> None:
    assert FixedPoint.parse(str(type_)) == type_


def test_rounds_half_to_even_and_saturates() -> None:
    type_ = FixedPoint(4, 3)
    values = np.array([[-9.0, -4.0, -0.75, -0.25], [0.25, 0.75, 3.7, np.inf]])
    np.testing.assert_array_equal(type_.quantize(values), [[-4.0, -4.0, -1.0, 0.0], [0.0, 1.0, 3.5, 3.5]])
    assert type_.quantize(0.3) == 0.5
    assert FixedPoint(8, -30).quantize(np.finfo(np.float64).max) == FixedPoint(8, -30).max


def test_holds() -> None:
    type_ = FixedPoint.parse("fixed<4,2>")
    assert type_.holds(np.array([-2.0, -0.25, 0.0, 1.75]))
    assert type_.holds(1.5)
    assert type_.holds(np.array([]))
    for value in (-2.25, 2.0, 0.125, math.nan, math.inf):
        assert not type_.holds(np.array([0.0, value])), value


def test_hls() -> None:
    assert FixedPoint(6, 1).hls() == "fixed<6,1>"
    assert FixedPoint(6, 1).hls(rounding=True) == "fixed<6,1,RND_CONV,SAT>"
    assert FixedPoint(6, -1, signed=False).hls(rounding=True) == "ufixed<6,-1,RND_CONV,SAT>"


def test_relu_holds_the_non_negative_values() -> None:
    for type_ in NARROW:
        relu = type_.relu()
        assert not relu.signed
        assert (relu.min, relu.max, relu.step) == (0.0, type_.max, type_.step)


@pytest.mark.parametrize(
    ("low", "high", "fraction", "text"),
    [
        (0.0, 1.0, 0, "ufixed<1,1>"),
        (0.0, 0.0, 4, "ufixed<1,-3>"),
        (-1.0, 1.0, 0, "fixed<2,2>"),
        (-1.0, 0.5, 1, "fixed<2,1>"),
        (-0.5, 3.0, 0, "ufixed<2,2>"),
        (-2.0, 1.75, 2, "fixed<4,2>"),
        (-2.01, 1.75, 2, "fixed<4,2>"),
        (-2.25, 1.75, 2, "fixed<5,3>"),
        (0.0, 100.0, -3, "ufixed<4,7>"),
        (3.0, 5.0, 0, "ufixed<3,3>"),
        (-5.0, -3.0, 0, "fixed<4,4>"),
    ],
)
def test_covering(low: float, high: float, fraction: int, text: str) -> None:
    assert str(FixedPoint.covering(low, high, fraction)) == text


@settings(deadline=None)
@given(st.integers(-300, 300), st.integers(0, 300), st.integers(-4, 8))
def test_covering_is_the_narrowest(low: int, length: int, fraction: int) -> None:
    steps = np.arange(low, low + length + 1)
    values = steps * 2.0**-fraction
    type_ = FixedPoint.covering(values[0], values[-1], fraction)
    assert type_.fraction == fraction
    assert type_.holds(values)
    if type_.width > (2 if type_.signed else 1):
        assert not FixedPoint(type_.width - 1, type_.integer - 1, type_.signed).holds(values)
    assert type_.signed == (low < 0)


@pytest.mark.parametrize(
    ("low", "high", "fraction", "message"),
    [
        (0.0, 1.0, 60, "ufixed<61,1>: expected a width of 1 to 53 bits, got 61"),
        (-1.0, 2.0**53, 0, "fixed<55,55>: expected a width of 2 to 53 bits, got 55"),
        (0.0, math.inf, 0, "expected a finite range, got 0.0 to inf"),
    ],
)
def test_covering_refuses(low: float, high: float, fraction: int, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        FixedPoint.covering(low, high, fraction)
    assert str(caught.value) == message


def test_every_value_of_every_narrow_type() -> None:
    for type_ in NARROW:
        values = quarter_steps(type_)
        np.testing.assert_array_equal(type_.quantize(values), expected(type_, values), err_msg=str(type_))


@settings(deadline=None)
@given(st.sampled_from(TYPES), st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_float(type_: FixedPoint, values: list[float]) -> None:
    array = np.array(values, np.float64)
    np.testing.assert_array_equal(type_.quantize(array), expected(type_, array))
    assert type_.holds(type_.quantize(array))


# --- the QKeras quantizers ------------------------------------------------------------------------------------------


def qkeras_quantizer(type_: FixedPoint, *, relu: bool) -> Callable[[Any], Any]:
    """The QKeras quantizer into the type, or the one that is a ReLU into it."""
    from fpga_flow.networks import quantizers

    quantizer: Callable[[Any], Any] = quantizers.relu(type_) if relu else quantizers.linear(type_)
    return quantizer


def quantized(quantizer: Callable[[Any], Any], values: Doubles) -> Doubles:
    """What the quantizer makes of the values, all of which float32 holds."""
    assert (values.astype(np.float32) == values).all()
    return np.asarray(quantizer(values.astype(np.float32)), np.float64)


@pytest.mark.parametrize("relu", [False, True], ids=["linear", "relu"])
def test_qkeras_agrees_on_every_value_of_every_narrow_type(relu: bool) -> None:
    for type_ in NARROW:
        values = quarter_steps(type_)
        result = type_.quantize(np.maximum(values, 0) if relu else values)
        np.testing.assert_array_equal(quantized(qkeras_quantizer(type_, relu=relu), values), result, err_msg=str(type_))


# QKeras computes x + (quantized - x) in float32, which is exact as long as the spacing of floats around x is at most
# a step of the type: below 2**24 steps. float32 holds the values of types up to 24 bits.
@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([type_ for type_ in TYPES if type_.width <= 24]),
    st.booleans(),
    st.lists(st.floats(-(2.0**24), 2.0**24, width=32), min_size=1),
)
def test_qkeras_agrees_on_any_float(type_: FixedPoint, relu: bool, values: list[float]) -> None:
    array = np.array([value for value in values if abs(value) <= 2.0**24 * type_.step], np.float64)
    assume(len(array))
    result = type_.quantize(np.maximum(array, 0) if relu else array)
    np.testing.assert_array_equal(quantized(qkeras_quantizer(type_, relu=relu), array), result)


# --- ap_fixed -------------------------------------------------------------------------------------------------------

_PROGRAM = """
#include "ap_fixed.h"
#include <cstdint>
#include <cstdio>
#include <vector>

template <class T> void convert(const double *in, double *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        T value = in[i];
        out[i] = value.to_double();
    }
}

typedef void (*Convert)(const double *, double *, size_t);
const Convert converts[] = {
%s
};

// Input: records of a type's number, a count and so many doubles. Output: the doubles converted there and back.
int main(int, char **argv) {
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    int64_t head[2];
    while (fread(head, 8, 2, in) == 2) {
        std::vector<double> before(head[1]), after(head[1]);
        if (fread(before.data(), 8, head[1], in) != (size_t)head[1]) return 1;
        converts[head[0]](before.data(), after.data(), head[1]);
        fwrite(after.data(), 8, head[1], out);
    }
    fclose(in);
    return fclose(out) ? 1 : 0;
}
"""

Converter = Callable[[Sequence[tuple[FixedPoint, Doubles]]], Iterator[Doubles]]


@pytest.fixture(scope="session")
def ap_fixed(tmp_path_factory: pytest.TempPathFactory) -> Converter:
    """Converts the doubles of each pair into `ap_fixed` of its type, rounding and saturating, and back."""
    compiler = shutil.which("g++")
    hls4ml = find_spec("hls4ml")
    if compiler is None or hls4ml is None or hls4ml.origin is None:
        pytest.skip("needs g++ and hls4ml, which brings the ap_types headers")
    headers = Path(hls4ml.origin).parent / "templates" / "vivado" / "ap_types"
    folder = tmp_path_factory.mktemp("ap_fixed")
    types = [
        f"    convert<ap_{'' if type_.signed else 'u'}fixed<{type_.width}, {type_.integer}, AP_RND_CONV, AP_SAT>>,"
        for type_ in TYPES
    ]
    (folder / "convert.cpp").write_text(_PROGRAM % "\n".join(types))
    # -O0: with optimisation the compiler takes nearly twice as long for 256 types
    command = [compiler, "-w", "-O0", "-std=c++14", f"-I{headers}", "convert.cpp", "-o", "convert"]
    subprocess.run(command, cwd=folder, check=True)

    def convert(pairs: Sequence[tuple[FixedPoint, Doubles]]) -> Iterator[Doubles]:
        with open(folder / "in", "wb") as file:
            for type_, values in pairs:
                np.array([TYPES.index(type_), len(values)], np.int64).tofile(file)
                values.astype(np.float64).tofile(file)
        subprocess.run([folder / "convert", folder / "in", folder / "out"], check=True)
        converted = np.fromfile(folder / "out", np.float64)
        return iter(np.split(converted, np.cumsum([len(values) for _, values in pairs])[:-1]))

    return convert


def test_ap_fixed_agrees_on_every_value_of_every_narrow_type(ap_fixed: Converter) -> None:
    pairs = [(type_, quarter_steps(type_)) for type_ in NARROW]
    for (type_, values), converted in zip(pairs, ap_fixed(pairs), strict=True):
        np.testing.assert_array_equal(converted, type_.quantize(values), err_msg=str(type_))


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(TYPES),
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=20),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_ap_fixed_agrees_on_any_float(ap_fixed: Converter, pairs: list[tuple[FixedPoint, list[float]]]) -> None:
    arrays = [(type_, np.array(values, np.float64)) for type_, values in pairs]
    for (type_, values), converted in zip(arrays, ap_fixed(arrays), strict=True):
        np.testing.assert_array_equal(converted, type_.quantize(values), err_msg=str(type_))


def test_wider_than_the_widest_is_refused() -> None:
    assert FixedPoint(MAX_WIDTH, 1).width == MAX_WIDTH
    with pytest.raises(ValueError):
        FixedPoint(MAX_WIDTH + 1, 1)
