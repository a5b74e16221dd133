"""What the docs site adds to mkdocs: formulas as MathML, which browsers draw by themselves, and pages of the top."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parent.parent
#: Pages whose text stands at the top of the project, where people look for them.
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Take in the pages of the top."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=(TOP / source).read_text(encoding="utf-8")))
    return files


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
        return f"[{words}]({posixpath.relpath(name, posixpath.dirname(path))}{anchor})"

    return _LINK.sub(link, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas are TeX in the pages: $...$, and $$...$$ between paragraphs."""

    def mathml(found: re.Match[str]) -> str:
        kind, formula = found.groups()
        return convert(html.unescape(formula).strip(), display="block" if kind == "div" else "inline")

    return _FORMULA.sub(mathml, content)
