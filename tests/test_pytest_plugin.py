"""The pytest plugin: `*.csim.yaml` files as tests, run by pytest itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden import suite
from fpga_flow.errors import InputError
from tests import stock_hls4ml
from tests.conftest import ROOT

pytest_plugins = ["pytester"]

#: Where the package was installed before it had the plugin, pytest has to be told.
INSTALLED = any(point.name == "fpga_flow" for point in metadata.entry_points(group="pytest11"))
SPEC = """
name: little
data: {name: digits, scale: 16, split: {validation: 0.2, test: 0.25}}
network: {family: mlp, hidden: [4]}
training: {epochs: 1}
compress: [quantize: {epochs: 1}]
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>", bias: "fixed<8,2>", activation: "ufixed<7,3>"}
hls: {board: zcu104}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("theirs") / "net"
    stock_hls4ml.write(stock_hls4ml.two_inputs_and_outputs(), folder)
    return folder


@pytest.fixture
def repository(pytester, made) -> pytest.Pytester:
    """A user's repository with a project, and a test for it."""
    pytester.mkdir("tests")
    (pytester.path / "net").symlink_to(made)  # nothing is written there
    (pytester.path / "tests" / "net.csim.yaml").write_text("project: ../net\ngolden: golden/typical\n")
    return pytester


def run(pytester: pytest.Pytester, *options: str, alone: bool = False) -> pytest.RunResult:
    """What pytest says, run in this process or, which takes longer, in its own."""
    plugin = () if INSTALLED else ("-p", "fpga_flow.pytest_plugin")
    importlib.import_module("fpga_flow.csim.command")  # else each run in this process would import it anew
    return (pytester.runpytest_subprocess if alone else pytester.runpytest_inprocess)(*plugin, *options)


def damage(file: Path) -> None:
    """Change an output of a record."""
    record = golden_file.load(file)
    record.outputs[0].values[2, 1] += 1.0
    golden_file.save(record, file)


def test_the_package_brings_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"fpga_flow": "fpga_flow.pytest_plugin"}


def test_pytest_starts_without_what_is_heavy():
    code = (
        "import sys, fpga_flow.pytest_plugin\n"
        "print([name for name in ('tensorflow', 'numpy', 'pydantic', 'yaml') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "[]\n"


def test_made_checked_failed_and_written_anew(repository):
    record = repository.path / "tests" / "golden" / "typical.npz"
    missing = run(repository, alone=True)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines([
        f"{record}: expected a golden record (made by fpga-flow csim --record), got no such file",
    ])  # fmt: skip

    made = run(repository, "--csim-update", alone=True)
    made.assert_outcomes(passed=1)
    made.stdout.fnmatch_lines(["*golden records written*", f"{record}: recorded 1,000 samples (random *"])
    run(repository).assert_outcomes(passed=1)

    damage(record)
    failed = run(repository, "--junit-xml=results.xml", "-rf", alone=True)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines([
        f"{record}: FAILED: 1 of 1,000 samples and 1 of 5,000 outputs differ, by up to 1",
        '  output "layer9_out": sample 2, output 1: expected * (* in fixed<*>), got * (* in fixed<*>)',
        "  this sample alone: *fpga_flow_mismatch/net.csim.yaml-typical/sample.npz and *reproduce.cpp",
    ])  # fmt: skip
    failed.stdout.no_fnmatch_line("*Traceback*")
    failed.stdout.no_fnmatch_line("*pytest_plugin.py*")
    case = ElementTree.parse(repository.path / "results.xml").getroot()[0][0]
    assert case.get("name") == "typical"
    assert "1 of 1,000 samples and 1 of 5,000 outputs differ" in case[0].text

    updated = run(repository, "--csim-update")
    updated.assert_outcomes(passed=1)
    updated.stdout.fnmatch_lines([f"{record}: updated: 1 of 1,000 samples and 1 of 5,000 outputs differ, by up to 1"])
    run(repository).assert_outcomes(passed=1)


def test_several_records_headers_and_tolerances(repository):
    file = repository.path / "tests" / "net.csim.yaml"
    file.write_text("project: ../net\ngolden: [a, b.npz]\nstock_headers: true\n")
    run(repository, "--csim-update").assert_outcomes(passed=2)
    assert golden_file.load(file.parent / "a.npz").headers == "bundled"
    damage(file.parent / "b.npz")
    run(repository).assert_outcomes(passed=1, failed=1)
    for tolerance, passed in (("{layer9_out: 1.0}", 2), ("{layer11_out: 1.0}", 1), ("0.9", 1)):
        file.write_text(f"project: ../net\ngolden: [a, b.npz]\ntolerance: {tolerance}\n")
        run(repository).assert_outcomes(passed=passed, failed=2 - passed)


def test_a_tool_that_fails_is_told_by_its_message(repository, monkeypatch):
    run(repository, "--csim-update").assert_outcomes(passed=1)
    monkeypatch.setenv("CXX", "no-such-compiler")
    result = run(repository)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['expected a C++ compiler for the C simulation, but found no "no-such-compiler"*'])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_without_pytest_s_cache(repository):
    run(repository, "--csim-update", "-p", "no:cacheprovider").assert_outcomes(passed=1)
    damage(repository.path / "tests" / "golden" / "typical.npz")
    failed = run(repository, "-p", "no:cacheprovider")
    failed.assert_outcomes(failed=1)
    failed.stdout.no_fnmatch_line("*this sample alone*")


def test_a_wrong_file_is_an_error_of_collection(repository):
    (repository.path / "tests" / "net.csim.yaml").write_text("projct: net\ngolden: x\n")
    result = run(repository)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*net.csim.yaml:1:1: projct: unknown key "projct": did you mean "project"[?]'])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.slow
def test_a_spec_is_run_and_its_project_checked(pytester):
    pytester.makefile(".yaml", little=SPEC)
    (pytester.path / "little.csim.yaml").write_text("spec: little.yaml\ngolden: little\n")
    run(pytester, "--csim-update").assert_outcomes(passed=1)
    run(pytester).assert_outcomes(passed=1)
    record = golden_file.load(pytester.path / "little.npz")
    assert record.top == "little"
    assert len(record) == 100


def errors_of(folder: Path, text: str) -> list[str]:
    file = folder / "x.csim.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        suite.read(file)
    return str(error.value).replace(f"{file}:", "").split("\n")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["1:1: expected a mapping with the keys of a test, got nothing"]),
        ("- a\n", ["1:1: expected a mapping with the keys of a test, got a list"]),
        ("golden: a\n", ['1:1: expected either "project" or "spec", got neither']),
        ("golden: a\nspec: b\nproject: c\n", ['1:1: expected either "project" or "spec", got both']),
        ("project: a\n", ["1:1: golden: the key is missing"]),
        ("project: a\ngolden: 3\n", ["2:1: golden: expected text or a list, got 3"]),
        ("project: a\ngolden: [b, 3]\n", ["2:13: golden[1]: expected text, got 3"]),
        ("project: 1\ngolden: a\n", ["1:1: project: expected text, got 1"]),
        ("project: a\ngolden: b\ntolerance: {out: -1}\n", ["3:13: tolerance.out: expected at least 0, got -1"]),
        ("project: a\ngolden: b\ntolerance: small\n", ['3:1: tolerance: expected a number or a mapping, got "small"']),
        ("project: a\ngolden: b\nstock_headers: yes\n", ['3:1: stock_headers: expected true or false, got "yes"']),
        (
            "project: a\ngolden: b\ngolden: c\nsampels: 3\n",
            ["3:1: golden: the key is there twice, first in line 2",
             '4:1: sampels: unknown key "sampels": known are golden, project, spec, stock_headers, tolerance'],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(tmp_path, text, messages):
    assert errors_of(tmp_path, text) == messages


def test_paths_are_relative_to_the_file(tmp_path):
    file = tmp_path / "x.csim.yaml"
    file.write_text("project: net\ngolden: [a, /b.npz]\n")
    assert suite.read(file).records == (tmp_path / "a", Path("/b.npz"))
    with pytest.raises(InputError, match=f"{tmp_path / 'net'}: expected the folder of an HLS project"):
        suite.read(file).design(tmp_path)
    assert np.isclose(suite.read(file).content.tolerance, 0)
