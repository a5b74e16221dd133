"""What moves on a terminal while work goes on: nothing does in files, in pipes, and where CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from fpga_flow.printing import printable_lines


class Console(rich.console.Console):
    """A console on which texts from elsewhere are text alone, see `printing`."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, in pieces: those that move the cursor are rich's own."""
        for each in super().render(renderable, options):
            yield each if each.control else each._replace(text=printable_lines(each.text))


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
