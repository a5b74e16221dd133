"""SIGKILL at any moment: the same command then makes the same, and nothing stays behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hard import trials


def test_at_each_change_of_a_little_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hard.little", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["changes"] > 30


@pytest.mark.slow
@pytest.mark.parametrize("trial", [trials.killed_run, trials.killed_sweep, trials.killed_search])
def test_at_random_moments(tmp_path: Path, trial: object) -> None:
    found = trial(4, tmp_path / "kills")
    assert found.wrong == []
    assert found.kills == 4
