"""Compiling the C simulation of an HLS project with an ordinary C++ compiler."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fpga_flow import doing
from fpga_flow.csim import cache, compiler, executable, headers, kernels, shared, unit
from fpga_flow.csim.compiler import Compiler
from fpga_flow.csim.design import Design
from fpga_flow.csim.shared import FLAGS, LIGHT, RUNNER
from fpga_flow.errors import ToolError
from fpga_flow.runs import code_digest, file_digest

#: The package's own code that decides what a simulation is made of: its C++, its text, and the compiler's options.
_OWN = tuple(
    f"csim/{name}" for name in ("build.py", "shared.py", "unit.py", "instrument.py", "kernels", "light", "runner")
)


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

    headers     what it was compiled with, see headers.py: `kernels`, `light` or `bundled`
    digest      of all that it was made of: the project's C++, the compiler and its options, and this package's code
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
        stock_headers: compile the project's own headers alone. Without, the fastest that stand for the project's are
            taken; what can't be compiled with them is compiled with the next ones.
        traced: record the outputs of every layer, for `run.trace`.
        counted: with that, count the values that wrap around or are saturated; needs the light types.

    Raises:
        ToolError: the compiler is missing, too old, fails or hangs, or what it made can't be started; its errors are
            quoted.
        ValueError: `counted` where the light types can't stand for the project's.
    """
    started = time.monotonic()
    cxx = compiler.find()
    able = ("bundled",) if stock_headers else headers.able(design)
    if counted:
        able = ("light",) if "light" in able else ()
        if not able:
            raise ValueError("expected the light types, which alone can count")
    sources = _digest(
        [
            *((str(file.relative_to(design.folder)), file.read_bytes()) for file in design.files()),
            ("", code_digest(*_OWN).encode()),
            ("", repr((cxx, traced, counted, design.inputs, design.outputs, design.simulation)).encode()),
        ]
    )
    failure = ""
    for level in able:
        key = _digest([(level, sources.encode())])
        doing.now("compiling the C++")
        make = partial(_compile, design, cxx, level, traced, counted)
        try:
            folder, cached = cache.entry(key, make)
            if cached and not _are_unchanged(folder / "others.json", design):
                cache.remove(folder)
                folder, cached = cache.entry(key, make)
        except _FailedError as failed:
            failure = str(failed)
            continue
        inputs, outputs = _read_ports(folder / "ports.json")
        seconds = time.monotonic() - started
        return Simulator(folder / "csim", design, level, key, inputs, outputs, seconds, cached)
    raise ToolError(failure)


class _FailedError(Exception):
    """The compiler failed on a project."""


def _compile(design: Design, cxx: Compiler, level: str, traced: bool, counted: bool, folder: Path) -> None:
    """Compile a project into `folder/csim`, and ask it what goes in and out."""
    root = design.folder.resolve()
    includes = [RUNNER, root, root / "firmware", *(root / include for include in design.simulation.includes)]
    flags, objects, code_gen = [*FLAGS, "-O2"], [shared.runner(cxx)], None
    if level in ("light", "kernels"):
        includes.insert(0, LIGHT)  # in front, so that they are found first
        flags = [*FLAGS, "-O1", *(["-DCSIM_COUNT"] if counted else [])]
    if level == "light":
        flags += shared.prelude(cxx, flags)
    if level == "kernels":
        flags += shared.prelude_with_kernels(cxx, flags, design.folder / "firmware")
        objects.append(shared.kernels_object(cxx))
        code_gen = kernels.code_gen(design.folder / "firmware")
    source, log = unit.write(design, folder, traced=traced, code_gen=code_gen), folder / "compiler.log"
    arguments = [*flags, *(f"-I{include}" for include in includes), str(source), *map(str, objects)]
    if not cxx.run([*arguments, "-MMD", "-MF", str(folder / "included.mk"), "-o", str(folder / "csim")], log):
        kept = log.replace(cache.folder() / log.name)
        raise _FailedError(
            f"the C++ compiler {cxx.path} failed on {design.folder}; all that it said is in {kept}:\n"
            f"{compiler.errors_in(kept)}"
        )
    (folder / "others.json").write_text(json.dumps(_others(folder, design)), encoding="utf-8")
    ports = list(executable.words(folder / "csim", ["describe"], design.folder))
    (folder / "ports.json").write_text(json.dumps(ports), encoding="utf-8")


def _others(folder: Path, design: Design) -> dict[str, str]:
    """The files that the compiler read, but for `design.files()`, the system's and ours, with their digests; and the
    project's folder, as of another one they may be others.
    """
    rule = (folder / "included.mk").read_text(encoding="utf-8", errors="surrogateescape").replace("\\\n", " ")
    names = re.findall(r"(?:\\.|[^\s\\])+", rule.partition(": ")[2])
    paths = {Path(re.sub(r"\\([\s#])", r"\1", name).replace("$$", "$")).resolve() for name in names}
    paths -= {file.resolve() for file in design.files()}
    ours = [Path(__file__).resolve().parent, cache.folder().resolve()]
    paths = {path for path in paths if not any(path.is_relative_to(each) for each in ours)}
    # one whose name was not understood is never unchanged
    found = {str(path): file_digest(path) if path.is_file() else "" for path in paths}
    return {"": str(design.folder.resolve()), **found} if found else {}


def _are_unchanged(others: Path, design: Design) -> bool:
    """Whether the files that `_others` found are still the same."""
    files: dict[str, str] = json.loads(others.read_text(encoding="utf-8"))
    folder = files.pop("", None)
    same_folder = folder in (None, str(design.folder.resolve()))
    return same_folder and all(Path(name).is_file() and file_digest(Path(name)) == each for name, each in files.items())


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
