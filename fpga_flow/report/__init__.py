"""The report of a run."""

from pathlib import Path
from typing import Any


def write(record: dict[str, Any], dataset: Any, finished: Any, path: Path) -> Path:
    path.write_text("todo")
    return path
