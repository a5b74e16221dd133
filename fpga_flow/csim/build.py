"""Compiling the C simulation of an HLS project with an ordinary C++ compiler."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fpga_flow.csim import cache, compiler
from fpga_flow.csim.compiler import Compiler
from fpga_flow.csim.design import Design
from fpga_flow.csim.instrument import instrumented
from fpga_flow.errors import ToolError

#: AMD's fixed-point types on native integers, with the same results, which compile in a fraction of the time.
LIGHT = Path(__file__).with_name("light")
_RUNNER = Path(__file__).with_name("runner")
_FLAGS = ("-std=c++14", "-w", "-pthread", '-DWEIGHTS_DIR="firmware/weights"')
#: What every unit includes, and can be compiled beforehand.
_STANDARD = ("algorithm", "array", "cassert", "cmath", "cstdio", "cstdlib", "fstream", "iostream", "map", "sstream",
             "string", "tuple", "vector")  # fmt: skip
_LIGHT_HEADERS = ("ap_fixed.h", "ap_int.h", "hls_stream.h", "hls_math.h")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a sample: its name, the number of its values, and their type as C++ has it:
    `fixed<16,6>`, `ufixed<6,2>`, `float`, `double`, or `other`.
    """

    name: str
    size: int
    type: str


@dataclass(frozen=True)
class Simulator:
    """An executable C simulation; it must be started in the project's folder, where it reads the weights.

    headers     the fixed-point types that it was compiled with: `light`, this package's, or `bundled`, the project's
    digest      of all that it was made of: the project's C++, the compiler and its options, and this package's C++
    cached      whether it was there already
    """

    executable: Path
    design: Design
    headers: str
    digest: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    build_seconds: float
    cached: bool = False

    @property
    def input_size(self) -> int:
        """Values of a sample that go in."""
        return sum(port.size for port in self.inputs)

    @property
    def output_size(self) -> int:
        """Values of a sample that come out."""
        return sum(port.size for port in self.outputs)


def build(design: Design, *, stock_headers: bool = False, traced: bool = False, counted: bool = False) -> Simulator:
    """Compile a project, or find what was compiled of the same before.

    Args:
        stock_headers: compile with the project's own fixed-point types even where there are light ones. Without, they
            are taken where the light ones can't be compiled.
        traced: record the outputs of every layer, for `run.trace`.
        counted: with that, count the values that wrap around or are saturated; needs the light types.

    Raises:
        ToolError: the compiler is missing, too old or fails; its errors are quoted.
        ValueError: `counted` without the light types.
    """
    light = design.backend.types == "ap" and not stock_headers
    if counted and not light:
        raise ValueError("expected the light types, which alone can count")
    started = time.monotonic()
    cxx = compiler.find()
    tried = ["light"] if counted else ["light", "bundled"] if light else ["bundled"]
    sources = _digest(
        [
            *((str(file.relative_to(design.folder)), file.read_bytes()) for file in design.files()),
            *((str(file), file.read_bytes()) for folder in (LIGHT, _RUNNER) for file in sorted(folder.iterdir())),
            ("", repr((cxx, traced, counted, design.inputs, design.outputs, design.simulation)).encode()),
        ]
    )
    failure = ""
    for headers in tried:
        key = _digest([(headers, sources.encode())])
        try:
            folder, cached = cache.entry(key, partial(_compile, design, cxx, headers, traced, counted))
        except _FailedError as failed:
            failure = str(failed)
            continue
        inputs, outputs = _read_ports(folder / "ports.json")
        seconds = time.monotonic() - started
        return Simulator(folder / "csim", design, headers, key, inputs, outputs, seconds, cached)
    raise ToolError(failure)


class _FailedError(Exception):
    """The compiler failed on a project."""


def _compile(design: Design, cxx: Compiler, headers: str, traced: bool, counted: bool, folder: Path) -> None:
    """Compile a project into `folder/csim`, and ask it what goes in and out."""
    root = design.folder.resolve()
    includes = [root, root / "firmware", *(root / include for include in design.simulation.includes)]
    flags = [*_FLAGS, "-O1" if headers == "light" else "-O2", f"-I{_RUNNER}"]
    runner = _common(cxx, "runner", [str(_RUNNER / "runner.cpp"), *_FLAGS, "-O2", "-c", "-o", "runner.o"], [_RUNNER])
    if headers == "light":  # in front, so that they are found first
        includes.insert(0, LIGHT)
        flags += ["-include", str(_prelude(cxx, flags, counted))]
    if counted:
        flags.append("-DCSIM_COUNT")
    unit = folder / "csim.cpp"
    unit.write_text(_unit(design, root, folder, traced), encoding="utf-8")
    arguments = [*flags, *(f"-I{include}" for include in includes), str(unit), str(runner / "runner.o"),
                 "-o", str(folder / "csim")]  # fmt: skip
    if not cxx.run(arguments, folder / "compiler.log"):
        log = cache.folder() / "compiler.log"
        (folder / "compiler.log").replace(log)
        raise _FailedError(
            f"the C++ compiler {cxx.path} failed on {design.folder}; all that it said is in {log}:\n"
            f"{compiler.errors_in(log)}"
        )
    described = subprocess.run([str(folder / "csim"), "describe"], capture_output=True, text=True, check=True)
    ports = [line.split(" ", 3) for line in described.stdout.splitlines()]
    (folder / "ports.json").write_text(json.dumps(ports), encoding="utf-8")


def _unit(design: Design, root: Path, folder: Path, traced: bool) -> str:
    """The text of the one unit that a project is compiled as."""
    first, *others = (root / source.relative_to(design.folder) for source in design.sources)
    if traced:
        text = instrumented(first.read_text(encoding="utf-8"), design)
        first = folder / first.name
        first.write_text(text, encoding="utf-8")
    ports = [(kind, port) for kind, ports in (("input", design.inputs), ("output", design.outputs)) for port in ports]
    sizes = {kind: "+".join(f"({port.size})" for of, port in ports if of == kind) for kind in ("input", "output")}
    arguments, after = [], {"input": "0", "output": "0"}
    for kind, port in ports:
        arguments.append(f"{'in' if kind == 'input' else 'out'} + {after[kind]}")
        after[kind] += f" + ({port.size})"
    if design.simulation.sizes:
        arguments += ["size"] * len(ports)
    return "\n".join(
        [
            "#define CSIM_AC" if design.backend.types == "ac" else "",
            "#define CSIM_TRACE" if traced else "",
            f'#include "{root / "firmware" / "defines.h"}"',
            '#include "nnet_utils/nnet_helpers.h"',
            '#include "record.h"',
            f'#include "{first}"',
            # what happens to values on their way into the top function is not the first layer's doing
            "template <class... A> auto csim_top(A &&...a) "
            f'{{ csim::take_events("inputs"); return {design.top}(a...); }}',
            f"#define {design.top} csim_top" if traced else "",
            *(f'#include "{source}"' for source in others),
            f"#undef {design.top}",
            f"using namespace {design.namespace};" if design.namespace else "",
            f"#define CSIM_CALL {design.top}_double({', '.join(arguments)})",
            f"#define CSIM_INPUT_SIZE {sizes['input']}",
            f"#define CSIM_OUTPUT_SIZE {sizes['output']}",
            "#define CSIM_PORTS " + " ".join(f'X("{k}", "{p.name}", {p.type}, {p.size})' for k, p in ports),
            '#include "unit.h"',
            "",
        ]
    )


def _prelude(cxx: Compiler, flags: Sequence[str], counted: bool) -> Path:
    """A header of the light types and the standard library's, precompiled."""
    text = "".join(f"#include <{name}>\n" for name in _STANDARD)
    text += "".join(f'#include "{LIGHT / name}"\n' for name in _LIGHT_HEADERS)
    text = ("#define CSIM_COUNT\n" if counted else "") + text
    suffix = ".gch" if cxx.kind == "g++" else ".pch"
    arguments = [*flags, "-x", "c++-header", "prelude.h", "-o", f"prelude.h{suffix}"]
    return _common(cxx, "prelude", arguments, [LIGHT], {"prelude.h": text}) / "prelude.h"


def _common(
    cxx: Compiler, what: str, arguments: Sequence[str], sources: Sequence[Path], files: dict[str, str] | None = None
) -> Path:
    """The cache's folder with something that all projects share: `files`, and what the compiler makes by `arguments`,
    which name files in that folder without a path.
    """
    parts = [(str(file), file.read_bytes()) for folder in sources for file in sorted(folder.iterdir())]
    key = _digest([*parts, *((name, text.encode()) for name, text in (files or {}).items()),
                   ("", repr((cxx, what, *arguments)).encode())])  # fmt: skip

    def make(folder: Path) -> None:
        for name, text in (files or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        if not cxx.run(arguments, folder / "compiler.log", cwd=folder):
            raise ToolError(
                f"the C++ compiler {cxx.path} failed on {what}:\n{compiler.errors_in(folder / 'compiler.log')}"
            )

    return cache.entry(key, make)[0]


def _read_ports(path: Path) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    ports = json.loads(path.read_text(encoding="utf-8"))
    made = [(kind, Tensor(name, int(size), type_)) for kind, name, size, type_ in ports]
    return tuple(port for kind, port in made if kind == "input"), tuple(port for kind, port in made if kind == "output")


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    """A digest of named contents."""
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{len(name)} {len(content)} {name}".encode())
        digest.update(content)
    return digest.hexdigest()[:32]
