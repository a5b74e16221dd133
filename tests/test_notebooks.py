"""The notebooks in docs/notebooks: committed with what they show, which their code still shows.

GOLDEN_RUN=1 writes what they show anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"

nbformat = pytest.importorskip("nbformat", reason="no nbformat")
nbclient = pytest.importorskip("nbclient", reason="no nbclient")
pytest.importorskip("ipykernel", reason="no ipykernel")

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    return made


def results(notebook: Any) -> list[list[str]]:
    """The kinds of what the cells show."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[kind for each in cell.outputs for kind in each.get("data", {})] for cell in cells]


def clean(notebook: Any) -> None:
    """Take away what is of one execution: times, warnings, and the plain text beside HTML."""
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.output_type != "stream"]
            for each in cell.outputs:
                if "text/html" in each.get("data", {}):
                    each.data.pop("text/plain", None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_is_executed_and_loads_nothing(path: Path) -> None:
    notebook = read(path)
    assert all(results(notebook)[:1])
    for cell in notebook.cells:
        for each in cell.get("outputs", []):
            assert each.output_type != "error"
            assert "<script" not in "".join(each.get("data", {}).get("text/html", ""))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_execution(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the kernel finds the package where this process has it
    root = str(Path(__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])))
    committed, executed = read(path), read(path)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(executed, timeout=1800, kernel_name="python3", resources=place).execute()
    clean(executed)
    if os.environ.get("GOLDEN_RUN"):
        nbformat.write(executed, path)
        committed = executed
    assert results(executed) == results(committed)
    assert str(tmp_path) not in nbformat.writes(executed)
