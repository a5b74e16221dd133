"""The application, and what its commands share: options, and how names and JSON are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_flow.cli import completion
from fpga_flow.printing import say

app = typer.Typer(
    name="fpga-flow",
    help="Small neural networks on FPGAs: from one YAML file to a bit-exact, C-simulated HLS project.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Specs = Annotated[list[str], typer.Argument(help="Spec files, or names of the examples that come with the package.",
                                            autocompletion=completion.specs)]  # fmt: skip
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Change a field of the specs. Repeatable.",
                                        autocompletion=completion.changes)]  # fmt: skip
Out = Annotated[Path, typer.Option("--out", help="The folder of all runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; progress goes to standard error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
NamesOnly = Annotated[bool, typer.Option("--quiet", "-q", help="Print the names only.")]
Fresh = Annotated[bool, typer.Option("--fresh/--resume", help="Do all stages again, or use those there are.")]
TrustCode = Annotated[bool, typer.Option("--trust-code", help="Run the Python functions that the specs name.")]

MLflow = Annotated[bool, typer.Option("--mlflow", help="Log the outcome to MLflow: at $MLFLOW_TRACKING_URI, or in "
                                      "mlflow.db in the folder of all runs.")]  # fmt: skip


def print_names(names: Sequence[str]) -> None:
    """Print one name a line."""
    for name in names:
        say(name)


def print_json(value: Any) -> None:
    """Print a JSON document."""
    typer.echo(json.dumps(value, indent=1))
