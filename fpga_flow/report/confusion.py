"""Which classes the C simulation confuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.datasets.base import Dataset
from fpga_flow.runs import Done

#: A table of more classes than this can't be read; then there are only the commonest confusions.
MOST_CLASSES = 40
_COMMONEST = 10


@dataclass(frozen=True)
class Confusion:
    """Counts (true class, predicted class), and the commonest mistakes as (true, predicted, count)."""

    counts: NDArray[np.int64]
    samples: int
    mistakes: tuple[tuple[int, int, int], ...]

    @property
    def is_drawn(self) -> bool:
        """Whether the whole table can be read."""
        return len(self.counts) <= MOST_CLASSES

    def recall(self, label: int) -> float | None:
        """Of the samples of a class, the share that is recognised."""
        total = int(self.counts[label].sum())
        return int(self.counts[label, label]) / total if total else None

    def precision(self, label: int) -> float | None:
        """Of the samples taken for a class, the share that is of it."""
        total = int(self.counts[:, label].sum())
        return int(self.counts[label, label]) / total if total else None

    def share(self, label: int, predicted: int) -> float:
        """Of the samples of a class, the share that is taken for another one."""
        return int(self.counts[label, predicted]) / max(1, int(self.counts[label].sum()))


def labels(y: NDArray[Any]) -> NDArray[np.int64]:
    """Class numbers, from labels that may be one-hot coded."""
    numbers: NDArray[np.int64] = (y.argmax(axis=1) if y.ndim > 1 else y).astype(np.int64)
    return numbers


def measure(dataset: Dataset, finished: Sequence[Done]) -> Confusion | None:
    """The confusions of the C simulation on the test samples; None if its outputs are not there."""
    outputs = _outputs(finished)
    classes = len(dataset.classes)
    if outputs is None or outputs.shape[1:] != (classes,) or not 0 < len(outputs) <= len(dataset.test.y):
        return None
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels(dataset.test.y[: len(outputs)]), outputs.argmax(axis=1)), 1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_COMMONEST]
    pairs = [divmod(int(place), classes) for place in order]
    mistakes = tuple((true, taken, int(wrong[true, taken])) for true, taken in pairs if wrong[true, taken])
    return Confusion(counts, len(outputs), mistakes)


def _outputs(finished: Sequence[Done]) -> NDArray[np.float64] | None:
    folder: Path | None = next((done.folder for done in finished if done.stage.name == "csim"), None)
    if folder is None or not (folder / "outputs.npy").is_file():
        return None
    outputs: NDArray[np.float64] = np.load(folder / "outputs.npy", allow_pickle=False)
    return outputs
