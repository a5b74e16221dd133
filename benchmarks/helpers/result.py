"""The form of a benchmark's result file: figures, what they were made with, and the bars they are held against."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bar:
    """A figure that is to be reached: `met` says whether it is."""

    name: str
    value: float
    bar: float
    met: bool

    @classmethod
    def at_least(cls, name: str, value: float, bar: float) -> Bar:
        """A figure that must not be below the bar."""
        return cls(name, float(value), float(bar), bool(value >= bar))

    @classmethod
    def at_most(cls, name: str, value: float, bar: float) -> Bar:
        """A figure that must not be above the bar."""
        return cls(name, float(value), float(bar), bool(value <= bar))


def result(name: str, figures: Any, packages: Sequence[str], bars: Sequence[Bar]) -> dict[str, Any]:
    """A result with the versions of Python and of `packages`, the commit and the time."""
    versions = {"python": platform.python_version(), **{each: metadata.version(each) for each in packages}}
    return {
        "name": name,
        "figures": figures,
        "versions": versions,
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "bars": [asdict(bar) for bar in bars],
    }


def commit() -> str:
    """The commit of the checkout, with a plus sign if files differ from it; nothing outside of a repository."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode != 0:
        return ""
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, check=False)
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Write a result file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def print_bars(bars: Sequence[Bar]) -> bool:
    """Print the bars; whether all are met."""
    for bar in bars:
        print(f"  {'met   ' if bar.met else 'MISSED'}  {bar.name}: {bar.value:g} (bar {bar.bar:g})")
    return all(bar.met for bar in bars)
