"""`descend`: each layer's widths narrowed, the cheapest steps first, as long as an accuracy budget allows.

All parameters begin at their upper ends. The probe (`probe.py`) tells, without training, what each value of each of
them adds to the loss, and what any point costs. So there is a path of steps down, at each of which the parameter is
narrowed that saves the most for the loss that it adds. How far down the path the trained network keeps its accuracy is
found by bisection. The step at which it breaks is not taken: its parameter is frozen. From there the path goes on
without it, in single steps that grow as long as they hold, until nothing more can be saved that is worth a training.
Trainings that are left go into trades: one parameter a step wider, another one, which saves more than that, a step
narrower.

What is to be trained next is worked out anew from all trials that there are, so that a sweep that is killed goes on as
if it had not been. Where several points can be trained at once, they are those that come next whether the points before
them hold or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fpga_flow.sweep.options import DescendOptions
from fpga_flow.sweep.result import Parameter, Sensitivity, Trial

Point = Mapping[str, Any]
#: The resources of a point, by their names.
Resources = Callable[[Point], Mapping[str, float]]
_Key = tuple[tuple[str, Any], ...]

#: Smaller additions to the loss are not told apart: the validation samples are too few for that.
_LEAST_LOSS = 1e-3


def widest(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The point with all parameters at their upper ends, from which the sweep goes down."""
    return {parameter.name: max(parameter.values or ()) for parameter in parameters}


def next_points(
    trials: Sequence[Trial],
    parameters: Sequence[Parameter],
    sensitivities: Sequence[Sensitivity],
    resources: Resources,
    options: DescendOptions,
    *,
    running: Sequence[Point] = (),
    count: int = 1,
) -> list[dict[str, Any]]:
    """The points to be trained next, at most `count`; none where the sweep is finished, or must wait for those that are
    running.

    Args:
        trials: all that are finished.
        parameters: each with numbers as values.
        sensitivities: each value's change of `loss` from the widest point, None where the value is impossible.
        resources: of any point.
        running: the points that are trained at the moment.
    """
    base = widest(parameters)
    holds = _outcomes(trials, base, options)
    steps = _Steps(parameters, sensitivities, resources, options)
    begun = {_key(each) for each in (*running, *(trial.values for trial in trials))}
    room = min(count, options.trials - len(begun))
    found: dict[_Key, dict[str, Any]] = {}
    ahead = [holds]
    while ahead and len(found) < room:
        supposed = ahead.pop(0)
        point = steps.wanted(base, supposed)
        if point is None:
            continue
        key = _key(point)
        if key not in begun:
            found[key] = dict(point)
        if len(supposed) - len(holds) < len(running) + count:
            ahead += [{**supposed, key: True}, {**supposed, key: False}]
    return list(found.values())


def best(trials: Sequence[Trial], parameters: Sequence[Parameter], options: DescendOptions) -> Trial | None:
    """The trial that costs the least of those within the budget; None before the widest point is trained."""
    holds = _outcomes(trials, widest(parameters), options)
    kept = [trial for trial in trials if trial.state == "done" and holds.get(_key(trial.values))]
    return min(kept, key=lambda trial: (options.of(trial.measures), trial.number), default=None)


def _key(point: Point) -> _Key:
    return tuple(sorted(point.items()))


def _outcomes(trials: Sequence[Trial], base: Point, options: DescendOptions) -> dict[_Key, bool]:
    """Whether each point that was tried holds the budget. What was refused, was stopped or has failed does not."""
    accuracies = {_key(trial.values): _accuracy(trial) for trial in sorted(trials, key=lambda trial: trial.number)}
    before = accuracies.get(_key(base))
    if before is None:
        return {}
    # what is written 0.002 is not to fail by the rounding of a difference
    floor = before - options.max_accuracy_drop - 1e-9
    return {key: accuracy >= floor and accuracy > -math.inf for key, accuracy in accuracies.items()}


def _accuracy(trial: Trial) -> float:
    accuracy = trial.measures.get("accuracy") if trial.state == "done" else None
    return -math.inf if accuracy is None else accuracy


class _Steps:
    """The steps down from a point."""

    def __init__(
        self,
        parameters: Sequence[Parameter],
        sensitivities: Sequence[Sensitivity],
        resources: Resources,
        options: DescendOptions,
    ) -> None:
        self._values = {each.name: sorted(each.values or (), reverse=True) for each in parameters}
        self._losses = {(each.parameter, each.value): each.change["loss"] for each in sensitivities}
        self._resources, self._options = resources, options

    def wanted(self, base: Point, holds: Mapping[_Key, bool]) -> Point | None:
        """The first point whose outcome must be known to go on; None where nothing more can be saved."""
        if _key(base) not in holds:
            return base
        if not holds[_key(base)]:
            return None
        worth = self._options.worth * self._cost(base)
        point, frozen, first = base, frozenset[str](), True
        while True:
            path = list(self._path(point, frozen))
            points = [point, *(each for _, each in path)]
            saved = [self._cost(point) - self._cost(each) for each in points]
            low, high, jump = 0, len(points), 1
            while high - low > 1 and saved[min(high, len(path))] - saved[low] >= worth:
                middle = (low + high) // 2
                if not first and high == len(points):  # single steps first, or as many as are worth it
                    middle = next(each for each in range(low + 1, high) if saved[each] - saved[low] >= worth)
                    middle = max(middle, min(low + jump, len(path)))
                if (held := holds.get(_key(points[middle]))) is None:
                    return points[middle]
                low, high = (middle, high) if held else (low, middle)
                jump *= 2
            if high == len(points):
                return self._wanted_trade(points[low], holds, worth)
            point, frozen, first = points[low], frozen | {name for name, _ in path[low:high]}, False

    def _path(self, point: Point, frozen: frozenset[str]) -> Iterator[tuple[str, Point]]:
        """The parameter and the point of each step down, but for frozen parameters."""
        while True:
            steps = [step for name in self._values if name not in frozen for step in self._step(point, name)]
            if not steps:
                return
            _, name, point = max(steps, key=lambda step: step[0])
            yield name, point

    def _step(self, point: Point, name: str) -> Iterator[tuple[float, str, Point]]:
        """The next step down of a parameter that saves something: what it saves for the loss that it adds, the
        parameter, the point.
        """
        before, cost = self._losses[name, point[name]], self._cost(point)
        for value in self._values[name]:
            loss = self._losses[name, value]
            if value >= point[name] or loss is None or before is None:
                continue
            narrowed = {**point, name: value}
            if (saved := cost - self._cost(narrowed)) > 0:
                yield saved / max(loss - before, _LEAST_LOSS), name, narrowed
                return

    def _wanted_trade(self, point: Point, holds: Mapping[_Key, bool], worth: float) -> Point | None:
        """The first trade whose outcome must be known, from a point from which no steps go down; None where there is
        none. What is narrower in all than a point that did not hold need not be trained.
        """
        broken = [dict(key) for key, held in holds.items() if not held]
        while True:
            for trade in self._trades(point, worth):
                held = holds.get(_key(trade))
                if held:
                    point = trade
                    break
                if held is None and not any(all(trade[name] <= each[name] for name in trade) for each in broken):
                    return trade
            else:
                return None

    def _trades(self, point: Point, worth: float) -> list[Point]:
        """The points with one parameter a step narrower and another one a step wider that save what is worth it, those
        first that save the most for the loss that they add.
        """
        found: list[tuple[float, Point]] = []
        for _, name, narrowed in (step for each in self._values for step in self._step(point, each)):
            for other, values in self._values.items():
                wider = [value for value in values if value > point[other]]
                if other == name or not wider:
                    continue
                trade = {**narrowed, other: wider[-1]}
                changed = [(self._losses[each, trade[each]], self._losses[each, point[each]]) for each in (name, other)]
                added = sum(math.inf if after is None else after - (before or 0.0) for after, before in changed)
                saved = self._cost(point) - self._cost(trade)
                if saved > 0 and saved >= worth and added < math.inf:
                    found.append((saved / max(added, _LEAST_LOSS), trade))
        return [trade for _, trade in sorted(found, key=lambda each: -each[0])]

    def _cost(self, point: Point) -> float:
        return self._options.of(self._resources(point))
