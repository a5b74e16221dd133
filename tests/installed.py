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


def install_folder(site: Path, folder: Path) -> None:
    """Install the package of a folder, as its pyproject.toml says; anew, if it is there already."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = project["name"].replace("-", "_")
    for old in (site / package, *site.glob(f"{package}-*.dist-info")):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(folder / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    install(site, project["name"], project["version"], project["entry-points"])


def install_acme(site: Path) -> None:
    """Install the example package."""
    install_folder(site, ACME)
