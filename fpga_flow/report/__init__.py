"""The pages that show runs, sweeps and comparisons: one file each, readable without a network connection.

Where to look; what a page shows is gathered in one file and drawn in another:

page.py                     the page of a run
weights.py                  its weights, read from the stages
histogram.py                how they are distributed
pictures.py                 pictures of them
confusion.py                which classes are confused
resources.py                its resource numbers
resource_figures.py         the figures of these
compression.py              its compression
compression_figures.py      the figures of that
figures.py                  the other figures
sweep.py                    the page of a sweep
sweep_data.py               what its script works on
sweep_figures.py            its figures
comparison.py               runs side by side, as plain values
comparison_runs.py          read from the runs
comparison_page.py          as a page
comparison_text.py          as Markdown and CSV
notebook.py                 what Jupyter shows
svg.py                      the plots in that
sheet.py                    a page of nothing but figures
drawing.py                  how all figures look
rendering.py                pages from templates
text.py                     numbers and short texts
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpga_flow import runs

if TYPE_CHECKING:
    from fpga_flow.datasets.base import Dataset
    from fpga_flow.runs import Done

__all__ = ["write"]


def write(
    record: dict[str, Any], dataset: Dataset, finished: Sequence[Done], path: Path, *, shared_script: bool = False
) -> Path:
    """Write the report of a run by one rename, and return its path. The same run gives the same bytes.

    Args:
        record: the contents of run.json.
        dataset: what the run was trained and tested on.
        finished: the run's stages; weights, histories and the simulation's outputs are read from their folders.
        path: where the report goes.
        shared_script: whether plotly is a file in the folder above, which reports share, instead of a part of the page.
    """
    from fpga_flow.report import page, rendering  # load jinja2, plotly and h5py

    script = rendering.script_beside(path.parent.parent) if shared_script else None
    runs.write_text(path, page.render(record, dataset, finished, script and f"../{script}"))
    return path
