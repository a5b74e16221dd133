"""Results in a notebook: complete, without scripts, and with names that are only text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow.csim import CsimResult
from fpga_flow.csim.compare import Mismatch
from fpga_flow.flow import Outcome
from fpga_flow.report import svg
from fpga_flow.resources.report import ResourceReport
from fpga_flow.sweep.engine import SweepOutcome

from .conftest import FakeRun
from .sweeps import grid, swept
from .test_report import HOSTILE

PLACE = Path("runs/a")


def text(shown: str) -> str:
    """What is read; there is nothing in it that runs, is loaded, or is not closed."""
    open_: list[str] = []
    read: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: Any) -> None:
            assert tag not in ("script", "img", "link", "iframe")
            assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attributes)
            open_.append(tag)

        def handle_startendtag(self, tag: str, attributes: Any) -> None:
            pass  # is closed

        def handle_endtag(self, tag: str) -> None:
            assert open_.pop() == tag

        def handle_data(self, data: str) -> None:
            read.append(data)

    reader = Reader()
    reader.feed(shown)
    reader.close()
    assert open_ == []
    return re.sub(r"\s+", " ", " ".join(read))


def test_a_run(make_run: Callable[..., FakeRun]) -> None:
    run = make_run()
    run.record["name"] = HOSTILE
    shown = text(Outcome(PLACE, run.record, PLACE / "report.html")._repr_html_())
    for part in (HOSTILE, "C simulation: exact on", "97.50 %", "prune", "Fits pynq-z2", "LUT", "runs/a/report.html"):
        assert part in shown
    assert "so far in runs/a" in text(Outcome(PLACE, {}, None)._repr_html_())


def test_a_sweep() -> None:
    result = grid()
    html = SweepOutcome(PLACE, result, PLACE / "report.html")._repr_html_()
    shown = text(html)
    assert f"{len(result.trials)} trials" in shown
    assert html.count("<circle") == len(result.done())
    for number in result.front:
        assert f"trial {number}:" in shown
    assert "0 trials" in text(SweepOutcome(PLACE, swept([]), PLACE / "report.html")._repr_html_())


@pytest.mark.parametrize(
    ("mismatches", "largest", "words"),
    [(0, 0.0, "exact on 5 samples"), (0, 0.01, "within its tolerance on 5 samples"), (2, 0.5, "2 of 5 samples differ")],
)
def test_a_simulation(mismatches: int, largest: float, words: str) -> None:
    first = Mismatch(3, 1, 0.5, 1.0, "fixed<8,4>") if mismatches else None
    result = CsimResult(5, mismatches, largest, largest == 0, 1.0, 0.1, np.zeros((5, 2)), "light", first)
    shown = text(result._repr_html_())
    assert words in shown
    assert ("sample 3" in shown) == bool(mismatches)


def test_resources() -> None:
    numbers = {"lut": 40_000, "ff": 100, "dsp": 0, "bram18": 1, "uram": None, "latency_cycles": 5, "ii": 1}
    report = ResourceReport("post-synthesis", "Vivado", "xc7z020clg400-1", "pynq-z2", clock_ns=10.0, **numbers)
    shown = text(report._repr_html_())
    assert "40,000" in shown
    assert "37,240" in shown  # what a network may use of the board
    assert "Latency 5 cycles" in shown
    own = ResourceReport("post-synthesis", "Vivado", "xc7z020clg400-1", "my.yaml", clock_ns=10.0, **numbers)
    assert "37,240" not in text(own._repr_html_())


def test_scatter() -> None:
    assert svg.scatter([], "x", "y") is None
    one = svg.scatter([(3.0, 3.0, "a", True)], "x", "y")
    assert one is not None
    assert [tick.label for tick in one.x_ticks] == ["1", "2", "3", "4", "5"]
    many = svg.scatter([(0, 90, "a", True), (45_000, 97, "b", False), (12_345, 95.5, "c", True)], "x", "y")
    assert many is not None
    assert [tick.label for tick in many.x_ticks] == ["0", "10000", "20000", "30000", "40000", "50000"]
    assert [dot.title for dot in many.dots] == ["b", "a", "c"]
    assert [dot.title for dot in many.line] == ["a", "c"]
    for dot in many.dots:
        assert svg.LEFT <= dot.x <= svg.WIDTH - svg.RIGHT
        assert svg.TOP <= dot.y <= svg.HEIGHT - svg.BOTTOM
