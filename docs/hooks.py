"""What the docs site adds to mkdocs: formulas as MathML, which browsers draw by themselves, pages of the top, and
notebooks with what they show.
"""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import Any

import nbformat
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parent.parent
#: Pages whose text stands at the top of the project, where people look for them.
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_BLANK_LINES = re.compile(r"\n\s*\n")  # one would end the HTML
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Take in the pages of the top, and the notebooks as pages."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=(TOP / source).read_text(encoding="utf-8")))
    for each in [file for file in files if file.src_uri.endswith(".ipynb")]:
        notebook = nbformat.reads(each.content_string, as_version=4)
        files.append(File.generated(config, each.src_uri.replace(".ipynb", ".md"), content=_page(notebook)))
    return files


def _page(notebook: Any) -> str:
    """The text of a notebook's cells, and below each what it shows."""
    parts = []
    for cell in notebook.cells:
        parts.append(cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```")
        for data in (each.data for each in cell.get("outputs", []) if "data" in each):
            shown = data.get("text/html") or f"<pre>{html.escape(data['text/plain'])}</pre>"
            parts.append(f'<div class="notebook-output">{_BLANK_LINES.sub(chr(10), shown)}</div>')
    return "\n\n".join(parts)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links are written as they lead in the project's folders; what is not of the site becomes plain text."""
    path = page.file.src_uri
    here = "docs/" + posixpath.dirname(path) if path not in PAGES else ""

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        target = posixpath.normpath(posixpath.join(here, target))
        name = next((name for name, source in PAGES.items() if source == target), target.removeprefix("docs/"))
        if name == target:  # outside of docs/
            return words
        name = re.sub(r"\.ipynb$", ".md", name)
        return f"[{words}]({posixpath.relpath(name, posixpath.dirname(path))}{anchor})"

    return _LINK.sub(link, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas are TeX in the pages: $...$, and $$...$$ between paragraphs."""

    def mathml(found: re.Match[str]) -> str:
        kind, formula = found.groups()
        return convert(html.unescape(formula).strip(), display="block" if kind == "div" else "inline")

    return _FORMULA.sub(mathml, content)
