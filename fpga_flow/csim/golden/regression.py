"""Regression tests of designs by golden records: make one, check a design by it, renew it. Nothing is printed here."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from os.path import realpath  # Path.resolve raises where links lead in circles
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.csim import run
from fpga_flow.csim.build import Simulator, Tensor, build
from fpga_flow.csim.compare import Comparison, Tolerance, compare, tolerances
from fpga_flow.csim.design import Design
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden import reproducer
from fpga_flow.csim.golden.values import Golden, Signal, described
from fpga_flow.errors import CheckFailed, InputError

#: Where reproducers are written, a folder per record.
REPRODUCERS = Path("csim_mismatch")


@dataclass(frozen=True)
class Checked:
    """How a design compares with a golden record.

    file        of the record
    headers     what the design was compiled with, see headers.py
    seconds     of building and running the simulation
    reproducer  the files that show the first mismatch by itself; none if there is none, or none were wanted
    unwritten   why they could not be written
    updated     whether the record was written anew
    """

    file: Path
    design: Design
    comparison: Comparison
    headers: str
    seconds: float
    reproducer: tuple[Path, ...] = ()
    unwritten: str = ""
    updated: bool = False

    @property
    def passed(self) -> bool:
        """Whether the design computes what the record says, or the record was renewed."""
        return self.updated or self.comparison.passed

    def report(self) -> str:
        """The report as text: the verdict, and each fact in a line of its own."""
        compared = self.comparison
        first, *more = compared.lines()
        if self.reproducer:
            more.append(f"this sample alone: {' and '.join(map(str, self.reproducer))}")
        if self.unwritten:
            more.append(f"this sample alone can't be written: {self.unwritten}")
        if compared.same:
            samples = f"{compared.samples:,} sample{'s' if compared.samples > 1 else ''}"
            first = f"all outputs and layers are as recorded, for {samples}"
        verdict = "updated" if self.updated else "passed" if self.passed else "FAILED"
        return "\n  ".join([f"{self.file}: {verdict}: {first}", *more])

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            **self.comparison.to_dict(),
            "record": str(self.file),
            "project": str(self.design.folder),
            "headers": self.headers,
            "seconds": round(self.seconds, 3),
            "updated": self.updated,
            "reproducer": [str(file) for file in self.reproducer],
            "passed": self.passed,
        }


def simulator_of(design: Design, *, stock_headers: bool = False) -> Simulator:
    """The simulator for golden records of a design: it records layers, where its backend can.

    Raises:
        ToolError: the compiler is missing or fails.
    """
    return build(design, stock_headers=stock_headers, traced=_is_traced(design))


def make(simulator: Simulator, samples: NDArray[np.float64]) -> Golden:
    """The record of what a simulator, from `simulator_of`, computes for samples (n, ...).

    Raises:
        ToolError: the C++ crashed.
    """
    samples = np.asarray(samples, np.float64).reshape(len(samples), -1)
    if _is_traced(simulator.design):
        traced = run.trace(simulator, samples)
    else:
        traced = run.Traced(run.run(simulator, samples), {}, {}, ())
    return Golden(
        top=simulator.design.top,
        inputs=_split(samples, simulator.inputs),
        outputs=_split(traced.outputs, simulator.outputs),
        layers=tuple(Signal(name, traced.types[name], values) for name, values in traced.layers.items()),
        digest=_digest(simulator),
        headers=simulator.headers,
        version=metadata.version("fpga_flow"),
    )


def check_new(file: Path) -> None:
    """Raise an InputError if a record is there already."""
    if file.exists():
        raise InputError.at(str(file), "expected no such file yet: --update shows what changed, and writes it anew")


def record(design: Design, samples: NDArray[np.float64], path: Path, *, stock_headers: bool = False) -> Golden:
    """Write a new golden record of what a design computes for samples (n, ...).

    Raises:
        InputError: there is one already, or it would be too large.
        ToolError: the compiler or the C++ failed.
        CheckFailed: the C++ computes something that is no finite number.
    """
    file = golden_file.file_of(path)
    check_new(file)
    made = make(simulator_of(design, stock_headers=stock_headers), samples)
    _save(made, file)
    return made


def check(
    design: Design,
    path: Path,
    tolerance: Tolerance = 0.0,
    *,
    stock_headers: bool = False,
    reproducer_folder: Path | None = None,
) -> Checked:
    """Compare what a design computes now with a golden record.

    Args:
        tolerance: how far outputs may be from the record's. With one above 0, layers are told, but decide nothing.
        reproducer_folder: gets the first mismatch as a case of its own; left out: nothing is written.

    Raises:
        InputError: there is no record, it is damaged, or of another design.
        ToolError: the compiler or the C++ failed.
    """
    file = golden_file.file_of(path)
    if reproducer_folder is not None and realpath(reproducer_folder / reproducer.RECORD) == realpath(file):
        raise InputError.at(
            str(reproducer_folder), "expected another folder for the reproducer than that of the record"
        )  # fmt: skip
    expected, _, checked = _compared(design, path, tolerance, stock_headers)
    if checked.passed or reproducer_folder is None:
        return checked
    allowed = tolerances(tolerance, [output.name for output in expected.outputs])
    try:
        files = reproducer.write(reproducer_folder, design, expected, checked.comparison, allowed)
    except OSError as error:  # the mismatch is told all the same
        return replace(checked, unwritten=f"{error.filename or reproducer_folder}: {error.strerror or error}")
    return replace(checked, reproducer=tuple(files))


def update(design: Design, path: Path, tolerance: Tolerance = 0.0, *, stock_headers: bool = False) -> Checked:
    """Compare as `check` does, then write the record anew, with its own samples.

    Raises:
        InputError, ToolError: as for `check`.
        CheckFailed: the C++ computes something that is no finite number.
    """
    _, made, checked = _compared(design, path, tolerance, stock_headers)
    _save(made, checked.file)
    return replace(checked, updated=True)


def _compared(design: Design, path: Path, tolerance: Tolerance, stock_headers: bool) -> tuple[Golden, Golden, Checked]:
    file = golden_file.file_of(path)
    expected = golden_file.load(file)
    tolerances(tolerance, [output.name for output in expected.outputs])  # wrong ones are told before the compiler runs
    started = time.monotonic()
    simulator = simulator_of(design, stock_headers=stock_headers)
    check_same_design(expected, simulator, file)
    made = make(simulator, expected.samples)
    seconds = time.monotonic() - started
    return expected, made, Checked(file, design, compare(expected, made, tolerance), simulator.headers, seconds)


def _is_traced(design: Design) -> bool:
    """Whether the outputs of the design's layers can be read."""
    return design.io_type in design.simulation.traced


def check_same_design(expected: Golden, simulator: Simulator, file: Path) -> None:
    """Raise an InputError if the record is of a design with other inputs or outputs."""
    sides = ((expected.inputs, simulator.inputs), (expected.outputs, simulator.outputs))
    if any([signal.size for signal in signals] != [tensor.size for tensor in tensors] for signals, tensors in sides):
        got = described(simulator.design.top, simulator.inputs, simulator.outputs)
        raise InputError.at(
            str(file), f"expected a record of this design, {got}; got one that was made of {expected.made_of()}"
        )


def _save(made: Golden, file: Path) -> None:
    """Write a record, whose values must be finite: nothing can be compared with others."""
    for signal in (*made.outputs, *made.layers):
        if len(wrong := np.argwhere(~np.isfinite(signal.values))):
            sample, number = wrong[0]
            raise CheckFailed(
                f"{file}: expected finite numbers from the C++, got {signal.values[sample, number]} as value {number} "
                f'of "{signal.name}" for sample {sample}; nothing is recorded'
            )
    golden_file.save(made, file)


def _split(values: NDArray[np.float64], tensors: Sequence[Tensor]) -> tuple[Signal, ...]:
    """All inputs or outputs, (n, sum of sizes), as one signal each."""
    ends = np.cumsum([tensor.size for tensor in tensors])
    return tuple(
        Signal(tensor.name, tensor.type, values[:, end - tensor.size : end])
        for tensor, end in zip(tensors, ends, strict=True)
    )


def _digest(simulator: Simulator) -> str:
    """The digest of what computes: the compiled simulation, and the weights, which it reads when it starts."""
    digest = hashlib.sha256(simulator.digest.encode())
    for file in sorted((simulator.design.folder / "firmware" / "weights").glob("*.txt")):
        digest.update(f"{file.name} ".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
