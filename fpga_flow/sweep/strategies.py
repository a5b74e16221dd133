"""Which point comes next. All that a strategy knows is in the study, so it goes on after any interruption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from fpga_flow.sweep import options
from fpga_flow.sweep.result import Sensitivity, Trial
from fpga_flow.sweep.space import Space
from fpga_flow.sweep.study import Study


class Strategy(Protocol):
    """What chooses points."""

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """Begin a trial: its number and its point. None: there is none now; as long as any is running there may be more
        when it has ended.
        """

    def total(self, study: Study) -> int | None:
        """How many trials there will be in all; None if that is not known."""


class Listed:
    """Points that are known from the beginning, in their order."""

    def __init__(self, points: Sequence[dict[str, Any]]) -> None:
        self.points = points

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """The first point that nobody has begun."""
        begun = study.keys()
        for point in self.points:
            if study.key(point) not in begun and (number := study.claim(point)) is not None:
                return number, point
        return None

    def total(self, study: Study) -> int | None:
        """All of them."""
        return len(self.points)


class Sampled:
    """So many points, which the study's sampler draws."""

    def __init__(self, trials: int) -> None:
        self.trials = trials

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """Another point, as long as there may be one. Points that were drawn before are not worked on again."""
        while study.drawn() < self.trials:
            if (begun := study.ask(self.trials)) is not None:
                return begun
        return None

    def total(self, study: Study) -> int | None:
        """What is to be drawn, less what was drawn again."""
        return self.trials - study.repeated()


def strategy(sweep: options.Sweep, space: Space, base: dict[str, Any] | None) -> Strategy:
    """The strategy that a spec names.

    Args:
        base: the point that is the spec itself, of the strategy that begins there.
    """
    chosen = sweep.strategy
    if isinstance(chosen, options.Grid):
        return Listed(list(space.grid()))
    if isinstance(chosen, options.DescendOptions):
        raise NotImplementedError
    if isinstance(chosen, options.SensitivityOptions):
        if base is None:
            raise ValueError("expected the base point, where the strategy sensitivity begins")
        return Listed([base, *one_at_a_time(space, base)])
    return Sampled(chosen.trials)


def one_at_a_time(space: Space, base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The base point with one value changed, for each dimension and each of its other values, the nearest first."""
    for each in space.dimensions:
        choices = list(each.choices or ())
        place = choices.index(base[each.name])
        for value in sorted(choices, key=lambda choice: abs(choices.index(choice) - place)):
            if value != base[each.name]:
                yield {**base, each.name: value}


def sensitivities(space: Space, base: dict[str, Any], trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
    """What one value changed does to the measures of the base point, the costliest in accuracy first; empty as long as
    the base point is not done.
    """
    done = [trial for trial in trials if trial.state == "done"]
    start = next((trial for trial in done if dict(trial.values) == base), None)
    if start is None:
        return ()
    found = []
    for trial in done:
        changed = [name for name in base if trial.values[name] != base[name]]
        if len(changed) == 1:
            change = {
                name: None if value is None or (before := start.measures.get(name)) is None else value - before
                for name, value in trial.measures.items()
            }
            found.append(Sensitivity(changed[0], trial.values[changed[0]], change))
    order = [each.name for each in space.dimensions]
    return tuple(sorted(found, key=lambda each: (each.change.get("accuracy") or 0.0, order.index(each.parameter))))
