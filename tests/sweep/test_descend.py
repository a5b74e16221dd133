"""`descend` on landscapes whose optimum is known: it finds it in few trainings, within the budget, wherever it is
interrupted, and however many points are trained at once.
"""

from __future__ import annotations

import itertools
import math

import pytest
from pydantic import ValidationError

from fpga_flow.sweep import descend
from fpga_flow.sweep.descend import best, next_points, widest
from fpga_flow.sweep.options import DescendOptions as Options
from fpga_flow.sweep.result import Parameter, Sensitivity, Trial

WIDTHS = tuple(range(2, 9))


class Landscape:
    """Layers of which each costs so much a bit, and bears so few bits at no loss of accuracy; what is below that costs
    accuracy, more the narrower it is.
    """

    def __init__(self, costs: dict[str, float], least: dict[str, int], drop: float = 0.01) -> None:
        self.parameters = tuple(Parameter(name, (name,), WIDTHS) for name in costs)
        self.costs, self.least, self.drop = costs, least, drop
        self.asked = 0

    def accuracy(self, point: dict[str, int]) -> float:
        """After training."""
        return 0.95 - sum(self.drop * max(0, self.least[name] - width) for name, width in point.items())

    def resources(self, point: dict[str, int]) -> dict[str, float]:
        """Of a point, as estimated."""
        self.asked += 1
        return {"lut": sum(self.costs[name] * width for name, width in point.items()), "dsp": 0.0}

    def sensitivities(self) -> tuple[Sensitivity, ...]:
        """Without training a layer suffers earlier than with it."""
        changes = {
            (each.name, width): 0.01 * 2.0 ** (self.least[each.name] - width)
            for each in self.parameters
            for width in WIDTHS
        }
        return tuple(Sensitivity(name, width, {"loss": change}) for (name, width), change in changes.items())

    def trial(self, number: int, point: dict[str, int]) -> Trial:
        """The outcome of a training."""
        return Trial(number, "done", point, {"accuracy": self.accuracy(point), **self.resources(point)})

    def run(self, options: Options, trials: list[Trial] | None = None, count: int = 1) -> list[Trial]:
        """All trials of a sweep that goes on from some."""
        trials = list(trials or ())
        while points := self.next(trials, options, count=count):
            trials += [self.trial(len(trials) + number, point) for number, point in enumerate(points)]
        return trials

    def next(self, trials: list[Trial], options: Options, **more) -> list[dict[str, int]]:
        return next_points(trials, self.parameters, self.sensitivities(), self.resources, options, **more)


FOUR = Landscape({"a": 900.0, "b": 300.0, "c": 50.0, "d": 10.0}, {"a": 3, "b": 5, "c": 2, "d": 6})
OPTIONS = Options(max_accuracy_drop=0.002, worth=0.0, trials=24)


def test_it_finds_the_narrowest_widths_that_each_layer_bears():
    trials = FOUR.run(OPTIONS)
    found = best(trials, FOUR.parameters, OPTIONS)
    assert trials[0].values == widest(FOUR.parameters) == dict.fromkeys("abcd", 8)
    assert found.values == FOUR.least
    assert len(trials) <= 16
    assert FOUR.next(trials, OPTIONS) == []


@pytest.mark.parametrize("drop", [0.0, 0.015, 0.035])
def test_the_budget_is_kept_and_used(drop):
    options = Options(max_accuracy_drop=drop, worth=0.0, trials=40)
    found = best(FOUR.run(options), FOUR.parameters, options)
    assert 0.95 - found.measures["accuracy"] <= drop + 1e-9
    points = [dict(zip("abcd", widths, strict=True)) for widths in itertools.product(WIDTHS, repeat=4)]
    within = [point for point in points if 0.95 - FOUR.accuracy(point) <= drop + 1e-9]
    least = min(FOUR.resources(point)["lut"] for point in within)
    assert found.measures["lut"] <= 1.02 * least


def test_it_is_the_same_wherever_it_is_interrupted():
    trials = FOUR.run(OPTIONS)
    for cut in range(len(trials)):
        assert FOUR.run(OPTIONS, trials[:cut]) == trials


@pytest.mark.parametrize("count", [2, 4])
def test_points_trained_at_once_are_others_and_lead_to_the_same_end(count):
    trials = FOUR.run(Options(max_accuracy_drop=0.002, worth=0.0, trials=60), count=count)
    points = [tuple(trial.values.items()) for trial in trials]
    assert len(set(points)) == len(points)
    assert best(trials, FOUR.parameters, OPTIONS).values == FOUR.least


def test_what_is_running_is_not_begun_again():
    trials = FOUR.run(OPTIONS)[:2]
    (first,) = FOUR.next(trials, OPTIONS)
    others = FOUR.next(trials, OPTIONS, running=[first], count=2)
    assert len(others) == 2
    assert first not in others
    begun = [widest(FOUR.parameters), *FOUR.next([], OPTIONS, running=[widest(FOUR.parameters)], count=3)]
    assert len({tuple(point.values()) for point in begun}) == 4
    # the base is still trained when others are finished
    finished = [FOUR.trial(1, begun[1])]
    more = FOUR.next(finished, OPTIONS, running=[begun[0], *begun[2:]], count=2)
    assert not [point for point in more if point in begun]


def test_no_training_is_spent_on_what_saves_next_to_nothing():
    options = Options(max_accuracy_drop=0.002, worth=0.01, trials=24)
    trials, all_trials = FOUR.run(options), FOUR.run(OPTIONS)
    found, exact = best(trials, FOUR.parameters, options), best(all_trials, FOUR.parameters, OPTIONS)
    assert len(trials) < len(all_trials) - 2
    assert found.measures["lut"] <= exact.measures["lut"] + 0.01 * trials[0].measures["lut"]


def test_no_more_trainings_than_allowed():
    options = Options(trials=5)
    trials = FOUR.run(options, count=3)
    assert len(trials) == 5
    assert best(trials, FOUR.parameters, options).measures["accuracy"] >= 0.948


def test_a_sweep_without_a_base_finds_nothing():
    refused = Trial(0, "refused", widest(FOUR.parameters), error="too wide")
    assert FOUR.next([refused], OPTIONS) == []
    assert best([refused], FOUR.parameters, OPTIONS) is None


def test_what_is_refused_or_failed_counts_as_out_of_budget():
    def outcome(number: int, point: dict[str, int]) -> Trial:
        state = "refused" if point["a"] < 5 else "failed" if point["b"] < 6 else "done"
        return FOUR.trial(number, point) if state == "done" else Trial(number, state, point)

    trials: list[Trial] = []
    while points := FOUR.next(trials, OPTIONS):
        trials.append(outcome(len(trials), points[0]))
    assert best(trials, FOUR.parameters, OPTIONS).values == {**FOUR.least, "a": 5, "b": 6}


def test_a_step_that_was_taken_for_cheap_is_traded_for_a_better_one():
    """Without training `a` seems to bear a bit less, and `b` not; trained, either of them does, but not both."""
    costs = {"a": 10.0, "b": 50.0}

    def resources(point: dict[str, int]) -> dict[str, float]:
        return {"lut": sum(costs[name] * width for name, width in point.items())}

    parameters = tuple(Parameter(name, (name,), (7, 8)) for name in costs)
    losses = {("a", 8): 0.0, ("a", 7): 0.0, ("b", 8): 0.0, ("b", 7): 1.0}
    sensitivities = [Sensitivity(*key, {"loss": loss}) for key, loss in losses.items()]
    trials: list[Trial] = []
    while points := next_points(trials, parameters, sensitivities, resources, OPTIONS):
        accuracy = 0.9 - 0.0015 * sum(width == 7 for width in points[0].values())
        trials.append(Trial(len(trials), "done", points[0], {"accuracy": accuracy, **resources(points[0])}))
    assert [tuple(trial.values.values()) for trial in trials] == [(8, 8), (7, 8), (7, 7), (8, 7)]
    assert best(trials, parameters, OPTIONS).values == {"a": 8, "b": 7}


def test_values_that_are_impossible_or_save_nothing_are_passed_over():
    steps = {8: 8.0, 7: 8.0, 6: 8.0, 5: 5.0, 4: 5.0, 3: 5.0, 2: 2.0}

    def resources(point: dict[str, int]) -> dict[str, float]:
        return {"lut": 100 * steps[point["a"]] if point["a"] != 5 else math.inf}

    parameters = (Parameter("a", ("a",), WIDTHS),)
    changes = {width: None if width == 5 else 0.0 for width in WIDTHS}
    sensitivities = [Sensitivity("a", width, {"loss": change}) for width, change in changes.items()]
    seen, trials = [], []
    while points := next_points(trials, parameters, sensitivities, resources, Options()):
        seen.append(points[0]["a"])
        trials.append(Trial(len(trials), "done", points[0], {"accuracy": 0.9, "lut": resources(points[0])["lut"]}))
    assert seen == [8, 4, 2]


def test_where_nothing_can_be_narrowed_the_base_is_all():
    one = Landscape({"a": 0.0}, {"a": 2})
    trials = one.run(OPTIONS)
    assert [trial.values for trial in trials] == [{"a": 8}]
    assert best(trials, one.parameters, OPTIONS) == trials[0]


def test_the_cost_is_what_the_options_say():
    def resources(point: dict[str, int]) -> dict[str, float]:
        return {"lut": 10.0 * point["a"], "dsp": float(point["b"])}

    parameters = tuple(Parameter(name, (name,), WIDTHS) for name in "ab")
    sensitivities = [Sensitivity(name, width, {"loss": 0.0}) for name in "ab" for width in WIDTHS]
    steps = descend._Steps(parameters, sensitivities, resources, Options(cost={"dsp": 1.0}))
    assert [name for name, _ in steps._path(widest(parameters), frozenset())] == ["b"] * 6
    steps = descend._Steps(parameters, sensitivities, resources, Options(cost={"lut": 1.0, "dsp": 100.0}))
    assert [name for name, _ in steps._path(widest(parameters), frozenset())] == ["b"] * 6 + ["a"] * 6


@pytest.mark.parametrize("given", [{"cost": {}}, {"cost": {"lut": 0.0}}, {"cost": {"slices": 1.0}}, {"trials": 0}])
def test_options_that_say_nothing_are_refused(given):
    with pytest.raises(ValidationError):
        Options.model_validate(given)
