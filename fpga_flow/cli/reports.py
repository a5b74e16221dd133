"""`fpga-flow report`: runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fpga_flow.cli.options import Json, Quiet, app
from fpga_flow.errors import InputError
from fpga_flow.printing import say

_Format = Literal["html", "markdown", "csv", "json"]
_ENDS: dict[str, _Format] = {".html": "html", ".md": "markdown", ".csv": "csv", ".json": "json"}


@app.command()
def report(
    places: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, or folders that hold "
                                                 "such.")],
    format_: Annotated[_Format | None, typer.Option("--format", help="Left out: by the end of --out's name, else "
                                                    "markdown.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Left out: standard output; not so of html.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Compare runs side by side: accuracy, size, resources by source, latency, and what differs in their specs.

    The HTML page is one file that needs no network, and links to the reports of the runs.

    Example: `fpga-flow report runs/digits_mlp runs/jets --out comparison.html`
    """
    from fpga_flow import terminal
    from fpga_flow.report import comparison_runs

    chosen = _format(format_, out, as_json=as_json)
    if out is not None and not out.parent.is_dir():
        raise InputError.at("--out", f'no such folder: "{out.parent}"')
    with terminal.status("comparing", quiet=quiet):
        compared = comparison_runs.gather(places)
        text = _text(compared, chosen, Path() if out is None else out.parent)
    if out is None:
        say(text, nl=not text.endswith("\n"))
    else:
        from fpga_flow import runs

        runs.write_text(out, text)
        if not quiet:
            say(f"{len(compared.runs)} runs are compared in {out}")


def _format(given: _Format | None, out: Path | None, *, as_json: bool) -> _Format:
    """The format that is meant."""
    if as_json and given not in (None, "json"):
        raise InputError.at("--json", f"expected no other --format beside it, got {given}")
    by_name = None if out is None else _ENDS.get(out.suffix.lower())
    chosen = "json" if as_json else given or by_name or ("markdown" if out is None else None)
    if chosen is None:
        raise InputError.at("--out", f"expected --format, or a name that ends with {', '.join(_ENDS)}, got {out}")
    if chosen == "html" and out is None:
        raise InputError.at("--format html", "expected a file for the page, for example --out comparison.html")
    return chosen


def _text(compared: Any, chosen: _Format, beside: Path) -> str:
    from fpga_flow.report import comparison_page, comparison_text

    if chosen == "html":
        return comparison_page.render(compared, beside)
    if chosen == "csv":
        return comparison_text.comma_separated(compared)
    if chosen == "json":
        return json.dumps({"runs": compared.rows()}, indent=1) + "\n"
    return comparison_text.markdown(compared)
