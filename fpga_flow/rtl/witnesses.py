"""Three witnesses of a network, sample by sample: its RTL, the C simulation of its HLS code, and the network itself."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import csim, datasets
from fpga_flow.csim import compare, run
from fpga_flow.errors import CheckFailed, InputError
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject
from fpga_flow.rtl.project import RtlProject
from fpga_flow.rtl.simulate import TIMEOUT_MINUTES, simulate
from fpga_flow.spec import load

#: Random samples for a project that has no test data.
RANDOM_SAMPLES = 1000


@dataclass(frozen=True)
class Samples:
    """What the witnesses are asked for.

    values      (n, *input_shape), of the input's type
    expected    (n, outputs), what the network computes
    source      where the samples come from, and who computed what is expected, in words
    """

    values: NDArray[np.float64]
    expected: NDArray[np.float64]
    source: str


@dataclass(frozen=True)
class Witnesses:
    """How the RTL compares with the others: in how many samples it differs, and the first difference in words.

    `csim_differs` is None where the project's backend can't be simulated here.
    """

    samples: int
    source: str
    network_differs: int
    csim_differs: int | None
    first: str | None
    rtl_seconds: float
    csim_seconds: float

    @property
    def agree(self) -> bool:
        """Whether all say the same, bit for bit."""
        return not self.network_differs and not self.csim_differs

    def __str__(self) -> str:
        others = "the network" if self.csim_differs is None else "the C simulation and the network"
        if self.agree:
            return f"bit for bit those of {others}, in all of {self.samples:,} samples ({self.source})"
        counts = f"{self.network_differs:,} samples differ from the network"
        if self.csim_differs is not None:
            counts += f", {self.csim_differs:,} from the C simulation"
        return f"of {self.samples:,} samples ({self.source}) {counts}: {self.first}"

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {**asdict(self), "agree": self.agree, "verdict": str(self)}

    def raise_failures(self) -> None:
        """Raise `CheckFailed` if they don't agree."""
        if not self.agree:
            raise CheckFailed(f"the RTL computes something else: {self}")


def samples_of(project: HlsProject, run_folder: Path | None) -> Samples:
    """All test samples of a run with what its network, QKeras, gave for them; for a project alone random samples.

    Args:
        run_folder: the folder of the run that made the project, None if there is none.

    Raises:
        InputError: the run's spec or data can't be read, or are not those that the run had.
    """
    type_, shape = project.layers[0].input_type, project.layers[0].input_shape
    if run_folder is None:
        values = np.random.default_rng(0).uniform(type_.min, type_.max, (RANDOM_SAMPLES, *shape))
        values = type_.quantize(values)
        return Samples(values, Emulator(project.layers).predict(values), "random, of the input's type")
    loaded = load.load(run_folder / "spec.yaml")
    if loaded.spec is None:
        raise InputError(loaded.problems)
    spec = loaded.spec
    values = type_.quantize(datasets.load(spec.data, spec.seed).test.x)
    expected = np.load(project.folder.parent / "expected.npy", allow_pickle=False)
    if len(values) != len(expected):
        message = f"expected the {len(expected):,} test samples of the run, got {len(values):,}: its data have changed"
        raise InputError.at(str(run_folder), message)
    return Samples(values, expected, f"test samples of {spec.data.name}")


def compare_all(
    rtl: RtlProject, project: HlsProject, samples: Samples, *, timeout_minutes: float = TIMEOUT_MINUTES
) -> Witnesses:
    """Simulate the RTL and the HLS code, and compare.

    Raises:
        ToolError: Verilator or the C++ compiler is missing or fails.
    """
    count = len(samples.values)
    started = time.monotonic()
    got = simulate(rtl, samples.values, timeout_minutes=timeout_minutes)
    rtl_seconds = time.monotonic() - started
    type_ = project.layers[-1].result_type
    expected = samples.expected.reshape(count, -1)
    first = compare.first_mismatch(expected, got, type_, 0.0)
    csim_differs, csim_seconds = None, 0.0
    if BACKENDS[project.settings.backend].simulation is not None:
        started = time.monotonic()
        others = run.run(csim.build(csim.Design.read(project.folder)), samples.values)
        csim_seconds = time.monotonic() - started
        csim_differs = _differing(others, got)
        first = first or compare.first_mismatch(others, got, type_, 0.0)
    return Witnesses(
        samples=count,
        source=samples.source,
        network_differs=_differing(expected, got),
        csim_differs=csim_differs,
        first=None if first is None else str(first),
        rtl_seconds=round(rtl_seconds, 3),
        csim_seconds=round(csim_seconds, 3),
    )


def _differing(expected: NDArray[np.float64], got: NDArray[np.float64]) -> int:
    return int((expected != got).any(axis=1).sum())
