"""The place of the real data sets, and a place without any."""

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
    return folder.resolve()  # tests work in other folders


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, no data folder, an empty cache (the result), and a mirror that has nothing."""
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("FPGA_FLOW_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("FPGA_FLOW_MIRROR", (tmp_path / "mirror").as_uri())
    return cache / "fpga_flow"
