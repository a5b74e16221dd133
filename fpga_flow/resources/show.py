"""Resource numbers on the terminal, and the progress of a build."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.markup import escape

from fpga_flow import doing, terminal
from fpga_flow.printing import say
from fpga_flow.resources.numbers import Entry, Numbers
from fpga_flow.resources.open.results import BoardResults
from fpga_flow.resources.report import RESOURCES, ResourceReport
from fpga_flow.resources.tool_step import Step, Ui
from fpga_flow.tables import print_table

_NONE = "-"
#: Lines of a tool's output that say something by themselves.
_TELLING = re.compile(
    r"\s*(?:INFO|Info|WARNING|ERROR|CRITICAL WARNING|Starting|Finished|Start|Phase|\*{5}|[\d.]+ Executing).*\S"
)


def print_numbers(numbers: Numbers) -> None:
    """Print one table per source, and what co-simulation and timing analysis say."""
    for entry in numbers.entries:
        _print_entry(entry, numbers.usable)
    for each in numbers.cosimulations:
        result = each.result
        cycles = _span(result.latency_min, result.latency_max)
        say(f"co-simulation of the {each.language}: {result.status}, latency {cycles} cycles ({each.file})")
    for timed in numbers.timings:
        worst = timed.timing.setup.worst_ns
        verdict = "met" if timed.timing.met else "not met"
        say(f"timing {verdict}, worst slack {_NONE if worst is None else f'{worst:g} ns'} ({timed.file})")
    for made in numbers.rtl:
        _print_rtl(made)


def _print_rtl(made: BoardResults) -> None:
    """Print what the open tools measured for a board: of RTL, all of it unrolled, not of the HLS code."""
    rows = []
    for each in made.found:
        report = each.report
        mhz = _NONE if each.bitstream is None or not report.clock_ns else f"{1e3 / report.clock_ns:.1f}"
        amounts = report.lut, report.ff, each.carry, report.dsp, report.bram18, report.latency_cycles
        what = "netlist" if each.bitstream is None else "placed, with serial line"
        rows.append([report.part, what, *map(_count, amounts), mhz, report.tool])
    if rows:
        head = ["open-synthesis", "of", "LUT", "FF", "carry", "DSP", "BRAM18", "cycles", "MHz reached", "tool"]
        print_table(head, rows)
    say(f"  RTL for {made.board}, unrolled, a sample in every cycle: {made.folder}")
    say(f"  {'not simulated' if made.witnesses is None else f'its results are {made.witnesses}'}")
    for each in made.found:
        if each.bitstream is not None:
            say(f"  bitstream: {each.file.parent / each.bitstream}")
    say("")


def _print_entry(entry: Entry, usable: Mapping[str, int] | None) -> None:
    report = entry.report
    amounts = [getattr(report, name) for name in RESOURCES]
    clock = _NONE if report.clock_ns is None else f"{report.clock_ns:g}"
    rows = [["needed", *map(_count, amounts), _count(report.latency_cycles), _count(report.ii), clock]]
    if report.intervals is not None:
        names = (*RESOURCES, "latency_cycles", "ii", "clock_ns")
        for place, head in enumerate(("at least", "at most")):
            ends = [report.intervals[name][place] if name in report.intervals else None for name in names]
            rows.append([head, *map(_count, ends)])
    if usable is not None:
        most = [usable[name] for name in RESOURCES]
        shares = [_share(amount, limit) for amount, limit in zip(amounts, most, strict=True)]
        rows += [["usable", *map(_count, most), "", "", ""], ["share", *shares, "", "", ""]]
    print_table([report.title, "LUT", "FF", "DSP", "BRAM18", "URAM", "cycles", "II", "clock ns"], rows)
    say(f"  {_origin(entry)}; {_verdict(entry, usable is not None)}\n")


def _origin(entry: Entry) -> str:
    if not entry.file:
        return f"estimated by fpga_flow for {entry.report.tool}, {_sureness(entry.report)}"
    return f"{entry.report.tool}, {entry.report.part}: {entry.file} ({entry.note})"


def _sureness(report: ResourceReport) -> str:
    """What the interval of an estimate is worth."""
    if report.calibrated:
        return "with 80 % intervals"
    unknown = [layer.name for layer in report.layers if not layer.calibrated]
    whose = ", ".join(unknown) if report.stage == "csynth" else "some of its layers"  # where no layer is calibrated
    return f"with guessed intervals, as no published report has the like of {whose}"


def _verdict(entry: Entry, known: bool) -> str:
    if entry.report.fits is None and known:
        return f"not compared with {entry.report.board}, which has another part"
    if entry.report.fits is None:
        return f'not compared: no board "{entry.report.board}" comes with the package'
    if entry.report.fits:
        return f"fits {entry.report.board}"
    lacks = ", ".join(f"{lack.missing:,} {lack.resource} too few" for lack in entry.lacks)
    return f"does not fit {entry.report.board}: {lacks}"


def _count(value: int | None) -> str:
    return _NONE if value is None else f"{value:,}"


def _share(amount: int | None, most: int) -> str:
    return _NONE if amount is None or most == 0 else f"{100 * amount / most:.1f}%"


def _span(least: int | None, most: int | None) -> str:
    return _count(most) if least == most else f"{_count(least)} to {_count(most)}"


class BuildProgress(Ui):
    """Prints a build's progress. Use it as a context manager."""

    def __init__(self, *, quiet: bool = False, to_stderr: bool = False) -> None:
        self.console = terminal.Console(stderr=to_stderr, quiet=quiet, highlight=False, soft_wrap=True)
        self.line = terminal.Line(self.console)

    def __enter__(self) -> BuildProgress:
        self.line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.line.__exit__()

    def start(self, step: Step, log_file: Path) -> None:
        """Show what the step does."""
        self.line.begin(f"{step.name} ({step.title})", str(log_file))

    def lines(self, texts: Sequence[str]) -> None:
        """Show the last of the lines that says something."""
        telling = [text.strip() for text in texts if _TELLING.match(text)]
        if telling:
            doing.now(telling[-1])

    def done(self, step: Step, log_file: Path, seconds: float) -> None:
        """Print the step's line."""
        self.line.end()
        self.console.print(f"  [bold]{step.name:<10}[/] {seconds:>7.1f} s   {escape(str(log_file))}")
