"""Which point comes next. All that a strategy knows is in the study, so it goes on after any interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fpga_flow.sweep import descend, options
from fpga_flow.sweep.result import Sensitivity, Trial
from fpga_flow.sweep.space import Space
from fpga_flow.sweep.study import Study

if TYPE_CHECKING:
    from fpga_flow.sweep.probe import Probe  # loads TensorFlow


class Strategy(Protocol):
    """What chooses points."""

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """Begin a trial: its number and its point. None: there is none now; as long as any is running there may be more
        when it has ended.
        """

    def total(self, study: Study) -> int | None:
        """How many trials there will be in all; None if that is not known."""

    def sensitivities(self, trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
        """What the strategy has found out of single parameters."""


class Listed:
    """Points that are known from the beginning, in their order."""

    def __init__(self, space: Space, points: Sequence[dict[str, Any]]) -> None:
        self.points = points
        self._keys = [space.key(point) for point in points]

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """The first point that nobody has begun."""
        begun = study.keys()
        for point, key in zip(self.points, self._keys, strict=True):
            if key not in begun and (number := study.claim(point)) is not None:
                return number, point
        return None

    def total(self, study: Study) -> int | None:
        """All of them."""
        return len(self.points)

    def sensitivities(self, trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
        """Nothing."""
        return ()


class OneAtATime(Listed):
    """The base point, and after it all points with one of its values changed."""

    def __init__(self, space: Space, base: dict[str, Any]) -> None:
        super().__init__(space, [base, *one_at_a_time(space, base)])
        self.space = space

    def sensitivities(self, trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
        """What each value changes of the base point's measures."""
        return sensitivities(self.space, self.points[0], trials)


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

    def sensitivities(self, trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
        """Nothing."""
        return ()


class Descending:
    """See `descend.py`. What it is guided by is measured when the widest point is done.

    Args:
        probe: makes the probe of the points, from the trial of the widest one.
    """

    def __init__(self, space: Space, chosen: options.DescendOptions, probe: Callable[[Trial], Probe]) -> None:
        self.options, self._make_probe = chosen, probe
        self.parameters = [each.shown() for each in space.dimensions]
        self._probe: Probe | None = None
        self._found: tuple[Sensitivity, ...] = ()

    def next(self, study: Study) -> tuple[int, dict[str, Any]] | None:
        """The point that must be known to go on, whatever comes of those that are being trained."""
        trials, base = study.trials(), descend.widest(self.parameters)
        start = next((trial for trial in trials if dict(trial.values) == base), None)
        if start is None or start.state != "done":
            number = study.claim(base)
            return None if number is None else (number, base)
        if self._probe is None:
            self._probe = self._make_probe(start)
            self._found = self._probe.sensitivities(base, self.parameters)
        points = descend.next_points(
            trials, self.parameters, self._found, self._probe.resources, self.options, running=study.running_points()
        )
        for point in points:
            if (number := study.claim(point)) is not None:
                return number, point
        return None

    def total(self, study: Study) -> int | None:
        """It ends where nothing more can be saved."""
        return None

    def sensitivities(self, trials: Sequence[Trial]) -> tuple[Sensitivity, ...]:
        """What each value adds to the loss, without training."""
        return self._found


def strategy(
    sweep: options.Sweep, space: Space, base: dict[str, Any] | None, probe: Callable[[Trial], Probe]
) -> Strategy:
    """The strategy that a spec names.

    Args:
        base: the point that is the spec itself, of the strategy that begins there.
        probe: see `Descending`.
    """
    chosen = sweep.strategy
    if isinstance(chosen, options.Grid):
        return Listed(space, list(space.grid()))
    if isinstance(chosen, options.DescendOptions):
        return Descending(space, chosen, probe)
    if isinstance(chosen, options.SensitivityOptions):
        if base is None:
            raise ValueError("expected the base point, where the strategy sensitivity begins")
        return OneAtATime(space, base)
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
