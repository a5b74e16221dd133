"""What is printed is text alone: names and files of others can't command the terminal, nor hide what they say."""

from __future__ import annotations

import unicodedata

import typer

#: What lays out our own text.
_LAYOUT = "\n\t"


def printable(text: str, keep: str = "") -> str:
    """A text from elsewhere as it can be printed anywhere: what is no character (terminals obey some of these, others
    hide or turn round the text beside them) is written as its code, but for those in `keep`.
    """
    if text.isprintable():
        return text
    return "".join(each if _shows(each) or each in keep else ascii(each)[1:-1] for each in text)


def printable_lines(text: str) -> str:
    """Lines of ours with texts from elsewhere in them, see `printable`."""
    return printable(text, _LAYOUT)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print lines to standard output (or error), see `printable`."""
    typer.echo(printable_lines(text), err=err, nl=nl)


def _shows(character: str) -> bool:
    """Whether it is a character; Python takes all spaces but one for none."""
    return character.isprintable() or unicodedata.category(character) == "Zs"
