"""Passes that go in rounds, such as prune, retrain, prune: what is kept between them, so that a killed one goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from numpy.typing import NDArray

from fpga_flow import saved
from fpga_flow.compress.base import Context

T = TypeVar("T")

#: After a round that cost too much accuracy, the next ones are half as large, so many times.
SMALLER_STEPS = 2


class Rounds:
    """The values of some variables after the last good round, with what there is to tell of all rounds so far.

    told   plain values (JSON); as they were after the last round of an interrupted pass, if there was one
    """

    def __init__(self, context: Context, variables: Sequence[Any], told: dict[str, Any]) -> None:
        self._variables = list(variables)
        self._path = None if context.checkpoint is None else context.checkpoint.with_name("rounds.npz")
        self.told = told
        self._resume()
        self._values = [variable.numpy() for variable in self._variables]

    def keep(self) -> None:
        """The variables as they are now are those of a good round."""
        self._values = [variable.numpy() for variable in self._variables]

    def go_back(self) -> None:
        """Set the variables to those of the last good round."""
        _set(self._variables, self._values)

    def save(self) -> None:
        """Write the last good round and what is told of all rounds, to go on from there if the process is stopped."""
        if self._path is not None:
            saved.write(self._path, self.told, variables=self._values)

    def _resume(self) -> None:
        """Where there is no file of an interrupted pass, or a damaged one, the pass begins at its beginning."""
        found = None if self._path is None else _read(self._path, self._variables)
        if found is not None and isinstance(found.told, dict) and found.told.keys() == self.told.keys():
            self.told = found.told
            _set(self._variables, found.values)


def once(path: Path, variables: Sequence[Any], work: Callable[[], T]) -> T:
    """What `work` returns (JSON values), with the variables as it leaves them: from the file at `path` if an
    interrupted process has done it already, else done now and written to it.
    """
    if (found := _read(path, variables)) is not None:
        _set(variables, found.values)
        return cast(T, found.told)
    told = work()
    saved.write(path, told, variables=[variable.numpy() for variable in variables])
    return told


class _Found(NamedTuple):
    told: Any
    values: list[NDArray[Any]]


def _read(path: Path, variables: Sequence[Any]) -> _Found | None:
    """What was told, and values for the variables; None where the file is missing, damaged or of others."""
    try:
        told, lists = saved.read(path)
        values = lists["variables"]
        saved.check_alike(values, [variable.numpy() for variable in variables])
    except saved.UNREADABLE:
        return None
    return _Found(told, values)


def _set(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
