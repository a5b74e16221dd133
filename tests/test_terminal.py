"""What moves on a terminal, and where nothing may move."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fpga_flow import doing, terminal
from fpga_flow.doing import Doing
from fpga_flow.progress import Progress
from fpga_flow.resources.show import BuildProgress
from fpga_flow.resources.tool_step import Step
from fpga_flow.runs import Done, Stage
from fpga_flow.sweep.show import SweepProgress
from fpga_flow.sweep.watching import State
from fpga_flow.terminal import Console, Line

#: What draws: ends of lines, cursors and colours.
_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal that somebody watches."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=io.StringIO(), force_terminal=True, width=100, soft_wrap=True, _environ={})


def drawn(console: Console) -> str:
    """All that was drawn so far."""
    assert isinstance(console.file, io.StringIO)
    return _CODES.sub("", console.file.getvalue())


def shown(line: Line) -> tuple[str, str, float, float | None]:
    """The name, the text, how much is done of how much."""
    assert line.task is not None
    return line.task.description, line.task.fields["info"], line.task.completed, line.task.total


#: It would clear the screen, and turn the text behind it round.
HOSTILE = "\x1b[2J\u202ename"


@pytest.mark.parametrize(
    ("is_terminal", "quiet", "ci", "moves"),
    [(True, False, None, True), (False, False, None, False), (True, True, None, False), (True, False, "true", False)],
)
def test_where_something_moves(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, quiet: bool, ci: str | None, moves: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    console = Console(file=io.StringIO(), force_terminal=is_terminal, quiet=quiet)
    assert terminal.moves(console) == moves
    with Line(console):
        doing.now("looking", 1, 2)
    assert bool(drawn(console)) == moves


def test_nobody_hears() -> None:
    with doing.within("round 1"):
        doing.now("looking")
    assert list(doing.each([1, 2], "items")) == [1, 2]


def test_what_is_heard() -> None:
    heard: list[Doing] = []
    with doing.heard(heard.append):
        doing.now("looking")
        with doing.within("teacher 1 of 2"), doing.within("round 3"):
            doing.now("epochs", 4, 5)
        for _ in doing.each({"a": 1, "b": 2}, "layers"):
            pass
    doing.now("nothing")
    assert heard == [
        Doing("looking"),
        Doing("epochs", 4, 5, ("teacher 1 of 2", "round 3")),
        Doing("layers", 0, 2),
        Doing("layers", 1, 2),
    ]


def test_what_is_said_is_shown(watched: Console) -> None:
    with Line(watched) as line:
        assert line.task is None
        doing.now("reading")
        assert shown(line) == ("", "reading", 0, None)
        line.begin("prune")
        assert shown(line) == ("prune", "", 0, None)
        with doing.within("round [x]"):
            doing.now("epochs, loss 0.1", 3, 4)
            assert shown(line) == (r"prune, round \[x]", "epochs, loss 0.1", 3, 4)
            doing.now("epochs, loss 0.2", 4, 4)
            assert shown(line) == (r"prune, round \[x]", "epochs, loss 0.2", 4, 4)
        doing.now("measuring")
        doing.now("loading")
        assert re.search(r"prune +0:00 +loading", drawn(watched))  # at once
        doing.now("measuring")
        assert shown(line) == ("prune", "measuring", 0, None)
        line.end()
        assert line.task is None
    doing.now("too late")
    assert line.task is None
    assert re.search(r"prune, round \[x\] [━╺╸]+ +0:00 +3/4 epochs, loss 0\.1", drawn(watched))
    assert re.search(r"prune +0:00 +measuring", drawn(watched))


def test_the_same_count_again_begins_anew(watched: Console) -> None:
    with Line(watched) as line:
        doing.now("epochs", 3, 4)
        doing.now("epochs", 4, 4)
        assert line.task is not None
        first = line.task.id
        doing.now("epochs", 0, 4)
        assert line.task is not None
        assert line.task.id != first  # so that the time that is left is not by the speed before


def test_time_that_is_left(watched: Console) -> None:
    with Line(watched) as line:
        line.show(Doing("trials", 1, 4), left=3725)
    assert "2:05 left" in drawn(watched)
    assert [terminal.clock(seconds) for seconds in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]


def test_a_line_stays_one_line(watched: Console) -> None:
    with Line(watched) as line:
        line.begin("store", "x" * 500)
        line.show(Doing("y" * 500, 1, 2))
        line.show(Doing("x" * 500, 1, 2, ("y" * 200,)))
    assert re.search(r"⠋ store +0:00 +x+…", drawn(watched))
    assert re.search(r"⠋ store [━╺╸]+ +0:00 +1/2 y+…", drawn(watched))
    assert isinstance(watched.file, io.StringIO)
    lines = re.split(r"[\r\n]|\x1b\[2K", watched.file.getvalue())
    assert {len(_CODES.sub("", each)) <= 97 for each in lines} == {True}


@pytest.mark.parametrize("ci", [None, "1"])
@pytest.mark.parametrize("kind", [Progress, SweepProgress, BuildProgress])
def test_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: Any, ci: str | None) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with kind(to_stderr=True):
        doing.now("looking", 1, 2)
    out, err = capsys.readouterr()
    assert (out, bool(err)) == ("", ci is None)


def test_a_stage(watched: Console) -> None:
    stage = Stage(1, "float", "0" * 16)
    progress = Progress()
    progress.console, progress.line = watched, Line(watched)
    with progress:
        progress.start(stage)
        doing.now("epochs, loss 0.1", 1, 2)
        assert shown(progress.line) == ("float", "epochs, loss 0.1", 1, 2)
        progress.done(Done(stage, Path(), {"accuracy": 0.5}, 1.0, cached=False))
        assert progress.line.task is None
    assert "  float          1.0 s   accuracy 0.5000" in drawn(watched)


def test_a_sweep(watched: Console) -> None:
    progress = SweepProgress()
    progress.line = Line(watched)
    with progress:
        progress.state(State(3, 10, 2, None, 0, 65.0, None))
        assert shown(progress.line) == ("", "trials, 2 running", 3, 10)
        progress.state(State(3, None, 2, None, 0, None, None))
        assert shown(progress.line) == ("", "trials, 2 running", 3, None)
    assert re.search(r"1:05 left +3/10 trials, 2 running", drawn(watched))


def test_a_build(watched: Console) -> None:
    progress, step = BuildProgress(), Step("synth", "C synthesis")
    progress.console, progress.line = watched, Line(watched)
    with progress:
        progress.start(step, Path("synth.log"))
        assert shown(progress.line) == ("synth (C synthesis)", "synth.log", 0, None)
        progress.lines(["nothing of it", "INFO: scheduling [x]"])
        assert shown(progress.line) == ("synth (C synthesis)", r"INFO: scheduling \[x]", 0, None)
        progress.done(step, Path("synth.log"), 2.0)
        assert progress.line.task is None
    assert "synth          2.0 s   synth.log" in drawn(watched)


def test_texts_of_others() -> None:
    """No name moves the cursor, colours anything, or is taken for rich's markup."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=200, color_system=None)
    console.print(f"[bold]{HOSTILE}[/] {escape('[red]x[/]')}")
    table = Table(HOSTILE)
    table.add_row(Text(HOSTILE))
    console.print(table)
    assert shown.getvalue().isprintable() or set(filter(lambda c: not c.isprintable(), shown.getvalue())) == {"\n"}
    assert "[red]x[/]" in shown.getvalue()
    assert shown.getvalue().count(r"\x1b[2J") == 3


def test_status(monkeypatch: pytest.MonkeyPatch, watched: Console) -> None:
    monkeypatch.setattr(terminal, "Console", lambda **_: watched)
    with terminal.status("looking [at] it") as say:
        doing.now("files compiled [now]", 1, 2)
        say("simulating [it]")
    assert re.search(r"looking \[at\] it [━╺╸]+ +0:00 +1/2 files compiled \[now\]", drawn(watched))
    assert "simulating [it]" in drawn(watched)
    monkeypatch.setenv("CI", "true")
    before = drawn(watched)
    with terminal.status("looking") as say:
        say("compiling")
    assert drawn(watched) == before
