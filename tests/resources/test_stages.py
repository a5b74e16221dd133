"""The estimates at both stages and their intervals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate import estimate
from fpga_flow.resources.estimate.calibration import FACTOR_MARGINS, FACTORS, MARGINS, UNSEEN
from fpga_flow.resources.estimate.interval import WIRES, error, interval, kind_of
from fpga_flow.resources.estimate.stages import estimates
from fpga_flow.resources.report import ESTIMATED, ResourceReport

TYPE = FixedPoint(8, 2)


def layer(kind: str, function: str = "", **changes: Any) -> HlsLayer:
    shape = (6, 6, 2)
    return replace(HlsLayer(f"{kind}_1", kind, function, (), shape, shape, TYPE, TYPE), **changes)


def weighted(kind: str, shape: tuple[int, ...], outputs: tuple[int, ...], **changes: Any) -> HlsLayer:
    window = (3, 3) if kind == "conv2d" else ()
    weights = np.random.default_rng(0).integers(-60, 60, (*window, shape[-1], outputs[-1]))
    fields = {"weights": weights, "biases": np.zeros(outputs[-1], np.int64), "strategy": "latency", "window": window}
    types = {"weight_type": TYPE, "bias_type": TYPE, "accum_type": FixedPoint(20, 8)}
    other = {"input_shape": shape, "output_shape": outputs, "strides": (1, 1), "padding": "valid", "name": kind}
    return layer(kind, **{**fields, **types, **other, **changes})


DENSE = weighted("dense", (16,), (8,))
CONV = weighted("conv2d", (6, 6, 2), (4, 4, 3))


def run(*layers: HlsLayer, io_type: str = "io_parallel") -> tuple[ResourceReport, ResourceReport]:
    return estimates(layers, io_type=io_type, clock_ns=5.0, part="xc7z020clg400-1", board="pynq-z2")


@pytest.mark.parametrize("name", ESTIMATED)
@pytest.mark.parametrize("margin", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("estimated", [0, 7, 1000])
def test_an_interval_holds_all_whole_numbers_with_no_larger_error(name: str, margin: float, estimated: int) -> None:
    low, high = interval(estimated, margin, name)
    assert 0 <= low <= estimated <= high
    inside = [value for value in range(4000) if abs(error(value, estimated, name)) <= margin + 1e-9]
    assert low <= min(inside) <= low + 1
    assert high - 1 <= max(inside) <= high


def test_numbers_without_error_have_no_interval() -> None:
    assert [interval(12345, 0.0, name) for name in ESTIMATED] == [(12345, 12345)] * 5


@pytest.mark.parametrize(
    ("one", "stream", "kind"),
    [
        (DENSE, False, "matrix, latency"),
        (replace(DENSE, strategy="resource"), False, "matrix, latency"),  # reuse factor 1: constants
        (replace(DENSE, strategy="resource", reuse_factor=4), False, "matrix, resource"),
        (replace(DENSE, strategy="resource_unrolled", reuse_factor=4), False, ""),
        (replace(DENSE, strategy="distributed_arithmetic"), False, ""),
        (DENSE, True, "dense_stream"),
        (CONV, True, "conv2d"),
        (CONV, False, ""),
        (replace(CONV, dilation=(2, 2)), True, ""),
        (replace(CONV, groups=2), True, ""),
        (layer("pool", "max", window=(2, 2)), True, "pool"),
        (layer("pool", "max", window=(2, 2)), False, ""),
        (layer("pool", "average", window=(2, 2)), True, ""),
        (layer("global_pool", "max"), True, "pool"),
        (layer("global_pool", "average"), True, ""),
        (weighted("conv1d", (6, 2), (4, 3), window=(3,)), True, "conv2d"),  # an image of one row
        (layer("zero_pad"), True, "move"),
        (layer("crop"), True, ""),
        (layer("activation", "relu"), False, "activation"),
        (layer("activation", "linear"), True, "activation_stream"),
        (layer("activation", "softmax"), False, "softmax"),
        (layer("activation", "softmax"), True, "softmax_stream"),
        (layer("activation", "lookup"), False, ""),
        (layer("merge", "add"), True, ""),
        (layer("reshape"), False, WIRES),
    ],
)
def test_kinds(one: HlsLayer, stream: bool, kind: str) -> None:
    assert kind_of(one, stream=stream) == kind
    assert kind in ("", WIRES) or set(MARGINS[kind]) >= {"lut", "ff"}


@pytest.mark.parametrize(("layers", "io_type"), [((DENSE,), "io_parallel"), ((CONV,), "io_stream")])
def test_both_stages_have_intervals_of_every_number(layers: tuple[HlsLayer, ...], io_type: str) -> None:
    csynth, synthesised = run(*layers, io_type=io_type)
    assert (csynth.stage, synthesised.stage) == ("csynth", "post-synthesis")
    for report in (csynth, synthesised):
        assert (report.source, report.calibrated) == ("estimate", True)
        for entry in (report, *report.layers):
            assert set(entry.intervals) == set(ESTIMATED)
            for name, (low, high) in entry.intervals.items():
                assert low <= getattr(entry, name) <= high
        assert ResourceReport.from_json(report.to_json()) == report
        for name in FACTORS:
            assert getattr(report, name) == sum(getattr(entry, name) for entry in report.layers)


def test_csynth_is_what_the_formulas_say() -> None:
    alone = estimate([DENSE], io_type="io_parallel", clock_ns=5.0, part="xc7z020clg400-1", board="pynq-z2")
    csynth, _ = run(DENSE)
    parts = [replace(entry, intervals=None, calibrated=None) for entry in csynth.layers]
    assert replace(csynth, intervals=None, calibrated=None, layers=tuple(parts)) == alone
    assert csynth.intervals["lut"] == interval(csynth.lut, MARGINS["project, io_parallel"]["lut"], "lut")
    assert csynth.layers[0].intervals["lut"] == interval(csynth.layers[0].lut, MARGINS["matrix, latency"]["lut"], "lut")


def test_logic_synthesis_leaves_a_part_and_the_cycles() -> None:
    csynth, synthesised = run(DENSE)
    assert synthesised.lut == pytest.approx(FACTORS["lut"] * csynth.lut, abs=2)
    assert (synthesised.latency_cycles, synthesised.ii) == (csynth.latency_cycles, csynth.ii)
    assert synthesised.intervals["latency_cycles"] == csynth.intervals["latency_cycles"]
    margin = math.hypot(MARGINS["project, io_parallel"]["lut"], FACTOR_MARGINS["lut"])
    assert synthesised.intervals["lut"] == interval(synthesised.lut, margin, "lut")
    assert [entry.calibrated for entry in synthesised.layers] == [False, False]


def test_kinds_that_no_report_has_get_the_widest_interval_and_a_flag() -> None:
    shape = layer("reshape")
    csynth, synthesised = run(CONV, shape, layer("activation", "relu"))  # conv2d with io_parallel
    assert [entry.calibrated for entry in csynth.layers] == [False, True, True, True]
    assert (csynth.calibrated, synthesised.calibrated) == (False, False)
    assert csynth.layers[0].intervals["lut"] == interval(csynth.layers[0].lut, UNSEEN["lut"], "lut")
    assert csynth.intervals["lut"] == interval(csynth.lut, UNSEEN["lut"], "lut")
    assert set(csynth.layers[1].intervals.values()) == {(0, 0)}  # a reshape is wires
    assert all(UNSEEN[name] >= margin for of_kind in MARGINS.values() for name, margin in of_kind.items())


def test_what_costs_nothing_needs_no_report() -> None:
    shuffle = layer("shuffle", groups=2, input_shape=(2, 2, 4), output_shape=(2, 2, 4))
    csynth, _ = run(shuffle)
    assert (csynth.layers[0].calibrated, csynth.calibrated) == (True, True)
