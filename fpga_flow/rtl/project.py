"""`RtlProject`: the folder of Verilog and VHDL for one network, with what the tools must know of it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow import runs
from fpga_flow.errors import CheckFailed, InputError, reason
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject
from fpga_flow.rtl import files, network, pipeline
from fpga_flow.rtl.check import check
from fpga_flow.whole import whole

#: The file that says what the folder holds.
MANIFEST = "rtl.json"
#: Random samples for which the logic is compared with the network before anything is written.
_SAMPLES = 256


@dataclass(frozen=True)
class RtlProject:
    """A generated project. `verilog/` and `vhdl/` hold a file for each module, and the tables that they read.

    top             the top module: clk, in_valid, in_data, out_valid, out_data. A sample can come in every clock cycle;
                    there is no reset. Value i of in_data is at bits [i * width, (i + 1) * width), two's complement
    inputs, outputs     how many values a sample has, in the order of their shapes
    latency_cycles  from in_valid to out_valid
    clock_ns        the clock period that the registers were put for
    part            the FPGA that it is for
    additions       without a register in between, at most
    digest          of the network, the options and the code that made it
    """

    folder: Path
    top: str
    inputs: int
    input_type: FixedPoint
    outputs: int
    output_type: FixedPoint
    latency_cycles: int
    clock_ns: float
    part: str
    additions: int
    digest: str

    @property
    def verilog(self) -> tuple[str, ...]:
        """The Verilog files, relative to the folder, the top module's first."""
        return self._sources("verilog", "v")

    @property
    def vhdl(self) -> tuple[str, ...]:
        """The VHDL files, relative to the folder, the top module's first."""
        return self._sources("vhdl", "vhd")

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the Verilog reads, relative to the folder."""
        return tuple(sorted(f"verilog/{path.name}" for path in (self.folder / "verilog").glob("*.mem")))

    def _sources(self, language: str, suffix: str) -> tuple[str, ...]:
        top = f"{self.top}.{suffix}"
        names = sorted(path.name for path in (self.folder / language).glob(f"*.{suffix}") if path.name != top)
        return tuple(f"{language}/{name}" for name in (top, *names))

    @classmethod
    def load(cls, folder: Path) -> RtlProject:
        """Read a project that `generate` wrote.

        Raises:
            InputError: there is no project in the folder.
        """
        try:
            values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            for name in ("input_type", "output_type"):
                values[name] = FixedPoint.parse(values[name])
            return cls(folder, **values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError.at(str(folder), f"expected RTL made by fpga_flow, got: {reason(error)}") from error


def generate(
    project: HlsProject, folder: Path, *, clock_ns: float | None = None, part: str = "", additions: int | None = None
) -> RtlProject:
    """Write the RTL of an HLS project's network into `folder`, which is replaced, whole or not at all.

    Args:
        clock_ns: the clock period in ns; left out: that of the HLS project.
        part: the FPGA; left out: that of the HLS project.
        additions: at most so many in a row without a register; left out: as many as fit into the clock period.

    Raises:
        InputError: the network can't become RTL, see `check`.
        CheckFailed: the logic computes something else than the network; a mistake of ours or of da4ml's.
    """
    check(project)
    clock_ns, part = clock_ns or project.settings.clock_ns, part or project.settings.part
    additions = additions or pipeline.additions_per_stage(clock_ns, part)
    digest = digest_of(project, clock_ns, part, additions)
    logic = network.trace(project.layers)
    if all(interval.min == interval.max for interval in logic.out_qint):
        raise InputError.at(str(project.folder), "expected outputs that depend on the inputs, got constant ones: on "
                            "the way to them all weights are zero, or all values saturate")  # fmt: skip
    cut = pipeline.cut(logic, additions)
    _check_equal(project, pipeline.predict(cut, _inputs(project)))
    first, last = project.layers[0], project.layers[-1]
    made = RtlProject(
        folder=folder,
        top=top_name(project.settings.project),
        inputs=first.input_size,
        input_type=first.input_type,
        outputs=last.output_size,
        output_type=last.result_type,
        latency_cycles=pipeline.latency_cycles(cut),
        clock_ns=clock_ns,
        part=part,
        additions=additions,
        digest=digest,
    )
    ports = files.Port(made.inputs, made.input_type), files.Port(made.outputs, made.output_type)
    _write(made, {**files.texts(cut, made.top, *ports), MANIFEST: _manifest(made)})
    return made


def digest_of(project: HlsProject, clock_ns: float, part: str, additions: int | None = None) -> str:
    """The digest of the RTL that `generate` makes with these arguments."""
    additions = additions or pipeline.additions_per_stage(clock_ns, part)
    layers = [[_plain(value) for value in vars(layer).values()] for layer in project.layers]
    return runs.digest(layers, clock_ns, part, additions, runs.code_digest("rtl"), runs.versions("da4ml"))


def _plain(value: object) -> str | list[str]:
    """A field of a layer as JSON values."""
    if isinstance(value, np.ndarray):
        return [str(value.shape), str(value.dtype), hashlib.sha256(value.tobytes()).hexdigest()]
    return str(value)


def top_name(project: str) -> str:
    """The name of the top module: one that both languages take, in which `_` is only between other characters."""
    return f"{re.sub('_+', '_', project).strip('_') or 'network'}_rtl"


def _inputs(project: HlsProject) -> NDArray[np.float64]:
    """Samples (n, inputs) from all of the input's type, and its ends."""
    type_, size = project.layers[0].input_type, project.layers[0].input_size
    samples = np.random.default_rng(0).uniform(type_.min, type_.max, (_SAMPLES, size))
    return type_.quantize(np.concatenate([samples, np.full((1, size), type_.min), np.full((1, size), type_.max)]))


def _check_equal(project: HlsProject, got: NDArray[np.float64]) -> None:
    shape = project.layers[0].input_shape
    expected = Emulator(project.layers).predict(_inputs(project).reshape(-1, *shape)).reshape(got.shape)
    wrong = (expected != got).any(axis=1)
    if wrong.any():
        raise CheckFailed(
            f"{project.folder}: the logic made of the network differs from it in {wrong.sum()} of {len(wrong)} random "
            "samples: no RTL was written"
        )


def _manifest(project: RtlProject) -> str:
    values = {key: str(value) if isinstance(value, FixedPoint) else value for key, value in vars(project).items()}
    del values["folder"]
    return json.dumps(values, indent=1) + "\n"


def _write(project: RtlProject, texts: dict[str, str]) -> None:
    with whole(project.folder) as work:
        for name, text in texts.items():
            path = work / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
