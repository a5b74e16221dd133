"""Passes that go in rounds, such as prune, retrain, prune: what is kept between them, so that a killed one goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fpga_flow.compress.base import Context
from fpga_flow.training import DAMAGED, saved_values

T = TypeVar("T")


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
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    def save(self) -> None:
        """Write the last good round and what is told of all rounds, to go on from there if the process is stopped."""
        if self._path is not None:
            _write(self._path, self._values, self.told)

    def finish(self) -> None:
        """Go back to the last good round and remove the file."""
        self.go_back()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _resume(self) -> None:
        """Where there is no file of an interrupted pass, or a damaged one, the pass begins at its beginning."""
        found = None if self._path is None else _read(self._path, self._variables)
        self.told = self.told if found is None else found


def once(path: Path | None, variables: Sequence[Any], work: Callable[[], T]) -> T:
    """What `work` returns (JSON values), with the variables as it leaves them: from the file at `path` if an
    interrupted process has done it already, else done now and written to it. Without a path it is just done.
    """
    if path is not None and (found := _read(path, variables)) is not None:
        return cast(T, found)
    told = work()
    if path is not None:
        _write(path, [variable.numpy() for variable in variables], told)
    return told


def _write(path: Path, values: Sequence[NDArray[Any]], told: Any) -> None:
    arrays = {f"variable_{number}": value for number, value in enumerate(values)}
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, allow_pickle=False, told=np.array(json.dumps(told)), **arrays)
    partial.replace(path)


def _read(path: Path, variables: Sequence[Any]) -> Any:
    """What was told, and the variables set to what was written; None where there is no such file or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as data:
            values = saved_values(data, variables)
            told = json.loads(str(data["told"]))
    except DAMAGED:
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return told
