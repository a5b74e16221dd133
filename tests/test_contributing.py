"""CONTRIBUTING.md: what it says to add is added to a copy of the package, which then has it."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SCRIPT = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
import fpga_flow
from fpga_flow import boards, cli
from fpga_flow.hls import settings
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.vendor import project
from fpga_flow.spec.model import Hls

def call(*arguments):
    sys.argv, out = ["fpga-flow", *arguments], StringIO()
    try:
        with redirect_stdout(out):
            cli.main()
    except SystemExit as leave:
        assert not leave.code, arguments
    return out.getvalue()

made = HlsProject(Path("project"), settings.settings("net", Hls(), boards.load("acme-one")), ())
found = project.read(made).resources
told = {"package": fpga_flow.__file__, "found": [[each.file, each.report.tool, each.report.dsp] for each in found]}
for command in ("boards", "passes", "datasets"):
    told[command] = [entry["name"] for entry in json.loads(call(command, "--json"))]
told["heavy"] = "tensorflow" in sys.modules
told["check"] = call("check", "spec.yaml", "--trust-code")
print(json.dumps(told))
"""
NETWORK = """
from fpga_flow.hls.layers.absolute import Absolute
from tf_keras import Input, Model, layers

def build(input_shape, classes):
    inputs = Input(input_shape)
    x = layers.ReLU(name="relu")(Absolute(name="absolute")(layers.Dense(4, name="dense")(inputs)))
    return Model(inputs, layers.Dense(classes, name="output")(x))
"""
SPEC = """
name: added
data: {name: rings}
network: {family: custom, function: "network.py:build"}
compress: [{clip: {limit: 1}}, {quantize: {}}]
precision: {input: "fixed<8,3>", layers: {"*": {weight: "fixed<6,2>", bias: "fixed<6,2>", activation: "ufixed<6,3>"}}}
hls: {board: acme-one}
"""


def apply(diff: str, root: Path) -> None:
    """Change a file as a diff says, which must fit at exactly one place."""
    file, *lines = diff.splitlines()
    path = root / file.removeprefix("--- ")
    text = path.read_text(encoding="utf-8")
    old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))
    assert text.count(old) == 1, diff
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the copy of the package says."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("fpga_flow", "boards", "hls_configs", "examples"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    copies = re.findall(r"^(cp .+)$", PAGE, re.MULTILINE)
    diffs = re.findall(r"^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert (len(copies), len(diffs)) == (5, 7)
    for command in copies:
        subprocess.run(shlex.split(command), check=True, cwd=root)
    for diff in diffs:
        apply(diff, root)
    (root / "project").mkdir()
    amounts = {"lut": 10, "ff": 20, "dsp": 3, "bram18": 0, "uram": 0}
    ledger = "".join(f"{name}: {amount}\n" for name, amount in amounts.items())
    (root / "project" / "ledger.txt").write_text(ledger, encoding="utf-8")
    (root / "network.py").write_text(NETWORK, encoding="utf-8")
    (root / "spec.yaml").write_text(SPEC, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, env=environment, cwd=root
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["package"] == str(root / "fpga_flow" / "__init__.py")
    return found


def test_what_is_added_is_there(told: dict[str, Any]) -> None:
    assert "acme-one" in told["boards"]
    assert told["passes"][-1] == "clip"
    assert told["datasets"][-1] == "rings"
    assert told["found"] == [["ledger.txt", "Ledger", 3]]
    assert not told["heavy"]


def test_a_spec_uses_it(told: dict[str, Any]) -> None:
    assert told["check"] == "1 spec is fine\n"


def test_the_map_names_each_package_and_module() -> None:
    shown = PAGE.partition("## Where things are")[2].partition("## ")[0]
    named = {name for row in re.findall(r"^\| (`.+?) \|", shown, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)}
    named |= set(re.findall(r"`(\w+\.py)`", shown))
    package = ROOT / "fpga_flow"
    there = {f"{file.parent.name}/" for file in package.glob("*/__init__.py")}
    there |= {file.name for file in package.glob("*.py") if file.name != "__init__.py"}
    assert there - named == set()
    missing = [name for name in named if not any((root / name).exists() for root in (package, ROOT))]
    inner = {file.name for file in package.rglob("*.py")}
    assert set(missing) - inner == {"generate.py"}


@pytest.mark.parametrize("file", sorted((ROOT / "fpga_flow").rglob("__init__.py")), ids=lambda file: file.parent.name)
def test_the_map_of_a_package_is_whole(file: Path) -> None:
    """If the docstring of a package lists its modules, it lists all of them."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    shown = re.findall(r"^(\w+\.py|\w+/) {2,}\S", docstring, re.MULTILINE)
    there = {each.name for each in file.parent.glob("*.py") if not each.name.startswith("__")}
    there |= {f"{each.parent.name}/" for each in file.parent.glob("*/__init__.py")}
    assert len(shown) == len(set(shown))
    assert not shown or set(shown) == there


def test_commands_are_started_in_one_place() -> None:
    starts = re.compile(r"subprocess\.\w+\(|os\.(system|popen|spawn|exec)|create_subprocess")
    files = [file for file in (ROOT / "fpga_flow").rglob("*.py") if starts.search(file.read_text(encoding="utf-8"))]
    assert {str(file.relative_to(ROOT)) for file in files} == {"fpga_flow/process.py"}


def test_included_files_are_as_the_page_has_them() -> None:
    included = re.findall(r"<!-- include: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert included
    for file, text in included:
        assert text in (ROOT / file).read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for page in ("CONTRIBUTING.md", "CHANGELOG.md", "docs/reference/public_api.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
