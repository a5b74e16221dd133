"""What a user sees of a sweep: a bar with what is best so far, a line for each trial, the front at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from fpga_flow import terminal
from fpga_flow.doing import Doing
from fpga_flow.report.sweep_data import value_text, words
from fpga_flow.sweep.engine import SweepOutcome
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import SweepResult, Trial
from fpga_flow.sweep.watching import State, SweepUi
from fpga_flow.tables import print_table


class SweepProgress(SweepUi):
    """Prints a sweep's progress. Use it as a context manager."""

    def __init__(self, *, quiet: bool = False, to_stderr: bool = False) -> None:
        self.quiet, self.table = quiet, not quiet and not to_stderr
        self.console = terminal.Console(stderr=to_stderr, quiet=quiet, highlight=False, soft_wrap=True)
        self.line = terminal.Line(self.console)

    def __enter__(self) -> SweepProgress:
        self.line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.line.__exit__()

    def state(self, state: State) -> None:
        """Move the bar on."""
        self.line.show(Doing(f"trials, {_standing(state)}", state.ended, state.total), left=state.seconds_left)

    def trial(self, trial: Trial) -> None:
        """Print a line."""
        self.console.print(
            f"  [bold]{trial.number:>4}[/]  {trial.seconds:>6.1f} s  {escape(words(trial.values))}: {_say(trial)}"
        )

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text))

    def outcome(self, outcome: SweepOutcome) -> None:
        """Print the front, if there is one, and where all is."""
        self.line.end()
        if outcome.result.front:
            if self.table:
                _print_front(outcome.result)
            self.console.print(f"front      {escape(str(outcome.folder / 'front'))}")
        self.console.print(f"report     {escape(str(outcome.report))}")


def _standing(state: State) -> str:
    """How a sweep stands, in a few words."""
    parts = [f"{state.running} running"]
    if state.best is not None:
        parts.append(f"best {_numbers(state.best.measures, ('accuracy', 'lut'))}, {state.front} on the front")
    if state.memory:
        parts.append(f"{state.memory / 1e9:.1f} GB")
    return "; ".join(parts)


def _say(trial: Trial) -> str:
    """What came of a trial, in a few words."""
    if trial.state != "done":
        return f"[yellow]{trial.state}[/]: {escape(trial.error.splitlines()[0] if trial.error else '')}"
    broken = "" if trial.feasible else "; [yellow]breaks a constraint[/]"
    return _numbers(trial.measures, ("accuracy", "lut", "dsp", "latency_cycles")) + broken


def _numbers(measures: Mapping[str, float | None], names: tuple[str, ...]) -> str:
    known = [(MEASURES[name], value) for name in names if (value := measures.get(name)) is not None]
    return ", ".join(
        f"{measure.label} {value:.2%}" if measure.share else f"{value:,.6g} {measure.unit or measure.label}"
        for measure, value in known
    )


def _print_front(result: SweepResult) -> None:
    """The front as a table."""
    names = list(dict.fromkeys((*result.objectives, "test_accuracy", "lut", "ff", "dsp", "bram18", "latency_cycles")))
    trials = {trial.number: trial for trial in result.trials}
    columns = ["trial", *(each.name for each in result.parameters), *(MEASURES[name].label for name in names)]
    rows = [
        [str(number), *map(value_text, trials[number].values.values()),
         *(_cell(name, trials[number].measures.get(name)) for name in names)]
        for number in result.front
    ]  # fmt: skip
    print_table(columns, rows)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if MEASURES[name].share else f"{value:,.6g}"
