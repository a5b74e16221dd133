"""The place of the real data sets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """The folder of the real data sets; skips where there is none."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("FPGA_FLOW_DATA") or beside)
    if not (folder / "mnist" / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip("needs the real data sets in $FPGA_FLOW_DATA")
    return folder
