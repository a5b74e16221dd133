"""`fpga-flow new`: specs that are valid and do what was answered, from options, from defaults and from questions."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import validate

from fpga_flow import cli, new
from fpga_flow.errors import InputError
from fpga_flow.new import questions
from fpga_flow.shipped import SPEC_SCHEMA
from fpga_flow.spec import schema, yaml_file
from fpga_flow.spec.load import load

KEYS = ("data", "label", "family", "bits", "sparsity", "board", "speed", "name")
ALL = ["--data", "digits", "--family", "mlp", "--bits", "4", "--sparsity", "0.25", "--board", "kv260", "--speed", "2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a blank and an umlaut in its path."""
    made = tmp_path / "own nets ü"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def run(command_line: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call `fpga-flow new`, on a terminal on which these lines are typed, or on none: exit code, output, errors."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def call(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO() if typed is None else Terminal(typed))
        return command_line("new", *arguments)

    return call


def spec(path: Path) -> Any:
    loaded = load(path)
    assert loaded.problems == ()
    validate(yaml_file.read(path).data, schema.spec_schema())
    return loaded.spec


def test_every_answer_by_an_option(run: Any, folder: Path) -> None:
    code, out, err = run("tagger", *ALL)
    assert (code, out, err) == (0, "tagger.yaml is written and checked; next: fpga-flow run tagger.yaml\n", "")
    made = spec(folder / "tagger.yaml")
    assert (made.name, made.data.name, made.network.family, made.hls.board) == ("tagger", "digits", "mlp", "kv260")
    assert (made.hls.strategy, made.hls.reuse_factor) == ("resource", 2)
    assert str(made.precision.layers["*"].weight) == "fixed<4,auto>"
    assert [one.name for one in made.compress] == ["prune", "quantize"]
    assert made.compress[0].options.sparsity == 0.25
    text = (folder / "tagger.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=fpga_flow.schema.json\n")
    for key in ("seed", "split", "training", "compress", "io_type", "reuse_factor", "hidden"):
        line = next(each for each in text.splitlines() if each.lstrip().startswith(f"{key}:"))
        assert "# " in line
    assert json.loads((folder / SPEC_SCHEMA).read_text()) == schema.spec_schema()
    head, _, sweep = text.partition("# sweep:\n")
    (folder / "swept.yaml").write_text(head + "sweep:\n" + sweep.replace("# ", ""))
    assert list(spec(folder / "swept.yaml").sweep.parameters) == ["weights"]


def test_own_files(run: Any, folder: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 4)), np.arange(60) % 3
    np.savez(folder / "größe 1.npz", x=x, y=y, x_test=x, y_test=y)
    rows = "".join(f"{'abc'[label]},{','.join(map(str, values))}\n" for label, values in zip(y, x, strict=True))
    (folder / "b.csv").write_text("kind,p,q,r,s\n" + rows)
    code, out, err = run("b", "--data", "b.csv", "--label", "kind", "--yes", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"name": "b", "spec": "b.yaml", "schema": "fpga_flow.schema.json"}
    made = spec(folder / "b.yaml")
    assert (made.data.name, made.data.path, made.data.label, made.data.split.test) == ("csv", "b.csv", "kind", 0.2)
    code, out, err = run("c", "--data", "größe 1.npz", "--sparsity", "0", "--yes")
    assert (code, err) == (0, "")
    made = spec(folder / "c.yaml")
    assert (made.data.path, made.data.split.test) == ("größe 1.npz", None)
    assert [one.name for one in made.compress] == ["quantize"]


def test_questions_are_asked_until_they_are_answered(run: Any, folder: Path) -> None:
    typed = "digit\ndigits\ncnm\ncnn\n99\n5\n\npynq\n\nfast\n\n8ung\nacht\n"
    code, out, err = run(typed=typed)
    assert (code, err) == (0, "")
    for error in [
        'expected a data set, or a .npz or .csv file, got "digit": did you mean "digits"?',
        'expected a network for these data, got "cnm": did you mean "cnn"?',
        'expected 2 to 24 bits, got "99"',
        'expected a board that HLS projects are made for, got "pynq": did you mean "pynq-z2"?',
        'expected latency, fit, or a reuse factor of 1 or more, got "fast"',
        'expected a name of letters, digits and _ that begins with a letter, got "8ung"',
    ]:
        assert error in out
    made = spec(folder / "acht.yaml")
    assert (made.network.family, made.hls.strategy, made.hls.io_type) == ("cnn", "fit", "io_stream")
    assert str(made.precision.layers["*"].weight) == "fixed<5,auto>"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--data", "digits"], "new: expected --family, --bits, --sparsity, --board, --speed, NAME, or --yes for their "
                               "defaults: there is no terminal to ask on"),
        (ALL, "new: expected NAME, or --yes for their defaults: there is no terminal to ask on"),
        (["--board", "pynq-z3", "--yes"], '--board: expected a board that HLS projects are made for, got "pynq-z3": '
                                          'did you mean "pynq-z2"?'),
        (["--board", "icebreaker", "--yes"], '--board: expected a board that HLS projects are made for, got '
                                             '"icebreaker": what it names exists, but is of another kind; known are '),
        (["--family", "imported", "--yes"], '--family: expected a network for these data, got "imported": what it '
                                            "names exists, but is of another kind; known are cnn, "),
        (["--data", "npz", "--yes"], '--data: expected a data set, or a .npz or .csv file, got "npz": give the file '
                                     "itself"),
        (["--data", "a.csv", "--yes"], '--data: no such file: "a.csv"'),
        (["--sparsity", "1", "--yes"], '--sparsity: expected a share from 0 to below 1, got "1"'),
        (["float", "--yes"], 'NAME: expected a name that means nothing else in C++, got "float"'),
        (["a", "--out", "no/a.yaml", "--yes"], 'no/a.yaml: no such folder: "no"'),
        (["--data", "a b.csv", "--label", "x", "--yes"], '--data: expected a column of "a b.csv", got "x": known are '
                                                         "a, b"),
    ],
)  # fmt: skip
def test_bad_answers(run: Any, folder: Path, arguments: list[str], error: str) -> None:
    (folder / "a b.csv").write_text("a,b\n1,0\n2,1\n")
    before = sorted(folder.iterdir())
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {error}")
    assert sorted(folder.iterdir()) == before


def test_answers_that_do_not_go_together(run: Any, folder: Path) -> None:
    code, out, err = run("--speed", "7", "--yes")
    assert (code, out) == (2, "")
    assert '--speed: hls.reuse_factor: layer "dense_1": expected 1, 2, 4, 8, 16 or 32 as reuse factor' in err
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten_without_force(run: Any, folder: Path) -> None:
    (folder / "a.yaml").write_text("mine")
    (folder / SPEC_SCHEMA).write_text("{}")
    error = "error: a.yaml: it is there already: pass --force to replace it\n"
    assert run("a", "--yes") == (2, "", error)
    assert (folder / "a.yaml").read_text() == "mine"
    note = "note: fpga_flow.schema.json is of another version and was kept: --force replaces it\n"
    assert run("b", "--yes", "--quiet") == (0, "", note)
    assert (folder / SPEC_SCHEMA).read_text() == "{}"
    assert run("a", "--yes", "--quiet", "--force") == (0, "", "")
    assert spec(folder / "a.yaml").name == "a"
    assert json.loads((folder / SPEC_SCHEMA).read_text()) == schema.spec_schema()


def test_every_board_gets_what_its_backend_has() -> None:
    """Quartus has no strategy latency; projects of oneAPI can't be simulated."""
    text = {}
    for board in ("de10-nano", "agilex7-f-devkit"):
        answers = questions.answer({**dict.fromkeys(KEYS), "board": board}, None)
        text[board] = new.make(answers, "a.yaml")
    assert "strategy: resource" in text["de10-nano"]
    assert [board for board in text if "csim:\n  samples: 0" in text[board]] == ["agilex7-f-devkit"]
    with pytest.raises(InputError, match="--speed: expected a reuse factor of 1 or more, got"):
        questions.answer({**dict.fromkeys(KEYS), "board": "de10-nano", "speed": "latency"}, None)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mlp", "cnn"])
def test_what_is_written_runs(run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    assert run("a", "--family", family, "--yes", "--quiet") == (0, "", "")
    monkeypatch.setattr(sys, "argv", ["fpga-flow", "run", "a.yaml", "--quiet"])
    cli.main()
    record = json.loads(next((folder / "runs" / "a").glob("*/run.json")).read_text())
    assert record["csim"]["exact"]
    assert record["metrics"]["csim"]["accuracy"] > 0.9
