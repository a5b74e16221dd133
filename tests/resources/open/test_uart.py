"""The serial line: bytes of samples and results, the Verilog around a network, and all of it simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_flow import boards
from fpga_flow.boards import Device
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.resources.open.uart import frames, harness
from fpga_flow.resources.open.uart.harness import Clock
from fpga_flow.resources.open.uart.simulation import simulate
from fpga_flow.rtl.project import RtlProject

from .conftest import expected, samples


def device(name: str = "ulx3s-85f") -> Device:
    made = boards.load(name).open
    assert made is not None
    return made


def test_the_bytes_of_a_sample() -> None:
    # -2 is 10000, 1.875 is 01111, -0.125 is 11111: 11111 01111 10000, cut from the lowest bit on
    assert frames.frame([-2.0, 1.875, -0.125], FixedPoint(5, 2)) == bytes([0b11110000, 0b01111101])
    assert frames.parse(bytes([0b11110000, 0b01111101]), 3, FixedPoint(5, 2)).tolist() == [-2.0, 1.875, -0.125]
    assert frames.frame([[3.0], [1.0]], FixedPoint(2, 2, signed=False)) == bytes([0b0111])


@settings(deadline=None)
@given(st.integers(2, 53), st.integers(-3, 9), st.booleans(), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_what_goes_comes_back(width: int, integer: int, signed: bool, count: int, seed: int) -> None:
    type_ = FixedPoint(width, integer, signed)
    values = type_.quantize(np.random.default_rng(seed).uniform(type_.min, type_.max, count))
    values[0] = type_.min if seed % 2 else type_.max
    data = frames.frame(values, type_)
    assert len(data) == frames.size(count, type_)
    assert frames.parse(data, count, type_).tolist() == values.tolist()


def test_values_and_bytes_that_are_none() -> None:
    with pytest.raises(ValueError) as error:
        frames.frame([0.1], FixedPoint(5, 2))
    assert str(error.value) == "expected values of fixed<5,2>, got others"
    with pytest.raises(ValueError) as error:
        frames.parse(b"abc", 3, FixedPoint(5, 2))
    assert str(error.value) == "expected 2 bytes with 3 values of fixed<5,2>, got 3"


@pytest.mark.parametrize(
    ("name", "halvings", "cycles"),
    [("ulx3s-85f", 0, 217), ("icebreaker", 0, 104), ("icebreaker", 2, 26), ("tang-nano-9k", 0, 234)],
)
def test_the_speed_of_the_line(name: str, halvings: int, cycles: int) -> None:
    clock = Clock(device(name).oscillator_mhz, halvings)
    assert harness.cycles_per_bit(clock, harness.BAUD) == cycles


def test_the_design_of_a_board(rtl: RtlProject, tmp_path: Path) -> None:
    harness.write(rtl, device(), Clock(25.0), 115_200, tmp_path)
    text = (tmp_path / "uart_board.v").read_text()
    assert "output tx,\n    output high_0\n);\n    assign high_0 = 1'b1;\n    wire step = clk;\n" in text
    assert ".CYCLES(217), .PAUSE(2500000), .IN_BITS(15), .OUT_BITS(12)" in text
    assert "\n    tiny network (\n" in text
    harness.write(rtl, device("icebreaker"), Clock(12.0, 3), 19_200, tmp_path)
    text = (tmp_path / "uart_board.v").read_text()
    assert "high" not in text
    assert "reg [2:0] divider = 0;\n" in text
    assert "wire step = divider[2];\n" in text
    assert ".CYCLES(78), .PAUSE(150000)," in text
    assert "BUFG" not in text
    harness.write(rtl, device("tang-nano-9k"), Clock(27.0, 1), 19_200, tmp_path)
    assert "    BUFG buffer (.I(divider[0]), .O(step));\n" in (tmp_path / "uart_board.v").read_text()


# --------------------------------------------------------------------------------------------------------- simulated


@pytest.mark.slow
@pytest.mark.parametrize(
    ("halvings", "baud", "lost_bytes"),
    [(0, 20_000, 0), (0, 20_400, 0), (0, 19_600, 0), (1, 20_000, 0), (0, 100_000, 1)],
    ids=["usual", "host faster", "host slower", "half the clock", "half a sample before each"],
)
def test_results_on_the_line(rtl: RtlProject, halvings: int, baud: int, lost_bytes: int) -> None:
    """The oscillator is slow, so that a silence takes few cycles. 1 MHz is 49.02 and 51.02 times 20,400 and 19,600."""
    slow = device().model_copy(update={"oscillator_mhz": 1.0})
    values = samples(rtl, 60)
    got = simulate(rtl, slow, values, clock=Clock(1.0, halvings), baud=baud, lost_bytes=lost_bytes)
    assert np.array_equal(got, expected(values))


@pytest.mark.slow
def test_the_line_at_its_usual_speed(rtl: RtlProject) -> None:
    values = samples(rtl, 20)
    assert np.array_equal(simulate(rtl, device(), values, clock=Clock(25.0)), expected(values))
