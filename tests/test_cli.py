"""The command line: exit codes, where output goes, what is written, and what is said of bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fpga_flow import boards, cli, shipped
from fpga_flow.shipped import BOARD_SCHEMA, SPEC_SCHEMA

COMMANDS = sorted(command.name or command.callback.__name__ for command in cli.app.registered_commands)
BAD = Path(__file__).parent / "bad_specs"


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the command line as a user does."""
    command = [sys.executable, "-m", "fpga_flow.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command_line: Any, command: str) -> None:
    code, out, err = command_line(command, "--help")
    assert (code, err) == (0, "")
    assert f"Example: fpga-flow {command}" in " ".join(out.split())


@pytest.mark.parametrize("command", ["boards", "passes", "datasets", "layers", "doctor"])
def test_lists(command_line: Any, command: str) -> None:
    code, out, err = command_line(command)
    assert (code, err) == (0, "")
    code, text, err = command_line(command, "--json")
    assert (code, err) == (0, "")
    entries = json.loads(text)
    assert len(entries) > 1
    for entry in entries:
        assert _name(entry) in out
    code, names, err = command_line(command, "--quiet")
    assert (code, err) == (0, "")
    assert names.splitlines() == ([] if command == "doctor" else [_name(entry) for entry in entries])


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("name") or entry.get("case") or entry["what"])


def test_layers_say_what_is_refused_and_why(command_line: Any) -> None:
    code, out, err = command_line("layers", "lstm")
    assert (code, err) == (0, "")
    line = next(line for line in out.splitlines() if line.split()[:1] == ["LSTM"])
    assert line.split()[1:3] == ["refused", "refused"]
    assert "has no exact HLS code here: use convolutions over the sequence" in line
    assert "QConv2D" not in out
    case = "QConv2D, valid, dilation_rate=2"
    assert command_line("layers", case, "--quiet") == (0, f"{case}\n", "")


def test_lines_of_tables_are_not_broken_in_files(command_line: Any) -> None:
    _, out, _ = command_line("boards")
    line = next(line for line in out.splitlines() if "kv260" in line)
    assert "xck26-sfvc784-2LV-c" in line
    assert "AMD Kria KV260 Vision AI Starter Kit (K26 module)" in line


def test_boards_are_filtered(command_line: Any) -> None:
    assert command_line("boards", "--family", "ecp5", "--quiet") == (0, "ulx3s-85f\n", "")
    assert command_line("boards", "--family", "ecp5", "--toolchain", "vitis", "--quiet") == (0, "", "")
    assert command_line("boards", "--family", "ecp5", "--toolchain", "vitis", "--json") == (0, "[]\n", "")
    code, out, err = command_line("boards", "--toolchain", "open", "--json")
    assert (code, err) == (0, "")
    assert {entry["toolchain"] for entry in json.loads(out)} == {"open"}
    code, out, err = command_line("boards", "--toolchain", "open")
    assert (code, err) == (0, "")
    assert "icebreaker" in out
    assert "pynq-z2" not in out
    error = 'error: --toolchain: expected a toolchain, got "vits": did you mean "vitis"?\n'
    assert command_line("boards", "--toolchain", "vits") == (2, "", error)


def test_boards_that_a_run_fits(command_line: Any, tmp_path: Path) -> None:
    numbers = {"lut": 20000, "ff": 3000, "dsp": 100, "bram18": 4, "uram": 0, "latency_cycles": 6, "ii": 1}
    made = {"source": "estimate", "tool": "", "part": "xc7z020clg400-1", "board": "pynq-z2", "clock_ns": 10.0}
    (tmp_path / "run.json").write_text(json.dumps({"resources": [{**made, **numbers}]}))
    code, out, err = command_line("boards", "--fits", str(tmp_path))
    assert (code, err) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert lines["pynq-z1"] == "yes estimate this part"
    assert lines["zedboard"] == "yes estimate this family"
    assert lines["basys3"] == "no estimate Zynq-7000 lut 20,000 of 14,560; dsp 100 of 72"
    assert lines["ulx3s-85f"] == "not comparable Zynq-7000"
    code, out, err = command_line("boards", "--fits", str(tmp_path / "run.json"), "--family", "7", "--json")
    assert (code, err) == (0, "")
    entries = json.loads(out)
    assert all(boards.Board.model_validate({k: v for k, v in each.items() if k != "fit"}) for each in entries)
    verdicts = {entry["name"]: entry["fit"]["fits"] for entry in entries}
    assert (verdicts["pynq-z1"], verdicts["basys3"], verdicts["agilex7-f-devkit"]) == (True, False, None)
    assert command_line("boards", "--fits", str(tmp_path), "--family", "artix", "--quiet") == (
        0, "arty-a7-100t\nnexys-a7-100t\n", "",
    )  # fmt: skip
    (tmp_path / "run.json").write_text("{}")
    error = f"error: {tmp_path / 'run.json'}: resources: the key is missing\n"
    assert command_line("boards", "--fits", str(tmp_path), "--json") == (2, "", error)


def test_schema(command_line: Any) -> None:
    code, out, err = command_line("schema")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((shipped.folder("hls_configs") / SPEC_SCHEMA).read_text())
    code, out, err = command_line("schema", "board")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((shipped.folder("boards") / BOARD_SCHEMA).read_text())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["rum"], "Error: No such command 'rum'"),
        (["run"], "Error: Missing argument"),
        (["boards", "--jsno"], "Error: No such option: --jsno"),
        (["boards", "x"], "Error: Got unexpected extra argument"),
        (["run", "--out"], "Error: Option '--out' requires an argument"),
    ],
)
def test_wrong_usage(command_line: Any, arguments: list[str], error: str) -> None:
    code, out, err = command_line(*arguments)
    assert (code, out) == (2, "")
    assert error in err


def test_without_a_command_there_is_help(command_line: Any) -> None:
    code, out, err = command_line()
    assert code == 2
    assert "Usage: fpga-flow" in out + err


def test_missing_compiler_in_doctor(command_line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nonexistent")
    code, out, err = command_line("doctor", "--quiet")
    assert (code, out, err) == (3, "", "error: missing: C++ compiler\n")


def test_check(command_line: Any) -> None:
    assert command_line("check", "digits_mlp") == (0, "1 spec is fine\n", "")
    assert command_line("check", "digits_mlp", "digits_cnn") == (0, "2 specs are fine\n", "")
    assert command_line("check", "digits_mlp", "--quiet") == (0, "", "")
    code, out, err = command_line("check", "digits_mlp", "--json")
    assert (code, json.loads(out), err) == (0, [], "")


def test_check_reports_all_problems_of_all_specs(command_line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    text = (BAD / "unknown_board.txt").read_text() + (BAD / "unknown_keys.txt").read_text()
    code, out, err = command_line("check", "unknown_keys.yaml", "digits_mlp", "unknown_board.yaml")
    assert (code, out, err) == (2, "", f"errors:\n{text}")
    code, out, err = command_line("check", "unknown_board.yaml", "--json", "--quiet")
    message = 'expected a board, got "pynq-z3": did you mean "pynq-z2"?'
    assert json.loads(out) == [
        {"file": "unknown_board.yaml", "line": 10, "column": 7, "field": "hls.board", "message": message}
    ]
    assert (code, err) == (2, f"error: unknown_board.yaml:10:7: hls.board: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nowhere.yaml"], "error: nowhere.yaml: no such file, and no example of this name: known are "),
        (["unknown_board.yaml"], "error: unknown_board.yaml:10:7: hls.board: expected a board, got "),
        (["unknown_keys.yaml"], "errors:\nunknown_keys.yaml:3:38: network.drop_out: unknown key"),
        (["patterns_match_nothing.yaml"], "errors:\npatterns_match_nothing.yaml:5:37: "),
        (["csv_nan.yaml"], "errors:\ndata/nan.csv:4:1: expected a finite number"),
        (["untrusted_code.yaml"], "error: untrusted_code.yaml:5:3: network.function: data/networks.py:good is "),
        (["custom_missing_file.yaml", "--trust-code"], "error: custom_missing_file.yaml:5:3: network.function: no "),
        (["digits_mlp", "unknown_board.yaml"], "error: unknown_board.yaml:10:7: hls.board: expected a board, got "),
        (["digits_mlp", "--until", "train"], "error: --until: expected one of the stages float, prune, quantize, "),
        (["digits_mlp", "no_quantize_pass.yaml", "--until", "quantize"], "error: no_quantize_pass.yaml:4:1: "),
        (["digits_mlp", "--set", "hls.board=kv26"], "error: --set hls.board=kv26: hls.board: expected a board, got "),
        (["digits_mlp", "--set", "hls.board=ulx3s-85f"],
         "error: --set hls.board=ulx3s-85f: hls.board: expected a board of one of the toolchains vitis, "),
        (["digits_mlp", "--set", "hls.board"], "error: --set hls.board: expected path.to.field=value"),
        (["digits_mlp", "--set", "compress.prune.sparsity=1.5"],
         "error: --set compress.prune.sparsity=1.5: compress[0].prune.sparsity: expected a number below 1, got 1.5"),
        (["digits_mlp", "--set", "precision.layers.conv*.weight=fixed<4,1>"],
         "error: --set precision.layers.conv*.weight=fixed<4,1>: precision.layers.conv*: expected a pattern that"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_written(
    command_line: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], error: str
) -> None:
    monkeypatch.chdir(BAD)
    out_folder = tmp_path / "runs"
    code, out, err = command_line("run", *arguments, "--out", str(out_folder), "--json")
    assert err.startswith(error)
    assert (code, out) == (2, "")
    assert not out_folder.exists()


def test_missing_compiler_is_missed_before_the_training(tmp_path: Path) -> None:
    result = shell("run", "digits_mlp", "--out", str(tmp_path / "runs"), "--json", CXX="/nonexistent")
    assert result.stderr == (
        'error: expected a C++ compiler for the C simulation, but found no "/nonexistent" on the PATH: '
        "install g++ (on Debian and Ubuntu: apt-get install g++), or set CXX to another one\n"
    )
    assert (result.returncode, result.stdout) == (3, "")
    assert not (tmp_path / "runs").exists()


def test_exit_codes_in_the_shell(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text("name: [\n")
    result = shell("run", str(spec), "--out", str(tmp_path / "runs"))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {spec}:2:1: invalid YAML: ")
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_help_and_lists_load_neither_tensorflow_nor_hls4ml() -> None:
    code = (
        "import sys; from fpga_flow import cli\n"
        "for command in ('--help', 'boards', 'passes', 'datasets', 'doctor', 'schema'):\n"
        "    sys.argv = ['fpga-flow', command]\n"
        "    try: cli.main()\n"
        "    except SystemExit as leave: assert not leave.code, command\n"
        "heavy = {'tensorflow', 'tf_keras', 'qkeras', 'hls4ml', 'sklearn', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_reader_that_has_enough_ends_it_silently() -> None:
    command = f"{sys.executable} -m fpga_flow.cli schema | head -c 1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("{", "")


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (typer.Abort(), 130, "stopped; what was finished is kept\n"),
        (KeyboardInterrupt(), 130, "stopped; what was finished is kept\n"),
        (typer.Exit(4), 4, ""),
        (PermissionError(13, "Permission denied", "/runs"), 2, "error: /runs: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "error: system: No space left on device\n"),
    ],
)
def test_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, message: str
) -> None:
    def fail(**_: Any) -> None:
        raise raised

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (typer.Exit(4), 4)])
def test_ends_of_commands(command_line: Any, monkeypatch: pytest.MonkeyPatch, raised: Any, code: int) -> None:
    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(cli.lists, "print_json", fail)
    assert command_line("schema") == (code, "", "stopped; what was finished is kept\n" if code == 130 else "")


def test_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(KeyError):
        cli.main()
