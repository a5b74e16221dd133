"""Simulating a design without a golden record, and comparing with what there is: the emulator, or hls4ml's own data."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import csim, sizes
from fpga_flow.csim import compare, inputs, run
from fpga_flow.csim.build import Simulator
from fpga_flow.csim.design import Design
from fpga_flow.errors import InputError
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject

#: Random samples, where a project has no data of its own.
RANDOM_SAMPLES = 1000
_FEATURES, _PREDICTIONS = Path("tb_data/tb_input_features.dat"), Path("tb_data/tb_output_predictions.dat")


@dataclass(frozen=True)
class Samples:
    """Samples (n, size) and where they come from, in words; `own` if they are the project's test data."""

    values: NDArray[np.float64]
    source: str
    own: bool = False


@dataclass(frozen=True)
class Simulated:
    """What a simulation gave.

    passed      None if there was nothing that decides
    verdict     how it compares with what there is, in words
    largest     the largest difference; None if there was nothing to compare with
    """

    design: Design
    samples: int
    source: str
    headers: str
    build_seconds: float
    run_seconds: float
    verdict: str
    largest: float | None
    differing: int | None
    passed: bool | None

    @property
    def seconds(self) -> float:
        """Of building and running the simulation."""
        return self.build_seconds + self.run_seconds

    def report(self) -> str:
        """The report as text."""
        return f"{self.design.folder}: {self.samples:,} samples ({self.source}): {self.verdict}"

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "project": str(self.design.folder),
            "samples": self.samples,
            "source": self.source,
            "headers": self.headers,
            "build_seconds": round(self.build_seconds, 3),
            "run_seconds": round(self.run_seconds, 3),
            "differing_samples": self.differing,
            "largest_difference": self.largest,
            "verdict": self.verdict,
            "passed": self.passed,
        }


def own_project(design: Design) -> HlsProject | None:
    """The project in the design's folder, if fpga_flow made it.

    Raises:
        InputError: it did, but the project is damaged.
    """
    return HlsProject.load(design.folder) if (design.folder / "project.json").is_file() else None


def samples_for(
    simulator: Simulator, file: Path | None = None, samples: int | None = None, seed: int | None = None
) -> Samples:
    """The samples of a file; else `samples` random ones; else the project's test data, if it has any, else random ones.

    Those for projects of fpga_flow are rounded into the input's type, which is the first thing that the network does.

    Raises:
        InputError: the file, or the project's, is not as expected; or the options contradict each other.
    """
    if file is not None and (samples is not None or seed is not None):
        raise InputError.at("--inputs", "expected a file or random samples (--samples, --seed), got both")
    project = own_project(simulator.design)
    shape = project.layers[0].input_shape if project is not None else ()
    features = simulator.design.folder / _FEATURES
    if file is not None:
        found = Samples(inputs.read(file, simulator.input_size, shape), str(file))
    elif samples is None and seed is None and _says_something(features):
        found = Samples(inputs.read(features, simulator.input_size), str(_FEATURES), own=True)
    else:
        count, start = RANDOM_SAMPLES if samples is None else samples, seed or 0
        inputs.check_count(count, simulator.input_size)
        found = Samples(inputs.random(simulator.inputs, count, start), f"random over the inputs' types, seed {start}")
    if project is None:
        return found
    rounded = project.layers[0].input_type.quantize(found.values)
    if np.array_equal(rounded, found.values):
        return found
    return replace(found, values=rounded, source=f"{found.source}, rounded into {project.layers[0].input_type}")


def _says_something(file: Path) -> bool:
    return file.is_file() and bool(sizes.read_text(file, inputs.MOST_BYTES, errors="replace").strip())


def simulate(simulator: Simulator, samples: Samples, tolerance: float | None = None) -> Simulated:
    """Run a simulator and compare its outputs.

    A project of fpga_flow is compared with the emulator of its network, for which the project says the tolerance. What
    hls4ml wrote is compared with the predictions that it stored, which are those of a network in floats: without a
    tolerance, their distance is information only.

    Raises:
        InputError: the project is damaged, or a tolerance was given and there is nothing to compare with.
        ToolError: the compiler or the C++ failed.
    """
    design = simulator.design
    project = own_project(design)
    if project is not None:
        return _against_emulator(simulator, project, samples, tolerance)
    started = time.monotonic()
    got = run.run(simulator, samples.values)
    seconds = time.monotonic() - started
    expected = _predictions(design, simulator, len(got)) if samples.own else None
    largest = differing = passed = None
    verdict = "simulated; there is nothing to compare with (--record makes a golden record)"
    if expected is not None:
        largest = float(np.max(np.abs(expected - got), initial=0.0))
        verdict = f"by up to {largest:.6g} from the stored predictions (of the network in floats)"
        if tolerance is not None:
            differing = int(compare.differing(expected, got, tolerance).any(axis=1).sum())
            passed = not differing
            verdict = f"{differing:,} differ by more than {tolerance:g}: {verdict}"
    elif tolerance is not None:
        raise InputError.at(
            "--tolerance", f"expected something to compare with, but {design.folder} has no predictions for the samples"
        )
    return Simulated(
        design, len(got), samples.source, simulator.headers, simulator.build_seconds, seconds, verdict, largest,
        differing, passed,
    )  # fmt: skip


def _against_emulator(
    simulator: Simulator, project: HlsProject, samples: Samples, tolerance: float | None
) -> Simulated:
    if tolerance is not None:
        project = replace(project, tolerance=tolerance)
    emulator = Emulator(project.layers)
    x = samples.values.reshape(len(samples.values), *project.layers[0].input_shape)
    expected = emulator.predict(x).reshape(len(x), -1)
    bundled = simulator.headers == "bundled"
    result = csim.simulate(project, x, expected, stock_headers=bundled, layer_outputs=emulator.predict_layers)
    if result.first is not None:
        verdict = f"{result.mismatches:,} differ from the network, by up to {result.max_abs_diff:.6g}: {result.first}"
    elif result.exact:
        verdict = "exact: each output is bit for bit the network's"
    else:
        verdict = f"within the tolerance {project.tolerance:g}: by up to {result.max_abs_diff:.6g} from the network"
    return Simulated(
        simulator.design, len(x), samples.source, result.headers, simulator.build_seconds, result.run_seconds, verdict,
        result.max_abs_diff, result.mismatches, result.first is None,
    )  # fmt: skip


def _predictions(design: Design, simulator: Simulator, samples: int) -> NDArray[np.float64] | None:
    """The predictions that are stored for the project's test data; None if there are none."""
    file = design.folder / _PREDICTIONS
    if not file.is_file() or not file.read_text("utf-8", "replace").strip():
        return None
    expected = inputs.read(file, simulator.output_size)
    if len(expected) != samples:
        raise InputError.at(str(file), f"expected {samples:,} lines, as in {_FEATURES}, got {len(expected):,}")
    return expected
