"""Packages that are installed as far as Python can tell: a folder on its path with their modules and their metadata."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: The plugin package of the docs.
ACME = ROOT / "examples" / "acme_flow"


def install(site: Path, name: str, version: str, points: Mapping[str, Mapping[str, str]]) -> Path:
    """Write a package's metadata into the folder; `points` are its entry points by group and name."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items()) for group, of in points.items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def install_acme(site: Path) -> None:
    """Install the example package, as its pyproject.toml says."""
    project = tomllib.loads((ACME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(ACME / "acme_flow", site / "acme_flow", ignore=shutil.ignore_patterns("__pycache__"))
    install(site, project["name"], project["version"], project["entry-points"])
