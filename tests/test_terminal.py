"""What moves on a terminal, and where nothing may move."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fpga_flow import terminal
from fpga_flow.progress import Progress
from fpga_flow.resources.show import BuildProgress
from fpga_flow.runs import Stage
from fpga_flow.sweep.show import SweepProgress

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
    assert terminal.moves(Console(force_terminal=is_terminal, quiet=quiet)) == moves


@pytest.mark.parametrize("ci", [None, "1"])
@pytest.mark.parametrize("kind", [Progress, SweepProgress, BuildProgress])
def test_bars(monkeypatch: pytest.MonkeyPatch, kind: Any, ci: str | None) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with kind() as progress:
        assert progress.bars.disable == (ci is not None)


def test_what_a_stage_does_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with Progress() as progress:
        progress.start(Stage(5, "csim", "0" * 16))
        (task,) = progress.bars.tasks
        assert (task.description, task.fields["info"], task.total) == ("csim", "compiling the C++", None)
        progress.samples(20, 50)
        assert (task.fields["info"], task.completed, task.total) == ("samples", 20, 50)


def test_texts_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name moves the cursor, colours anything, or is taken for rich's markup."""
    shown = io.StringIO()
    console = terminal.Console(file=shown, force_terminal=True, width=200, color_system=None)
    console.print(f"[bold]{HOSTILE}[/] {escape('[red]x[/]')}")
    table = Table(HOSTILE)
    table.add_row(Text(HOSTILE))
    console.print(table)
    assert shown.getvalue().isprintable() or set(filter(lambda c: not c.isprintable(), shown.getvalue())) == {"\n"}
    assert "[red]x[/]" in shown.getvalue()
    assert shown.getvalue().count(r"\x1b[2J") == 3


def test_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    shown = io.StringIO()
    real = terminal.Console
    monkeypatch.setattr(terminal, "Console", lambda **_: real(file=shown, force_terminal=True, width=40))
    with terminal.status("looking [at] it") as say:
        say("compiling [it]")
    assert "compiling [it]" in shown.getvalue()
    monkeypatch.setenv("CI", "true")
    before = shown.getvalue()
    with terminal.status("looking") as say:
        say("compiling")
    assert shown.getvalue() == before
