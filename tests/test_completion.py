"""What the shell is offered when Tab is pressed, as bash and zsh ask for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpga_flow.cli import completion
from fpga_flow.spec import load, yaml_file
from fpga_flow.spec.changes import change


def pressed(line: str, folder: Path) -> list[str]:
    """What bash offers behind a line."""
    words = re.findall(r"=|[^ =]+|(?<= )$", line)  # as bash divides them
    return answered(folder, "complete_bash", COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1))


def answered(folder: Path, shell: str, **asked: str) -> list[str]:
    """What is answered to a shell's question."""
    code = (
        "import sys; from fpga_flow import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'numpy', 'hls4ml', 'optuna'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code]
    env = {**os.environ, **asked, "_FPGA_FLOW_COMPLETE": shell}
    made = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return made.stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("digits_mine.yaml", "data.csv", "data.txt", "a b.yaml"):
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
        ("fpga-flow run jets --set hls.board=kv", ["kv260"]),
        ("fpga-flow run jets --set hls.io_type=", ["io_parallel", "io_stream"]),
        ("fpga-flow run jets --set=hls.io_type=io_s", ["io_stream"]),
        ("fpga-flow run jets --set precision.layers.*.weight=fixed<", ["fixed\\<6,1\\>", "fixed\\<6,auto\\>"]),
        ("fpga-flow resources project --open --board=kv", ["kv260"]),
        ("fpga-flow resources project --open --board=", completion.boards("")),
        ("fpga-flow sweep jets --cluster=s", ["slurm"]),
        ("fpga-flow run a", ["a\\ b.yaml"]),
    ],
)
def test_tab(folder: Path, line: str, offered: list[str]) -> None:
    assert sorted(pressed(line, folder)) == sorted(offered)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("resources project --open --board kv", "kv260"),
        ("resources project --open --board=kv", "--board=kv260"),
        ("run jets --set hls.board=kv", "hls.board=kv260"),
        ("run jets --set=hls.board=kv", "--set=hls.board=kv260"),
    ],
)
def test_tab_of_shells_that_do_not_divide_words(tmp_path: Path, typed: str, offered: str) -> None:
    asked = {"_TYPER_COMPLETE_ARGS": f"fpga-flow {typed}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert answered(tmp_path, "complete_fish", **asked) == [offered]
    assert answered(tmp_path, "complete_zsh", **asked) == [f"_arguments '*: :((\"{offered}\"))'"]


def test_tab_inside_quotes(tmp_path: Path) -> None:
    """They keep bash from dividing the word; what stands in its place has them around it."""
    words = ["fpga-flow", "run", "jets", "--set", '"precision.input=fixed<8']
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": "4"}
    assert answered(tmp_path, "complete_bash", **asked) == [
        "precision.input=fixed<8,2>",
        "precision.input=fixed<8,auto>",
    ]


def test_tab_in_bash(tmp_path: Path) -> None:
    """With bash itself, which runs the script that is installed."""
    if (bash := shutil.which("bash")) is None:
        pytest.skip("no bash")
    program = tmp_path / "fpga-flow"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fpga_flow.cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = (
        'source <(fpga-flow --show-completion bash); COMP_WORDS=(fpga-flow run jets --set hls.board = kv "" x)\n'
        'COMP_CWORD=6; _fpga_flow_completion fpga-flow; printf "%s\n" "${COMPREPLY[@]}"'
    )
    env = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    command = [bash, "--norc", "--noprofile", "-c", script]
    made = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert made.stdout.split() == ["kv260"], made.stderr


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
