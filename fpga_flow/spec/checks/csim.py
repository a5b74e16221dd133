"""Checking the section `csim` against the data and the backend."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_flow.errors import FieldError
from fpga_flow.hls.backends import Backend


def check_samples(samples: int | None, there: int) -> Iterator[FieldError]:
    """No more samples can be simulated than there are."""
    if samples is not None and samples > there:
        yield FieldError(
            ("csim", "samples"), f"expected at most {there}, as many as there are test samples, got {samples}"
        )


def check_simulated(samples: int | None, backend: Backend) -> Iterator[FieldError]:
    """Nothing is called proven that is not: without a C simulation, none must be asked for."""
    if backend.simulation is None and samples != 0:
        yield FieldError(
            ("csim", "samples"),
            f"the backend {backend.name} can't be simulated here: {backend.unsimulated}; expected 0, to have the "
            f"project made with nothing proven of it, or another backend, got {samples or 'all'}",
        )
