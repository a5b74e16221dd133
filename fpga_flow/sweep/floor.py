"""Trainings that are not worth to be gone on with: those that can't reach the accuracy that is asked for.

From the trials that are done it is known how much accuracy was still won after each epoch. A training that would need
more than the most that any of them has won, with something to spare, is broken off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: So many trainings must be known before any is broken off, and so much more than the most is allowed for.
_KNOWN, _SPARE = 5, 0.005


@dataclass(frozen=True)
class Floor:
    """The accuracy that is asked for, and the most that was still won after each epoch.

    accuracy  a share of 1, on the validation samples
    gains     by the number of epochs of the whole training, for each of its epochs; empty while too little is known
    """

    accuracy: float
    gains: dict[int, tuple[float, ...]]

    def hopeless(self, curve: Sequence[float], epochs: int) -> str:
        """Why a training with this curve of best accuracies won't reach the floor; empty if it may."""
        gains = self.gains.get(epochs, ())
        if not curve or len(curve) > len(gains):
            return ""
        reach = curve[-1] + gains[len(curve) - 1] + _SPARE
        if reach >= self.accuracy:
            return ""
        return (
            f"after {len(curve)} of {epochs} epochs {curve[-1]:.2%} of the validation samples were right; at most "
            f"{reach:.2%} could be expected, below {self.accuracy:.2%}"
        )


def floor(accuracy: float, done: Iterable[tuple[Sequence[float], float]]) -> Floor:
    """The floor, as far as the trials that are done tell.

    Args:
        accuracy: what is asked for.
        done: the curve of best accuracies, and the accuracy in the end, of each.
    """
    lengths: dict[int, list[list[float]]] = {}
    for curve, final in done:
        lengths.setdefault(len(curve), []).append([final - best for best in curve])
    known = {length: gains for length, gains in lengths.items() if length and len(gains) >= _KNOWN}
    return Floor(accuracy, {length: tuple(map(max, zip(*gains, strict=True))) for length, gains in known.items()})
