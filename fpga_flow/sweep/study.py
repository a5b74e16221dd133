"""The record of a sweep's trials, in Optuna's storage: what was begun, what came out, and who is at work on what.

Only the process that runs the sweep touches it, never the workers. Several such processes may share a study on a
database server: each trial is begun by one of them (of two that begin the same point at once, the one with the lower
number goes on), and what a dead one had begun is begun anew.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import warnings
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import optuna
import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from fpga_flow.sweep import database, options, sampling
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import Trial
from fpga_flow.sweep.space import Space
from fpga_flow.sweep.work import Measured

#: Seconds between the signs of life of a running trial, and after how many without one its process counts as dead.
BEAT, DEAD = 30.0, 300.0
#: Seconds in which a process says which point it draws, and after how many without that it counts as dead.
_SAYS, _SAYS_NOTHING = 10.0, 60.0
#: Attributes of a trial: its point as text, what was measured, whose it is, and why it does not stand for its point.
_POINT, _MEASURED, _OWNER, _SEEN, _LOST, _AGAIN = "point", "measured", "owner", "seen", "lost", "again"
#: Of the forest that importances are found by.
_TREES = 32
#: An attribute of the study, with a trial's number behind it: what its whole C simulation came to.
_PROVEN = "proven"

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Study:
    """A study: the trials of one sweep.

    Args:
        url: the storage, as SQLAlchemy writes it.
        name: of the study; a digest in it keeps different sweeps apart.
        sweep: the spec's section.
        space: what is searched.
        seed: of what is drawn.
        alone: whether no other process can be at work on it.

    Raises:
        InputError: the database can't be reached, or is none.
    """

    def __init__(self, url: str, name: str, sweep: options.Sweep, space: Space, seed: int, *, alone: bool) -> None:
        self.space, self.sweep, self.alone = space, sweep, alone
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.0f}"
        self._silent: dict[int, float] = {}
        self._begun: set[int] = set()
        self.distributions = {each.name: sampling.distribution(each) for each in space.dimensions}
        with database.reached(url):
            self._storage = database.storage(url)
            self.study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                directions=[MEASURES[objective].direction for objective in sweep.objectives],
                load_if_exists=True,
            )
            # neither a sweep that goes on nor another process must draw the same points again
            own = 0 if alone else zlib.crc32(self.owner.encode())
            self.study.sampler = sampling.sampler(sweep.strategy, (seed + len(self._trials()) + own) % 2**32)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.set_metric_names([MEASURES[objective].label for objective in sweep.objectives])

    def close(self) -> None:
        """End the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def claim(self, values: Mapping[str, Any]) -> int | None:
        """Begin the trial of a point; its number, or None if it was begun before, and is not lost."""
        key = self.space.key(values)
        params = {each.name: sampling.inner(values[each.name]) for each in self.space.dimensions}
        trial = create_trial(
            state=TrialState.RUNNING, params=params, distributions=self.distributions,
            user_attrs={_POINT: key, _OWNER: self.owner, _SEEN: time.time()},
        )  # fmt: skip
        if key in self.keys():
            return None
        self.study.add_trial(trial)
        mine = [each for each in self._trials() if each.user_attrs.get(_OWNER) == self.owner and self._is(each, key)]
        number = mine[-1].number
        self._begun.add(number)
        if any(each.number < number and self._is(each, key) for each in self._trials()):
            self._end(number, TrialState.FAIL, {_AGAIN: "begun by another process at the same time"})
            return None
        return number

    def ask(self, most: int) -> tuple[int, dict[str, Any]] | None:
        """Begin the trial of a point that the sampler draws. None if that was begun before: then the trial's place is
        taken by what that gave, or will give; or if others have drawn meanwhile, and there are `most` already.
        """
        try:
            return self._ask(most)
        except UpdateFinishedTrialError:  # drawing took so long that another process took this one for dead
            return None

    def _ask(self, most: int) -> tuple[int, dict[str, Any]] | None:
        trial = self.study.ask(self.distributions)
        self._begun.add(trial.number)
        values = self._values(trial)
        key = self.space.key(values)
        for name, value in ((_OWNER, self.owner), (_SEEN, time.time()), (_POINT, key)):
            trial.set_user_attr(name, value)
        earlier = self._earlier(trial.number)
        if len(earlier) >= most:
            self.release([trial.number], "one too many")
            return None
        before = [each for each in earlier if self._is(each, key)]
        if not before:
            return trial.number, values
        ended = next((each for each in before if each.state == TrialState.COMPLETE), None)
        trial.set_user_attr(_AGAIN, f"the point of trial {before[0].number}")
        if ended is None:
            self.study.tell(trial.number, state=TrialState.FAIL)
        else:
            for name, value in ended.constraints.items():
                trial.set_constraint(name, value)
            self.study.tell(trial.number, ended.values)
        return None

    def _earlier(self, number: int) -> list[FrozenTrial]:
        """The trials before one, but for lost ones. Of those that other processes draw at this moment, it waits for
        the points.
        """
        deadline = time.monotonic() + _SAYS
        while True:
            earlier = [each for each in self._trials() if each.number < number and _LOST not in each.user_attrs]
            if all(_POINT in each.user_attrs for each in earlier) or time.monotonic() > deadline:
                return earlier
            time.sleep(0.05)

    def tell(self, number: int, measured: Measured, seconds: float) -> int | None:
        """Note what came of a trial. Returns the number under which it is kept: another one if others took this process
        for dead (it slept, or did not reach the database), None if they have begun the point again.
        """
        told = {
            **asdict(measured),
            "seconds": round(seconds, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        missing = [name for name in self.sweep.objectives if measured.measures.get(name) is None]
        if measured.state == "done" and missing:
            known = f"expected all objectives to be known, but {', '.join(missing)} is not"
            told |= {"state": "refused", "error": known}
        kept: int | None = number
        try:
            self._trial(number).set_user_attr(_MEASURED, told)
        except UpdateFinishedTrialError:
            frozen = next(each for each in self._trials() if each.number == number)
            kept = self.claim(self._values(frozen))
            if kept is not None:
                self._trial(kept).set_user_attr(_MEASURED, told)
        if kept is not None:
            self._settle(kept)
        return kept

    def _settle(self, number: int) -> None:
        """End a trial as what was measured says."""
        frozen = next(each for each in self._trials() if each.number == number)
        told = frozen.user_attrs[_MEASURED]
        if told["state"] != "done":
            self.study.tell(number, state=TrialState.PRUNED if told["state"] == "stopped" else TrialState.FAIL)
            return
        trial = self._trial(number)
        for name, amount in excesses(self.sweep.constraints, told["measures"], told["fits"]).items():
            if name not in frozen.constraints:
                trial.set_constraint(name, amount)
        self.study.tell(number, [float(told["measures"][name]) for name in self.sweep.objectives])

    def release(self, numbers: Iterable[int], why: str) -> None:
        """Give trials up that were begun: their points are free again."""
        for number in numbers:
            with contextlib.suppress(UpdateFinishedTrialError):  # it has ended
                self._end(number, TrialState.FAIL, {_LOST: why})

    def beat(self, numbers: Iterable[int]) -> None:
        """Give a sign of life of running trials."""
        for number in numbers:
            with contextlib.suppress(UpdateFinishedTrialError):  # another process took this one for dead
                self._trial(number).set_user_attr(_SEEN, time.time())

    def bury(self) -> list[int]:
        """Give up the trials of processes that are dead, and return their numbers. Those whose results were noted just
        before are ended.
        """
        dead = [each for each in self._trials() if each.state == TrialState.RUNNING and self._is_dead(each)]
        for each in dead:
            if _MEASURED in each.user_attrs:
                self._settle(each.number)
        lost = [each.number for each in dead if _MEASURED not in each.user_attrs]
        self.release(lost, "its process died")
        return lost

    def prove(self, number: int, measured: Measured, report: str | None) -> None:
        """Note what the whole C simulation of a trial came to, and where its report is."""
        told = {"state": measured.state, "simulated": measured.simulated, "error": measured.error, "report": report}
        self.study.set_user_attr(f"{_PROVEN} {number}", told)

    def is_proven(self, number: int) -> bool:
        """Whether the whole C simulation of a trial was done."""
        return f"{_PROVEN} {number}" in self.study.user_attrs

    def trials(self) -> list[Trial]:
        """All trials that have ended, each point once, in the order of their numbers."""
        proven = self.study.user_attrs
        return [self._shown(each, proven.get(f"{_PROVEN} {each.number}", {})) for each in self._measured()]

    def trial(self, number: int) -> Trial:
        """A trial that has ended."""
        frozen = next(each for each in self._measured() if each.number == number)
        return self._shown(frozen, self.study.user_attrs.get(f"{_PROVEN} {number}", {}))

    def curves(self) -> list[tuple[list[float], float]]:
        """Of each trial that is done the best accuracies after its epochs, and its accuracy."""
        done = [each.user_attrs[_MEASURED] for each in self._measured()]
        return [
            (each["curve"], each["measures"]["accuracy"])
            for each in done
            if each["state"] == "done" and each["measures"]["accuracy"] is not None
        ]

    def keys(self) -> set[str]:
        """The points that are begun or have ended."""
        return {each.user_attrs[_POINT] for each in self._trials() if self._counts(each)}

    def drawn(self) -> int:
        """How many points the sampler has drawn, also those that it drew before, but for lost ones."""
        return sum(_LOST not in each.user_attrs for each in self._trials())

    def repeated(self) -> int:
        """How many of them were drawn, or begun, before."""
        return sum(_AGAIN in each.user_attrs for each in self._trials())

    def running(self) -> int:
        """How many trials are running, of this process and others."""
        return sum(each.state == TrialState.RUNNING for each in self._trials())

    def running_points(self) -> list[dict[str, Any]]:
        """The points of the trials that are running."""
        return [
            self._values(each) for each in self._trials() if each.state == TrialState.RUNNING and self._counts(each)
        ]

    def importances(self) -> dict[str, dict[str, float]]:
        """The share of each parameter in the variance of each objective (Hutter et al. 2014, functional ANOVA, by
        Optuna); empty with too few trials, or where an objective is always the same. It takes seconds.
        """
        complete = [
            each for each in self._trials() if each.state == TrialState.COMPLETE and _MEASURED in each.user_attrs
        ]
        found: dict[str, dict[str, float]] = {}
        varied = [name for name in self.distributions if len({str(each.params[name]) for each in complete}) > 1]
        if len(complete) < 4 or not varied:
            return found
        for number, name in enumerate(self.sweep.objectives):
            values = [_value(each, number) for each in complete]
            if len(set(values)) > 1:
                found[name] = optuna.importance.get_param_importances(
                    self.study,
                    params=varied,
                    evaluator=optuna.importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=0),
                    target=partial(_value, number=number),
                )
        return found

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _measured(self) -> list[FrozenTrial]:
        return [each for each in self._trials() if _MEASURED in each.user_attrs]

    def _trial(self, number: int) -> optuna.Trial:
        trial_id = next(each._trial_id for each in self._trials() if each.number == number)
        return optuna.Trial(self.study, trial_id)

    def _end(self, number: int, state: TrialState, attributes: Mapping[str, Any]) -> None:
        trial = self._trial(number)
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self.study.tell(number, state=state, skip_if_finished=True)

    def _is(self, trial: FrozenTrial, key: str) -> bool:
        return self._counts(trial) and trial.user_attrs[_POINT] == key

    def _counts(self, trial: FrozenTrial) -> bool:
        """Whether a trial stands for its point: it is running, or has ended by itself."""
        return _POINT in trial.user_attrs and _LOST not in trial.user_attrs and _AGAIN not in trial.user_attrs

    def _is_dead(self, trial: FrozenTrial) -> bool:
        if self.alone:  # all others are of sweeps that have ended, perhaps in this very process
            return trial.number not in self._begun
        owner = trial.user_attrs.get(_OWNER)
        if owner == self.owner:
            return False
        if owner is None:  # it is drawn at this moment, or was when its process died
            return time.monotonic() - self._silent.setdefault(trial.number, time.monotonic()) > _SAYS_NOTHING
        host, pid, started = owner.rsplit(":", 2)
        if host == socket.gethostname():
            return not _lives(int(pid), float(started))
        return time.time() - float(trial.user_attrs.get(_SEEN, 0)) > DEAD

    def _values(self, trial: FrozenTrial | optuna.Trial) -> dict[str, Any]:
        return {each.name: sampling.outer(each, trial.params[each.name]) for each in self.space.dimensions}

    def _shown(self, trial: FrozenTrial, proven: Mapping[str, Any]) -> Trial:
        told = {**trial.user_attrs[_MEASURED], "report": None, **proven}
        return Trial(
            number=trial.number,
            state=told["state"],
            values=self._values(trial),
            measures=told["measures"],
            feasible=told["state"] == "done" and all(amount <= 0 for amount in trial.constraints.values()),
            finished=told["finished"],
            seconds=told["seconds"],
            folder=told["folder"],
            report=told["report"],
            simulated=told["simulated"],
            error=told["error"],
        )


def excesses(
    constraints: options.Constraints, measures: Mapping[str, float | None], fits: bool | None
) -> dict[str, float]:
    """By how much a point breaks each constraint; 0 or less where it keeps it, 1 where that can't be told."""
    found: dict[str, float] = {}
    if constraints.fits:
        found["fits"] = 0.0 if fits else 1.0
    for name, limit in constraints.limits().items():
        value = measures.get(name)
        if limit.at_least is not None:
            found[f"{name} at least"] = 1.0 if value is None else limit.at_least - value
        if limit.at_most is not None:
            found[f"{name} at most"] = 1.0 if value is None else value - limit.at_most
    return found


def _value(trial: FrozenTrial, number: int) -> float:
    return float((trial.values or ())[number])


def _lives(pid: int, started: float) -> bool:
    """Whether a process that began at this time is still there."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - started) < 2)
    except psutil.NoSuchProcess:
        return False
