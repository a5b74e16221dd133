"""Stress: it finds planted overflows that ordinary samples do not provoke, and nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.csim.build import Tensor
from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis import adversary, patterns, stress, trace
from fpga_flow.errors import InputError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.intervals import analyse
from fpga_flow.hls.project import HlsProject
from tests import stock_hls4ml
from tests.csim import projects
from tests.hls import cases


def relu() -> object:
    return cases.Q.QActivation("quantized_relu(8,5)", name="relu")


DENSE = cases.Case(
    "two dense layers",
    cases.chain(lambda: cases.dense(16, name="first"), relu, lambda: cases.dense(4, name="last")),
    (64,),
)
CONV = cases.Case(
    "two convolutions",
    cases.chain(
        lambda: cases.conv(3, name="first", padding="same"), relu,
        lambda: cases.L.MaxPooling2D(2, name="pool"), lambda: cases.conv(3, name="last"),
    ),
    (6, 6, 2),
)  # fmt: skip


def plain(project: HlsProject) -> np.ndarray:
    """Samples as a test set has them."""
    return np.random.default_rng(11).normal(0, 2, (300, *project.layers[0].input_shape))


def row(report: trace.TraceReport, layer: str, type_: FixedPoint) -> trace.LayerTrace:
    (found,) = (each for each in report.layers if (each.name, each.type) == (layer, str(type_)))
    return found


@pytest.mark.parametrize(
    ("case", "io_type", "layer"),
    [
        (DENSE, "io_parallel", "last"),
        (CONV, "io_stream", "first"),
        pytest.param(DENSE, "io_parallel", "first", marks=pytest.mark.slow),
        pytest.param(CONV, "io_stream", "last", marks=pytest.mark.slow),
    ],
)
def test_a_planted_overflow_is_found_and_its_layer_named(case, io_type: str, layer: str, tmp_path: Path) -> None:
    project = projects.ours(case, tmp_path / "project", io_type)
    wide = next(each.accum_type for each in project.layers if each.name == layer)
    used = row(trace.examine(Design.read(project.folder), project, plain(project)), layer, wide)
    narrow = FixedPoint.covering(used.lowest, used.highest, wide.fraction)  # as a user would choose it from test data
    assert narrow.width < wide.width
    projects.retype(project.folder, f"{layer}_accum_t", narrow)
    design = Design.read(project.folder)

    harmless = trace.examine(design, project, plain(project))
    assert harmless.exact
    assert not any(each.wrapped for each in harmless.layers)

    report = stress.run(design, project)
    assert not report.passed
    found = [overflow for overflow in report.overflows if overflow.wrapped]
    assert [(overflow.layer, overflow.type) for overflow in found] == [(layer, str(narrow))]
    assert (found[0].least, found[0].greatest, found[0].exact) == (narrow.min, narrow.max, False)
    assert found[0].lowest < narrow.min or found[0].highest > narrow.max
    assert report.differences[0].layer == layer == report.trace.first_difference
    # the worst input alone shows it
    alone = trace.examine(design, project, report.inputs[found[0].input][None])
    worst = row(alone, layer, narrow)
    assert worst.wrapped > 0
    assert max(narrow.min - worst.lowest, worst.highest - narrow.max) == max(
        narrow.min - found[0].lowest, found[0].highest - narrow.max
    )
    assert trace.examine(design, project, report.worst).first_difference == layer


@pytest.mark.parametrize(("case", "io_type"), [(DENSE, "io_parallel"), (CONV, "io_stream")])
def test_an_untouched_project_passes(case: cases.Case, io_type: str, tmp_path: Path) -> None:
    project = projects.ours(case, tmp_path / "project", io_type)
    report = stress.run(Design.read(project.folder), project, samples=100)
    assert report.passed
    assert report.trace.exact
    assert report.differences == ()
    assert [(overflow.layer, overflow.wrapped) for overflow in report.overflows] == [("relu", 0)]
    assert [reach.layer for reach in report.reach if reach.exceeds] == ["relu"]
    assert report.kinds.count("random") == 100
    made = json.loads(json.dumps(report.to_dict()))
    assert made["passed"] is True
    assert made["inputs"]["random"] == 100
    assert sum(made["inputs"].values()) == made["trace"]["samples"] == len(report.inputs)


def test_the_same_seed_gives_the_same_inputs(tmp_path: Path) -> None:
    project = projects.ours(DENSE, tmp_path / "project")
    one, same, other = (stress.run(Design.read(project.folder), project, samples=20, seed=n).inputs for n in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or (one != other).any()


def test_the_overflow_of_a_default_project_is_found_without_its_layers(tmp_path: Path) -> None:
    weights = projects.theirs(tmp_path / "project")
    design = Design.read(tmp_path / "project")
    report = stress.run(design, None)
    searched = np.array(report.kinds) == "adversarial"
    ordinary = trace.examine(design, None, report.inputs[~searched])
    assert ordinary.samples > 700
    assert not any(each.wrapped for each in ordinary.layers)
    assert not report.passed
    (found,) = report.overflows
    assert (found.layer, found.type, found.exact) == ("fc1", "fixed<16,6>", None)
    assert found.wrapped > 0
    assert np.abs(report.inputs[found.input] @ weights).max() > 32
    assert report.reach == ()


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_a_planted_overflow_deep_in_a_project_of_hls4ml_is_found(io_type: str, tmp_path: Path) -> None:
    projects.theirs(tmp_path / "project", io_type, type_="fixed<24,12>")
    design = Design.read(tmp_path / "project")
    report = stress.run(design, None, samples=100)
    assert report.passed
    ordinary = report.inputs[np.array(report.kinds) != "adversarial"]
    (used,) = (each for each in trace.examine(design, None, ordinary).layers if each.name == "out")
    narrow = FixedPoint.covering(used.lowest, used.highest, 12)
    projects.retype(tmp_path / "project", "out_accum_t", narrow)
    assert not any(each.wrapped for each in trace.examine(design, None, ordinary).layers)
    report = stress.run(design, None, samples=100)
    assert [(each.layer, each.type) for each in report.overflows if each.wrapped] == [("out", str(narrow))]


def test_a_project_with_several_inputs(tmp_path: Path) -> None:
    stock_hls4ml.write(stock_hls4ml.two_inputs_and_outputs(), tmp_path / "project", granularity="model")
    report = stress.run(Design.read(tmp_path / "project"), None, samples=50)
    assert report.inputs.shape[1] == 7
    assert report.overflows[0].layer in ("first", "second", "out", "extra")
    assert not report.passed


def test_without_counts_our_projects_are_still_compared_and_others_refused(tmp_path: Path) -> None:
    project = projects.ours(DENSE, tmp_path / "project")
    narrow = FixedPoint(8, 2)
    projects.retype(project.folder, "last_accum_t", narrow)
    design = Design.read(project.folder)
    report = stress.run(design, project, samples=50, stock_headers=True)
    assert report.overflows == ()
    assert report.trace.uncounted == "the bundled headers, which were asked for, don't count"
    assert [each.layer for each in report.differences] == ["last"]
    with pytest.raises(InputError, match="expected a project made by fpga_flow, or one whose overflows can be counted"):
        stress.run(design, None, stock_headers=True)


def test_patterns_are_values_of_their_types() -> None:
    types = [FixedPoint.parse(text) for text in ("fixed<6,3>", "ufixed<4,0>", "fixed<8,10>")]
    ends = tuple(np.array([getattr(type_, key) for type_ in types]) for key in ("min", "max", "step"))
    made = patterns.patterns(ends, 40, np.random.default_rng(1))
    assert [len(values) for values in made.values()] == [40, 10, 10, 10, 5, 6]
    for kind, values in made.items():
        for number, type_ in enumerate(types):
            assert type_.holds(values[:, number]), kind
    low, high, zero, up, down = made["extreme"]
    np.testing.assert_array_equal([low, high, zero], [ends[0], ends[1], np.zeros(3)])
    np.testing.assert_array_equal(up + down, ends[0] + ends[1])
    assert patterns.patterns(ends, 0, np.random.default_rng(1))["random"].shape == (0, 3)


def test_inputs_that_are_no_fixed_point_numbers_are_refused(tmp_path: Path) -> None:
    projects.theirs(tmp_path / "project")
    design = Design.read(tmp_path / "project")
    for type_ in ("float", "fixed<64,4>"):
        with pytest.raises(
            InputError, match=f'expected inputs of a fixed-point type of up to 53 bits, got "x" of {type_}'
        ):
            patterns.input_types(design, (Tensor("x", 3, type_),))


def test_samples_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    projects.theirs(tmp_path / "project")
    with pytest.raises(InputError, match="expected at most 134,217,728 values, got 10,000,000 samples of 64"):
        stress.run(Design.read(tmp_path / "project"), None, samples=10_000_000)


@pytest.mark.parametrize("case", [DENSE, CONV], ids=lambda case: case.name)
def test_the_search_by_slopes_reaches_the_bounds_of_the_first_layer(case: cases.Case, tmp_path: Path) -> None:
    project = projects.ours(case, tmp_path / "project")
    rng = np.random.default_rng(1)
    start = rng.uniform(-4, 4, (20, *case.shape))
    found = adversary.by_slopes(project.layers, start, rng)
    assert project.layers[0].input_type.holds(found)
    outputs = Emulator(project.layers).predict_layers(found)
    bounds = analyse(project.layers)["first"].output
    axes = tuple(range(outputs["first"].ndim - 1))
    np.testing.assert_array_equal(outputs["first"].max(axis=axes), bounds.high.max(axis=axes[:-1]))
    np.testing.assert_array_equal(outputs["first"].min(axis=axes), bounds.low.min(axis=axes[:-1]))
    # deeper it beats many random inputs by far
    random = Emulator(project.layers).predict_layers(rng.uniform(-4, 4, (5000, *case.shape)))["last"]
    assert outputs["last"].max() > 1.2 * random.max()
    assert outputs["last"].min() < 1.2 * random.min()


@pytest.mark.parametrize("groups", [1024, 7])
def test_the_search_by_differences_reaches_the_bounds_of_sums(groups: int, monkeypatch) -> None:
    monkeypatch.setattr(adversary, "GROUPS", groups)
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 1, (20, 3))
    low, high = np.full(20, -1.0), np.linspace(0.5, 2, 20)
    tried = []

    def layers_of(x: np.ndarray) -> dict[str, np.ndarray]:
        tried.append(len(x))
        assert (x >= low).all()
        assert (x <= high).all()
        return {"sum": x @ weights, "relu": np.maximum(x @ weights, 0)}

    found = adversary.by_differences(layers_of, low, high, rng.uniform(low, high, (10, 20)), 400, rng)
    assert sum(tried) < 600
    most = np.maximum(weights.T * low, weights.T * high).sum(axis=1)
    reached = (found @ weights).max(axis=0)
    if groups < 20:  # inputs are changed several at a time
        assert (reached > 0.6 * most).all()
    else:
        np.testing.assert_allclose(reached, most)
