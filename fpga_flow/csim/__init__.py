"""C simulation of an HLS project, and the check that it computes what the network computes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow.csim import compare, run
from fpga_flow.csim.build import Simulator, build, compiler, simulation_of
from fpga_flow.hls.project import HlsProject

__all__ = ["CsimResult", "Simulator", "build", "compiler", "simulate", "simulation_of"]


@dataclass(frozen=True)
class CsimResult:
    """How the C simulation compares with the network; `mismatches` counts samples.

    A sample is a mismatch if an output differs by more than the project's tolerance, which is 0 unless table functions
    such as softmax are among its layers. `exact` means bit for bit, whatever the tolerance; max_abs_diff is over all
    outputs. `headers` is that of the Simulator.
    """

    samples: int
    mismatches: int
    max_abs_diff: float
    exact: bool
    build_seconds: float
    run_seconds: float
    outputs: NDArray[np.float64]
    headers: str
    first: compare.Mismatch | None = None


def simulate(
    project: HlsProject,
    samples: NDArray[np.floating],
    expected: NDArray[np.float64],
    folder: Path,
    *,
    stock_headers: bool = False,
    layer_outputs: Callable[[NDArray[np.floating]], dict[str, NDArray[np.float64]]] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> CsimResult:
    """Build the project's C simulation in `folder`, run it on `samples` (n, *input_shape), and compare with `expected`.

    Args:
        expected: what the network computes, (n, outputs).
        stock_headers: compile with the project's own fixed-point types, not with the light ones, which are faster to
            compile and give the same results.
        layer_outputs: gives every layer's output for samples, to find the first layer that differs (where the backend
            can be traced).

    Raises:
        InputError: the project's backend can't be simulated here.
        ToolError: the compiler is missing or fails, or the C++ crashes.
    """
    simulator = build(project, folder, stock_headers=stock_headers)
    started = time.monotonic()
    got = run.run(simulator, samples, report=report)
    seconds = time.monotonic() - started
    wrong = compare.differing(expected, got, project.tolerance).any(axis=1)
    first = compare.first_mismatch(expected, got, project.layers[-1].result_type, project.tolerance)
    traced = project.settings.io_type in simulation_of(project).traced
    if first is not None and layer_outputs is not None and traced:
        first = replace(first, layer=_first_layer(simulator, samples[first.sample], layer_outputs))
    largest = float(np.max(np.abs(expected - got), initial=0.0))
    return CsimResult(
        len(got),
        int(wrong.sum()),
        largest,
        largest == 0.0,
        round(simulator.build_seconds, 3),
        round(seconds, 3),
        got,
        simulator.headers,
        first,
    )


def _first_layer(
    simulator: Simulator,
    sample: NDArray[np.floating],
    layer_outputs: Callable[[NDArray[np.floating]], dict[str, NDArray[np.float64]]],
) -> str:
    """The first layer whose output for a sample is not the network's."""
    layers = [layer for layer in simulator.project.layers if layer.kind != "reshape"]
    expected, got = layer_outputs(sample[None]), run.trace(simulator, sample, layers)
    for layer in layers:
        tolerance = simulator.project.tolerance if layer.function == "softmax" else 0.0
        if compare.differing(expected[layer.name].ravel(), got[layer.name], tolerance).any():
            return layer.name
    return ""
