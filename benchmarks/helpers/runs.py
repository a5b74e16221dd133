"""Running specs as a user would, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from helpers.result import ROOT


def run(spec: Path, out: Path, *options: str) -> dict[str, Any]:
    """The run.json of a spec, with its `folder`; or what is printed of a run that is stopped before its end."""
    command = [sys.executable, "-m", "fpga_flow.cli", "run", str(spec), "--out", str(out), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout:  # a check that fails (too large for the board) has printed all the same
        sys.exit(f"{spec.name} gave exit code {done.returncode}:\n{done.stderr}")
    record: dict[str, Any] = json.loads(done.stdout)[0]
    return record


def shipped(name: str) -> Path:
    """An example that comes with the package."""
    return ROOT / "hls_configs" / f"{name}.yaml"


def written(spec: dict[str, Any], folder: Path) -> Path:
    """The file of a spec made here."""
    file = folder / f"{spec['name']}.yaml"
    file.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return file
