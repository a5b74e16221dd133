"""What the shell is offered when Tab is pressed, as bash and zsh ask for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fpga_flow.cli import completion
from fpga_flow.spec import load, yaml_file
from fpga_flow.spec.changes import change


def pressed(line: str, folder: Path) -> list[str]:
    """What bash offers behind a line."""
    words = line.split(" ")
    asked = {"_FPGA_FLOW_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = (
        "import sys; from fpga_flow import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'numpy', 'hls4ml', 'optuna'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, cwd=folder, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    return made.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("digits_mine.yaml", "data.csv", "data.txt"):
        (tmp_path / name).touch()
    (tmp_path / "dir").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fpga-flow run digits_m", ["digits_mlp", "digits_mine.yaml"]),
        ("fpga-flow check digits_mlp d", ["digits_cnn", "digits_mlp", "digits_mine.yaml", "dir/"]),
        ("fpga-flow sweep jets --set compress.prune.sp", ["compress.prune.sparsity="]),
        ("fpga-flow new --data d", ["digits", "data.csv", "dir/"]),
    ],
)
def test_tab(folder: Path, line: str, offered: list[str]) -> None:
    assert sorted(pressed(line, folder)) == sorted(offered)


def test_names() -> None:
    assert completion.boards("pynq") == ["pynq-z1", "pynq-z2"]
    assert completion.families("mo") == ["mobilenet"]
    assert completion.families("im") == []


def test_values_of_fields() -> None:
    assert completion.changes("hls.io_type=") == ["hls.io_type=io_parallel", "hls.io_type=io_stream"]
    assert completion.changes("hls.board=kv") == ["hls.board=kv260"]
    assert completion.changes("hls.softmax=t") == ["hls.softmax=true"]
    assert "precision.layers.*.weight=ternary" in completion.changes("precision.layers.*.weight=")
    assert completion.changes("hls.clock_ns=") == []
    assert completion.changes("nothing") == []


def test_every_path_that_is_offered_is_one_of_set() -> None:
    """Those that are tried can be followed in a spec that has all passes, and are of no unknown key."""
    offered = completion.changes("")
    passes = sorted({each.split(".")[1] for each in offered if each.startswith("compress.")})
    assert len(passes) > 10
    text = "name: a\ncompress:\n" + "".join(f"  - {name}: {{}}\n" for name in passes)
    for each in offered[::9]:
        document = yaml_file.parse(text, "a.yaml")
        change(document, f"{each}1")
        unknown = [problem for problem in load.from_document(document).problems if "unknown key" in problem.message]
        assert unknown == [], each


def test_files_with_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a[1] ü.yaml").touch()
    assert completion.specs("a[") == ["a[1] ü.yaml"]
