"""How a sweep stands while it goes on, and who watches it."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_flow.sweep.result import Trial


@dataclass(frozen=True)
class State:
    """How a sweep stands: trials that have ended, how many there will be (None if that is not known), how many run now,
    the best one so far, points on the front, seconds left as far as that can be told, bytes of all workers.
    """

    ended: int
    total: int | None
    running: int
    best: Trial | None
    front: int
    seconds_left: float | None
    memory: int | None


class SweepUi:
    """Who watches a sweep is told of its progress. This one keeps quiet; others override what they show."""

    def state(self, state: State) -> None:
        """How it stands, about once a second."""

    def trial(self, trial: Trial) -> None:
        """A trial has ended."""

    def note(self, text: str) -> None:
        """Something else worth a line."""
