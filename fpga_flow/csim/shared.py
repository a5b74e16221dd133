"""What the simulations of all projects share, compiled once and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fpga_flow.csim import cache, compiler
from fpga_flow.csim.compiler import Compiler
from fpga_flow.errors import ToolError
from fpga_flow.runs import digest, write_text

#: AMD's fixed-point types on native integers, with the same results, which compile in a fraction of the time.
LIGHT = Path(__file__).with_name("light")
#: What reads samples, spreads them over processes and writes outputs.
RUNNER = Path(__file__).with_name("runner")
FLAGS = ("-std=c++14", "-w", "-pthread", '-DWEIGHTS_DIR="firmware/weights"')


def runner(cxx: Compiler) -> Path:
    """The object file of the runner."""
    source = RUNNER / "runner.cpp"
    return _made(cxx, [*FLAGS, "-O2", "-c", str(source)], "runner.o", sorted(RUNNER.iterdir()))


def prelude(cxx: Compiler, flags: Sequence[str]) -> list[str]:
    """The compiler's options that include the light types and the standard library, precompiled with `flags`."""
    header, sources = LIGHT / "prelude.h", sorted(LIGHT.iterdir())
    flags = [*flags, "-x", "c++-header", str(header)]
    if cxx.kind == "clang":  # it refuses one that is older than its sources
        changed = [f"{file.stat().st_mtime_ns}" for file in sources]
        return ["-include-pch", str(_made(cxx, flags, "prelude.h.pch", sources, changed))]
    made = _made(cxx, flags, "prelude.h.gch", sources)
    plain = made.with_suffix("")
    if not plain.exists():  # read where it refuses the other one
        write_text(plain, f'#include "{header}"\n')
    return ["-include", str(plain)]


def _made(
    cxx: Compiler, arguments: Sequence[str], name: str, sources: Sequence[Path], also: Sequence[str] = ()
) -> Path:
    """The file `name` that the compiler makes by `arguments`, in the cache.

    Args:
        sources: the files that it is made of, besides those of the system.
        also: what else it depends on.

    Raises:
        ToolError: the compiler fails.
    """
    contents = [file.read_text(encoding="utf-8") for file in sources]
    key = digest(name, [cxx.path, cxx.version], list(arguments), contents, list(also))

    def make(folder: Path) -> None:
        if not cxx.run([*arguments, "-o", str(folder / name)], folder / "compiler.log"):
            said = compiler.errors_in(folder / "compiler.log")
            raise ToolError(f"the C++ compiler {cxx.path} failed on what all simulations share:\n{said}")

    return cache.entry(key, make)[0] / name
