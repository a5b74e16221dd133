"""Numbers as the report writes them."""

from __future__ import annotations

import math

import pytest

from fpga_flow.report import page, text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.number(49097), "49,097"),
        (text.number(None), text.NONE),
        (text.short(-0.0), "0"),
        (text.short(-0.25), "\N{MINUS SIGN}0.25"),
        (text.short(math.nan), text.NONE),
        (text.exact(2**-10), "0.0009765625"),
        (text.percent(0.98444), "98.44\u202f%"),
        (text.percent(None), text.NONE),
        (text.points(0.98, 0.9844), "+0.44"),
        (text.points(0.98, 0.9756), "\N{MINUS SIGN}0.44"),
        (text.points(0.98, 0.98), "±0.00"),
        (text.times(11.71), "11.7\N{MULTIPLICATION SIGN}"),
        (text.times(None), text.NONE),
        (text.size(512), "512\u202fB"),
        (text.size(4954), "4.95\u202fkB"),
        (text.size(26_280_000), "26.3\u202fMB"),
        (text.seconds(0.047), "0.047\u202fs"),
        (text.seconds(605.2), "10\u202fmin 5\u202fs"),
        (text.seconds(5 * 3600 + 125), "5\u202fh 2\u202fmin"),
        (text.time(100.0), "100\u202fns"),
        (text.time(2500.0), "2.5\u202fµs"),
        (text.time(3.2e6), "3.2\u202fms"),
        (text.time(None), text.NONE),
        (text.rate(1e8), "100 million"),
        (text.rate(1.25e5), "125 thousand"),
        (text.shape(()), "scalar"),
        (text.shortened([1.0, 2.0]), "1, 2"),
        (text.clipped("x" * 50), "x" * 39 + "…"),
        (text.options({}), text.NONE),
        (text.options({"sparsity": 0.75, "rate": None, "schedule": {"power": 3.0}, "layers": {}, "mode": "soft"}),
         "sparsity 0.75, schedule (power 3), mode soft"),
    ],
)  # fmt: skip
def test_text(written: str, expected: str) -> None:
    assert written == expected


def test_confidence_interval_is_wilsons() -> None:
    low, high = page.interval(0.9, 100)
    assert (low, high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    low, high = page.interval(1.0, 50)
    assert low == pytest.approx(0.9287, abs=1e-4)
    assert high == 1.0
    assert page.interval(0.5, 0) == (0.0, 1.0)
