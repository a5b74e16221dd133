"""A whole sweep: points are chosen, worked on and noted until there are no more; then the front is simulated whole."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
from joblib import cpu_count  # counts what this process may use, of a container, too

from fpga_flow import compress, datasets, doing, flow, runs
from fpga_flow.errors import CheckFailed, FlowError, InputError
from fpga_flow.report.sweep_data import words
from fpga_flow.run_json import contents
from fpga_flow.spec.load import Loaded
from fpga_flow.sweep import database, outputs, pareto, standing, strategies, work
from fpga_flow.sweep.executors import Executor, Local
from fpga_flow.sweep.floor import Floor, floor
from fpga_flow.sweep.plan import Plan, SweepOptions, make
from fpga_flow.sweep.result import SweepResult, Trial
from fpga_flow.sweep.strategies import Strategy
from fpga_flow.sweep.study import BEAT, Study
from fpga_flow.sweep.watching import State, SweepUi
from fpga_flow.sweep.work import Do, Measured, Task

if TYPE_CHECKING:
    from fpga_flow.sweep.probe import Probe

#: Test samples that the C++ of a point is simulated on, if the spec does not say.
SAMPLES = 100
#: So many times as long as a look takes lie at least between two.
_SHARE = 20
#: Seconds between looks at what goes on, and between reports while the sweep goes on.
_LOOK, _REPORT = 1.0, 60.0


_DEFAULT, _QUIET = SweepOptions(), SweepUi()


@dataclass(frozen=True)
class SweepOutcome:
    """A sweep that went through. `failures` are checks that did not pass, in words."""

    folder: Path
    result: SweepResult
    report: Path
    failures: tuple[str, ...] = ()

    def raise_failures(self) -> None:
        """Raise `CheckFailed` if a check did not pass."""
        if self.failures:
            raise CheckFailed("\n".join(self.failures))

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fpga_flow.report import notebook

        return notebook.sweep(self.result, self.report)


def run_sweep(loaded: Loaded, how: SweepOptions = _DEFAULT, ui: SweepUi = _QUIET) -> SweepOutcome:
    """Run the sweep of a spec. Trials that are there already are not done again.

    Args:
        loaded: the spec, see `spec.load.load`; with a section `sweep`.
        how: where trials are worked on, and where they are kept.
        ui: is told of the progress.

    Raises:
        InputError: something is wrong with the spec, the database or the workers.
        ToolError: a tool is missing or failed, or the cluster is gone.
    """
    return carry_out(make(loaded, how), how, ui)


def carry_out(plan: Plan, how: SweepOptions, ui: SweepUi, do: Do = work.do) -> SweepOutcome:
    """Do what a plan says, with `do` for each point. Raises what `run_sweep` does."""
    with _Sweep(plan, how, ui, do) as sweep:
        sweep.search()
        sweep.prove()
        return sweep.outcome()


class _Sweep:
    """A sweep at work."""

    def __init__(self, plan: Plan, how: SweepOptions, ui: SweepUi, do: Do) -> None:
        self.plan, self.how, self.ui, self.do = plan, how, ui, do
        self.out = how.out.absolute()
        self.folder = self.out / plan.spec.name / f"sweep-{plan.digest}"
        self.url = how.storage or database.sqlite(self.folder / "study.db")
        self.strategy: Strategy = strategies.strategy(plan.sweep, plan.space, plan.base, self._probe)
        self.running: dict[int, float] = {}
        self.reported = time.monotonic()
        self.executor: Executor | None = None

    def __enter__(self) -> _Sweep:
        for text in self.plan.notes:
            self.ui.note(f"note: {text}")
        if self.how.fresh and self.how.storage is not None:
            raise InputError.at("--fresh", "expected none with --storage, where others may be at work")
        runs.check_no_links(self.out, self.folder)
        runs.check_no_link(self.folder / "study.db", "a database")
        self.lock = filelock.FileLock(self.folder / ".lock")
        if self.how.storage is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            if self.how.fresh:
                _set_aside(self.folder / "study.db")
        self.study = Study(
            self.url, f"{self.plan.spec.name}-{self.plan.digest}", self.plan.sweep, self.plan.space,
            self.plan.spec.seed, alone=self.how.storage is None,
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)  # only now: of a database that can't be reached nothing is left
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        try:
            if self.executor is not None:
                self.executor.close()
            with database.reached(self.url):
                self.study.release(self.running, "stopped")
                if kind is not None and self.study.trials():
                    self.write()
        except (FlowError, OSError):
            if kind is None:
                raise  # else what has ended the sweep says more
        finally:
            self.study.close()
            self.lock.release()

    def _lock(self) -> None:
        try:
            self.lock.acquire(timeout=0)
        except filelock.Timeout:
            self.ui.note("another process works on this sweep: waiting for it")
            self.lock.acquire()

    def search(self) -> None:
        """Work on points until there are no more."""
        with database.reached(self.url):
            beaten = look = time.monotonic()
            for number in self.study.bury():
                self.ui.note(f"trial {number} was not finished, and is done again")
            while self._begin() or self.running or self._others_run():
                self._end(self._tell)
                now = time.monotonic()
                if now > beaten + BEAT:
                    self.study.beat(self.running)
                    self.study.bury()
                    beaten = now
                if now > look:
                    self.ui.state(self.state())
                    look = time.monotonic() + max(_LOOK, _SHARE * (time.monotonic() - now))
                if now > self.reported + _REPORT and self.study.trials():
                    self.write()
                    self.reported = time.monotonic()

    def _others_run(self) -> bool:
        """Whether other processes are still at work on the last trials."""
        if self.how.storage is None or not self.study.running():
            return False
        time.sleep(_LOOK)
        return True

    def _begin(self) -> bool:
        """Begin as many trials as there are workers; whether any was."""
        began = False
        while self.executor is None or len(self.running) < self.executor.slots:
            found = self.strategy.next(self.study)
            if found is None:
                break
            number, values = found
            self.running[number] = time.monotonic()
            self._workers().submit(self._task(number, values, self._samples()))
            began = True
        return began

    def _samples(self) -> int:
        """Samples that the C++ of each point is simulated on."""
        if (given := self.plan.sweep.samples) is not None:
            return given
        whole = self.plan.spec.csim.samples  # 0 where the C++ can't be simulated here
        return min(SAMPLES, self.plan.samples["test_accuracy"] if whole is None else whole)

    def _workers(self) -> Executor:
        """The executor, which is made when there is something to do."""
        if self.executor is None:
            if self.how.cluster is not None:
                self.ui.note(f"waiting for the first job of {self.how.cluster}")
            self.executor = executor(self.plan, self.how, self.do)
        return self.executor

    def _task(self, number: int, values: dict[str, Any], samples: int | None) -> Task:
        document = self.plan.space.document(values)
        return Task(
            number, document.data, document.file, str(self.out), samples, self.plan.environment,
            self._floor() if samples is not None else None, self.how.trust_code,
        )  # fmt: skip

    def _floor(self) -> Floor | None:
        """The accuracy below which a point is of no use: that of the constraint, or the best of all, if that alone
        counts.
        """
        sweep = self.plan.sweep
        if not sweep.stop_early:
            return None
        curves = self.study.curves()
        asked = [limit.at_least for name, limit in sweep.constraints.limits().items() if name == "accuracy"]
        if sweep.objectives == ["accuracy"] and curves:
            asked.append(max(final for _, final in curves))
        known = [each for each in asked if each is not None]
        return floor(max(known), curves) if known else None

    def _end(self, told: Callable[[int, Measured, float], None]) -> None:
        """Wait a while for trials to end, and note what came of them."""
        if self.running:
            for number, measured in self._workers().finished(_LOOK):
                seconds = time.monotonic() - self.running[number]
                told(number, measured, seconds)
                del self.running[number]

    def _tell(self, number: int, measured: Measured, seconds: float) -> None:
        kept = self.study.tell(number, measured, seconds)
        if kept is not None:
            self.ui.trial(self._located(self.study.trial(kept)))

    def prove(self) -> None:
        """Simulate the whole C++ of each point of the front, and make its report; a point that fails leaves the front,
        and others may take its place.
        """
        with database.reached(self.url):
            while True:
                trials = {trial.number: trial for trial in self.study.trials()}
                best = standing.front(list(trials.values()), self.plan.sweep.objectives)
                todo = [number for number in best if not self.study.is_proven(number)]
                if not todo:
                    return
                self.ui.note(f"simulating the whole C++ of {len(todo)} of {len(best)} points on the front")
                for number in doing.each(todo, "points on the front simulated"):
                    while len(self.running) >= self._workers().slots:
                        self._end(self._prove)
                    self.running[number] = time.monotonic()
                    self._workers().submit(self._task(number, dict(trials[number].values), None))
                while self.running:
                    self._end(self._prove)

    def _prove(self, number: int, measured: Measured, seconds: float) -> None:
        report = None if measured.folder is None else f"{measured.folder}/report.html"
        self.study.prove(number, measured, report)

    def _probe(self, trial: Trial) -> Probe:
        """The probe of points without training, with the network of a trial as its quantize pass got it."""
        from fpga_flow.sweep.probe import Probe, unquantized  # loads TensorFlow

        plan, folder = self.plan, None if trial.folder is None else self.out / trial.folder
        if folder is None or not folder.is_dir():  # a worker elsewhere has it
            before = [name for name in flow.stage_names(plan.spec) if name in compress.PASSES]
            number = before.index("quantize")
            loaded = plan.space.loaded(trial.values)
            until = before[number - 1] if number else "float"
            folder = flow.run(loaded, self.out, until=until, trust_code=self.how.trust_code).folder
        dataset = datasets.load(plan.spec.data, plan.spec.seed)
        return Probe(unquantized(folder), dataset, plan.space.spec)

    def outcome(self) -> SweepOutcome:
        """What the sweep has come to."""
        doing.now("writing the report")
        result, report = self.write(finished=True)
        failures = [
            f"trial {trial.number} ({words(trial.values)}): {trial.error}"
            for trial in result.trials
            if trial.state == "failed"
        ]
        if not result.front:
            failures.append(_nothing(result))
        return SweepOutcome(self.folder, result, report, tuple(failures))

    def write(self, *, finished: bool = False) -> tuple[SweepResult, Path]:
        """Write the tables, the front and the report as they are now; the path is the report's. What takes long to be
        found out stands in those of a finished sweep only.
        """
        with filelock.FileLock(self.folder / ".writing"):
            result = self.result(finished=finished)
            return result, outputs.write(result, self.plan.space, self.folder)

    def result(self, *, finished: bool) -> SweepResult:
        """What has been found so far."""
        plan, trials = self.plan, self._trials()
        able = [trial for trial in trials if trial.state == "done" and trial.feasible]
        by_end = sorted(able, key=lambda trial: (trial.finished, trial.number))
        grown = pareto.growth(standing.points(by_end, plan.sweep.objectives)) if by_end else []
        return SweepResult(
            name=plan.spec.name,
            digest=plan.digest,
            strategy=plan.sweep.strategy.name,
            board=plan.spec.hls.board,
            parameters=tuple(each.shown() for each in plan.space.dimensions),
            objectives=tuple(plan.sweep.objectives),
            constraints=plan.sweep.constraints.model_dump(exclude_none=True),
            trials=tuple(trials),
            front=standing.front(trials, plan.sweep.objectives),
            hypervolume=tuple((trial.number, share) for trial, share in zip(by_end, grown, strict=True)),
            importances=self.study.importances() if finished else {},
            sensitivities=self.strategy.sensitivities(trials),
            samples=plan.samples,
            spec=contents.spec_yaml(plan.spec),
            notes=plan.notes,
        )

    def _trials(self) -> list[Trial]:
        """The trials, with paths as they are seen from the sweep's folder."""
        return [self._located(trial) for trial in self.study.trials()]

    def _located(self, trial: Trial) -> Trial:
        folder = None if trial.folder is None else self.out / trial.folder
        if folder is None or not folder.is_dir():  # a worker elsewhere has it
            return replace(trial, folder=None, report=None)
        report = folder / "report.html" if trial.report is None else self.out / trial.report
        seen = Path(os.path.relpath(report, self.folder)).as_posix() if report.is_file() else None
        return replace(trial, folder=Path(os.path.relpath(folder, self.folder)).as_posix(), report=seen)

    def state(self) -> State:
        """How the sweep stands."""
        trials = self._trials()
        found = standing.front(trials, self.plan.sweep.objectives)
        best = next((trial for trial in trials if found and trial.number == found[0]), None)
        total = self.strategy.total(self.study)
        left = None
        seconds = [trial.seconds for trial in trials]
        if total is not None and seconds and self.executor is not None:
            left = max(0, total - len(trials)) * statistics.fmean(seconds) / self.executor.slots
        memory = self.executor.memory() if self.executor is not None else None
        return State(len(trials), total, len(self.running), best, len(found), left, memory)


def executor(plan: Plan, how: SweepOptions, do: Do) -> Executor:
    """The executor that the options ask for."""
    files = work.relative_files({name: part for name, part in plan.loaded.document.data.items() if name != "sweep"})
    cores = cpu_count()
    if how.dask is not None:
        from fpga_flow.sweep import dask_cluster

        return dask_cluster.connect(how.dask, files, do)
    if how.cluster is not None:
        from fpga_flow.sweep import dask_cluster

        return dask_cluster.begin(how.cluster, how.jobs or 1, files, do)
    jobs = how.jobs or cores
    return Local(jobs, max(1, cores // jobs), do)


def _nothing(result: SweepResult) -> str:
    """Why there is no front, in words."""
    states = {
        state: sum(trial.state == state for trial in result.trials)
        for state in ("done", "refused", "stopped", "failed")
    }
    counts = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    errors = [trial.error for trial in result.trials if trial.error]
    first = f"; the first: {errors[0]}" if errors else ""
    return f"no point keeps the constraints ({counts or 'none was tried'}){first}"


def _set_aside(path: Path) -> None:
    """Keep an earlier study under another name."""
    if path.exists():
        number = 1
        while (kept := path.with_name(f"{path.name}.old-{number}")).exists():
            number += 1
        path.rename(kept)
        journal = path.with_name(f"{path.name}-journal")
        if journal.exists():  # a killed process left it; it must not be taken for that of the new one
            journal.rename(kept.with_name(f"{kept.name}-journal"))
