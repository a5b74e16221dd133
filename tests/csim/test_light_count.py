"""The counters of the light types, against a model in exact fractions, for all modes of rounding and overflow."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from fpga_flow.csim import compiler
from fpga_flow.csim.build import LIGHT

Event = tuple[str, int, int, float, float]

ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "AP_RND": lambda x: math.floor(x + Fraction(1, 2)),
    "AP_RND_ZERO": lambda x: math.ceil(x - Fraction(1, 2)) if x > 0 else math.floor(x + Fraction(1, 2)),
    "AP_RND_MIN_INF": lambda x: math.ceil(x - Fraction(1, 2)),
    "AP_RND_INF": lambda x: math.floor(x + Fraction(1, 2)) if x > 0 else math.ceil(x - Fraction(1, 2)),
    "AP_RND_CONV": round,
    "AP_TRN": math.floor,
    "AP_TRN_ZERO": math.trunc,
}
OVERFLOWS = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM")
#: (width, integer bits, signed)
Type = tuple[int, int, bool]
SOURCES: tuple[Type, ...] = ((6, 3, True), (5, 3, False), (4, 6, True), (4, -2, True), (5, 0, False))
TARGETS: tuple[Type, ...] = ((3, 2, True), (3, 1, False), (4, 5, True), (2, -1, False), (7, 4, True), (3, 3, False))
DOUBLES = (0.0, 0.3, -0.3, 1.5, -1.75, 1.9999999, 2.0, -2.0, -2.2, 1e-300, -1e-300, 7.25, -1e6, 1e300)


def name(type_: Type) -> str:
    return f"{'fixed' if type_[2] else 'ufixed'}<{type_[0]},{type_[1]}>"


def values(type_: Type) -> list[Fraction]:
    width, integer, signed = type_
    least = -(2 ** (width - 1)) if signed else 0
    return [Fraction(least + k) * Fraction(2) ** (integer - width) for k in range(2**width)]


def expected(numbers: list[Fraction], target: Type, rounding: str, overflow: str) -> Event:
    """What the counters must say of numbers that are converted one after the other."""
    width, integer, signed = target
    least, most = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    if signed and overflow == "AP_SAT_SYM":
        least = -most
    rounded = [ROUNDINGS[rounding](number * Fraction(2) ** (width - integer)) for number in numbers]
    out = sum(not least <= value <= most for value in rounded)
    wraps = overflow.startswith("AP_WRAP")
    return name(target), out * wraps, out * (not wraps), float(min(numbers)), float(max(numbers))


def run(body: str, folder: Path) -> list[list[Event]]:
    """The events at each `TAKE` of a program's `main`."""
    program = folder / "program.cpp"
    program.write_text(
        '#define CSIM_COUNT\n#include "ap_fixed.h"\n'
        "static void show(const std::string &type, ap_ulong wrapped, ap_ulong saturated, double l, double h) {\n"
        '    printf("%s %llu %llu %.17g %.17g;", type.c_str(), wrapped, saturated, l, h);\n}\n'
        '#define TAKE (light::take_events(show), puts(""))\n'
        "template <class From, class To> void all() {\n"
        "    for (int k = 0; k < 1 << From::width; k++) { From x; x.set_bits(k); To y = x; }\n    TAKE;\n}\n"
        f"int main() {{\n    light::clear_events();\n{body}\n}}\n",
        encoding="utf-8",
    )
    executable = folder / "program"
    command = [compiler.find().path, "-std=c++14", "-O0", "-w", f"-I{LIGHT}", str(program), "-o", str(executable)]
    subprocess.run(command, check=True)
    lines = subprocess.run([executable], check=True, capture_output=True, text=True).stdout.splitlines()
    return [[_event(text) for text in line.split(";") if text] for line in lines]


def _event(text: str) -> Event:
    match = re.fullmatch(r"(\S+) (\d+) (\d+) (\S+) (\S+)", text)
    return match[1], int(match[2]), int(match[3]), float(match[4]), float(match[5])


@pytest.mark.parametrize("sources", [2, pytest.param(len(SOURCES), marks=pytest.mark.slow)])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_conversions_of_all_values(rounding: str, sources: int, tmp_path: Path) -> None:
    """Into each target, from so many types, which differ from one target to the next."""
    body, right = [], []
    for number, overflow in enumerate(OVERFLOWS):
        for place, target in enumerate(TARGETS, number):
            if overflow == "AP_WRAP_SM" and not target[2]:
                continue
            to = f"ap_{name(target)[:-1]}, {rounding}, {overflow}>"
            for source in [SOURCES[(place + each) % len(SOURCES)] for each in range(sources)]:
                body.append(f"    all<ap_{name(source)}, {to}>();")
                right.append([expected(values(source), target, rounding, overflow)])
            body += [*(f"    {{ {to} y = {value!r}; }}" for value in DOUBLES), "    TAKE;"]
            right.append([expected([Fraction(value) for value in DOUBLES], target, rounding, overflow)])
    assert run("\n".join(body), tmp_path) == right
    assert any(event[0][1] for event in right)
    assert any(event[0][2] for event in right)


def test_sums_are_counted_before_they_wrap_around(tmp_path: Path) -> None:
    # 1.5, 3 and, wrapped, 4.5 - 8 = -3.5; then -5 + 8 = 3
    body = """
    ap_fixed<4, 3> sum = 0, x = 1.5; for (int k = 0; k < 3; k++) sum += x; TAKE;
    sum -= x; TAKE;"""
    first, second = run(body, tmp_path)
    assert first == [("fixed<4,3>", 1, 0, 0.0, 4.5)]
    assert second == [("fixed<4,3>", 1, 0, -5.0, -5.0)]


def test_what_is_no_conversion_is_not_counted(tmp_path: Path) -> None:
    body = """
    ap_fixed<8, 4> x = 1.5, y = 7; TAKE;
    ap_fixed<8, 4> z = x; auto sum = x + y; auto product = x * y; bool less = x < y; TAKE;
    ap_uint<2> index = 3; index++; ap_uint<2> small = index; TAKE;
    ap_int<4> number = ap_fixed<8, 6>(-9.5); TAKE;
    ap_fixed<8, 4> two = x + 2; ap_fixed<40, 36> four = 4; TAKE;
    ap_int<4> kept = ap_fixed<8, 4>(-7.5); TAKE;"""
    assert run(body, tmp_path) == [
        [("fixed<8,4>", 0, 0, 1.5, 7.0)],
        [],
        [],
        [("fixed<4,4>", 1, 0, -9.0, -9.0), ("fixed<8,6>", 0, 0, -9.5, -9.5)],
        [("fixed<8,4>", 0, 0, 3.5, 3.5)],
        [("fixed<8,4>", 0, 0, -7.5, -7.5)],
    ]


def test_types_that_differ_in_their_overflow_are_told_apart_and_infinity_is_an_event(
    tmp_path: Path,
) -> None:
    body = """
    ap_fixed<8, 4> x = 8.5; ap_fixed<8, 4, AP_TRN, AP_SAT> y = 9.5; TAKE;
    ap_ufixed<4, 4, AP_RND, AP_SAT> z = 1.0 / 0.0; TAKE; TAKE;"""
    first, second, third = run(body, tmp_path)
    assert sorted(first) == [("fixed<8,4>", 0, 1, 9.5, 9.5), ("fixed<8,4>", 1, 0, 8.5, 8.5)]
    assert second == [("ufixed<4,4>", 0, 1, 15.0, 15.0)]
    assert third == []
