"""The benchmark of the resource estimate: its error on published reports, and the file that it writes."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

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
    figures = benchmark.compare(TRUTH, quick=False)
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


@needs_truth
def test_json_has_the_keys_of_every_benchmark(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "resource_estimate.json"
    assert benchmark.main(["--truth", str(TRUTH), "--json", str(file)]) == 0
    assert "LOSO" in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert list(document) == ["name", "figures", "versions", "commit", "date", "bars"]
    assert document["name"] == "resource_estimate"
    assert len(document["bars"]) == len(benchmark.BARS)
    for bar in document["bars"]:
        assert [type(bar[key]) for key in ("name", "value", "bar", "met")] == [str, float, float, bool]
        assert bar["met"] == (bar["value"] <= bar["bar"])
