"""`fpga-flow new`: asks on the terminal for what its options leave open."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fpga_flow.cli import completion
from fpga_flow.cli.options import Json, Quiet, app, print_json
from fpga_flow.errors import InputError
from fpga_flow.printing import printable, say

if TYPE_CHECKING:
    from fpga_flow.new.questions import Question


@app.command()
def new(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the spec, its runs and its C++.")] = None,
    data: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="A data set, or a .npz or .csv file.",
                                             autocompletion=completion.data)] = None,
    label: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of a .csv file, the column of the class: its "
                                              "name, or its number from 0 (-1: the last).")] = None,
    family: Annotated[str | None, typer.Option(metavar="NAME", help="The network: mlp, or for images cnn, vgg, resnet, "
                                               "squeezenet, mobilenet, shufflenet.",
                                               autocompletion=completion.families)] = None,
    bits: Annotated[str | None, typer.Option(metavar="NUMBER", help="Of the weights, 2 to 24.")] = None,
    sparsity: Annotated[str | None, typer.Option(metavar="SHARE", help="Of the weights that become zero.")] = None,
    board: Annotated[str | None, typer.Option(metavar="NAME", help="See `fpga-flow boards`.",
                                              autocompletion=completion.boards)] = None,
    speed: Annotated[str | None, typer.Option(metavar="latency|fit|NUMBER", help="As fast as possible; as fast as the "
                                              "board has room for; or a reuse factor: so many multiplications that "
                                              "share a multiplier.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: the defaults for what is left out.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The spec; left out: NAME.yaml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the spec if it is there already.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Ask a few questions, and write a commented spec that `fpga-flow run` runs, with the JSON schema for editors.

    Each answer can be given by an option; with all of them, or `--yes`, nothing is asked.

    Example: `fpga-flow new my_tagger --data jets --bits 5 --board kv260 --yes`
    """
    given = {"data": data, "label": label, "family": family, "bits": bits, "sparsity": sparsity, "board": board,
             "speed": speed, "name": name}  # fmt: skip
    if out is not None or name is not None:
        _check_out(out or Path(f"{name}.yaml"), force=force)
    ask = None if yes else _ask_on_terminal(given, to_stderr=as_json)

    from fpga_flow import new as new_spec
    from fpga_flow import terminal
    from fpga_flow.new import questions

    answers = questions.answer(given, ask)
    path = out or Path(f"{answers.name}.yaml")
    _check_out(path, force=force)
    with terminal.status("checking", quiet=quiet):
        text = new_spec.make(answers, path.name)
    written = new_spec.write(text, path, force=force)
    if not written.current:
        say(f"note: {written.schema} is of another version and was kept: --force replaces it", err=True)
    if as_json:
        print_json({"name": answers.name, "spec": str(written.spec), "schema": str(written.schema)})
    elif not quiet:
        say(f"{written.spec} is written and checked; next: fpga-flow run {written.spec}")


def _ask_on_terminal(given: dict[str, str | None], *, to_stderr: bool) -> Any:
    """What asks a question, until its answer can be read. Refuses to where nobody can answer what is left open."""
    from fpga_flow.new.questions import LABEL, QUESTIONS

    left_open = [each.option for each in QUESTIONS if given[each.key] is None and each is not LABEL]
    if left_open and not sys.stdin.isatty():
        missing = ", ".join(left_open)
        raise InputError.at("new", f"expected {missing}, or --yes for their defaults: there is no terminal to ask on")

    def ask(question: Question, default: str, read: Callable[[str], Any]) -> Any:
        def value(text: str) -> Any:
            try:
                return read(text)
            except ValueError as error:
                raise typer.BadParameter(printable(str(error))) from error

        return typer.prompt(question.text, default=default, value_proc=value, err=to_stderr)

    return ask


def _check_out(path: Path, *, force: bool) -> None:
    """Refuse a place before any work is done."""
    from fpga_flow.importing import check_out

    check_out(path, force=force)
