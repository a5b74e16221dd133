"""Which layers and options become exact HLS code, and which are refused: the matrix that the project's tests hold."""

from __future__ import annotations

import json
from pathlib import Path

#: Written and held by tests/hls/test_matrix.py.
MATRIX = Path(__file__).with_name("layer_matrix.json")


def matrix() -> list[dict[str, str]]:
    """One entry per case: `case`, and for `io_parallel` and `io_stream` `exact` or `refused: ` with the reason."""
    entries: list[dict[str, str]] = json.loads(MATRIX.read_text(encoding="utf-8"))
    return entries
