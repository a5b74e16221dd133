"""Pages from templates: one file each, with plotly in it, so that nothing is loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from fpga_flow import runs
from fpga_flow.printing import printable_lines
from fpga_flow.report import text


def fill(template: str, **context: Any) -> str:
    """A template of templates/ filled in; what is missing in `context` is an error."""
    own = {"plotly": Markup(get_plotlyjs()), "markup": Markup, "text": text}  # noqa: S704  (the library's own code)
    return _environment().get_template(template).render({**context, **own})


def script_beside(folder: Path) -> str:
    """The name of the file with plotly in a folder, which is written if it is not there."""
    name = f"plotly-{metadata.version('plotly')}.min.js"
    if not (folder / name).is_file():
        runs.write_text(folder / name, get_plotlyjs())
    return name


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=_finalized,
    )  # fmt: skip


def _finalized(value: Any) -> Any:
    """What stands for a value in a page: texts are text alone, but for our own markup."""
    return printable_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value
