"""The C++ compiler of the simulation: which it is, and what it says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpga_flow import process
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline
from fpga_flow.runs import digest

#: The oldest versions whose C++14 the simulation was written for.
_OLDEST = {"g++": 7, "clang": 6}
#: Minutes after which the compiler counts as hanging. The largest projects of benchmarks/ take it some minutes.
MINUTES = 120.0
#: The same of its answer to what it is.
_EXAMINING = 1.0
#: Errors of the compiler's that a message quotes, each with so many lines.
_QUOTED, _LINES = 5, 3
_HELP = "install g++ (on Debian and Ubuntu: apt-get install g++), or set CXX to another one"


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: its path, `g++` or `clang`, its version, and a digest of all macros that it defines.

    They tell the target, and options: $CXX may be a script that passes some.
    """

    path: str
    kind: str
    version: str
    macros: str

    def run(self, arguments: Sequence[str], log: Path) -> bool:
        """Run it; whether it succeeded. The command and what it said go to a log.

        Raises:
            ToolError: it did not end within `MINUTES`.
        """
        return process.run([self.path, *arguments], Deadline.after(MINUTES), log=log).code == 0


def find() -> Compiler:
    """The C++ compiler: that of $CXX, else g++.

    Raises:
        ToolError: there is none, it does not work, or it is too old.
    """
    name = os.environ.get("CXX") or "g++"
    path = shutil.which(name)
    if path is None:
        raise ToolError(f'expected a C++ compiler for the C simulation, but found no "{name}" on the PATH: {_HELP}')
    return _examined(path, os.stat(path).st_mtime_ns)


@lru_cache
def _examined(path: str, changed: int) -> Compiler:
    command = [path, "-std=c++14", "-x", "c++", "-dM", "-E", os.devnull]
    try:
        ended = process.run(command, Deadline.after(_EXAMINING))
    except ToolError as error:  # no program, or a script for a shell that there is not
        raise ToolError(f"expected a C++ compiler, but {error}; {_HELP}") from error
    macros = dict(re.findall(r"^#define (\w+) (.+)$", ended.said, re.MULTILINE))
    kind = "clang" if "__clang__" in macros else "g++"
    major = macros.get("__clang_major__" if kind == "clang" else "__GNUC__", "0")
    if ended.code != 0 or "__GNUC__" not in macros:
        said = (ended.said.strip().splitlines() or ["nothing"])[0]
        raise ToolError(
            f"expected a C++ compiler for C++14, but {path} is none or too old (exit code {ended.code}): "
            f"it says {said}; {_HELP}"
        )
    if int(major) < _OLDEST[kind]:
        raise ToolError(f"expected {kind} {_OLDEST[kind]} or later for the C simulation, {path} is {major}: {_HELP}")
    return Compiler(path, kind, macros.get("__VERSION__", ""), digest(sorted(macros.items())))


def errors_in(log: Path) -> str:
    """The compiler's own errors in a log, without the chains of includes and instantiations around them."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    places = [number for number, line in enumerate(lines) if re.search(r"\b(fatal )?error\b|undefined reference", line)]
    if not places:
        return "\n".join(lines[: _QUOTED * _LINES])
    quoted: dict[int, str] = {}
    for place in places[:_QUOTED]:
        quoted |= {number: lines[number] for number in range(place, min(place + _LINES, len(lines)))}
    rest = len(places) - _QUOTED
    return "\n".join(quoted.values()) + (f"\n... and {rest} more errors" if rest > 0 else "")
