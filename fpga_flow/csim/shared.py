"""What the simulations of all projects share, compiled once and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fpga_flow.csim import cache, compiler, kernels
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
    return _made(cxx, [*FLAGS, "-O2", "-c", str(RUNNER / "runner.cpp")], "runner.o", _cpp(RUNNER))


def kernels_object(cxx: Compiler) -> Path:
    """The object file of the kernels' arithmetic."""
    return _made(cxx, [*FLAGS, "-O3", "-c", str(kernels.SOURCE)], "kernels.o", _cpp(kernels.FOLDER))


def prelude(cxx: Compiler, flags: Sequence[str]) -> list[str]:
    """The compiler's options that include the light types and the standard library, precompiled with `flags`."""
    return _precompiled(cxx, flags, LIGHT / "prelude.h", _cpp(LIGHT))


def prelude_with_kernels(cxx: Compiler, flags: Sequence[str], firmware: Path) -> list[str]:
    """The same with the kernels, and with a project's own headers that they include (see `kernels.fitting`), which are
    copied: they are the same in many projects.
    """
    names = kernels.fitting(firmware)
    own = {name: (firmware / name).read_bytes() for name in names}
    key = digest("headers", {name: content.decode() for name, content in own.items()}, str(kernels.FOLDER))

    def copy(folder: Path) -> None:
        for name, content in own.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        text = f'#include "{LIGHT / "prelude.h"}"\n#include "{kernels.FOLDER / "kernels.h"}"\n'
        (folder / "prelude.h").write_text(text, encoding="utf-8")

    folder = cache.entry(key, copy)[0]
    includes = [f"-I{each}" for each in (LIGHT, folder, folder / "ap_types")]
    sources_ = [*_cpp(LIGHT), *_cpp(kernels.FOLDER), *(folder / name for name in names)]
    return _precompiled(cxx, [*flags, *includes], folder / "prelude.h", sources_)


def _cpp(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in (".h", ".cpp"))


def _precompiled(cxx: Compiler, flags: Sequence[str], header: Path, sources: Sequence[Path]) -> list[str]:
    """The compiler's options that include a header, which it compiles by itself with `flags`."""
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
        ToolError: the compiler fails or hangs.
    """
    contents = [file.read_text(encoding="utf-8") for file in sources]
    key = digest(name, [cxx.path, cxx.version, cxx.macros], list(arguments), contents, list(also))

    def make(folder: Path) -> None:
        if not cxx.run([*arguments, "-o", str(folder / name)], folder / "compiler.log"):
            said = compiler.errors_in(folder / "compiler.log")
            raise ToolError(f"the C++ compiler {cxx.path} failed on what all simulations share:\n{said}")

    return cache.entry(key, make)[0] / name
