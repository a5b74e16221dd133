"""What a user sees while `fpga-flow csim` works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


@contextmanager
def status(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done, if that is a terminal; gives what changes it."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as line:
        yield lambda text: line.update(escape(text))
