"""Resource numbers with intervals: in the report of a run, in figures, on a sheet of figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fpga_flow.report import resource_figures, sheet
from fpga_flow.report.resource_figures import Point
from fpga_flow.resources.report import ResourceReport

from .test_report import HOSTILE, Page

INTERVALS = {"lut": [8000, 12000], "ff": [300, 500], "dsp": [8, 8], "bram18": [0, 1], "latency_cycles": [15, 30]}
REPORT = ResourceReport(
    "estimate", "Vitis HLS", "xc7z020clg400-1", "pynq-z2", 10, 20, 3, 4, 0, 6, 1, 5.0, stage="csynth",
    intervals={"lut": (8, 12), "ff": (15, 30), "dsp": (3, 3), "bram18": (2, 9), "latency_cycles": (6, 7)},
)  # fmt: skip


@pytest.fixture
def page(make_run: Callable[..., Any]) -> Page:
    """A report of a run with estimates of both stages, with intervals; no report knows the like of the last layer."""
    run = make_run()
    (csynth,) = run.record["resources"]
    of_layer = {"intervals": {"lut": [800, 1300], "ff": [90, 120]}, "calibrated": True}
    layers = [{**layer, **of_layer} for layer in csynth["layers"]]
    layers[-1]["calibrated"] = False
    csynth |= {"stage": "csynth", "intervals": INTERVALS, "calibrated": False, "layers": layers}
    other = {**csynth, "stage": "post-synthesis", "lut": 4400, "calibrated": True}
    run.record["resources"].append(other)
    return Page(run.write())


def test_both_stages_are_shown_with_intervals(page: Page) -> None:
    for expected in (
        "estimate of csynth", "estimate of post-synthesis", "10,000 8,000 to 12,000 37,240 26.9\u202f%",
        "4,400 8,000 to 12,000", "Cycles, 80\u202f% interval 15 to 30", "2,000 800 to 1,300 100 90 to 120",
        "Whole design 44 10,000 8,000 to 12,000 400 300 to 500 8 8 0 0 to 1 0 21 15 to 30 1",
        "Below each number is what it is in 80 of 100 cases", "The dark lines are 80\u202f% intervals",
    ):  # fmt: skip
        assert expected in page.text, expected
    assert page.text.count("xc7z020clg400-1 (pynq-z2)") == 1
    assert page.text.count("21 cycles of 5\u202fns") == 1  # cycles are the same at both stages


def test_what_was_never_reported_is_marked(page: Page) -> None:
    assert page.text.count("top\u202f†") == 2
    assert "output\u202f†" not in page.text
    assert page.text.count("No published report has the like of some of the layers") == 1
    assert "No published report has the like of layers with †" in page.text
    assert "Few single layers were ever reported after logic synthesis" in page.text


def test_bars_have_the_interval_of_the_whole(page: Page) -> None:
    *_, interval = page.figures["figure-resources-1"]["data"]
    assert interval["y"] == ["LUT", "FF", "DSP"]
    assert interval["x"][0] == pytest.approx(100 * 10000 / 37240)
    assert interval["error_x"]["array"] == pytest.approx([100 * 2000 / 37240, 100 * 100 / 53200, 0])
    assert interval["error_x"]["arrayminus"] == pytest.approx([100 * 2000 / 37240, 100 * 100 / 53200, 0])
    assert interval["customdata"] == ["8,000 to 12,000", "300 to 500", "8"]


def test_bars_of_layers_are_drawn_from_a_report_value() -> None:
    figure = json.loads(resource_figures.layers({**REPORT.to_dict(), "layers": []}, None).json)
    assert [trace["name"] for trace in figure["data"]] == ["80 % interval of the whole"]


def test_estimates_against_reports() -> None:
    points = [
        Point("one", "conv2d", 900, 1000, 800, 1200), Point("two", "conv2d", 2000, 1000, 800, 1200),
        Point(HOSTILE, "pool", 0, 3, 0, 9),
    ]  # fmt: skip
    figure = json.loads(resource_figures.against_reports(points, "latency_cycles").json)
    conv2d, pool, same = figure["data"]
    assert (conv2d["x"], conv2d["y"]) == ([900, 2000], [1000, 1000])
    assert conv2d["marker"]["symbol"] == ["circle", "circle-open"]
    assert (conv2d["error_y"]["array"], conv2d["error_y"]["arrayminus"]) == ([200, 200], [200, 200])
    assert conv2d["customdata"][0] == ["900", "1,000", "800 to 1,200"]
    assert (pool["x"], pool["error_y"]["arrayminus"]) == ([0.5], [2.5])  # a logarithmic axis has no zero
    assert "<" not in pool["text"][0]
    assert same["x"] == same["y"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "cycles reported"


def test_more_groups_than_colours_share_one() -> None:
    points = [Point("", str(place), 10, 10, 5, 20) for place in range(9)]
    figure = json.loads(resource_figures.against_reports(points, "lut").json)
    colours = [trace["marker"]["color"] for trace in figure["data"][:-1]]
    assert len(set(colours[:7])) == 7
    assert colours[7] == colours[8]


def test_resources_against_bit_widths() -> None:
    wider = replace(REPORT, lut=40, intervals={**REPORT.intervals, "lut": (30, 60)})
    figure = json.loads(resource_figures.against_widths([(8, wider), (4, REPORT)]).json)
    lines = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert list(lines) == ["LUT", "FF", "DSP", "BRAM18", "cycles"]
    assert (lines["LUT"]["x"], lines["LUT"]["y"]) == ([4, 8], [10, 40])
    bands = [trace for trace in figure["data"] if trace.get("fill") == "toself"]
    assert len(bands) == 5
    assert (bands[0]["x"], bands[0]["y"]) == ([4, 8, 8, 4], [12, 60, 30, 8])


def test_measured_resources_against_bit_widths_have_no_bands() -> None:
    measured = replace(REPORT, source="post-route", stage=None, intervals=None, latency_cycles=None)
    figure = json.loads(resource_figures.against_widths([(4, measured)]).json)
    assert [trace["name"] for trace in figure["data"]] == ["LUT", "FF", "DSP", "BRAM18"]


@pytest.mark.parametrize(
    ("stages", "found"),
    [((), "none"), (("csynth", "post-synthesis"), "estimate of csynth, estimate of post-synthesis")],
)
def test_stages_are_never_mixed(stages: tuple[str, ...], found: str) -> None:
    reports = [(4, replace(REPORT, stage=stage)) for stage in stages]
    with pytest.raises(ValueError, match=f"expected reports of one source and stage, got {found}"):
        resource_figures.against_widths(reports)


def test_a_sheet_needs_nothing_but_itself() -> None:
    figure = resource_figures.against_widths([(4, REPORT)])
    section = sheet.Section(HOSTILE, figure, "Lines of resources", "What it shows", [("bits", "LUT"), ("4", HOSTILE)])
    page = Page(sheet.page("A sheet", [section, section]))
    assert list(page.figures) == ["figure-1", "figure-2"]
    assert HOSTILE not in page.source
    assert "http" not in page.source
    plots = [each for each in page.having("div") if each.get("class") == "plot"]
    assert all(each["role"] == "group" and each["aria-label"] for each in plots)
    assert page.having("html") == [{"lang": "en"}]
    assert "What it shows" in page.text
