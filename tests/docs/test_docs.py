"""The docs are true: code blocks run, links lead somewhere, and generated pages are those of the code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fpga_flow.spec.check import check_all
from tests.conftest import ROOT, real_data
from tests.docs.blocks import Block, blocks, commands, matches, page_files

DOCS = ROOT / "docs"
#: What nobody has here, and what would take too long: also tests of the package's own use those in tests/stand_ins.
STAND_INS = (Path(__file__).parent / "stand_ins", ROOT / "tests" / "stand_ins")
#: CONTRIBUTING.md has a test of its own.
PAGES = [*page_files(DOCS), ROOT / "README.md"]
#: Pages whose blocks take more than some seconds.
SLOW = (
    "docs/how_to/",
    "docs/index.md", "docs/methods/", "docs/tutorial.md", "docs/reference/sweeps.md", "docs/reference/open_tools.md",
    "docs/reference/csim.md", "docs/reference/python.md", "docs/reference/resources.md", "README.md",
)  # fmt: skip


def _names() -> list[Any]:
    names = [str(page.relative_to(ROOT)) for page in PAGES]
    return [pytest.param(name, marks=[pytest.mark.slow] if name.startswith(SLOW) else []) for name in names]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Commands find the tools that nobody has here as stand-ins, and the package's own ones beside Python."""
    found = {key: value for key, value in os.environ.items() if not key.startswith(("FPGA_FLOW_VI", "PYTEST"))}
    path = [*map(str, STAND_INS), str(Path(sys.executable).parent), found["PATH"]]
    home = tmp_path_factory.mktemp("home")
    reports = ROOT / "tests" / "resources" / "vendor" / "reports"
    return {
        **found,
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "PROJECT": str(ROOT),
        "STAND_IN_JOBS": str(tmp_path_factory.mktemp("jobs")),
        "STAND_IN_REPORTS": str(reports),
        "COLUMNS": "160",
        "CI": "1",
    }


@pytest.mark.parametrize("name", _names())
def test_blocks(
    name: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "README.md":  # it runs the jets
        environment = {**environment, "FPGA_FLOW_DATA": str(real_data("jsc").parent)}
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(STAND_INS[0] / "python")
    site = str(tmp_path_factory.mktemp("site"))  # what a page installs is there for this page alone
    path = os.pathsep.join([site, *filter(None, [environment.get("PYTHONPATH")])])
    environment = {**environment, "STAND_IN_SITE": site, "PYTHONPATH": path}
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks((ROOT / name).read_text(encoding="utf-8")):
        place = f"{name}:{block.line}"
        if block.title:
            _write(tmp_path, block)
        elif block.language in ("sh", "console"):
            _run(block, place, environment)
        elif block.language == "yaml":
            _check_part(block, place, tmp_path)
        elif block.language == "python":
            exec(compile(block.text, place, "exec"), namespace)
        elif block.language in ("c", "cpp"):
            kind = "c++" if block.language == "cpp" else "c"
            subprocess.run(["g++", "-fsyntax-only", "-x", kind, "-"], input=block.text, text=True, check=True)
        elif block.language == "json":
            json.loads(block.text)


def _write(folder: Path, block: Block) -> None:
    file = folder / block.title
    assert file.resolve().is_relative_to(folder.resolve())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")


def _run(block: Block, place: str, environment: dict[str, str]) -> None:
    wanted = int(block.notes.get("exit code", 0))
    parts = list(commands(block.text)) if block.language == "console" else [(block.text, "...")]
    assert parts, f"{place}: a console block without a command"
    for number, (command, expected) in enumerate(parts, 1):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], env=environment, capture_output=True, text=True, timeout=900
        )
        said = f"{place}: {command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == (wanted if number == len(parts) else 0), said
        assert matches(expected, done.stdout + done.stderr), said


def _check_part(block: Block, place: str, folder: Path) -> None:
    base = ROOT / "hls_configs" / f"{block.notes.get('base', 'digits_cnn')}.yaml"
    part = yaml.safe_load(block.text)
    assert isinstance(part, dict), f"{place}: expected a mapping"
    whole = yaml.safe_load(base.read_text(encoding="utf-8"))
    spec = whole | part
    if not any("quantize" in each for each in spec["compress"]):
        spec["compress"] = [*spec["compress"], *(each for each in whole["compress"] if "quantize" in each)]
    file = folder / "part.yaml"
    file.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    _, problems = check_all([str(file)])
    assert not problems, "\n".join([place, *map(str, problems)])


def test_generated_pages() -> None:
    """`python docs/generate.py` writes them anew."""
    path = DOCS / "generate.py"
    described = importlib.util.spec_from_file_location("generate", path)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    for name, text in module.pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"{name} is not that of the code: python {path}"


def test_site(tmp_path: Path) -> None:
    """It builds without a warning: no link, anchor or page is missing. Nothing in it asks another server."""
    # not --quiet, which hides warnings from --strict
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    asks = re.compile(r"""<(?:script|link|img|iframe)[^>]*\b(?:src|href)=["']?(https?:[^"' >]+)""")
    for page in tmp_path.rglob("*.html"):
        assert not asks.findall(page.read_text(encoding="utf-8")), page


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_top(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8")):
        assert link.startswith("https://") or (ROOT / link).exists(), link


@pytest.mark.parametrize("name", ["promises.md", "threat_model.md"])
def test_the_files_that_are_named_are_there(name: str) -> None:
    """They are named as in fpga_flow/, or from the top."""
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", (DOCS / name).read_text(encoding="utf-8")))
    assert named
    assert [
        each for each in sorted(named) if not any((top / each).exists() for top in (ROOT / "fpga_flow", ROOT))
    ] == []
