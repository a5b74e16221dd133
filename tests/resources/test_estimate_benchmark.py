"""The benchmark of the resource estimate: its error on published reports, and the file that it writes."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fpga_flow.resources.estimate.calibration import FACTOR_MARGINS, FACTORS, MARGINS, UNSEEN
from fpga_flow.resources.estimate.constants import CONSTANTS

ROOT = Path(__file__).resolve().parents[2]
TRUTH = Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """The benchmark script, which is no part of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        yield importlib.import_module("resource_estimate")


needs_truth = pytest.mark.skipif(not (TRUTH / "layers.csv").is_file(), reason=f"no published reports in {TRUTH}")


@pytest.fixture(scope="module")
def errors(benchmark: ModuleType) -> dict[tuple[str, str], float]:
    """Median error in percent by kind and resource, each source left out in turn."""
    figures = benchmark.compare(benchmark.LeftOut(*benchmark.load(TRUTH)), quick=False)
    return {(f["kind"], f["resource"]): f["leave_one_source_out"] for f in figures if f["tool"] == "all"}


@needs_truth
@pytest.mark.parametrize(
    ("kind", "resource", "percent"),
    [
        ("matrix, latency", "dsp", 1),
        ("matrix, latency", "lut", 10),
        ("matrix, latency", "ff", 15),
        ("matrix, latency", "latency", 10),
        ("matrix, resource", "dsp", 1),
        ("matrix, resource", "bram18", 1),
        ("matrix, resource", "latency", 10),
        ("matrix, resource", "lut", 30),
        ("matrix, resource", "ff", 25),
        ("conv2d", "dsp", 1),
        ("conv2d", "bram18", 1),
        ("conv2d", "lut", 35),
        ("pool", "latency", 5),
        ("pool", "lut", 20),
        ("project, io_parallel", "lut", 15),
        ("project, io_parallel", "dsp", 5),
        ("project, io_parallel", "bram18", 5),
        ("project, io_parallel", "ff", 20),
        ("project, io_parallel", "latency", 15),
        ("project, io_stream", "lut", 30),
        ("project, io_stream", "dsp", 20),
        ("project, io_stream", "bram18", 25),
        ("project, io_stream", "ff", 25),
    ],
)
def test_error_on_published_reports(
    errors: dict[tuple[str, str], float], kind: str, resource: str, percent: float
) -> None:
    assert errors[kind, resource] <= percent


@needs_truth
def test_constants_are_those_of_the_fit(benchmark: ModuleType) -> None:
    fit = benchmark.refit(*benchmark.load(TRUTH))
    for name, constants in CONSTANTS.items():
        assert fit[name] == pytest.approx(constants, rel=0.02, abs=1e-2), name


def test_missing_reports_are_an_error(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["--truth", str(tmp_path)]) == 2
    assert "expected layers.csv and projects.csv" in capsys.readouterr().err


def test_options_that_would_be_ignored_are_an_error(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        benchmark.main(["--quick", "--plot", str(tmp_path / "plot.html")])
    assert "--quick leaves out what --plot and --rule4ml are for" in capsys.readouterr().err


@needs_truth
def test_json_has_the_keys_of_every_benchmark(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "resource_estimate.json"
    assert benchmark.main(["--truth", str(TRUTH), "--quick", "--json", str(file)]) == 0
    assert "in-sample" in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert list(document) == ["name", "figures", "versions", "commit", "date", "bars"]
    assert (document["name"], document["bars"]) == ("resource_estimate", [])
    assert {each["leave_one_source_out"] for each in document["figures"]["errors"]} == {None}


@pytest.mark.slow
@needs_truth
def test_the_whole_benchmark(benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plot = tmp_path / "resource_estimate.json", tmp_path / "plot.html"
    assert benchmark.main(["--truth", str(TRUTH), "--json", str(file), "--plot", str(plot)]) == 0
    assert "True numbers inside of 80 % intervals" in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert len(document["bars"]) == sum(map(len, benchmark.comparison.BARS.values())) + 10
    for bar in document["bars"]:
        assert [type(bar[key]) for key in ("name", "value", "bar", "met")] == [str, float, float, bool]
        assert bar["met"] == (bar["value"] >= bar["bar"] if "inside" in bar["name"] else bar["value"] <= bar["bar"])
        assert bar["met"] or "inside" not in bar["name"], bar
    ours = {(each["group"], each["number"]): each for each in document["figures"]["comparison"]}
    rule = ours["dense layers, latency", "lut + 55 dsp"]
    assert rule["ours"] < min(rule["ebops"], rule["ebops_scaled"])
    assert "LUT: whole projects, csynth" in plot.read_text(encoding="utf-8")


@pytest.mark.slow
@needs_truth
def test_margins_are_those_of_the_calibration(benchmark: ModuleType) -> None:
    made: dict[str, Any] = {}
    exec(benchmark.calibration.text(benchmark.LeftOut(*benchmark.load(TRUTH)), TRUTH), made)
    for kind, margins in made["MARGINS"].items():
        assert MARGINS[kind] == pytest.approx(margins, rel=0.02, abs=0.01), kind
    assert set(made["MARGINS"]) == set(MARGINS)
    for name, expected in (("UNSEEN", UNSEEN), ("FACTORS", FACTORS), ("FACTOR_MARGINS", FACTOR_MARGINS)):
        assert made[name] == pytest.approx(expected, rel=0.02, abs=0.01), name


@needs_truth
def test_factors_are_those_of_the_reports(benchmark: ModuleType) -> None:
    pairs = benchmark.synthesis.pairs(TRUTH)
    assert benchmark.synthesis.factors(pairs) == pytest.approx(FACTORS, rel=0.01)
