"""What the docs site adds to mkdocs: formulas as MathML, which browsers draw by themselves, and pages of the top."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

TOP = Path(__file__).parent.parent
#: Pages whose text stands at the top of the project, where people look for them.
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Take in the pages of the top. Links in them are written as seen from there."""
    for name, source in PAGES.items():
        text = (TOP / source).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Formulas are TeX in the pages: $...$, and $$...$$ between paragraphs."""

    def mathml(found: re.Match[str]) -> str:
        kind, formula = found.groups()
        return convert(html.unescape(formula).strip(), display="block" if kind == "div" else "inline")

    return _FORMULA.sub(mathml, content)
