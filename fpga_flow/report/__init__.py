"""`report.html`: one file that shows a run, readable without a network connection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpga_flow import runs

if TYPE_CHECKING:
    from fpga_flow.datasets.base import Dataset
    from fpga_flow.runs import Done

__all__ = ["write"]


def write(record: dict[str, Any], dataset: Dataset, finished: Sequence[Done], path: Path) -> Path:
    """Write the report of a run by one rename, and return its path. The same run gives the same bytes.

    Args:
        record: the contents of run.json.
        dataset: what the run was trained and tested on.
        finished: the run's stages; weights, histories and the simulation's outputs are read from their folders.
        path: where the report goes.
    """
    from fpga_flow.report import page  # loads jinja2, plotly and h5py

    runs.write_text(path, page.render(record, dataset, finished))
    return path
