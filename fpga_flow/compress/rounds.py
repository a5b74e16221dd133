"""Passes that go in rounds, such as prune, retrain, prune: what is kept between them, so that a killed one goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from numpy.typing import NDArray

from fpga_flow import doing, saved, training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, InputError
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network

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


class SavedRounds:
    """Of passes whose rounds make other networks: the last good network and what there is to tell, beside the
    checkpoint, so that a killed pass goes on: after each round in a folder of its own, which replaces the one before.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self._parent = None if checkpoint is None else checkpoint.parent

    def load(self, network: Network, told: dict[str, Any]) -> tuple[Network, dict[str, Any]]:
        """What the last `save` wrote whole; where there is nothing, or only damaged ones, what it gets."""
        for folder in reversed(self._folders()):
            try:
                found = json.loads((folder / "told.json").read_text(encoding="utf-8"))
                if found.keys() == told.keys():
                    return Network.load(folder), found
            except (*saved.UNREADABLE, InputError):
                pass
        return network, told

    def save(self, network: Network, told: dict[str, Any], number: int) -> None:
        """Write after round `number`, whole or not at all."""
        if self._parent is None:
            return
        before = self._folders()
        folder = self._parent / f"rounds-{number}"
        partial = self._parent / f".{folder.name}.partial"
        for left in (partial, folder):  # by a killed pass, or damaged
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        network.save(partial)
        (partial / "told.json").write_text(json.dumps(told), encoding="utf-8")
        partial.rename(folder)
        for each in before:
            if each != folder:
                shutil.rmtree(each, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """The folders of rounds, the last one last."""
        found = [] if self._parent is None else self._parent.glob("rounds-*")
        return sorted(found, key=lambda folder: int(folder.name.removeprefix("rounds-")))


#: Makes a smaller network, not yet retrained, out of the last good one, and how far it is to go (from 0 to 1); with
#: what there is to tell of it. None if nothing is to be changed.
Smaller = Callable[[Network, float], tuple[Network, dict[str, Any]] | None]


def in_rounds(
    network: Network, dataset: Dataset, options: Any, context: Context, steps: int, smaller: Smaller
) -> tuple[Network, dict[str, Any]]:
    """Make a network smaller in so many rounds with retraining, or until the options' `max_accuracy_drop` is spent; and
    what there is to tell: the `history` of all trainings, and for each of the `rounds` the network's size, its accuracy
    on validation samples, whether it was kept, and what `smaller` tells.

    Args:
        network: its model must be flat.

    Raises:
        FieldError: accuracy is the limit, and there are no validation samples.
    """
    drop = options.max_accuracy_drop
    if drop is not None and not len(dataset.validation.x):
        raise FieldError(("data", "split", "validation"), "expected a share for max_accuracy_drop to look at, got 0")
    told: dict[str, Any] = {
        "progress": 0.0,
        "step": 1 / steps,
        "failed": 0,
        "baseline": _accuracy(network, dataset),
        "rounds": [],
        "history": [],
    }
    store = SavedRounds(context.checkpoint)
    network, told = store.load(network, told)
    while told["progress"] < 1 - 1e-9 and told["failed"] <= SMALLER_STEPS:
        progress = min(told["progress"] + told["step"], 1.0)
        number = len(told["rounds"])
        with doing.within(f"round {number + 1}"):
            doing.now("making it smaller")
            made = smaller(network, progress)
        if made is None:
            told["progress"] = progress
            continue
        changed, row = made
        with doing.within(f"round {number + 1}"):
            history = retrain(changed, dataset, options, context.of_training(number))
        accuracy = _accuracy(changed, dataset)
        kept = drop is None or (accuracy is not None and accuracy >= told["baseline"] - drop - 1e-9)
        told["history"] += following(history, len(told["history"]), kept=kept)
        told["rounds"].append({**channel_cut.size(changed.model), "accuracy": accuracy, "kept": kept, **row})
        if kept:
            network, told["progress"] = changed, progress
        else:
            told["step"], told["failed"] = told["step"] / 2, told["failed"] + 1
        store.save(network, told, len(told["rounds"]))
        context.forget_training(number)
    return network, {"history": told["history"], "rounds": told["rounds"]}


def _accuracy(network: Network, dataset: Dataset) -> float | None:
    """The accuracy on the validation samples, if there are any."""
    return training.evaluate(network.model, dataset.validation) if len(dataset.validation.x) else None


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
