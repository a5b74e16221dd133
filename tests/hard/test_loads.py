"""Much work at once, in little; benchmarks/robustness.py has it in large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hard import loads


@pytest.mark.slow
@pytest.mark.parametrize("work", [loads.cached_sweep, loads.sweep_report, loads.compared_runs])
def test_memory_and_seconds_in_a_browser(tmp_path: Path, work: Any) -> None:
    found = work(200, tmp_path)
    assert found["rows"] == 200
    assert found["peak_bytes"] < 2e9
    assert found["browser_seconds"] is None or found["browser_seconds"] < 3
