"""The trace: every layer against the emulator or a record, and what is counted against numpy."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis import trace
from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject
from tests.csim import projects
from tests.csim.test_stress import DENSE


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> HlsProject:
    return projects.ours(DENSE, tmp_path_factory.mktemp("trace") / "project")


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 4, (200, 64))


def named(report: trace.TraceReport) -> dict[str, trace.LayerTrace]:
    return {layer.name: layer for layer in report.layers if layer.kind != "conversion"}


def copy(project: HlsProject, folder: Path) -> HlsProject:
    shutil.copytree(project.folder, folder)
    return dataclasses.replace(project, folder=folder)


def test_an_exact_project_layer_by_layer(project: HlsProject, samples: np.ndarray) -> None:
    report = trace.examine(Design.read(project.folder), project, samples)
    assert (report.samples, report.headers, report.uncounted, report.compared_with) == (200, "light", "", "emulator")
    assert report.exact
    assert report.first_difference == ""
    layers = named(report)
    assert list(layers) == ["first", "relu", "last"]
    right = Emulator(project.layers).predict_layers(samples)
    for layer in project.layers[-3:]:
        found = layers[layer.name]
        assert (found.kind, found.type) == (layer.kind, str(layer.result_type))
        assert (found.exact, found.max_abs_diff, found.differing, found.worst_sample) == (True, 0.0, 0, None)
        assert (found.least, found.greatest) == (layer.result_type.min, layer.result_type.max)
        assert found.lowest <= right[layer.name].min()
        assert found.highest >= right[layer.name].max()
    # every saturated value of the ReLU, and no other
    relu = layers["relu"]
    limit = FixedPoint.parse(relu.type).max
    before = np.maximum(right["first"], 0)
    assert relu.saturated == (np.rint(before * 8) / 8 > limit).sum() > 0
    assert (relu.wrapped, relu.lowest, relu.highest) == (0, 0.0, before.max())
    assert (layers["first"].wrapped, layers["first"].saturated) == (0, 0)
    assert (
        named(trace.examine(Design.read(project.folder), project, samples[:1]))["relu"].saturated
        == (np.rint(before[0] * 8) / 8 > limit).sum()
    )
    (inputs,) = (layer for layer in report.layers if layer.name == "inputs")
    assert (inputs.type, inputs.wrapped, inputs.saturated) == ("fixed<6,3>", 0, 0)
    json.dumps(report.to_dict())


def test_unused_bits(project: HlsProject) -> None:
    samples = np.zeros((2, 64))
    report = trace.examine(Design.read(project.folder), project, samples)
    for layer in report.layers:
        type_ = FixedPoint.parse(layer.type)
        needed = FixedPoint.covering(layer.lowest, layer.highest, type_.fraction)
        used = needed.width if needed.signed else needed.width + type_.signed
        if layer.lowest == layer.highest == 0:
            used = 1
        assert layer.unused_bits == type_.width - used, layer


def test_what_overflowed_is_counted_where_it_did(project: HlsProject, samples: np.ndarray, tmp_path: Path) -> None:
    copied = copy(project, tmp_path / "project")
    narrow = FixedPoint(8, 2)
    projects.retype(copied.folder, "last_accum_t", narrow)
    report = trace.examine(Design.read(copied.folder), copied, samples)
    (row,) = (layer for layer in report.layers if layer.type == str(narrow))
    assert (row.name, row.kind) == ("last", "conversion")
    assert row.wrapped > 0
    assert row.saturated == 0
    assert row.highest > narrow.max
    assert report.first_difference == "last"
    assert not report.exact
    last = named(report)["last"]
    right = Emulator(project.layers).predict(samples)
    wrapped = np.mod(right + 2, 4) - 2  # into fixed<8,2>, which has all fractional bits of the sum
    assert last.differing == (right != wrapped).any(axis=1).sum() > 0
    assert last.max_abs_diff == np.abs(right - wrapped).max()
    assert np.abs(right - wrapped)[last.worst_sample].max() == last.max_abs_diff
    columns = dict(zip(trace.COLUMNS, report.rows()[-1], strict=True))
    assert (columns["layer"], columns["exact"]) == ("last", "no")
    assert columns["samples that differ"] == str(last.differing)
    assert columns["available"] == "-256 to 255.984375"


def test_a_record_instead_of_the_emulator(project: HlsProject, samples: np.ndarray) -> None:
    design = Design.read(project.folder)
    right = Emulator(project.layers).predict_layers(samples)
    quantized = project.layers[0].input_type.quantize(samples)
    report = trace.examine(design, None, quantized, expected={"first": right["first"], "last": right["last"]})
    assert (report.compared_with, report.exact) == ("record", True)
    assert {name: layer.exact for name, layer in named(report).items()} == {"first": True, "relu": None, "last": True}
    assert named(report)["first"].kind == ""
    other = right["last"].copy()
    other[5, 2] += 0.25
    report = trace.examine(design, None, quantized, expected={"last": other})
    last = named(report)["last"]
    assert (last.exact, last.differing, last.max_abs_diff, last.worst_sample) == (False, 1, 0.25, 5)
    with pytest.raises(ValueError, match='layer "last": expected values of 200 samples, got 199'):
        trace.examine(design, None, quantized, expected={"last": other[:-1]})
    with pytest.raises(ValueError, match="expected 4 values of a layer to compare with, got 3"):
        trace.examine(design, None, quantized, expected={"last": other[:, :3]})
    assert trace.examine(design, None, quantized).exact is None


def test_without_the_light_headers_nothing_is_counted_and_the_reason_given(
    project: HlsProject, samples: np.ndarray, tmp_path: Path
) -> None:
    report = trace.examine(Design.read(project.folder), project, samples, stock_headers=True)
    assert (report.headers, report.exact) == ("bundled", True)
    assert report.uncounted == "the bundled headers, which were asked for, don't count"
    assert all(layer.wrapped is None and layer.saturated is None for layer in report.layers)
    assert dict(zip(trace.COLUMNS, report.rows()[0], strict=True))["wrapped"] == "-"

    copied = copy(project, tmp_path / "project")
    source = copied.folder / "firmware" / "net.cpp"
    source.write_text(source.read_text() + "\nap_fixed<200, 100> wide;\n")
    report = trace.examine(Design.read(copied.folder), copied, samples)
    assert (report.headers, report.exact) == ("bundled", True)
    assert report.uncounted == "the project does not compile with the light headers, and the bundled ones don't count"

    copied = copy(project, tmp_path / "changed")
    header = copied.folder / "firmware" / "ap_types" / "ap_fixed.h"
    header.write_text(header.read_text() + "\n// changed\n")
    report = trace.examine(Design.read(copied.folder), copied, samples)
    assert (report.headers, report.exact) == ("bundled", True)
    assert report.uncounted.startswith("the project's fixed-point types are not those of hls4ml")


def test_intel_projects_are_traced_but_not_counted(samples: np.ndarray, tmp_path: Path) -> None:
    intel = {"backend": "quartus", "strategy": "resource"}
    project = projects.ours(DENSE, tmp_path / "project", **intel)
    report = trace.examine(Design.read(project.folder), project, samples)
    assert report.exact
    assert report.uncounted == "quartus has Intel's types, which don't count"
    assert all(layer.wrapped is None for layer in report.layers)
    streamed = projects.ours(DENSE, tmp_path / "streamed", "io_stream", **intel)
    with pytest.raises(
        InputError, match="expected a project whose layers can be recorded, got one of quartus with io_s"
    ):
        trace.examine(Design.read(streamed.folder), streamed, samples)


@pytest.mark.parametrize(
    ("type_", "ends"),
    [
        ("fixed<6,3>", (-4.0, 3.875)), ("ufixed<4,6>", (0.0, 60.0)), ("fixed<1,1>", (-1.0, 0.0)),
        ("ufixed<3,-1>", (0.0, 0.4375)), ("float", None), ("other", None),
    ],
)  # fmt: skip
def test_limits_of_types(type_: str, ends: tuple[float, float] | None) -> None:
    assert trace.limits(type_) == ends
