"""The benchmark's helpers: margins of intervals, factors of logic synthesis, and what others predict."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fpga_flow.errors import ToolError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate.elementwise import Move
from fpga_flow.resources.estimate.formula import Target
from fpga_flow.resources.estimate.layers import matrix_of
from fpga_flow.resources.report import ResourceReport

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hls() -> Iterator[SimpleNamespace]:
    """The modules of the benchmark, which are no part of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        names = ("errors", "margins", "synthesis", "rivals", "read", "plots")
        yield SimpleNamespace(**{name: importlib.import_module(f"hls_reports.{name}") for name in names})


def number(hls: SimpleNamespace, source: str, log: float, **changes: Any) -> Any:
    """A number whose estimate has an error of about `log`."""
    fields = {"kind": "conv2d", "name": "lut", "tool": "Vitis HLS", "source": source}
    return hls.errors.Estimated(**{**fields, "reported": 10050 * math.exp(log) - 50, "estimated": 10000, **changes})


# ---------------------------------------------------------------------------------------------------------- margins


def test_each_source_counts_the_same_in_a_quantile_and_one_more_is_the_worst(hls: SimpleNamespace) -> None:
    errors = [("many", 0.1)] * 98 + [(str(place), -0.2 * place) for place in range(1, 5)]
    assert hls.margins.quantile(errors) == 0.8  # five sources of six are 83 %, and four would be 67 %
    assert hls.margins.quantile([*errors, *((f"more{place}", 0.0) for place in range(4))]) == pytest.approx(0.6)
    assert hls.margins.quantile(errors[:1]) == 0.1  # of too few, the largest


def test_kinds_of_few_sources_get_the_margin_of_all_and_their_largest_error(hls: SimpleNamespace) -> None:
    many = [number(hls, str(place), 0.1 * place) for place in range(10)]
    few = [number(hls, "0", 0.3, kind="pool"), number(hls, "1", -2.0, kind="softmax")]
    project = number(hls, "0", 5.0, kind="project, io_stream")
    margins = hls.margins.margins([*many, *few, project])
    assert margins["conv2d"]["lut"] == pytest.approx(0.8)  # nine of ten sources, and one to come
    assert margins["pool"]["lut"] == pytest.approx(0.9)  # as half of what source 1 has is further off
    assert margins["softmax"]["lut"] == pytest.approx(2.0)
    assert hls.margins.unseen(margins) == {"lut": pytest.approx(5.0)}


def test_eight_of_ten_numbers_of_a_new_source_are_inside(hls: SimpleNamespace) -> None:
    generator = np.random.default_rng(0)
    inside = []
    for _ in range(60):
        found = [[number(hls, str(s), log) for log in 0.3 * generator.normal() + generator.normal(0, 0.2, 4)]
                 for s in range(9)]  # fmt: skip
        case = hls.margins.Case(found[0], [each for source in found[1:] for each in source])
        inside += [each.inside for each in hls.margins.covered([case])]
    assert 0.8 <= np.mean(inside) <= 0.95


def test_a_source_has_no_part_in_its_own_interval(hls: SimpleNamespace) -> None:
    others = [number(hls, str(place), 0.1) for place in range(5)]
    for own in ([number(hls, "own", 3.0)], [number(hls, "own", 0.05)]):
        (covered,) = hls.margins.covered([hls.margins.Case(own, others)])
        assert covered.margin == pytest.approx(0.1)
        assert covered.inside is (own[0].log < 0.1)


def test_reports_with_other_weights_than_published_make_no_margins(hls: SimpleNamespace) -> None:
    target = Target("io_parallel", 5.0)
    part = Move(4, 1)
    row = {"weights_check": "ok"}
    report = hls.read.LayerReport("activation", "a", {}, part, target, row)
    project = hls.read.ProjectReport("project, io_parallel", "a", {}, (report,), (), target, row)
    for each in (report, project):
        assert number(hls, "a", 0.0, report=each).is_sound
    doubtful = replace(report, sound=False)
    for each in (doubtful, replace(project, layers=(report, doubtful))):
        assert not number(hls, "a", 0.0, report=each).is_sound
        assert hls.margins.sound([number(hls, "a", 0.0, report=each)]) == []


# -------------------------------------------------------------------------------------------------- logic synthesis


def pair(hls: SimpleNamespace, source: str, ratio: float, name: str = "lut", **row: str) -> Any:
    row = {"tool": "Vitis HLS", "io_type": "io_stream", "strategy": "latency:3", **row}
    floor = 50 if name in ("lut", "ff") else 1
    return hls.synthesis.Pair(name, source, 10000, ratio * (10000 + floor) - floor, row)


def all_names(hls: SimpleNamespace, source: str, ratio: float, **row: str) -> list[Any]:
    return [pair(hls, source, ratio, name, **row) for name in hls.synthesis.COLUMNS]


def test_a_factor_is_the_median_of_the_sources_medians(hls: SimpleNamespace) -> None:
    found = [*all_names(hls, "a", 0.4), *all_names(hls, "a", 0.4), *all_names(hls, "b", 0.5), *all_names(hls, "c", 0.9)]
    assert hls.synthesis.factors(found) == pytest.approx(dict.fromkeys(hls.synthesis.COLUMNS, 0.5))
    of_b = [each for each in hls.synthesis.estimated(found) if each.source == "b"]
    assert of_b[0].estimated == pytest.approx(10000 * math.sqrt(0.4 * 0.9))


def test_factors_by_what_matters_are_nearer(hls: SimpleNamespace) -> None:
    found = [each for place in range(8) for each in all_names(
        hls, str(place), 0.3 if place % 2 else 0.6, io_type=("io_stream", "io_parallel")[place % 2])]  # fmt: skip
    for errors in hls.synthesis.choices(found).values():
        assert errors["io type"] < errors["none"]
        assert errors["tool"] == pytest.approx(errors["strategy"])


# ----------------------------------------------------------------------------------------------------------- rivals


def dense(hls: SimpleNamespace, place: int, n_in: int, n_out: int, **changes: Any) -> Any:
    """A dense layer's report: all that the rivals look at."""
    data, weight = FixedPoint(8, 2), FixedPoint(6, 1)
    layer = HlsLayer("fc", "dense", "", (), (n_in,), (n_out,), data, data, weight_type=weight, accum_type=data,
                     weights=np.ones((n_in, n_out), np.int64), strategy="latency")  # fmt: skip
    sizes = {"n_in": str(n_in), "n_out": str(n_out), "in_t": "ap_fixed<8,2>", "weight_t": "ap_fixed<6,1>"}
    row = {**sizes, "kind": "dense", "odd_bits_q": "100", "config": f"config{place}",
           "reuse_factor": "1", "tool_version": "2019.2.1"}  # fmt: skip
    target = Target("io_parallel", 5.0, "Vivado HLS", part="xcu250-figd2104-2L-e")
    return hls.read.LayerReport("matrix, latency", "a", {}, matrix_of(layer), target, {**row, **changes})


def relu(hls: SimpleNamespace, place: int, n_in: int) -> Any:
    report = dense(hls, place, n_in, n_in)
    row = {**report.row, "kind": "relu", "config": f"relu_config{place}", "n_out": ""}
    return replace(report, kind="activation", part=Move(n_in, 1), row=row)


def network(hls: SimpleNamespace) -> Any:
    layers = (dense(hls, 5, 16, 4, weight_t="ap_fixed<9,-1>"), dense(hls, 2, 8, 16), relu(hls, 4, 16))
    return hls.read.ProjectReport("project, io_parallel", "a", {}, layers, (), layers[0].target, {})


def test_effective_bit_operations_are_bits_times_bits(hls: SimpleNamespace) -> None:
    assert hls.rivals.ebops(network(hls)) == 2 * 8 * 100
    streamed = replace(network(hls), target=Target("io_stream", 5.0))
    assert hls.rivals.ebops(streamed) is None
    lut = number(hls, "a", 0.0, reported=900, estimated=1000, report=network(hls))
    dsp = replace(lut, name="dsp", reported=10, estimated=9)
    (ours,), (rule,) = hls.rivals.by_ebops([lut, dsp])
    assert (ours.reported, ours.estimated, rule.estimated) == (900 + 550, 1000 + 495, 1600)


def test_a_scaled_rule_has_not_seen_the_source(hls: SimpleNamespace) -> None:
    ratios = {"a": 2, "b": 4, "c": 8}
    found = [number(hls, source, 0.0, reported=100 * ratio, estimated=100) for source, ratio in ratios.items()]
    scaled = {each.source: each.estimated for each in hls.rivals.scaled(found)}
    assert scaled == pytest.approx({"a": 100 * math.sqrt(32), "b": 400, "c": 100 * math.sqrt(8)})


def test_a_network_is_described_in_its_order(hls: SimpleNamespace) -> None:
    assert hls.rivals._network(network(hls), "weight_t") == {
        "inputs": 8, "layers": [["dense", 16], ["relu", 16], ["dense", 4]], "precision": "ap_fixed<9, 0>",
        "board": "alveo-u250", "strategy": "latency", "reuse_factor": 1, "hls4ml": "0.8.1", "vivado": "2019.2",
    }  # fmt: skip


def fake_python(tmp_path: Path, body: str) -> str:
    """A program that is called as a Python with rule4ml would be."""
    file = tmp_path / "python"
    file.write_text(f"#!{sys.executable}\nimport json, sys\nasked = json.load(sys.stdin)\n{body}\n")
    file.chmod(0o755)
    return str(file)


def test_rule4ml_is_asked_once_for_each_network_and_precision(hls: SimpleNamespace, tmp_path: Path) -> None:
    log = tmp_path / "asked.jsonl"
    body = (
        f"open({str(log)!r}, 'a').write(json.dumps(asked) + '\\n')\n"
        "bits = [int(each['precision'][9]) for each in asked]\n"
        "print(json.dumps([{'lut': 100 * each, 'dsp': each} for each in bits]))"
    )
    rule4ml = hls.rivals.Rule4ml(fake_python(tmp_path, body))
    lut = number(hls, "a", 0.0, reported=910, report=network(hls))
    made = rule4ml.estimated([lut, replace(lut, name="dsp", reported=9), replace(lut, report=network(hls))])
    assert [each.estimated for each in made] == [900, 9, 900]  # by the weights' 9 bits, nearer than the data's 8
    (asked,) = map(json.loads, log.read_text().splitlines())
    assert [each["precision"] for each in asked] == ["ap_fixed<8, 2>", "ap_fixed<9, 0>"]


def test_rule4ml_that_fails_says_so(hls: SimpleNamespace, tmp_path: Path) -> None:
    lut = number(hls, "a", 0.0, report=network(hls))
    with pytest.raises(ToolError, match=r"(?s)rule4ml_predict.py failed:.*no rule4ml here"):
        hls.rivals.Rule4ml(fake_python(tmp_path, "sys.exit('no rule4ml here')")).estimated([lut])
    with pytest.raises(ToolError, match=r"expected a Python with rule4ml, can't run .*: No such file or directory"):
        hls.rivals.Rule4ml(str(tmp_path / "none")).estimated([lut])


# ------------------------------------------------------------------------------------------------------------- plots


def test_the_page_of_scatters_has_every_number_and_a_table(hls: SimpleNamespace) -> None:
    covered = [hls.margins.Covered(number(hls, source, log), 9000, 11000, 0.1) for source, log in (("a", 0), ("b", 2))]
    other = [hls.margins.Covered(number(hls, "a", 0, name="dsp", reported=0), 0, 3, 1.0)]
    found = {of: [*covered, *other] for of in hls.plots.TITLES}
    report = ResourceReport("estimate", "Vitis HLS", "", "", 10, 20, 3, 4, 0, 6, 1, 5.0, stage="csynth")
    page = hls.plots.page(found, [(4, (report, replace(report, stage="post-synthesis")))])
    assert page.count('class="plot"') == 2 * len(hls.plots.TITLES) + 2
    for title in ("LUT: whole projects, csynth", "DSP: layers and other parts, csynth", "post-synthesis"):
        assert title in page
    assert '<th scope="row">conv2d</th><td class="n">2</td><td class="n">2</td><td class="n">43.3 %</td>' in page
    assert '<th scope="row">4</th><td class="n">10</td><td class="n">20</td>' in page
