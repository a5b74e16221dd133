"""The record of a sweep's trials: each point once, whoever begins it, and none lost."""

from __future__ import annotations

import gc
import itertools
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from fpga_flow.sweep import database, sampling, study
from fpga_flow.sweep.options import Constraints
from fpga_flow.sweep.strategies import Listed, Sampled
from fpga_flow.sweep.study import Study, excesses
from fpga_flow.sweep.work import Measured
from tests.sweep import fake
from tests.sweep.fake_work import measured

GRID = {"a": [1, 2, 3], "b": [1, 2]}


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Studies that a test opens are closed behind it."""
    opened: list[Study] = []
    begin = Study.__init__

    def begun(self: Study, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        opened.append(self)

    monkeypatch.setattr(Study, "__init__", begun)
    yield
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, which take longer to make than most tests."""
    path = tmp_path_factory.mktemp("empty") / "study.db"
    made = database.storage(database.sqlite(path))
    made.remove_session()
    made.engine.dispose()
    return path


@pytest.fixture
def url(tmp_path: Path, empty: Path) -> str:
    return database.sqlite(shutil.copy(empty, tmp_path / "study.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, url: str) -> str:
    """A database that two studies are opened in."""
    if request.param == "sqlite":
        return url
    make = request.getfixturevalue("postgresql")
    return str(make(f"db{abs(hash(request.node.name))}"))


def states(one: Study) -> list[TrialState]:
    return [each.state for each in one.study.trials]


def other(one: Study, owner: str = "elsewhere:1:0") -> Study:
    """Another process's study: what it begins is its own."""
    one.owner = owner
    return one


@pytest.mark.parametrize("name", ["runs?mode=ro", "a#b", "a%41", "ä b", "a&b=c", "a:b@c"])
def test_the_path_of_a_database_is_no_part_of_a_url(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "study.db"
    url = sqlalchemy.make_url(database.sqlite(path))
    assert (url.database, dict(url.query)) == (str(path), {})


def test_a_point_is_begun_once(url: str) -> None:
    one = fake.study(url, fake.space(**GRID))
    assert one.claim({"a": 1, "b": 1}) == 0
    assert one.claim({"a": 1, "b": 1}) is None
    assert one.claim({"a": 1, "b": 2}) == 1
    one.tell(0, measured({"a": 1, "b": 1}), 1.5)
    assert one.claim({"a": 1, "b": 1}) is None
    [trial] = one.trials()
    assert (trial.number, trial.state, dict(trial.values), trial.seconds) == (0, "done", {"a": 1, "b": 1}, 1.5)
    assert trial.measures["lut"] == 200


def test_a_trial_that_is_given_up_is_done_again(url: str) -> None:
    one = fake.study(url, fake.space(**GRID))
    number = one.claim({"a": 1, "b": 1})
    one.release([number], "stopped")
    assert one.keys() == set()
    assert one.claim({"a": 1, "b": 1}) == 1
    assert one.trials() == []


def test_giving_up_what_has_ended_changes_nothing(url: str) -> None:
    one = fake.study(url, fake.space(**GRID))
    one.tell(one.claim({"a": 1, "b": 1}), measured({"a": 1, "b": 1}), 1.0)
    one.release([0], "stopped")
    one.beat([0])
    assert [trial.state for trial in one.trials()] == ["done"]


def test_two_studies_of_one_database_share_the_trials(shared: str) -> None:
    first = fake.study(shared, fake.space(**GRID), alone=False)
    second = other(fake.study(shared, fake.space(**GRID), alone=False))
    listed = Listed(first.space, list(first.space.grid()))
    begun = []
    for own in itertools.cycle((first, second)):
        found = listed.next(own)
        if found is None:
            break
        begun.append(found)
        own.tell(found[0], measured(found[1]), 1.0)
    assert [number for number, _ in begun] == list(range(6))
    assert len({first.space.key(values) for _, values in begun}) == 6
    assert first.trials() == second.trials()
    apart = fake.study(shared, fake.space(**GRID), alone=False, name="another sweep")
    assert apart.trials() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Optuna's failed attempts stay open
def test_processes_that_begin_at_once_make_one_study_and_each_point_once(postgresql: Callable[[str], str]) -> None:
    url = postgresql("at_once")
    begun: list[Any] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        own = other(fake.study(url, fake.space(**GRID), alone=False), f"elsewhere:{number}:0")
        listed = Listed(own.space, list(own.space.grid()))
        while (found := listed.next(own)) is not None:
            begun.append(found)
            own.tell(found[0], measured(found[1]), 1.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    gc.collect()  # their warnings come here
    assert sorted((values["a"], values["b"]) for _, values in begun) == [(a, b) for a in (1, 2, 3) for b in (1, 2)]


def test_of_two_that_begin_a_point_at_once_the_first_goes_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (fake.study(url, fake.space(**GRID), alone=False) for _ in range(2))
    other(second)
    monkeypatch.setattr(second, "keys", lambda: set())  # as it was before the other one began
    assert first.claim({"a": 1, "b": 1}) == 0
    assert second.claim({"a": 1, "b": 1}) is None
    assert states(first) == [TrialState.RUNNING, TrialState.FAIL]


@pytest.mark.parametrize(
    "strategy", [pytest.param("random", marks=pytest.mark.slow), pytest.param("tpe", marks=pytest.mark.slow), "nsga2"]
)
def test_processes_that_draw_at_once_draw_each_point_once_and_not_too_many(
    strategy: str, postgresql: Callable[[str], str]
) -> None:
    url = postgresql(f"draws_{strategy}")
    begun: list[Any] = []
    fake.study(url, fake.space(**GRID), alone=False, strategy={"name": strategy, "trials": 8})

    def work(number: int) -> None:
        own = other(
            fake.study(url, fake.space(**GRID), alone=False, strategy={"name": strategy, "trials": 8}),
            f"elsewhere:{number}:0",
        )
        while (found := Sampled(8).next(own)) is not None:
            begun.append(own.space.key(found[1]))
            own.tell(found[0], measured(found[1]), 1.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    one = fake.study(url, fake.space(**GRID), alone=False, strategy={"name": strategy, "trials": 8})
    assert len(set(begun)) == len(begun)
    assert one.drawn() == 8
    assert len(begun) + one.repeated() == 8


def test_what_a_dead_process_had_begun_is_begun_again(url: str) -> None:
    fake.study(url, fake.space(**GRID)).claim({"a": 1, "b": 1})
    one = other(fake.study(url, fake.space(**GRID)), "here:2:0")
    assert one.bury() == [0]
    assert one.claim({"a": 1, "b": 1}) == 1


def test_on_a_shared_database_only_the_dead_are_buried(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = fake.study(url, fake.space(**GRID), alone=False)  # of this process
    assert alive.claim({"a": 1, "b": 1}) == 0
    here = alive.owner.rsplit(":", 2)[0]
    dead = other(fake.study(url, fake.space(**GRID), alone=False), f"{here}:4194304:0")  # above the largest number
    assert dead.claim({"a": 1, "b": 2}) == 1
    far = other(fake.study(url, fake.space(**GRID), alone=False), "elsewhere:1:0")
    assert far.claim({"a": 2, "b": 1}) == 2
    asks = other(fake.study(url, fake.space(**GRID), alone=False), "third:1:0")
    assert asks.bury() == [1]
    monkeypatch.setattr(study, "DEAD", 0.0)
    assert asks.bury() == [2]
    assert states(asks) == [TrialState.RUNNING, TrialState.FAIL, TrialState.FAIL]


def test_who_draws_and_dies_before_saying_what_is_buried(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = fake.study(url, fake.space(**GRID), alone=False, strategy={"name": "random", "trials": 8})
    one.study.ask(one.distributions)
    assert one.bury() == []
    monkeypatch.setattr(study, "_SAYS_NOTHING", 0.0)
    monkeypatch.setattr(study, "_SAYS", 0.0)
    assert one.bury() == [0]
    assert one.drawn() == 0
    assert one.ask(8) is not None


def test_killed_while_it_notes_a_result_the_result_is_kept(url: str) -> None:
    one = fake.study(url, fake.space(**GRID), constraints={"lut": {"at_most": 100}})
    number = one.claim({"a": 1, "b": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.study, "tell", _killed)
        with pytest.raises(SystemExit):
            one.tell(number, measured({"a": 1, "b": 1}), 1.0)
    again = other(fake.study(url, fake.space(**GRID), constraints={"lut": {"at_most": 100}}))
    assert again.bury() == []
    [trial] = again.trials()
    assert (trial.state, trial.feasible) == ("done", False)
    assert states(again) == [TrialState.COMPLETE]


def _killed(*_: object, **__: object) -> None:
    raise SystemExit


def test_a_result_of_one_that_was_taken_for_dead_is_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = other(fake.study(url, fake.space(**GRID), alone=False))
    first, second = sleeper.claim({"a": 1, "b": 1}), sleeper.claim({"a": 1, "b": 2})
    waker = other(fake.study(url, fake.space(**GRID), alone=False), "third:1:0")
    monkeypatch.setattr(study, "DEAD", 0.0)
    assert waker.bury() == [0, 1]
    assert waker.claim({"a": 1, "b": 2}) == 2
    assert sleeper.tell(first, measured({"a": 1, "b": 1}), 1.0) == 3
    assert sleeper.tell(second, measured({"a": 1, "b": 2}), 1.0) is None
    waker.tell(2, measured({"a": 1, "b": 2}), 1.0)
    assert [dict(trial.values) for trial in waker.trials()] == [{"a": 1, "b": 2}, {"a": 1, "b": 1}]


VALUES = {
    "lists": [[1, 2], [3], []],
    "flags": [True, False],
    "words": ["latency", "[1, 2]", "true"],
    "fractions": [0, 0.5, 0.75],
    "nothing": [None, "null", 3],
    "whole": [4, 5, 6],
    "mapping": [{"name": "a"}, {"name": "b"}],
}


def test_values_come_back_as_they_were(url: str) -> None:
    space = fake.space(**VALUES)
    one = fake.study(url, space)
    points = [
        {name: choices[(number + place) % len(choices)] for place, (name, choices) in enumerate(VALUES.items())}
        for number in range(6)
    ]
    for point in points:
        one.tell(one.claim(point), measured({}), 1.0)
    again = fake.study(url, space)
    assert [dict(trial.values) for trial in again.trials()] == points
    assert [again.claim(point) for point in points] == [None] * 6


@pytest.mark.parametrize(
    "strategy", [pytest.param("random", marks=pytest.mark.slow), "tpe", pytest.param("nsga2", marks=pytest.mark.slow)]
)
def test_samplers_draw_values_of_the_space_without_a_warning(url: str, strategy: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = fake.study(url, fake.space(**VALUES), strategy={"name": strategy, "trials": 12})
        strategy_ = Sampled(12)
        while (found := strategy_.next(one)) is not None:
            number, values = found
            for name, value in values.items():
                assert any(type(value) is type(each) and value == each for each in VALUES[name])
            one.tell(number, measured({"a": values["whole"]}), 1.0)
    assert one.drawn() == 12
    assert strategy_.total(one) == len(one.trials()) == 12 - one.repeated()


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_a_sweep_that_goes_on_draws_no_point_again(url: str, strategy: str) -> None:
    wide = fake.space(a=[number * 0.25 for number in range(1000)])
    drawn = []
    for _ in range(3):  # each time as in a new process
        one = fake.study(url, wide, strategy={"name": strategy, "trials": 100})
        for _ in range(3):
            number, values = one.ask(100) or (-1, {})
            one.tell(number, measured(values), 1.0)
            drawn.append(values["a"])
    assert len(set(drawn)) == 9


def test_processes_that_share_a_database_draw_different_points(url: str) -> None:
    wide = fake.space(a=[number * 0.25 for number in range(1000)])
    studies = [other(fake.study(url, wide, alone=False, strategy={"name": "random", "trials": 9})) for _ in range(2)]
    assert studies[0].ask(9) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study.os, "getpid", lambda: 17)
        third = fake.study(url, wide, alone=False, strategy={"name": "random", "trials": 9})
    alike = fake.study(url, wide, alone=False, strategy={"name": "random", "trials": 9})
    assert third.ask(9) != alike.ask(9)


def test_a_point_drawn_again_counts_as_drawn_but_is_not_done_again(url: str) -> None:
    one = fake.study(url, fake.space(a=[1, 2]), strategy={"name": "random", "trials": 10})
    begun = []
    while (found := Sampled(10).next(one)) is not None:
        begun.append(found[1]["a"])
        one.tell(found[0], measured(found[1]), 1.0)
    assert sorted(begun) == [1, 2]
    assert (one.drawn(), one.repeated(), len(one.trials())) == (10, 8, 2)


def test_constraints(url: str) -> None:
    limits = {"fits": True, "lut": {"at_most": 300}, "accuracy": {"at_least": 0.7}}
    one = fake.study(url, fake.space(a=[0, 1, 2, 4]), constraints=limits)
    for a in (0, 1, 2, 4):
        one.tell(one.claim({"a": a}), measured({"a": a}), 1.0)
    assert {trial.values["a"]: trial.feasible for trial in one.trials()} == {0: False, 1: False, 2: True, 4: False}
    kept = Constraints.model_validate(limits)
    assert excesses(kept, {"lut": 400.0, "accuracy": None}, None) == {
        "fits": 1.0, "lut at most": 100.0, "accuracy at least": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("state", ["refused", "failed", "stopped"])
def test_points_without_measures(url: str, state: str) -> None:
    one = fake.study(url, fake.space(**GRID))
    one.tell(one.claim({"a": 1, "b": 1}), Measured(state, error="because"), 1.0)
    [trial] = one.trials()
    assert (trial.state, trial.error, trial.feasible) == (state, "because", False)
    assert one.claim({"a": 1, "b": 1}) is None


def test_an_objective_that_is_not_known_refuses_the_point(url: str) -> None:
    one = fake.study(url, fake.space(**GRID), objectives=["accuracy", "energy"])
    one.tell(one.claim({"a": 1, "b": 1}), measured({"a": 1, "b": 1}), 1.0)
    [trial] = one.trials()
    assert (trial.state, trial.error) == ("refused", "expected all objectives to be known, but energy is not")


def test_importances(url: str) -> None:
    one = fake.study(url, fake.space(a=[1, 2, 3, 4], b=[1, 2], c=[7]))
    assert one.importances() == {}
    for a in (1, 2, 3, 4):
        for b in (1, 2):
            one.tell(one.claim({"a": a, "b": b, "c": 7}), measured({"a": a, "b": 0}), 1.0)
    found = one.importances()
    assert set(found) == {"accuracy", "lut"}
    assert found["lut"]["a"] > 0.9 > 0.1 > found["lut"]["b"]
    assert sum(found["lut"].values()) == pytest.approx(1)


def test_what_the_whole_simulation_came_to(url: str) -> None:
    one = fake.study(url, fake.space(**GRID))
    one.tell(one.claim({"a": 1, "b": 1}), measured({"a": 1, "b": 1}), 1.0)
    assert not one.is_proven(0)
    one.prove(0, Measured("failed", error="it differs", simulated=360), "x/report.html")
    assert one.is_proven(0)
    [trial] = one.trials()
    assert (trial.state, trial.error, trial.simulated, trial.report) == ("failed", "it differs", 360, "x/report.html")


def test_numbers_in_a_row_stay_numbers_to_the_sampler() -> None:
    space = fake.space(whole=[3, 4, 5], gaps=[1, 3], flags=[True, False])
    kinds = [type(sampling.distribution(each)) for each in space.dimensions]
    categories = optuna.distributions.CategoricalDistribution
    assert kinds == [optuna.distributions.IntDistribution, categories, categories]
