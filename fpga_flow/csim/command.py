"""What `fpga-flow csim` does: simulate a project, look into it, or make, check or renew golden records of it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from joblib import cpu_count  # counts what this process may use, of a container, too

from fpga_flow import doing, process
from fpga_flow.csim import junit, verify
from fpga_flow.csim.build import Simulator, build
from fpga_flow.csim.compare import Tolerance
from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis import results as diagnose
from fpga_flow.csim.diagnosis import trace
from fpga_flow.csim.diagnosis.results import Examined, Stressed
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden import regression
from fpga_flow.csim.golden.regression import Checked
from fpga_flow.csim.verify import Simulated
from fpga_flow.errors import CheckFailed, FlowError, InputError, Problem
from fpga_flow.resources.numbers import project_folder


@dataclass(frozen=True)
class Options:
    """What the command is asked for; see its help.

    tolerance   as they were written: `0.01`, or `output=0.01`
    """

    inputs: Path | None = None
    samples: int | None = None
    seed: int | None = None
    record: Path | None = None
    check: tuple[Path, ...] = ()
    update: tuple[Path, ...] = ()
    tolerance: tuple[str, ...] = ()
    reproducer: Path | None = None
    stock_headers: bool = False
    junit: Path | None = None
    trace: bool = False
    stress: bool = False


_NO_OPTIONS = Options()


@dataclass(frozen=True)
class Recorded:
    """A golden record that was made: its file and size, the samples and where they come from, and its layers."""

    file: Path
    design: Design
    size: int
    samples: int
    source: str
    layers: int
    seconds: float
    passed: bool | None = None

    def report(self) -> str:
        """The report as text."""
        return (
            f"{self.file}: recorded {self.samples:,} samples ({self.source}), {self.layers} layers and the outputs: "
            f"{self.size:,} bytes"
        )

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "record": str(self.file),
            "project": str(self.design.folder),
            "samples": self.samples,
            "source": self.source,
            "layers": self.layers,
            "bytes": self.size,
        }


Result = Simulated | Recorded | Checked | Examined | Stressed


def find_design(path: Path) -> Design:
    """The design in the folder of an HLS project, of ours or of hls4ml's, or the newest one of a run's folder.

    Raises:
        InputError: there is none, it lacks files, or it can't be simulated here.
    """
    return Design.read(project_folder(path) or path)


def execute(
    projects: Sequence[Path], options: Options, started: Callable[[str], None] = lambda name: None
) -> list[Result]:
    """Do what the options ask for, for each project; a result for each record, or a single one. JUnit XML is written
    even if it fails.

    Args:
        projects: their folders. Several are compiled at the same time, and simulated one after the other.
        started: gets the name of each task when it begins.

    Raises:
        InputError: the options contradict each other, or a file is not as expected.
        ToolError: the compiler or the C++ failed.
    """
    _check_options(options, len(projects))
    tolerance = parse_tolerance(options.tolerance)
    designs = _find_designs(projects)
    if len(designs) > 1:
        doing.now("projects compiled", 0, len(designs))
        _compile(designs, options)
    results: list[Result] = []
    cases: list[junit.Case] = []
    try:
        for project, design in zip(projects, designs, strict=True):
            for name, work in _tasks(design, options, tolerance):
                started(f"{project}: {name}")
                began = time.monotonic()
                try:
                    results.append(result := work())
                except FlowError as error:
                    cases.append(junit.Case(name, str(project), time.monotonic() - began, "error", str(error)))
                    raise
                outcome: junit.Outcome = "failed" if result.passed is False else "passed"
                cases.append(junit.Case(name, str(project), result.seconds, outcome, result.report()))
    finally:
        if options.junit is not None:
            junit.write(cases, options.junit)
    return results


def record(design: Design, path: Path, options: Options = _NO_OPTIONS, *, stock_headers: bool = False) -> Recorded:
    """Write a new golden record, of the samples that the options ask for.

    Raises:
        InputError: there is a record already, or the samples are not as expected.
        ToolError: the compiler or the C++ failed.
        CheckFailed: the C++ computes something that is no finite number.
    """
    started = time.monotonic()
    file = golden_file.file_of(path)
    regression.check_new(file)
    samples = _samples(regression.simulator_of(design, stock_headers=stock_headers), options)
    made = regression.record(design, samples.values, file, stock_headers=stock_headers)
    return Recorded(
        file, design, file.stat().st_size, len(made), samples.source, len(made.layers), time.monotonic() - started
    )  # fmt: skip


def _find_designs(projects: Sequence[Path]) -> list[Design]:
    """The designs of all projects; what is wrong with any of them is raised at once."""
    designs: list[Design] = []
    problems: list[Problem] = []
    for project in projects:
        try:
            designs.append(find_design(project))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return designs


def _compile(designs: Sequence[Design], options: Options) -> None:
    """Compile designs at the same time; those that fail say so when they are simulated."""

    def compile_(design: Design) -> None:
        with contextlib.suppress(FlowError):
            if options.trace or options.stress:
                trace.simulator(design, stock_headers=options.stock_headers)
            else:
                build(design, stock_headers=options.stock_headers)

    with process.threads(cpu_count()) as pool:
        for number, _ in enumerate(pool.map(compile_, designs)):
            doing.now("projects compiled", number + 1, len(designs))


def raise_failures(results: Sequence[Result]) -> None:
    """Raise CheckFailed, with their reports, for the results that did not pass."""
    if failed := [result.report() for result in results if result.passed is False]:
        raise CheckFailed("\n".join(failed))


def parse_tolerance(texts: Sequence[str]) -> Tolerance | None:
    """The tolerance in texts: one number for all outputs, or `output=number` for each that is meant; None without any.

    Raises:
        InputError: they are not of these forms.
    """
    numbers: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise InputError.at("--tolerance", f'expected a number from 0, or output=number, got "{text}"')
        if name in numbers or (numbers and "" in (name, *numbers)):
            raise InputError.at("--tolerance", "expected one number, or one for each output: output=number, got both")
        numbers[name] = value
    if not numbers:
        return None
    return numbers.get("", numbers)


def _tasks(design: Design, options: Options, tolerance: Tolerance | None) -> Iterator[tuple[str, Callable[[], Result]]]:
    """What is to be done: the name of each task, and what does it."""
    stock = options.stock_headers
    if options.stress:
        stressed = partial(diagnose.provoke, design, options.samples, options.seed)
        yield "stress", partial(stressed, stock_headers=stock, record=options.record)
        return
    if options.trace:
        for path in options.check:
            yield (
                str(golden_file.file_of(path)),
                partial(diagnose.examine_record, design, path, stock_headers=stock),
            )
        if not options.check:
            yield "trace", partial(_examine, design, options)
        return
    for path in options.check:
        folder = options.reproducer or regression.REPRODUCERS
        if options.reproducer is None or len(options.check) > 1:
            folder = folder / golden_file.file_of(path).stem
        yield (
            str(golden_file.file_of(path)),
            partial(regression.check, design, path, tolerance or 0.0, stock_headers=stock, reproducer_folder=folder),
        )
    for path in options.update:
        yield (
            str(golden_file.file_of(path)),
            partial(regression.update, design, path, tolerance or 0.0, stock_headers=stock),
        )
    if options.record is not None:
        yield (
            str(golden_file.file_of(options.record)),
            partial(record, design, options.record, options, stock_headers=stock),
        )
    elif not options.check and not options.update:
        yield "csim", partial(_simulate, design, options, tolerance)


def _simulate(design: Design, options: Options, tolerance: Tolerance | None) -> Simulated:
    if isinstance(tolerance, Mapping):
        raise InputError.at("--tolerance", "expected a single number, as there is no golden record to check")
    simulator = build(design, stock_headers=options.stock_headers)
    return verify.simulate(simulator, _samples(simulator, options), tolerance)


def _examine(design: Design, options: Options) -> Examined:
    simulator, _ = trace.simulator(design, stock_headers=options.stock_headers)
    return diagnose.examine(design, _samples(simulator, options), stock_headers=options.stock_headers)


def _samples(simulator: Simulator, options: Options) -> verify.Samples:
    return verify.samples_for(simulator, options.inputs, options.samples, options.seed)


def _check_options(options: Options, projects: int) -> None:
    """Raise an InputError for options that would mean nothing together."""
    if projects > 1 and (options.record or options.check or options.update):
        raise InputError.at("PROJECT", f"expected a single project for golden records, got {projects}")
    asked = [name for name in ("record", "check", "update") if getattr(options, name)]
    if len(asked) > 1:
        raise InputError.at(f"--{asked[1]}", f"expected one of --record, --check and --update, got --{asked[0]}, too")
    if options.trace and options.stress:
        raise InputError.at("--stress", "expected one of --trace and --stress, got both (--stress traces, too)")
    mode = "stress" if options.stress else "trace" if options.trace else asked[0] if asked else ""
    useless: dict[str, tuple[str, ...]] = {
        "record": ("trace",), "check": ("stress",), "update": ("trace", "stress"),
        "inputs": ("check", "update", "stress"), "samples": ("check", "update"), "seed": ("check", "update"),
        "tolerance": ("record", "trace", "stress"), "junit": ("record", "update"),
        "reproducer": ("", "record", "update", "trace", "stress"),
    }  # fmt: skip
    for name, modes in useless.items():
        given = getattr(options, name)
        if given not in (None, ()) and mode in modes:
            what = f"with --{mode}" if mode else "without --check"
            raise InputError.at(f"--{name}", f"expected no such option {what}, where it means nothing")
