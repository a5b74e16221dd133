"""The code blocks of a page, and how each is executed.

| block | what is done with it |
| --- | --- |
| ```sh | each is run by bash in the page's folder, where the blocks before it left their files; it must exit with 0 |
| ```console | lines that begin with `$ ` are run one by one, and print what stands below them; `...` is anything |
| ```yaml title="my.yaml" | written to that file (so for every language) |
| ```yaml | a part of a spec: its keys replace those of the base (a missing quantize pass is added); it must be right |
| ```python | executed in the page's folder, in one namespace a page |
| ```cpp | compiled, not linked |
| ```json | read |
| ```text | nothing: output, formats |

A comment before a block says what is special: `<!-- exit code 1 -->` of a sh block, `<!-- base: fashion_cnn -->` of
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

LANGUAGES = ("sh", "console", "yaml", "python", "cpp", "c", "json", "text", "toml")

_COMMENT = re.compile(r"<!-- (exit code|base):? (\S+) -->")


@dataclass(frozen=True)
class Block:
    """A code block: its first line (from 1), language, title (a file's name) and text; `notes` are those before it."""

    line: int
    language: str
    title: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)


def blocks(text: str) -> Iterator[Block]:
    """The code blocks of a page.

    Raises:
        ValueError: a block has no language, or one that nothing is known of.
    """
    notes: dict[str, str] = {}
    base: dict[str, str] = {}
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block" and (found := _COMMENT.search(token.content)):
            notes[found[1]] = found[2]
        if token.type == "code_block":
            raise ValueError(f"line {token.map[0] + 1}: a block without a language: use a fence")
        if token.type == "fence":
            language, *options = shlex.split(token.info) or [""]
            if language not in LANGUAGES:
                raise ValueError(f"line {token.map[0] + 1}: expected one of {', '.join(LANGUAGES)}, got {language!r}")
            base |= {"base": notes["base"]} if "base" in notes else {}
            titles = [each.partition("=")[2] for each in options if each.startswith("title=")]
            yield Block(token.map[0] + 2, language, titles[0] if titles else "", token.content, {**notes, **base})
            notes = {}


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, and what each prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = f"{command[:-1]} {more.strip()}"
        yield command, output


def matches(expected: str, got: str) -> bool:
    """Whether a text is what is expected, in which `...` is anything. A column's width depends on what is in it, so any
    number of spaces is one, and those at the ends of lines are nothing.
    """

    def words(text: str) -> str:
        return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())

    pattern = ".*?".join(re.escape(part) for part in words(expected).split("..."))
    return re.fullmatch(pattern, words(got), re.DOTALL) is not None


def page_files(docs: Path) -> list[Path]:
    """All pages, by path."""
    return sorted(docs.rglob("*.md"))
