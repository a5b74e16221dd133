"""What a user sees of a run: a bar while a stage works, a line when it is done, the outcome at the end."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from fpga_flow import terminal
from fpga_flow.flow import Outcome
from fpga_flow.resources.report import title
from fpga_flow.runs import Done, Stage
from fpga_flow.stages import Ui


class Progress(Ui):
    """Prints a run's progress. Use it as a context manager."""

    def __init__(self, *, quiet: bool = False, to_stderr: bool = False) -> None:
        self.console = terminal.Console(stderr=to_stderr, quiet=quiet, highlight=False, soft_wrap=True)
        self.line = terminal.Line(self.console)

    def __enter__(self) -> Progress:
        self.line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.line.__exit__()

    def start(self, stage: Stage) -> None:
        """Show what the stage does."""
        self.line.begin(stage.name)

    def done(self, done: Done) -> None:
        """Print the stage's line."""
        self.line.end()
        seconds = "cached" if done.cached else f"{done.seconds:.1f} s"
        self.console.print(f"  [bold]{done.stage.name:<10}[/] {seconds:>9}   {_say(done)}")
        if done.stage.name == "hls" and done.result["fit"]:
            self.console.print(_say_fit(done.result["fit"]))

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text))

    def outcome(self, outcome: Outcome) -> None:
        """Print where the run's results are."""
        self.line.end()
        if outcome.report is None:
            self.console.print(f"stopped as asked; so far in {escape(str(outcome.folder))}")
        else:
            self.console.print(f"report     {escape(str(outcome.report))}")


def _say(done: Done) -> str:
    """What a stage has to tell, in a few words."""
    result = done.result
    if done.stage.name == "float":
        return f"accuracy {result['accuracy']:.4f}"
    if "accuracy_before" in result:
        return f"accuracy {result['accuracy_before']:.4f} -> {result['accuracy_after']:.4f}{_say_budget(result)}"
    if done.stage.name == "hls":
        size = result["size"]
        return f"{len(result['layers'])} layers, {size['nonzero']:,} of {size['parameters']:,} parameters non-zero"
    if done.stage.name == "store":
        return (
            f"{result['bytes_encoded']:,} bytes, {result['bits_per_weight']:.2f} bits a weight, "
            f"{result['ratio_original']:.1f} times smaller than float32"
        )
    if done.stage.name == "csim":
        if not result["samples"]:
            return "[yellow]nothing simulated: nothing is proven[/]"
        verdict = "bit for bit" if result["exact"] else f"[red]{result['mismatches']:,} differ[/]"
        return f"{result['samples']:,} samples, {verdict}; accuracy {result['accuracy']:.4f}"
    return f"\n{'':<24}".join(map(_say_estimate, result["estimates"]))


def _say_estimate(entry: dict[str, Any]) -> str:
    """A stage's estimate."""
    verdicts = {None: "not compared with", True: "fits", False: "[red]does not fit[/]"}
    cycles = "latency unknown" if entry["latency_cycles"] is None else f"{entry['latency_cycles']:,} cycles"
    return (
        f"{title(entry['source'], entry['stage'])}: {entry['lut']:,} LUT, {entry['ff']:,} FF, {entry['dsp']:,} DSP, "
        f"{entry['bram18']:,} BRAM18, {cycles}; {verdicts[entry['fits']]} {entry['board']}"
    )


def _say_budget(result: dict[str, Any]) -> str:
    """That the widths of a quantize pass are over their budget of accuracy, if they are."""
    widths = result["details"].get("widths")
    if not widths or widths["within"]:
        return ""
    return f"; [yellow]{widths['accuracy']:.4f} on validation samples, below the budget's {widths['floor']:.4f}[/]"


def _say_fit(fit: dict[str, Any]) -> str:
    """What `strategy: fit` chose, and why: a line for the network, and one for each layer."""
    lines = [fit["why"]]
    for each in fit["layers"]:
        instead = f" instead of {'; '.join(map(_say_option, each['instead']))}" if each["instead"] else ""
        lines.append(f"{each['name']}: {_say_option(each['chosen'])}{instead}")
    return escape("\n".join(f"{'':<24}{line}" for line in lines))


def _say_option(option: dict[str, Any]) -> str:
    reuse = f" with reuse factor {option['reuse_factor']}" if option["reuse_factor"] > 1 else ""
    return f"{option['strategy']}{reuse} ({option['lut']:,} LUT, {option['dsp']:,} DSP, {option['bram18']:,} BRAM18)"
