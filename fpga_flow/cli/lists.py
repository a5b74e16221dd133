"""The commands that list what there is: boards, passes, data sets, layers, installed tools, keys of specs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fpga_flow.cli.options import Json, NamesOnly, Quiet, app, print_json, print_names

if TYPE_CHECKING:
    from fpga_flow.boards import Board
    from fpga_flow.plugins import Registry


@app.command()
def boards(
    family: Annotated[str | None, typer.Option(metavar="TEXT", help="Only families with this in their name.")] = None,
    toolchain: Annotated[str | None, typer.Option(metavar="NAME", help="Only boards of this toolchain.")] = None,
    fits: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Which fit a run: its run.json or its folder.")
    ] = None,
    as_json: Json = False,
    quiet: NamesOnly = False,
) -> None:
    """List the boards that there are: part, clock period, and what a network may use of the part.

    With `--fits`, say of each whether the resource numbers of a run fit into that, what the run lacks, and what the
    numbers are worth: their source, and what they were made for. `--quiet` then names the boards that it fits.

    Example: `fpga-flow boards --family zynq --fits runs/digits_mlp/5b57353afb95ae2c`
    """
    from fpga_flow import boards as all_boards
    from fpga_flow import tables

    known = all_boards.every_board()
    found = all_boards.select(known, family, toolchain)
    if fits is not None:
        _print_fits(found, known, fits, as_json, quiet)
    elif as_json:
        print_json([{**board.model_dump(mode="json"), "from": all_boards.origin(board.name)} for board in found])
    elif quiet:
        print_names([board.name for board in found])
    else:
        rows = [
            [
                b.name,
                b.part,
                b.toolchain,
                f"{b.clock_ns:g}",
                b.lut_kind,
                *(f"{n:,}" for n in b.usable().values()),
                b.title,
                all_boards.origin(b.name),
            ]
            for b in found
        ]
        resources = list(all_boards.Amounts.model_fields)
        tables.print_table(["name", "part", "toolchain", "ns", "LUTs", *resources, "board", "from"], rows)


@app.command()
def passes(as_json: Json = False, quiet: NamesOnly = False) -> None:
    """List the compression passes, those of plugins, too.

    Example: `fpga-flow passes`
    """
    from fpga_flow.compress import PASSES

    _list(PASSES, "pass", as_json, quiet)


@app.command()
def datasets(as_json: Json = False, quiet: NamesOnly = False) -> None:
    """List the data sets, those of plugins, too.

    Example: `fpga-flow datasets`
    """
    from fpga_flow.datasets import DATASETS

    _list(DATASETS, "data set", as_json, quiet)


@app.command()
def layers(
    containing: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only cases with this in their name.")] = "",
    as_json: Json = False,
    quiet: NamesOnly = False,
) -> None:
    """List layers and options: which become HLS code that computes the same bit for bit; which are refused, and why.

    Of layers of plugins it says what these declare; the C simulation of each run shows whether it is true.

    Example: `fpga-flow layers pooling`
    """
    from fpga_flow.hls.support import matrix, of_plugins
    from fpga_flow.tables import print_table

    found = [entry for entry in (*matrix(), *of_plugins()) if containing.lower() in entry["case"].lower()]
    if as_json:
        print_json(found)
    elif quiet:
        print_names([entry["case"] for entry in found])
    else:
        rows = []
        for entry in found:
            verdicts = [entry[key].partition(": ") for key in ("io_parallel", "io_stream")]
            why = dict.fromkeys(reason for _, _, reason in verdicts if reason)
            rows.append([entry["case"], *(word for word, _, _ in verdicts), "; ".join(why), entry["from"]])
        print_table(["case", "io_parallel", "io_stream", "why refused", "from"], rows)


@app.command()
def doctor(as_json: Json = False, quiet: Quiet = False) -> None:
    """Say what is installed, what is missing, and how to get it.

    Example: `fpga-flow doctor`
    """
    from fpga_flow import doctor as doctors
    from fpga_flow.errors import ToolError
    from fpga_flow.tables import print_table

    found = doctors.examine()
    if as_json:
        print_json(found)
    elif not quiet:
        print_table(["what", "found", "needed for", "how to get it"], [list(each.values())[:4] for each in found])
    if missing := [each["what"] for each in found if each["required"] and not each["found"]]:
        raise ToolError(f"missing: {', '.join(missing)}")


@app.command()
def schema(
    what: Annotated[
        Literal["spec", "board", "run"], typer.Argument(help="A spec, the file of a board, or run.json.")
    ] = "spec",
) -> None:
    """Print a JSON schema: of specs and boards, for editors that complete and check YAML by it, or of run.json.

    A YAML file names it in a line `# yaml-language-server: $schema=fpga_flow.schema.json`.

    Example: `fpga-flow schema > fpga_flow.schema.json`
    """
    from fpga_flow.run_json.schema import run_schema
    from fpga_flow.spec import schema as schemas

    print_json({"spec": schemas.spec_schema, "board": schemas.board_schema, "run": run_schema}[what]())


def _list(registry: Registry, what: str, as_json: bool, quiet: bool) -> None:
    from fpga_flow.spec.schema import module_text
    from fpga_flow.tables import print_table

    rows = [[name, module_text(module), registry.origin(name)] for name, module in registry.items()]
    if quiet and not as_json:
        print_names(list(registry))
    elif as_json:
        print_json([{"name": name, "description": text, "from": origin} for name, text, origin in rows])
    else:
        print_table([what, "what it is", "from"], rows)


def _print_fits(boards: Sequence[Board], known: Sequence[Board], run: Path, as_json: bool, quiet: bool) -> None:
    from fpga_flow import fits
    from fpga_flow.tables import print_table

    found = fits.judge(fits.read(run), boards, known)
    if as_json:
        print_json([{**fit.board.model_dump(mode="json"), "fit": fit.to_dict()} for fit in found])
    elif quiet:
        print_names([fit.board.name for fit in found if fit.fits])
    else:
        words = {True: "yes", False: "no", None: "not comparable"}
        rows = [
            [fit.board.name, words[fit.fits], fit.report.title if fit.report else "", fit.made_for, fit.lacks_text()]
            for fit in found
        ]
        print_table(["name", "fits", "numbers", "made for", "lacks"], rows)
