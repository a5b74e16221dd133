"""What moves on a terminal while work goes on: nothing does in files, in pipes, and where CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.segment import Segment
from rich.table import Column
from rich.text import Text

from fpga_flow import doing
from fpga_flow.doing import Doing
from fpga_flow.printing import printable_lines

#: Seconds of which the speed is the mean: of slow steps, too, there must be some.
_LONG = 1e6
#: Characters that are left free at the end of the line.
_ROOM = 3


class Console(rich.console.Console):
    """A console on which texts from elsewhere are text alone, see `printing`."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, in pieces: those that move the cursor are rich's own."""
        for each in super().render(renderable, options):
            yield each if each.control else each._replace(text=printable_lines(each.text))


def moves(console: Console) -> bool:
    """Whether bars and the like are shown: on a terminal that somebody watches."""
    return console.is_terminal and not console.quiet and not os.environ.get("CI")


class Line:
    """The line below all that was printed, which says what is being done: with a bar where it is known how much there
    is to do, with the time that is left where it is known how fast it goes, else with the time since it began.

    Use it as a context manager; all that is said in there, see `doing`, is shown. What is printed meanwhile must go to
    its console.
    """

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), _text("{task.description}"), _Counted(BarColumn(bar_width=20)), _Time(),
                   _Counted(MofNCompleteColumn()), _text("{task.fields[info]}", ratio=1))  # fmt: skip
        self._bars = _Bars(
            *columns, console=console, transient=True, disable=not moves(console), speed_estimate_period=_LONG,
            expand=True,
        )  # fmt: skip
        self._name, self._began = "", 0.0
        self._task: TaskID | None = None
        self._open = ExitStack()

    def __enter__(self) -> Line:
        self._open.enter_context(doing.heard(self.show))
        self._open.enter_context(self._bars)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def task(self) -> Task | None:
        """What is shown."""
        return None if self._task is None else self._bars.tasks[0]

    def begin(self, name: str, text: str = "") -> None:
        """A new piece of work begins, which is called so until the next one does."""
        self._name, self._began = name, self._bars.get_time()
        self.show(Doing(text))

    def end(self) -> None:
        """Show nothing until more is said."""
        self._name, self._began = "", 0.0
        self._clear()
        self._bars.refresh()  # else what is printed next would have it below once more

    def show(self, doing: Doing, *, left: float | None = None) -> None:
        """Show what is being done, with the seconds that are left if that is known better than by the speed so far."""
        shown = self.task
        name = escape(", ".join(part for part in (self._name, *doing.within) if part))
        info: dict[str, Any] = {"info": escape(doing.text), "left": left}
        if shown is not None and (shown.description, shown.total) == (name, doing.total) and self._goes_on(doing):
            # a text without a count may be the last thing that can be drawn for a while, see `keras`
            self._bars.update(shown.id, completed=doing.done, refresh=doing.total is None, **info)
            return
        self._clear()
        self._began = self._began or self._bars.get_time()
        self._task = self._bars.add_task(name, total=doing.total, completed=doing.done, began=self._began, **info)

    def _goes_on(self, doing: Doing) -> bool:
        """Whether it is not the beginning of something else with as many parts."""
        return self.task is not None and doing.done >= self.task.completed

    def _clear(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


@contextmanager
def status(text: str = "", *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; gives what changes it."""
    with Line(Console(stderr=True, quiet=quiet)) as line:
        line.begin(text)
        yield line.begin


def clock(seconds: float) -> str:
    """Seconds as `minutes:seconds`, or `hours:minutes:seconds`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _text(form: str, ratio: int | None = None) -> TextColumn:
    """A column that is cut off where it is too long; with a ratio, where the other ones need the rest of the line."""
    return TextColumn(form, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=ratio))


class _Bars(Progress):
    """Bars that leave room at the end of the line, where terminals show ^C: it must not begin another line."""

    def get_renderables(self) -> Iterator[RenderableType]:
        """What is drawn."""
        yield _Shorter(self.make_tasks_table(self.tasks))


class _Shorter:
    """Something that is drawn with `_ROOM` beside it."""

    def __init__(self, inside: RenderableType) -> None:
        self._inside = inside

    def __rich_console__(self, console: rich.console.Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self._inside, options.update_width(max(options.max_width - _ROOM, 1)))


class _Counted(ProgressColumn):
    """A column of work of which it is known how much there is."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return Text() if task.total is None else self._column(task)


class _Time(ProgressColumn):
    """The time that is left; as long as that is not known, the time since the work began."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining if task.fields["left"] is None else task.fields["left"]
        return Text(clock(task.get_time() - task.fields["began"]) if left is None else f"{clock(left)} left")
