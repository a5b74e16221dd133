"""Compiling the C simulation of an HLS project with an ordinary C++ compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.errors import InputError, ToolError
from fpga_flow.hls.backends import BACKENDS, Simulation
from fpga_flow.hls.project import HlsProject

_MAIN = Path(__file__).with_name("main.cpp")
#: AMD's fixed-point types on native integers, with the same results, which compile in a fraction of the time.
LIGHT = Path(__file__).with_name("light")
#: Lines of the compiler's own messages that an error quotes.
_QUOTED = 20


@dataclass(frozen=True)
class Simulator:
    """An executable C simulation; it must be started in the project's folder, where it reads the weights.

    `headers` says with which fixed-point types it was compiled: `light`, those of this package, or `bundled`, the
    project's own.
    """

    executable: Path
    project: HlsProject
    build_seconds: float
    headers: str = "light"


def compiler() -> str:
    """The C++ compiler's path: that of $CXX, else of g++.

    Raises:
        ToolError: there is none.
    """
    name = os.environ.get("CXX") or "g++"
    path = shutil.which(name)
    if path is None:
        raise ToolError(
            f'expected a C++ compiler for the C simulation, but found no "{name}" on the PATH: '
            "install g++ (on Debian and Ubuntu: apt-get install g++), or set CXX to another one"
        )
    return path


def simulation_of(project: HlsProject) -> Simulation:
    """How the project's backend is simulated.

    Raises:
        InputError: it can't be simulated here.
    """
    backend = BACKENDS[project.settings.backend]
    if backend.simulation is None:
        message = f"expected a project that can be simulated here, got one of {backend.name}: {backend.unsimulated}"
        raise InputError.at(str(project.folder), message)
    return backend.simulation


def build(project: HlsProject, folder: Path, *, stock_headers: bool = False) -> Simulator:
    """Compile `project` and `main.cpp` as one unit into `folder/csim`.

    Args:
        stock_headers: compile with the project's own fixed-point types even where there are light ones. Without, they
            are taken where the light ones can't be compiled.

    Raises:
        InputError: the project's backend can't be simulated here.
        ToolError: the compiler is missing or fails; its messages are quoted, and kept whole in `folder/compiler.log`.
    """
    simulation = simulation_of(project)
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    name, root = project.settings.project, project.folder.resolve()
    unit = folder / "csim.cpp"
    unit.write_text(
        "".join(f'#include "{root / source.format(top=name)}"\n' for source in simulation.sources)
        + f"#define CSIM_CALL {simulation.call.format(top=name)}\n"
        f"#define CSIM_INPUTS {project.layers[0].input_size}u\n"
        f"#define CSIM_OUTPUTS {project.layers[-1].output_size}u\n"
        f'#include "{_MAIN}"\n',
        encoding="utf-8",
    )
    executable = folder / "csim"
    includes = [root, root / "firmware", *(root / include for include in simulation.includes)]
    light = BACKENDS[project.settings.backend].types == "ap" and not stock_headers
    if light:  # in front, so that they are found first; they end at 128 bits, which the bundled ones don't
        light = _compile(unit, executable, [LIGHT, *includes], "-O1").returncode == 0
    if not light and (result := _compile(unit, executable, includes, "-O2")).returncode != 0:
        quoted = "\n".join(result.stderr.splitlines()[:_QUOTED])
        raise ToolError(f"the C++ compiler failed on {unit} (exit code {result.returncode}):\n{quoted}")
    return Simulator(executable.resolve(), project, time.monotonic() - started, "light" if light else "bundled")


def _compile(
    unit: Path, executable: Path, includes: Sequence[Path], optimisation: str
) -> subprocess.CompletedProcess[str]:
    """Compile a unit; what the compiler says is kept in compiler.log beside it."""
    command = [
        compiler(), "-std=c++14", optimisation, "-w", *(f"-I{include}" for include in includes),
        '-DWEIGHTS_DIR="firmware/weights"', str(unit), "-o", str(executable),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    unit.with_name("compiler.log").write_text(f"{command}\n{result.stdout}{result.stderr}", encoding="utf-8")
    return result
