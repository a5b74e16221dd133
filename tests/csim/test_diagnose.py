"""`fpga-flow csim --trace` and `--stress`, and several projects at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fpga_flow.csim.golden import file as golden_file
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.project import HlsProject
from tests import stock_hls4ml
from tests.csim import projects
from tests.csim.test_stress import DENSE


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> HlsProject:
    return projects.ours(DENSE, tmp_path_factory.mktemp("diagnose") / "project")


@pytest.fixture
def project(made, tmp_path, monkeypatch) -> HlsProject:
    """A copy of the project, beside which the tests work."""
    monkeypatch.chdir(tmp_path)
    return HlsProject.load(Path(shutil.copytree(made.folder, "project")))


def narrowed(project: HlsProject, layer: str) -> FixedPoint:
    """Plant an accumulator with three bits less than it needs; its type."""
    wide = next(each.accum_type for each in project.layers if each.name == layer)
    narrow = FixedPoint(wide.width - 3, wide.integer - 3)
    projects.retype(project.folder, f"{layer}_accum_t", narrow)
    return narrow


def test_a_trace_of_an_exact_project(project, cli):
    code, out, err = cli("project", "--trace")
    assert (code, err) == (0, "")
    head, columns, *rows, rest = out.splitlines()
    assert head.endswith(" samples (tb_data/tb_input_features.dat): every layer is that of the emulator, bit for bit")
    assert columns.split()[:4] == ["layer", "kind", "type", "exact"]
    assert [row.split()[0] for row in rows] == ["first", "relu", "last"]
    assert all(row.split()[3] == "yes" for row in rows)
    assert rest.startswith("conversions into ")


def test_a_trace_names_the_first_layer_that_differs_and_counts_what_wrapped(project, cli):
    type_ = narrowed(project, "last")
    code, _, err = cli("project", "--trace", "--samples", 300)
    assert code == 1
    assert 'the first layer that is not that of the emulator is "last"' in err
    row = next(line.split() for line in err.splitlines() if line.startswith("last") and str(type_) in line)
    assert row[1] == "conversion"
    code, out, _ = cli("project", "--trace", "--samples", 300, "--json")
    (found,) = json.loads(out)
    wrapped = {(each["name"], each["type"]): each["wrapped"] for each in found["layers"]}
    assert code == 1
    assert found["first_difference"] == "last"
    assert wrapped["last", str(type_)] > 0
    assert not any(count for (name, _), count in wrapped.items() if name != "last")


def test_a_trace_against_a_golden_record(project, cli):
    assert cli("project", "--record", "x")[0] == 0
    code, out, _ = cli("project", "--trace", "--check", "x")
    assert code == 0
    assert "every layer is that of the record, bit for bit" in out
    narrowed(project, "first")
    code, _, err = cli("project", "--trace", "--check", "x")
    assert code == 1
    assert 'the first layer that is not that of the record is "first"' in err


def test_stress_finds_what_is_planted_and_records_the_inputs(project, cli):
    code, out, err = cli("project", "--stress", "--samples", 50)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith(": nothing overflows")
    type_ = narrowed(project, "last")
    code, _, err = cli("project", "--stress", "--samples", 50, "--record", "golden/worst")
    assert code == 1
    assert "values overflow" in err
    assert f'layer "last": of values that became {type_} ' in err
    assert "wrapped around" in err
    assert "recorded in golden/worst.npz" in err
    worst = golden_file.load(Path("golden/worst.npz"))
    assert 0 < len(worst) < 50
    projects.retype(project.folder, "last_accum_t", next(x.accum_type for x in project.layers if x.name == "last"))
    code, _, err = cli("project", "--check", "golden/worst")  # the mended project is not what was recorded
    assert code == 1
    assert 'the first layer that differs is "last"' in err


def test_stress_that_finds_nothing_records_the_inputs_that_it_chose(project, cli):
    code, out, _ = cli("project", "--stress", "--samples", 20, "--record", "x")
    assert code == 0
    assert "recorded in x.npz" in out
    assert len(golden_file.load(Path("x.npz"))) > 60  # each input alone, at both of its ends, and more
    assert cli("project", "--check", "x")[0] == 0


def test_several_projects_are_simulated_and_the_wrong_one_is_named(project, cli, tmp_path):
    other = Path(shutil.copytree("project", "other"))
    narrowed(HlsProject.load(other), "first")
    stock_hls4ml.write(stock_hls4ml.two_inputs_and_outputs(), tmp_path / "theirs")
    code, out, err = cli("project", "other", "theirs", "--junit", "r.xml")
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines()] == ["project", "theirs"]
    assert err.startswith("error: other: ")
    assert Path("r.xml").read_text().count("<testcase ") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trace", "--stress"], "--stress: expected one of --trace and --stress, got both (--stress traces, too)"),
        (["--trace", "--record", "x"], "--record: expected no such option with --trace, where it means nothing"),
        (["--stress", "--check", "x"], "--check: expected no such option with --stress, where it means nothing"),
        (["--stress", "--inputs", "x"], "--inputs: expected no such option with --stress, where it means nothing"),
        (["--trace", "--tolerance", "1"], "--tolerance: expected no such option with --trace, where it means nothing"),
        (["other", "--record", "x"], "PROJECT: expected a single project for golden records, got 2"),
    ],
)
def test_options_that_mean_nothing_together(project, cli, arguments, message):
    assert cli("project", *arguments) == (2, "", f"error: {message}\n")


def test_what_is_wrong_with_any_project_is_said_at_once(project, cli):
    code, _, err = cli("project", "no", "neither")
    assert code == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["errors", "neither", "no"]


def test_inputs_that_are_no_samples_of_the_project(project, cli):
    np.save("x.npy", np.full((2, 64), np.nan))
    code, _, err = cli("project", "--trace", "--inputs", "x.npy")
    assert code == 2
    assert "x.npy" in err
