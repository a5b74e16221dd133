"""C simulation of an HLS project, and the check that it computes what the network computes.

Where to look, in the order in which a simulation uses them:

command.py      what `fpga-flow csim` does
design.py       a project as C simulation sees it
weights.py      the same weights for the simulation and for HLS tools
headers.py      with which headers it can be compiled
kernels/        faster C++ for hls4ml's functions
instrument.py   what records the layers
unit.py         the C++ unit that is compiled
compiler.py     the compiler
shared.py       what all simulations share, compiled
cache.py        where what was compiled is kept
build.py        a project compiled: `build`
inputs.py       samples
arrays.py       numpy's files that nobody vouches for
run.py          samples in, outputs out: `run`
executable.py   how the executable is talked to
compare.py      outputs against what is expected
verify.py       a design without a golden record
golden/         golden records
diagnosis/      traces and stress tests
junit.py        results for CI servers
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fpga_flow.csim import compare, compiler, run
from fpga_flow.csim.build import Simulator, build
from fpga_flow.csim.design import Design
from fpga_flow.hls.project import HlsProject

__all__ = ["CsimResult", "Design", "Simulator", "build", "compiler", "simulate"]


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

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fpga_flow.report import notebook

        return notebook.simulation(self)


def simulate(
    project: HlsProject,
    samples: NDArray[np.floating],
    expected: NDArray[np.float64],
    *,
    stock_headers: bool = False,
    layer_outputs: Callable[[NDArray[np.floating]], dict[str, NDArray[np.float64]]] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> CsimResult:
    """Build the project's C simulation, run it on `samples` (n, *input_shape), and compare with `expected`.

    Args:
        expected: what the network computes, (n, outputs).
        stock_headers: compile the project's own headers alone, not faster ones with the same results.
        layer_outputs: gives every layer's output for samples, to find the first layer that differs (where the backend
            can be traced).

    Raises:
        InputError: the project lacks files, or its backend can't be simulated here.
        ToolError: the compiler is missing or fails, or the C++ crashes.
    """
    design = Design.read(project.folder)
    simulator = build(design, stock_headers=stock_headers)
    started = time.monotonic()
    got = run.run(simulator, samples, report=report)
    seconds = time.monotonic() - started
    wrong = compare.differing(expected, got, project.tolerance).any(axis=1)
    first = compare.first_mismatch(expected, got, project.layers[-1].result_type, project.tolerance)
    if first is not None and layer_outputs is not None and design.io_type in design.simulation.traced:
        traced = run.trace(build(design, stock_headers=stock_headers, traced=True), samples[first.sample][None])
        first = replace(first, layer=_first_layer(project, traced, layer_outputs(samples[first.sample][None])))
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


def _first_layer(project: HlsProject, traced: run.Traced, expected: dict[str, NDArray[np.float64]]) -> str:
    """The first layer whose output for the one sample is not the network's."""
    for layer in project.layers:
        if layer.name not in traced.layers:  # a reshape is no code
            continue
        tolerance = project.tolerance if layer.function == "softmax" else 0.0
        if compare.differing(expected[layer.name].ravel(), traced.layers[layer.name].ravel(), tolerance).any():
            return layer.name
    return ""
