"""What long work says of itself while it goes on. `terminal.Line` shows it; where nobody watches, nobody hears it.

It is heard in the thread in which it is said; of other threads and processes the one tells that waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Doing:
    """What is being done.

    text    in words; with a total, what is counted: `epochs`, `samples`
    done    of the total
    total   how much there is; None where that is not known
    within  the parts of the work that it belongs to, the outermost first: `round 3`
    """

    text: str
    done: int = 0
    total: int | None = None
    within: tuple[str, ...] = ()


_hear: ContextVar[Callable[[Doing], None] | None] = ContextVar("hear", default=None)


def now(text: str, done: int = 0, total: int | None = None) -> None:
    """Say what is being done, and how much of it is done."""
    if (hear := _hear.get()) is not None:
        hear(Doing(text, done, total))


def each(items: Collection[T], text: str) -> Iterator[T]:
    """The items one by one, as they are worked on; `text` is what they are."""
    for number, item in enumerate(items):
        now(text, number, len(items))
        yield item


@contextmanager
def within(part: str) -> Iterator[None]:
    """What is done in here belongs to a part of the work."""
    outer = _hear.get()
    if outer is None:
        yield
    else:
        with heard(lambda doing: outer(replace(doing, within=(part, *doing.within)))):
            yield


@contextmanager
def heard(hear: Callable[[Doing], None]) -> Iterator[None]:
    """Let `hear` get all that is said in here."""
    token = _hear.set(hear)
    try:
        yield
    finally:
        _hear.reset(token)
