"""Running the vendor's tools, with small scripts in their place."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import filelock
import pytest

from fpga_flow.errors import CheckFailed, InputError, ToolError
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources import build as builds
from fpga_flow.resources import tools
from fpga_flow.resources.vendor import project as reports
from tests.conftest import ROOT

from .conftest import REPORTS, project_of

SYN, SIM = "net_prj/solution1/syn", "net_prj/solution1/sim"
#: A fake that succeeds: it leaves the reports of the steps that its options ask for.
SUCCEED = (ROOT / "tests" / "stand_ins" / "vendor_tool").read_text(encoding="utf-8")


#: hls4ml's scripts are run in a real Tcl, with the tool's own commands replaced by ones that print their name.
STEP_COMMANDS = ("csim_design", "csynth_design", "cosim_design", "export_design")
COMMANDS = (
    "open_project", "set_top", "add_files", "open_solution", "config_array_partition", "config_compile", "set_part",
    "config_schedule", "create_clock", "set_clock_uncertainty", *STEP_COMMANDS,
)  # fmt: skip
FAKE_COMMANDS = "".join(f'proc {name} args {{ puts "CALL {name} $args" }}\n' for name in COMMANDS)
PROJECT_TCL = (
    'variable project_name\nset project_name "net"\nset backend "vitis"\nset part "p"\nset clock_period 5\n'
    "set clock_uncertainty 27%\nset version 1.0.0\nset maximum_size 4096\n"
)


def tclsh_and_templates() -> tuple[str, Path]:
    """A Tcl and hls4ml's templates; skips the test without them."""
    tcl = next((str(path) for path in (Path("/usr/bin/tclsh"), Path("/usr/local/bin/tclsh")) if path.is_file()), None)
    templates = next(
        (Path(each) / "hls4ml" / "templates" for each in sys.path if (Path(each) / "hls4ml").is_dir()), None
    )
    if tcl is None or templates is None:
        pytest.skip("no tclsh, or no hls4ml")
    return tcl, templates


class Vendor:
    """Fake tools, alone on the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("STAND_IN_REPORTS", str(REPORTS))
        for name in (tools.HLS_VARIABLE, tools.VIVADO_HLS_VARIABLE, tools.VIVADO_VARIABLE):
            monkeypatch.delenv(name, raising=False)

    def add(self, name: str, program: str) -> Path:
        """Put a Python program on the PATH."""
        path = self.folder / name
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)
        return path


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    return Vendor(tmp_path / "bin", monkeypatch)


def generated(project: HlsProject) -> dict[str, bytes]:
    """The files that were generated, all in the project's folder itself."""
    names = ("build_opt.tcl", "build_prj.tcl", "project.tcl", "vivado_synth.tcl", "project.json", "weights.npz")
    return {name: (project.folder / name).read_bytes() for name in names}


def build(project: HlsProject, steps: str = "synth", **options: Any) -> None:
    builds.build(project, builds.parse_steps(steps), **options)


def failure(project: HlsProject, steps: str = "synth", **options: Any) -> str:
    """The message of a build that a tool fails in; nothing that was generated may have changed."""
    before = generated(project)
    with pytest.raises(ToolError) as error:
        build(project, steps, **options)
    assert error.value.exit_code == 3
    assert generated(project) == before
    return str(error.value)


# ------------------------------------------------------------------------------------------------------- it works


def test_all_steps(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED)
    vendor.add("vivado", SUCCEED)
    before = generated(project)
    told: list[tuple[str, str]] = []

    class Watch(builds.Ui):
        def start(self, step: builds.Step, log_file: Path) -> None:
            told.append(("start", step.name))

        def lines(self, texts: Any) -> None:
            told.append(("line", texts[-1]))

        def done(self, step: builds.Step, log_file: Path, seconds: float) -> None:
            assert (log_file, seconds > 0) == (project.folder / "logs" / f"{step.name}.log", True)
            told.append(("done", step.name))

    build(project, "vsynth, synth,csim,cosim,export", ui=Watch())
    names = ["csim", "synth", "cosim", "export", "vsynth"]
    assert [each for each in told if each[0] != "line"] == [
        (what, name) for name in names for what in ("start", "done")
    ]
    # how often a step tells of its lines depends on how long it takes; the last time is of the last line
    last = [text for (what, text), (following, _) in pairwise(told) if (what, following) == ("line", "done")]
    assert last == [f"asked for {name}" for name in names]
    for name in names:
        said = (project.folder / "logs" / f"{name}.log").read_text()
        assert f"asked for {name}\n" in said
        arguments = (
            "-mode batch -nojournal -nolog -source vivado_synth.tcl" if name == "vsynth" else "--mode hls --tcl /"
        )
        assert f"INFO: [HLS 200-10] Running {arguments}" in said
        assert said.startswith(f"{vendor.folder}/{'vivado' if name == 'vsynth' else 'vitis-run'} ")
    assert generated(project) == before


def test_the_older_tool(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis_hls", SUCCEED)
    build(project)
    assert "Running -f /" in (project.folder / "logs" / "synth.log").read_text()


def test_variables_name_the_tools(
    vendor: Vendor, project: HlsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.add("vitis-run", "raise SystemExit(9)")
    monkeypatch.setenv(tools.HLS_VARIABLE, str(vendor.add("vitis-run-2025", SUCCEED)))
    build(project)
    assert "Running --mode hls --tcl /" in (project.folder / "logs" / "synth.log").read_text()
    monkeypatch.setenv(tools.VIVADO_VARIABLE, "/nowhere/vivado")
    assert failure(project, "vsynth") == (
        'expected Vivado as FPGA_FLOW_VIVADO says, but found no executable "/nowhere/vivado"'
    )


def test_earlier_reports_are_not_taken_for_new_ones(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED)
    build(project)
    vendor.add("vitis-run", "print('all is well')")
    log = project.folder / "logs" / "synth.log"
    report = project.folder / SYN / "report" / "net_csynth.rpt"
    assert failure(project) == f"step synth: vitis-run ended well, but left no new {report}; its output: {log}"


def test_hls4ml_scripts_do_only_the_step_asked_for(
    vendor: Vendor, project: HlsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run hls4ml's real script in a real Tcl, with the tool's own commands replaced by ones that print their name."""
    tcl, templates = tclsh_and_templates()
    for name in ("build_prj.tcl", "build_opt.tcl"):
        (project.folder / name).write_bytes((templates / "vitis" / name).read_bytes())
    (project.folder / "project.tcl").write_text(PROJECT_TCL)
    (tmp_path / "fake.tcl").write_text(f"{FAKE_COMMANDS}source [lindex $argv end]\n")
    vendor.add(
        "vitis-run", f"import os, sys\nos.execv({tcl!r}, [{tcl!r}, {str(tmp_path / 'fake.tcl')!r}, sys.argv[-1]])"
    )
    build(project, "csim")
    said = (project.folder / "logs" / "csim.log").read_text()
    assert "CALL csim_design" in said
    assert "CALL open_project net_prj\n" in said
    assert [name for name in ("csynth_design", "cosim_design", "export_design") if name in said] == []
    assert "CALL add_files firmware/net.cpp" in said
    (project.folder / SYN / "verilog").mkdir(parents=True)
    build(project, "export")
    said = (project.folder / "logs" / "export.log").read_text()
    assert "CALL export_design -format ip_catalog -version 1.0.0" in said
    assert "csim_design" not in said


@pytest.mark.parametrize(("backend", "top"), [("vivado", "net"), ("vivado_accelerator", "net_axi")])
def test_the_older_tool_of_projects_for_it(vendor: Vendor, tmp_path: Path, backend: str, top: str) -> None:
    made = project_of(backend, tmp_path / "project")
    if top == "net_axi":
        (made.folder / "design.tcl").touch()
    vendor.add("vivado_hls", SUCCEED)
    vendor.add("vivado", SUCCEED)
    build(made, "csim,synth,cosim,export,vsynth")
    said = (made.folder / "logs" / "synth.log").read_text()
    options = "reset=0 csim=0 synth=1 cosim=0 validation=0 export=0 vsynth=0 fifo_opt=0"
    assert f"Running -f build_prj.tcl {options}" in said
    found = reports.read(made)
    assert {each.report.source for each in found.resources} == {"csynth", "post-synthesis"}
    assert {each.language for each in found.cosimulations} == {"Verilog"}
    said = (made.folder / "logs" / "vsynth.log").read_text()
    assert ("top net_axi" in said) == (top == "net_axi")


def test_one_step_of_the_older_script_as_tcl_reads_it(vendor: Vendor, tmp_path: Path) -> None:
    """Run hls4ml's real script for Vivado HLS in a real Tcl, as above."""
    tcl, templates = tclsh_and_templates()
    made = project_of("vivado", tmp_path / "project")
    script = (templates / "vivado" / "build_prj.tcl").read_bytes()
    (made.folder / "build_prj.tcl").write_bytes(script)
    (made.folder / "project.tcl").write_text(PROJECT_TCL)
    (tmp_path / "fake.tcl").write_text(
        f"{FAKE_COMMANDS}set script [lindex $argv 1]\nset argv [lrange $argv 2 end]\nsource $script\n"
    )
    fake = str(tmp_path / "fake.tcl")
    vendor.add("vivado_hls", f"import os, sys\nos.execv({tcl!r}, [{tcl!r}, {fake!r}, *sys.argv[1:]])")
    (made.folder / SYN / "verilog").mkdir(parents=True)
    for step, command in (("csim", "csim_design"), ("export", "export_design")):
        build(made, step)
        said = (made.folder / "logs" / f"{step}.log").read_text()
        assert [name for name in STEP_COMMANDS if f"CALL {name}" in said] == [command]


# ------------------------------------------------------------------------------------------------------ it does not


@pytest.mark.parametrize("backend", ["quartus", "oneapi"])
def test_tools_of_other_vendors_are_not_run(vendor: Vendor, tmp_path: Path, backend: str) -> None:
    made = project_of(backend, tmp_path / "project")
    with pytest.raises(InputError, match=r"expected a project of the backend vitis or vivado or vivado_accelerator, "):
        build(made)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("synth", 'expected Vitis HLS, but found no "vitis-run" and no "vitis_hls" on the PATH: install AMD Vitis (it '
         "has Vivado with it) and source its settings64.sh, or set FPGA_FLOW_VITIS_HLS to the executable"),
        ("vsynth", 'expected Vivado, but found no "vivado" on the PATH: install AMD Vitis (it has Vivado with it) and '
         "source its settings64.sh, or set FPGA_FLOW_VIVADO to the executable"),
    ],
)  # fmt: skip
def test_missing_tools(vendor: Vendor, project: HlsProject, steps: str, message: str) -> None:
    assert failure(project, steps) == message
    assert not (project.folder / "logs").exists()


def test_a_missing_tool_is_missed_before_another_one_runs(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED)
    assert failure(project, "synth,vsynth").startswith("expected Vivado, but found no ")
    assert not (project.folder / "net_prj").exists()


@pytest.mark.parametrize("code", [1, 0])
def test_a_failing_tool_is_quoted(vendor: Vendor, project: HlsProject, code: int) -> None:
    vendor.add("vitis-run", "print('INFO: [HLS 1] begin')\nprint('ERROR: [HLS 200-70] no such top')\n"
               f"print('while executing')\nprint('ERROR: [HLS 200-1] done')\nraise SystemExit({code})")  # fmt: skip
    log = project.folder / "logs" / "synth.log"
    how = "failed (exit code 1)" if code else "reported errors"
    assert failure(project) == (
        f"step synth: vitis-run {how}; its output: {log}\n"
        "ERROR: [HLS 200-70] no such top\nERROR: [HLS 200-1] done"
    )  # fmt: skip
    assert "INFO: [HLS 1] begin\n" in log.read_text()


@pytest.mark.parametrize(
    ("program", "quoted"),
    [
        ("for n in range(30): print('line', n)\nraise SystemExit(7)",
         "failed (exit code 7); its output: {log}\n" + "\n".join(f"line {n}" for n in range(20, 30))),
        ("raise SystemExit(7)", "failed (exit code 7); its output: {log}\n(it printed nothing)"),
        ("import os\nos.kill(os.getpid(), 11)", "was ended by signal 11; its output: {log}\n(it printed nothing)"),
    ],
)  # fmt: skip
def test_a_tool_that_dies_without_errors(vendor: Vendor, project: HlsProject, program: str, quoted: str) -> None:
    vendor.add("vitis-run", program)
    log = project.folder / "logs" / "synth.log"
    assert failure(project) == f"step synth: vitis-run {quoted.format(log=log)}"


def test_a_tool_that_cannot_be_started(vendor: Vendor, project: HlsProject) -> None:
    path = vendor.add("vitis-run", "")
    path.write_text("#!/nonexistent/interpreter\n")
    assert failure(project) == f"step synth: {path} can't be started: No such file or directory"


@pytest.mark.parametrize(("name", "step"), [("net_csynth.rpt", "synth"), ("net_cosim.rpt", "cosim")])
def test_half_a_report(vendor: Vendor, project: HlsProject, name: str, step: str) -> None:
    (project.folder / SYN / "verilog").mkdir(parents=True)
    cut = "import pathlib\nfor path in pathlib.Path('.').rglob('net_c*.rpt'): path.write_text(path.read_text()[:700])\n"
    vendor.add("vitis-run", SUCCEED + cut)
    message = failure(project, step)
    log = project.folder / "logs" / f"{step}.log"
    assert message.startswith(f"step {step}: vitis-run left half a report; its output: {log}\n{project.folder}")
    assert f"{name}:" in message
    assert "but the report ends here: " in message


def test_half_a_report_of_vivado(vendor: Vendor, project: HlsProject) -> None:
    (project.folder / SYN / "verilog").mkdir(parents=True)
    vendor.add("vivado", "open('vivado_synth.rpt', 'w').write('')")
    log = project.folder / "logs" / "vsynth.log"
    assert failure(project, "vsynth") == (
        f"step vsynth: vivado left half a report; its output: {log}\n"
        f"{project.folder / 'vivado_synth.rpt'}: expected the version of Vivado, but the report is empty"
    )


def test_a_difference_in_cosimulation(vendor: Vendor, project: HlsProject) -> None:
    (project.folder / SYN / "verilog").mkdir(parents=True)
    vendor.add("vitis-run", SUCCEED + f"path = pathlib.Path('{SIM}/report/net_cosim.rpt')\n"
               "path.write_text(path.read_text().replace('Pass', 'Fail'))\n")  # fmt: skip
    with pytest.raises(CheckFailed, match=r"net_cosim.rpt: in co-simulation the Verilog computes something else than "):
        build(project, "cosim")


#: A tool that hangs, and starts another one that hangs; both ignore being asked to end if `deaf`.
HANG = """
import os, pathlib, signal, sys, time
deaf = {deaf}
if deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    print("INFO: [HLS 1] working", flush=True)
pathlib.Path(f"pid-{{os.getpid()}}").touch()
time.sleep(600)
"""


def pids(folder: Path, count: int = 2) -> list[int]:
    """The processes of a hanging tool."""
    for _ in range(200):
        found = [int(path.name[4:]) for path in folder.glob("pid-*")]
        if len(found) == count:
            return found
        time.sleep(0.05)
    raise AssertionError("the tool did not start")


def alive(pid: int) -> bool:
    """Whether a process is there, and not only waits to be collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("deaf", [False, True])
def test_a_hanging_tool_and_its_children_are_ended(
    vendor: Vendor, project: HlsProject, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    monkeypatch.setattr("fpga_flow.process._GRACE", 0.5)
    vendor.add("vitis-run", HANG.format(deaf=deaf))
    log = project.folder / "logs" / "synth.log"
    assert failure(project, timeout_minutes=0.025) == (
        f"step synth: vitis-run did not end within 0.025 minutes and was stopped; its output: {log}"
    )
    assert log.read_text().endswith("INFO: [HLS 1] working\n")
    time.sleep(0.2)
    assert not [pid for pid in pids(project.folder) if alive(pid)]


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_tool(vendor: Vendor, project: HlsProject, signal_: signal.Signals) -> None:
    vendor.add("vitis-run", HANG.format(deaf=False))
    command = [sys.executable, "-m", "fpga_flow.cli", "resources", str(project.folder), "--build", "--steps", "synth"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    hanging = pids(project.folder)
    process.send_signal(signal_)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("stopped")
    time.sleep(0.2)
    assert not [pid for pid in hanging if alive(pid)]


def test_children_left_behind_do_not_keep_us_waiting(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED + "import os, time\nif os.fork() == 0:\n    time.sleep(5)\n")
    started = time.monotonic()
    build(project)
    assert time.monotonic() - started < 4


def test_one_build_at_a_time(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED)
    with filelock.FileLock(project.folder / ".build.lock"):
        message = failure(project)
    assert message == f"{project.folder}: another process builds this project; wait for it, or stop it"


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        ("synth,sintesis", {}, '--steps: expected steps out of csim, synth, cosim, export, vsynth, got "sintesis"'),
        ("", {}, '--steps: expected steps out of csim, synth, cosim, export, vsynth, got ""'),
        ("cosim,export", {}, "--steps: expected synth before cosim: the project was not synthesised yet"),
        ("synth", {"timeout_minutes": 0.0}, "--timeout: expected a time above 0 minutes, got 0"),
        ("synth", {"timeout_minutes": float("nan")}, "--timeout: expected a time above 0 minutes, got nan"),
    ],
)  # fmt: skip
def test_bad_input(vendor: Vendor, project: HlsProject, steps: str, options: dict[str, float], message: str) -> None:
    vendor.add("vitis-run", SUCCEED)
    with pytest.raises(InputError) as error:
        build(project, steps, **options)
    assert str(error.value) == message
    assert not (project.folder / "logs").exists()


def test_a_project_without_its_scripts(vendor: Vendor, project: HlsProject) -> None:
    vendor.add("vitis-run", SUCCEED)
    (project.folder / "build_prj.tcl").unlink()
    with pytest.raises(InputError, match=r"build_prj.tcl: expected this file of the HLS project, but there is none$"):
        build(project)


# ------------------------------------------------------------------------------------------------- the command line


def test_build_on_the_command_line(vendor: Vendor, project: HlsProject, command_line: Any) -> None:
    vendor.add("vitis-run", SUCCEED)
    vendor.add("vivado", SUCCEED)
    code, out, err = command_line("resources", project.folder, "--build")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if " s   " in line] == ["synth", "cosim", "export", "vsynth"]
    assert "fits pynq-z2" in out
    code, out, err = command_line("resources", project.folder, "--build", "--steps", "synth", "--quiet")
    assert (code, out, err) == (0, "", "")


def test_errors_on_the_command_line(vendor: Vendor, project: HlsProject, command_line: Any) -> None:
    code, out, err = command_line("resources", project.folder, "--build", "--json")
    assert (code, out) == (3, "")
    assert err.startswith("error: expected Vitis HLS, but found no ")
    vendor.add("vitis-run", "print('ERROR: [HLS 1] bad')\nraise SystemExit(1)")
    code, out, err = command_line("resources", project.folder, "--build", "--steps", "synth", "--json")
    assert (code, out) == (3, "")
    assert err.endswith("\nERROR: [HLS 1] bad\n")
    code, out, err = command_line("resources", project.folder, "--build", "--timeout", "-1")
    assert (code, out) == (2, "")
