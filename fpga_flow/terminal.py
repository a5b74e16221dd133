"""What moves on a terminal while work goes on: nothing does in files, in pipes, and where CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


def moves(console: Console) -> bool:
    """Whether bars and the like are shown: on a terminal that somebody watches."""
    return console.is_terminal and not console.quiet and not os.environ.get("CI")


@contextmanager
def status(text: str = "", *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; gives what changes it."""
    console = Console(stderr=True, quiet=quiet)
    if not moves(console):
        yield lambda text: None
        return
    with console.status(escape(text)) as line:
        yield lambda text: line.update(escape(text))
