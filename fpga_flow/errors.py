"""The errors a user can cause or meet. Each says what was expected, what came, and where.

The command line prints the message of a `FlowError` without a traceback and exits with its `exit_code`;
any other exception is a bug of the project and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


class FlowError(Exception):
    """Base of all errors that are reported to the user by their message alone."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Place:
    """Where something was written: a file (or `--set`), and the line and column in it, both from 1; 0 if unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers])


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in the input: its place, the field (dotted path) and what is wrong with it."""

    place: Place
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.field, self.message) if part)


class InputError(FlowError):
    """Bad input (exit code 2): all problems that were found, in the order of their places."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def at(cls, file: str, message: str, *, line: int = 0, column: int = 0, field: str = "") -> InputError:
        """An error with a single problem."""
        return cls([Problem(Place(file, line, column), field, message)])


class CheckFailed(FlowError):  # noqa: N818  (a check that did not pass is a result, not a mistake)
    """A check that the flow makes did not pass, for example the C simulation differs (exit code 1)."""

    exit_code = 1


class ToolError(FlowError):
    """A tool that the flow needs is missing or failed (exit code 3)."""

    exit_code = 3


def suggest(name: str, known: Iterable[str], others: Iterable[str] = ()) -> str:
    """The end of a message about an unknown `name`: the nearest known name, or all of them where none is near.

    Args:
        others: names of what exists, but can't be meant here; one of these is no slip of the pen.
    """
    known = list(known)
    listed = "known are " + ", ".join(sorted(known)) if known else "none are known"
    if name in others:
        return f"what it names exists, but is of another kind; {listed}"
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else listed


def reason(error: BaseException) -> str:
    """What another library's error says of a file, on one line, without numbers and lone keys."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    if isinstance(error, KeyError):
        return f"no key {error}"
    return " ".join(str(error).split()) or type(error).__name__


#: Keys and list indices that lead to a field of a spec, for example ("data", "path").
FieldPath = tuple[str | int, ...]


class FieldError(FlowError):
    """A field of a spec that is wrong in view of the rest; who knows the spec's file adds the place."""

    def __init__(self, path: FieldPath, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{dotted(self.path)}: {message}")


@contextmanager
def under(path: FieldPath) -> Iterator[None]:
    """What is wrong in here is a part of the section at `path`."""
    try:
        yield
    except FieldError as error:
        raise FieldError((*path, *error.path), error.message) from error


def dotted(path: FieldPath) -> str:
    """A path of keys and indices as text: ("compress", 0, "prune") is `compress[0].prune`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
