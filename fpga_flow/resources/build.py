"""Running the vendor's tools on an HLS project: C simulation, synthesis, co-simulation, export, logic synthesis.

The tools write into the project's folder, where they have folders and files of their own (`<name>_prj/`,
`vivado_synth.rpt`, ...). Of what the flow generated nothing is changed: a run's stage keeps its digests.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_flow import process
from fpga_flow.errors import CheckFailed, InputError, ToolError
from fpga_flow.hls.backends import BACKENDS, VITIS
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources import tool_step, tools
from fpga_flow.resources.tool_step import Ui
from fpga_flow.resources.vendor import cosim_rpt, utilization
from fpga_flow.resources.vendor import project as reports
from fpga_flow.resources.vendor.found import read_text

#: Minutes after which a step counts as hanging. Synthesis of a large network takes hours.
TIMEOUT_MINUTES = 240.0


@dataclass(frozen=True)
class Step(tool_step.Step):
    """A step of the build. `report` is the file that it must leave, which `check` reads."""

    report: Callable[[HlsProject], Path] | None = None
    check: Callable[[Path], None] = lambda _: None


def _check_csynth(path: Path) -> None:
    reports.read_csynth(path)


def _check_utilization(path: Path) -> None:
    utilization.parse(read_text(path), str(path))


def _check_cosim(path: Path) -> None:
    results = cosim_rpt.parse(read_text(path), str(path))
    failed = [language for language, result in results.items() if result.status == "Fail"]
    if failed:
        raise CheckFailed(f"{path}: in co-simulation the {' and '.join(failed)} computes something else than the C++")


#: In the order in which they are done.
STEPS = (
    Step("csim", "C simulation"),
    Step("synth", "HLS", reports.csynth_file, _check_csynth),
    Step("cosim", "co-simulation", reports.cosim_file, _check_cosim),
    Step("export", "export of the IP"),
    Step("vsynth", "logic synthesis", reports.synthesis_file, _check_utilization),
)


def parse_steps(text: str) -> tuple[Step, ...]:
    """The steps of a list with commas, in the order in which they are done.

    Raises:
        InputError: one is unknown, or there is none.
    """
    names, known = [name.strip() for name in text.split(",")], [step.name for step in STEPS]
    for name in names:
        if name not in known:
            raise InputError.at("--steps", f'expected steps out of {", ".join(known)}, got "{name}"')
    return tuple(step for step in STEPS if step.name in names)


def build(
    project: HlsProject, steps: Sequence[Step], *, timeout_minutes: float = TIMEOUT_MINUTES, ui: Ui = tool_step.QUIET
) -> None:
    """Do the steps, each in a process of its own with its log in `logs/<step>.log` of the project's folder.

    Args:
        timeout_minutes: for each step.

    Raises:
        InputError: the timeout is not positive, the project is of a backend of another vendor, lacks its build scripts,
            or was never synthesised although steps that need it are to be done.
        ToolError: a tool is missing, failed, took too long, or left no report or half of one; another process builds.
        CheckFailed: co-simulation found a difference.
    """
    if not timeout_minutes > 0:
        raise InputError.at("--timeout", f"expected a time above 0 minutes, got {timeout_minutes:g}")
    backend = BACKENDS[project.settings.backend]
    if not backend.scripts:
        able = " or ".join(each.name for each in BACKENDS.values() if each.scripts)
        message = f"expected a project of the backend {able}, got one of {backend.name}: run its {backend.tool} by hand"
        raise InputError.at(str(project.folder), message)
    hls = tools.vitis_hls if backend is VITIS else tools.vivado_hls
    found = {step: tools.vivado() if step.name == "vsynth" else hls() for step in steps}
    _check_project(project, steps)
    folder = project.folder.resolve()
    with (
        tool_step.locked(folder / ".build.lock", f"{folder}: another process builds this project"),
        process.terminable(),
    ):
        for step, tool in found.items():
            with tempfile.TemporaryDirectory(prefix="fpga_flow_build_") as scripts:
                if step.name == "vsynth":
                    command = tools.vivado_command(tool, _synthesis_script(project, Path(scripts)))
                elif backend is VITIS:
                    command = tools.hls_command(tool, _write_scripts(folder, step, Path(scripts)))
                else:
                    command = tools.hls_command(tool, Path("build_prj.tcl"), _options(step, "{}={} "))
                _do(project, step, command, timeout_minutes, ui)


def _check_project(project: HlsProject, steps: Sequence[Step]) -> None:
    for name in BACKENDS[project.settings.backend].scripts:
        if not (project.folder / name).is_file():
            raise InputError.at(str(project.folder / name), "expected this file of the HLS project, but there is none")
    names = [step.name for step in steps]
    needing = [name for name in names if name in ("cosim", "export", "vsynth")]
    if needing and "synth" not in names and not (reports.solution(project) / "syn" / "verilog").is_dir():
        message = f"expected synth before {needing[0]}: the project was not synthesised yet"
        raise InputError.at("--steps", message)


def _synthesis_script(project: HlsProject, scripts: Path) -> str:
    """The Tcl script of logic synthesis: hls4ml's, which takes the function of the project's name as the top, or, where
    another one is around it, the same for that one.
    """
    if project.top == project.settings.project:
        return "vivado_synth.tcl"
    script = scripts / "vivado_synth.tcl"
    verilog = (reports.solution(project) / "syn" / "verilog").relative_to(project.folder)
    script.write_text(
        f"add_files {verilog}\n"
        f"synth_design -top {project.top} -part {project.settings.part}\n"
        "opt_design -retarget -propconst -sweep -bram_power_opt -shift_register_opt\n"
        "report_utilization -file vivado_synth.rpt\n",
        encoding="utf-8",
    )
    return str(script)


def _write_scripts(folder: Path, step: Step, scripts: Path) -> Path:
    """Write a script that does one step.

    The build_prj.tcl for Vitis HLS takes its options from the build_opt.tcl beside it. Changing the project's would
    change a file that the flow generated; so the script runs as a copy, in a folder where the options are others. Its
    paths are all relative to the working folder, which is the project's.
    """
    for name in ("build_prj.tcl", "project.tcl"):
        shutil.copyfile(folder / name, scripts / name)
    lines = _options(step, "    {} {}\n")
    (scripts / "build_opt.tcl").write_text(f"array set opt {{\n{lines}}}\n", encoding="utf-8")
    return scripts / "build_prj.tcl"


def _options(step: Step, form: str) -> str:
    """The options of hls4ml's build_prj.tcl that make it do one step.

    No reset: it would throw away what earlier steps left. No validation: it compares the logs of two simulations, of
    which one may not have been made; the project's own test bench compares outputs with the network's in each.
    """
    names = ("reset", "csim", "synth", "cosim", "validation", "export", "vsynth", "fifo_opt")
    return "".join(form.format(name, int(name == step.name)) for name in names)


def _do(project: HlsProject, step: Step, command: Sequence[str], timeout_minutes: float, ui: Ui) -> None:
    """Do a step and read its report."""
    started = time.monotonic()
    report = step.report(project) if step.report else None
    before = _modified(report)
    log_file = project.folder / "logs" / f"{step.name}.log"
    log_file.parent.mkdir(exist_ok=True)
    ui.start(step, log_file)
    tool = Path(command[0]).name
    tool_step.run(command, project.folder, log_file, timeout_minutes, step, ui)
    if report is not None:
        if _modified(report) in (None, before):
            raise ToolError(f"step {step.name}: {tool} ended well, but left no new {report}; its output: {log_file}")
        try:
            step.check(report)
        except InputError as error:
            raise ToolError(f"step {step.name}: {tool} left half a report; its output: {log_file}\n{error}") from error
    ui.done(step, log_file, time.monotonic() - started)


def _modified(path: Path | None) -> int | None:
    """When a file was last written, in ns; None if there is none."""
    return path.stat().st_mtime_ns if path is not None and path.is_file() else None
