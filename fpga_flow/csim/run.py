"""Running a compiled C simulation: samples in, outputs of the C++ out. It runs in processes of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow.csim.build import Simulator
from fpga_flow.errors import ToolError
from fpga_flow.hls.layer import HlsLayer

#: Samples that one process simulates at a time; between them the progress is reported.
CHUNK = 250


def run(
    simulator: Simulator,
    samples: NDArray[np.floating],
    *,
    jobs: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """The outputs (n, outputs) of the C++ for samples (n, *input_shape).

    Args:
        jobs: processes at a time; left out: one per processor.
        report: gets the number of samples done and of all.

    Raises:
        ToolError: the C++ crashed; the message names the sample.
    """
    chunks = [samples[start : start + CHUNK] for start in range(0, len(samples), CHUNK)]
    outputs: list[NDArray[np.float64]] = []
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for chunk in pool.map(lambda job: _simulate(simulator, *job), enumerate(chunks)):
            outputs.append(chunk)
            report(sum(map(len, outputs)), len(samples))
    return np.concatenate(outputs) if outputs else np.empty((0, simulator.project.layers[-1].output_size))


def trace(
    simulator: Simulator, sample: NDArray[np.floating], layers: Sequence[HlsLayer]
) -> dict[str, NDArray[np.float64]]:
    """The output of each of `layers` (flat) for one sample, as the C++ computes it."""
    with tempfile.TemporaryDirectory(prefix="fpga_flow_csim_") as name:
        outputs = Path(name) / "outputs"
        _start(simulator, sample[None], outputs, [f"{layer.name}={layer.output_size}" for layer in layers])
        return {layer.name: np.fromfile(f"{outputs}.{layer.name}") for layer in layers}


def _simulate(simulator: Simulator, number: int, samples: NDArray[np.floating]) -> NDArray[np.float64]:
    width = simulator.project.layers[-1].output_size
    with tempfile.TemporaryDirectory(prefix="fpga_flow_csim_") as name:
        outputs = Path(name) / "outputs"
        try:
            _start(simulator, samples, outputs)
        except ToolError as error:
            done = outputs.stat().st_size // (8 * width) if outputs.exists() else 0
            raise ToolError(f"sample {number * CHUNK + done}: {error}") from error
        return np.fromfile(outputs).reshape(-1, width)


def _start(simulator: Simulator, samples: NDArray[np.floating], outputs: Path, layers: Sequence[str] = ()) -> None:
    inputs = outputs.with_name("inputs")
    np.ascontiguousarray(samples, np.float64).tofile(inputs)
    command = [str(simulator.executable), str(inputs), str(outputs), *layers]
    result = subprocess.run(command, cwd=simulator.project.folder, capture_output=True, text=True, errors="replace")
    expected = len(samples) * simulator.project.layers[-1].output_size * 8
    if result.returncode != 0 or outputs.stat().st_size != expected or "ERROR" in result.stderr:
        how = (
            f"was ended by signal {-result.returncode}"
            if result.returncode < 0
            else f"gave exit code {result.returncode}"
        )
        said = (result.stderr + result.stdout).strip()[-2000:]
        raise ToolError(f"the C simulation {how}: {said or 'it said nothing'}")
