"""Passes that go in rounds, such as prune, retrain, prune: what is kept between them, so that a killed one goes on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from fpga_flow.compress.base import Context


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
        if self._path is None:
            return
        arrays = {f"variable_{number}": value for number, value in enumerate(self._values)}
        partial = self._path.with_suffix(".partial.npz")
        np.savez(partial, allow_pickle=False, told=np.array(json.dumps(self.told)), **arrays)
        partial.replace(self._path)

    def finish(self) -> None:
        """Go back to the last good round and remove the file."""
        self.go_back()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _resume(self) -> None:
        """Where there is no file of an interrupted pass, or a damaged one, the pass begins at its beginning."""
        if self._path is None:
            return
        try:
            with np.load(self._path, allow_pickle=False) as data:
                values = [data[f"variable_{number}"] for number in range(len(self._variables))]
                told = json.loads(str(data["told"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
        self.told = told
