"""The value types of resource numbers."""

import json
from dataclasses import replace

import pytest

from fpga_flow.resources.report import LayerResources, ResourceReport, Shortfall, shortfalls

LAYER = LayerResources("fc1", "dense", 7, 100, 200, 7, 1, 0, 5, 2)
REPORT = ResourceReport(
    source="estimate",
    tool="Vitis HLS",
    part="xc7z020clg400-1",
    board="pynq-z2",
    lut=100,
    ff=200,
    dsp=7,
    bram18=1,
    uram=0,
    latency_cycles=6,
    ii=2,
    clock_ns=5.0,
    fits=True,
    layers=(LAYER,),
)


def test_json_round_trip() -> None:
    assert ResourceReport.from_json(REPORT.to_json()) == REPORT


def test_keys_are_those_of_run_json() -> None:
    assert list(json.loads(REPORT.to_json())) == [
        *("source", "tool", "part", "board", "lut", "ff", "dsp", "bram18", "uram", "latency_cycles", "ii", "clock_ns"),
        *("fits", "layers", "stage", "intervals", "calibrated"),
    ]


def test_report_without_layers_or_board_round_trips() -> None:
    report = ResourceReport("csynth", "Vivado HLS", "", "", 1, 2, 3, 4, 5, 6, 7, 10.0)
    assert report.fits is None
    assert ResourceReport.from_json(report.to_json()) == report


def test_an_estimate_says_of_what_and_how_sure() -> None:
    sure = {"intervals": {"lut": (90, 120), "latency_cycles": (6, 6)}, "calibrated": True}
    report = replace(REPORT, stage="post-synthesis", layers=(replace(LAYER, **sure),), **sure)
    assert ResourceReport.from_json(report.to_json()) == report
    assert (report.title, REPORT.title) == ("estimate of post-synthesis", "estimate")
    csynth, routed = replace(report, stage="csynth"), replace(REPORT, source="post-route")
    assert sorted([routed, report, csynth], key=lambda each: each.certainty) == [csynth, report, routed]


def test_records_from_before_there_were_intervals_are_read() -> None:
    data = REPORT.to_dict()
    for each in (data, *data["layers"]):
        for key in ("stage", "intervals", "calibrated"):
            each.pop(key, None)
    assert ResourceReport.from_dict(data) == REPORT


@pytest.mark.parametrize(("source", "stage"), [("estimate", "post-route"), ("csynth", "csynth")])
def test_a_stage_is_of_an_estimate(source: str, stage: str) -> None:
    message = f'expected a stage of csynth, post-synthesis of an estimate, got "{stage}"'
    with pytest.raises(ValueError, match=message):
        replace(REPORT, source=source, stage=stage)


def test_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match='post-synthesis, post-route, got "guess"'):
        ResourceReport("guess", "", "", "", 0, 0, 0, 0, 0, 0, 1, 5.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lut": None}, "missing lut"),
        ({"luts": 3}, "unknown luts"),
    ],
)
def test_wrong_keys_are_refused(change: dict[str, int | None], message: str) -> None:
    data = {key: value for key, value in {**REPORT.to_dict(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        ResourceReport.from_dict(data)


def test_wrong_layer_keys_are_refused() -> None:
    with pytest.raises(ValueError, match=r"keys of a LayerResources: .*unknown luts"):
        ResourceReport.from_dict({**REPORT.to_dict(), "layers": [{"luts": 1}]})


def test_json_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a JSON object with a resource report, got list"):
        ResourceReport.from_json("[]")


def test_a_report_that_fits_has_no_shortfalls() -> None:
    assert shortfalls(REPORT, {"lut": 100, "ff": 200, "dsp": 7, "bram18": 1, "uram": 0}) == ()


def test_shortfalls_name_what_is_missing() -> None:
    found = shortfalls(REPORT, {"dsp": 2, "lut": 99, "ff": 1000})
    assert found == (Shortfall("lut", 100, 99), Shortfall("dsp", 7, 2))
    assert [shortfall.missing for shortfall in found] == [1, 5]


def test_what_a_source_does_not_say_round_trips_and_is_not_judged() -> None:
    layer = LayerResources("dense_1", "instance", None, 1, 2, 3, 4, None, None, None)
    report = ResourceReport("post-synthesis", "Vivado", "", "", 1, 2, 3, 4, None, None, None, None, None, (layer,))
    assert ResourceReport.from_json(report.to_json()) == report
    assert shortfalls(report, {"lut": 1, "uram": 0}) == ()


def test_resources_that_are_not_named_are_not_judged() -> None:
    assert shortfalls(REPORT, {}) == ()


def test_unknown_resources_are_refused() -> None:
    with pytest.raises(ValueError, match="expected amounts of lut, ff, dsp, bram18, uram, got bram36"):
        shortfalls(REPORT, {"bram36": 10})
