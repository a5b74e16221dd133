"""A whole sweep: every point once, whatever happens to the process, and what comes out of it."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy
import yaml

from fpga_flow.errors import CheckFailed, InputError, ToolError
from fpga_flow.sweep import database, engine, floor
from fpga_flow.sweep.engine import SweepOutcome
from fpga_flow.sweep.plan import SweepOptions
from fpga_flow.sweep.result import Trial
from fpga_flow.sweep.watching import State, SweepUi
from tests.conftest import ROOT
from tests.sweep import fake, fake_work
from tests.sweep.conftest import free_port

GRID = {"a": [1, 2, 3], "b": [1, 2]}
POINTS = [(a, b) for a in (1, 2, 3) for b in (1, 2)]


class Recorder(SweepUi):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.trials: list[Trial] = []
        self.states: list[State] = []

    def state(self, state: State) -> None:
        self.states.append(state)

    def trial(self, trial: Trial) -> None:
        self.trials.append(trial)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SweepOutcome]:
    """Run a sweep with the work done in this process."""
    monkeypatch.setattr(engine, "executor", lambda plan, how, do: fake.Here(do))

    def run(
        choices: dict[str, list[Any]] = GRID, ui: SweepUi | None = None, do: Any = fake_work.do,
        base: Any = None, how: dict[str, Any] | None = None, **options: Any,
    ) -> SweepOutcome:  # fmt: skip
        plan = fake.plan("fake", fake.space(**choices), base, **options)
        return engine.carry_out(plan, SweepOptions(tmp_path, **(how or {})), ui or SweepUi(), do)

    return run


def points(outcome: SweepOutcome, *states: str) -> list[tuple[Any, ...]]:
    return [tuple(trial.values.values()) for trial in outcome.result.trials if trial.state in (states or ("done",))]


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))


def test_a_grid_does_every_point_once_and_simulates_the_front_whole(sweep: Any, tmp_path: Path) -> None:
    ui = Recorder()
    outcome = sweep(ui=ui)
    outcome.raise_failures()
    assert points(outcome) == POINTS
    assert len(ui.trials) == 6
    assert len(fake_work.ends(tmp_path)) == len(set(fake_work.ends(tmp_path))) == 6
    trials = {trial.number: trial for trial in outcome.result.trials}
    assert [trials[number].measures["lut"] for number in outcome.result.front] == [500, 400, 300, 200]
    assert len(fake_work.ends(tmp_path, "proof")) == 4


def test_the_same_command_again_does_nothing_again(sweep: Any, tmp_path: Path) -> None:
    first, second = sweep(), sweep()
    assert first.result.to_dict() == second.result.to_dict()
    assert len(fake_work.notes(tmp_path)) == 2 * (6 + 4)


def test_fresh_begins_anew_and_keeps_the_old_study(sweep: Any, tmp_path: Path) -> None:
    folder = sweep().folder
    sweep(how={"fresh": True})
    assert len(fake_work.ends(tmp_path)) == 12
    assert (folder / "study.db.old-1").is_file()


def test_what_it_leaves_in_its_folder(sweep: Any) -> None:
    outcome = sweep()
    rows = rows_of(outcome.folder)
    assert [(int(row["a"]), int(row["b"])) for row in rows] == POINTS
    assert {row["state"] for row in rows} == {"done"}
    made = {file.stem: yaml.safe_load(file.read_text()) for file in (outcome.folder / "front").iterdir()}
    assert sorted(made) == sorted(map(str, outcome.result.front))
    best = made[str(outcome.result.front[0])]
    assert (best["a"], best["b"]) == (3, 2)
    assert "sweep" not in best
    assert outcome.report.is_file()
    assert json.loads((outcome.folder / "sweep.json").read_text())["front"] == list(outcome.result.front)


@pytest.mark.parametrize("strategy", ["random", "tpe", "nsga2"])
def test_drawn_points(sweep: Any, tmp_path: Path, strategy: str) -> None:
    ui = Recorder()
    outcome = sweep(ui=ui, strategy={"name": strategy, "trials": 12})
    found = points(outcome)
    assert set(found) <= set(POINTS)
    assert 1 < len(found) == len(set(found)) == len(fake_work.ends(tmp_path)) <= 6
    assert outcome.result.front


def test_a_drawn_sweep_goes_on_with_more_trials(sweep: Any, tmp_path: Path) -> None:
    numbers = {"a": [number / 8 for number in range(100)]}
    sweep(numbers, strategy={"name": "random", "trials": 3})
    outcome = sweep(numbers, strategy={"name": "random", "trials": 8})
    assert len(points(outcome)) == len(set(fake_work.ends(tmp_path))) == 8


def test_sensitivities(sweep: Any) -> None:
    outcome = sweep(base={"a": 2, "b": 1}, strategy={"name": "sensitivity"})
    assert points(outcome) == [(2, 1), (1, 1), (3, 1), (2, 2)]
    found = [(each.parameter, each.value, each.change["lut"]) for each in outcome.result.sensitivities]
    assert found == [("a", 1, -100.0), ("a", 3, 100.0), ("b", 2, 100.0)]


def test_constraints_decide_on_the_front(sweep: Any) -> None:
    outcome = sweep(constraints={"lut": {"at_most": 400}, "accuracy": {"at_least": 0.79}})
    able = {trial.number for trial in outcome.result.trials if trial.feasible}
    assert {trial.measures["lut"] for trial in outcome.result.trials if trial.number in able} == {300.0, 400.0}
    assert set(outcome.result.front) <= able


def test_no_point_keeps_the_constraints(sweep: Any) -> None:
    outcome = sweep(constraints={"lut": {"at_most": 10}})
    with pytest.raises(CheckFailed, match=r"^no point keeps the constraints \(6 done\)$"):
        outcome.raise_failures()


def test_points_that_are_refused_stop_or_fail(sweep: Any) -> None:
    outcome = sweep({"a": [1, 2], "how": ["well", "refused", "failed", "stopped"]})
    states = [trial.state for trial in outcome.result.trials]
    assert states == ["done", "refused", "failed", "stopped"] * 2
    with pytest.raises(CheckFailed) as caught:
        outcome.raise_failures()
    assert str(caught.value) == "trial 2 (a 1, how failed): it is failed\ntrial 6 (a 2, how failed): it is failed"


def test_a_point_whose_whole_simulation_fails_leaves_the_front_to_others(sweep: Any, tmp_path: Path) -> None:
    outcome = sweep({"a": [1, 2], "how": ["fails in proof", "well"]})
    trials = {trial.number: trial for trial in outcome.result.trials}
    assert [trials[number].values["how"] for number in outcome.result.front] == ["well", "well"]
    assert sorted(trial.error for trial in trials.values()) == ["", "", *["the C simulation differs"] * 2]
    assert len(fake_work.ends(tmp_path, "proof")) == 4
    with pytest.raises(CheckFailed, match=r"^trial 0 \(a 1, how fails in proof\): the C simulation differs"):
        outcome.raise_failures()


def test_hopeless_trainings_are_told_what_is_asked_for(sweep: Any) -> None:
    many = {"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
    sure = sweep(many, do=fake_work.floor_is_given, constraints={"accuracy": {"at_least": 0.5}})
    assert [trial.state for trial in sure.result.trials][: floor._KNOWN] == ["done"] * floor._KNOWN
    assert {trial.error for trial in sure.result.trials if trial.state == "stopped"} == {"below 0.5"}


def test_without_stop_early_nothing_is_stopped(sweep: Any) -> None:
    many = {"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
    limits = {"accuracy": {"at_least": 0.5}}
    outcome = sweep(many, do=fake_work.floor_is_given, constraints=limits, stop_early=False)
    assert len(points(outcome)) == 10


def test_a_missing_tool_ends_the_sweep_and_nothing_is_lost(sweep: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^expected the compiler, got none$"):
        sweep({"a": [1, 2], "how": ["well", "no tool"]})
    [folder] = (tmp_path / "fake").iterdir()
    assert len(rows_of(folder)) == 1
    again = sweep({"a": [1, 2], "how": ["well", "no tool"]}, do=lambda task: fake_work.measured(task.data))
    assert len(points(again)) == 4
    assert len(fake_work.ends(tmp_path)) == 1


def test_the_disk_of_a_worker_is_full(sweep: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        sweep({"a": [1, 2], "how": ["well", "disk full"]})
    assert caught.value.errno == errno.ENOSPC
    again = sweep({"a": [1, 2], "how": ["well", "disk full"]}, do=lambda task: fake_work.measured(task.data))
    assert len(points(again)) == 4
    assert len(fake_work.ends(tmp_path)) == 1


@contextmanager
def small_database(pages: int) -> Iterator[None]:
    """SQLite files that can't grow above so many pages: to SQLite the disk is full."""

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", limit)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", limit)


def test_the_disk_of_the_study_is_full(sweep: Any, tmp_path: Path) -> None:
    wide = {"a": list(range(20))}
    with sqlite3.connect(sweep({"a": [1, 2]}).folder / "study.db") as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    begun = len(fake_work.ends(tmp_path))
    with small_database(pages + 1), pytest.raises(InputError) as caught:
        sweep(wide)
    assert re.fullmatch(
        r"--storage: the database sqlite:///.*/study\.db can't be used: database or disk is full", str(caught.value)
    )
    done = len(fake_work.ends(tmp_path)) - begun
    assert 1 < done < 20
    outcome = sweep(wide)
    assert len(points(outcome)) == 20
    assert len(fake_work.ends(tmp_path)) - begun <= 20 + 1  # at most the one that it had just been told of


def test_a_second_process_waits_for_the_first(sweep: Any, tmp_path: Path) -> None:
    import threading

    first = threading.Thread(target=sweep, kwargs={"choices": {"a": [1, 2, 3], "wait": [0.3]}})
    first.start()
    while not fake_work.notes(tmp_path):
        time.sleep(0.02)
    ui = Recorder()
    sweep({"a": [1, 2, 3], "wait": [0.3]}, ui=ui)
    first.join()
    assert ui.notes == ["another process works on this sweep: waiting for it"]
    assert len(fake_work.ends(tmp_path)) == 3


def begin(plan: dict[str, Any], out: Path, *arguments: str) -> subprocess.Popen[str]:
    """Begin a sweep in a process of its own."""
    command = [sys.executable, "-m", "tests.sweep.run_fake", json.dumps(plan), "--out", str(out), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def result(out: Path, name: str = "fake") -> dict[str, Any]:
    [file] = (out / name).glob("*/sweep.json")
    return dict(json.loads(file.read_text()))


def test_killed_again_and_again_it_does_every_point_and_none_twice(tmp_path: Path) -> None:
    moments = random.Random(1)
    killed = [moments.uniform(0.1, 1.5) for _ in range(10)]
    plan = {"choices": {"a": list(range(15)), "b": [1, 2], "wait": [0.05]}, "here": True, "killed_after": killed}
    process = begin(plan, tmp_path)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    found = [tuple(trial["values"].values())[:2] for trial in result(tmp_path)["trials"]]
    assert sorted(found) == [(a, b) for a in range(15) for b in (1, 2)]
    assert {trial["state"] for trial in result(tmp_path)["trials"]} == {"done"}
    assert 30 <= len(fake_work.ends(tmp_path)) <= 30 + len(killed)  # one may have ended unnoticed in each
    [study] = (tmp_path / "fake").glob("*/study.db")
    assert sqlite3.connect(study).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("end", ["ctrl-c", pytest.param("terminated", marks=pytest.mark.slow)])
def test_stopped_it_writes_what_there_is_leaves_no_process_and_goes_on(tmp_path: Path, end: str) -> None:
    plan = {"choices": {"a": [1, 2, 3], "wait": [0.5]}}
    process = begin(plan, tmp_path, "--jobs", "1")
    deadline = time.monotonic() + 60
    while len(fake_work.notes(tmp_path)) < 3:  # the second point has begun
        assert time.monotonic() < deadline
        time.sleep(0.02)
    below = psutil.Process(process.pid).children(recursive=True)
    if end == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "stopped; what was finished is kept\n")
    assert not psutil.wait_procs(below, timeout=10)[1]
    assert [trial["state"] for trial in result(tmp_path)["trials"]] == ["done"]
    again = begin({**plan, "here": True}, tmp_path)
    assert again.communicate(timeout=60)[1] == ""
    assert again.returncode == 0
    assert len(result(tmp_path)["trials"]) == len(fake_work.ends(tmp_path)) == 3


@pytest.mark.slow
def test_two_processes_share_a_database_and_another_sweep_is_there_too(
    tmp_path: Path, postgresql: Callable[[str], str]
) -> None:
    url = postgresql("shared")
    plan = {"choices": {"a": list(range(12)), "wait": [0.1]}, "here": True}
    other = {"choices": {"a": [1, 2]}, "name": "other", "here": True}
    outs = [tmp_path / name for name in ("one", "two", "three")]
    for out in outs:
        out.mkdir()
    processes = [
        begin(each, out, "--storage", url) for each, out in zip((plan, plan, other), outs, strict=True)
    ]  # fmt: skip
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    ends = [fake_work.ends(out) for out in outs]
    assert len(ends[0] + ends[1]) == len(set(ends[0] + ends[1])) == 12
    assert ends[0]
    assert ends[1]
    assert len(ends[2]) == 2
    for out in outs[:2]:
        assert sorted(trial["values"]["a"] for trial in result(out)["trials"]) == list(range(12))
    assert [trial["values"]["a"] for trial in result(outs[2], "other")["trials"]] == [1, 2]


@pytest.mark.slow
def test_of_two_processes_on_a_database_one_is_killed(tmp_path: Path, postgresql: Callable[[str], str]) -> None:
    url = postgresql("one_killed")
    plan = {"choices": {"a": list(range(8)), "wait": [0.2]}, "here": True, "killed_after": [1.5]}
    process = begin(plan, tmp_path, "--storage", url)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert sorted(trial["values"]["a"] for trial in result(tmp_path)["trials"]) == list(range(8))
    assert len(fake_work.ends(tmp_path)) <= 9


@pytest.mark.slow
def test_the_dashboard_shows_a_sweep_while_it_runs(tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    process = begin({"choices": {"a": list(range(20)), "b": [1, 2], "wait": [0.2]}, "here": True}, tmp_path)
    while len(fake_work.notes(tmp_path)) < 4:
        time.sleep(0.05)
    [study] = (tmp_path / "fake").glob("*/study.db")
    port = free_port()
    command = [Path(sys.executable).parent / "optuna-dashboard", database.sqlite(study), "--port", str(port)]
    shown: list[Any] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as dashboard:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=10) as answer:
                        [summary] = json.load(answer)["study_summaries"]
                    where = f"http://127.0.0.1:{port}/api/studies/{summary['study_id']}?after=0"
                    with urllib.request.urlopen(where, timeout=10) as answer:
                        shown.append(json.load(answer))
                time.sleep(0.1)
        finally:
            dashboard.kill()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert len(result(tmp_path)["trials"]) == len(fake_work.ends(tmp_path)) == 40
    assert len(shown) > 3
    assert shown[-1]["directions"] == ["maximize", "minimize"]
    assert shown[-1]["objective_names"] == ["accuracy", "LUT"]
    assert 0 < len(shown[0]["trials"]) < len(shown[-1]["trials"]) <= 40


def test_a_database_on_a_closed_port(sweep: Any) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(InputError) as caught:
        sweep(how={"storage": "postgresql+psycopg://someone:secret@127.0.0.1:9/sweeps"})
    assert str(caught.value).startswith(
        "--storage: the database postgresql+psycopg://someone:***@127.0.0.1:9/sweeps can't be used: connection failed"
    )
    assert "secret" not in str(caught.value)


BAD_URLS = {
    "no URL": "sweeps.db",
    "unknown scheme": "oracel://me:secret@host/db",
    "no such port": "postgresql+psycopg://me:secret@host:first/db",
    "no database": "sqlite:///{file}",
    "a folder": "sqlite:///{folder}",
    "no such folder": "sqlite:////nowhere/at/all.db",
    "no driver": "mysql+pymysql://me:secret@host/db",
}
SAID = {
    "no URL": "expected the URL of a database, for example postgresql+psycopg://user@host/database, got something else",
    "unknown scheme": "expected the URL of an SQLite, PostgreSQL or MySQL database, for example "
    "postgresql+psycopg://user@host/database, got oracel://me:***@host/db",
    "no such port": "expected the URL of a database, for example postgresql+psycopg://user@host/database, "
    "got something else",
    "no database": "the database sqlite:///{file} can't be used: file is not a database",
    "a folder": "the database sqlite:///{folder} can't be used: unable to open database file",
    "no such folder": "the database sqlite:////nowhere/at/all.db can't be used: unable to open database file",
    "no driver": "expected the Python package pymysql, which mysql+pymysql://me:***@host/db needs: install it with pip",
}


@pytest.mark.parametrize("what", BAD_URLS)
def test_a_database_that_is_none(sweep: Any, tmp_path: Path, what: str) -> None:
    file = tmp_path / "text.db"
    file.write_text("This is no database, but it is long enough to be looked at as one. " * 20)
    places = {"file": file, "folder": tmp_path}
    with pytest.raises((InputError, ToolError)) as caught:
        sweep(how={"storage": BAD_URLS[what].format(**places)})
    expected = SAID[what].format(**places)
    assert str(caught.value) == (expected if what == "no driver" else f"--storage: {expected}")
    assert caught.value.exit_code == (3 if what == "no driver" else 2)
    assert not (tmp_path / "fake").exists()


def test_a_database_of_another_version_of_optuna(sweep: Any, tmp_path: Path) -> None:
    outcome = sweep()
    with sqlite3.connect(outcome.folder / "study.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
    connection.close()
    with pytest.raises(InputError, match=r"^--storage: the database sqlite:///.*study\.db can't be used: ") as caught:
        sweep()
    assert "\n" not in str(caught.value)


def test_fresh_on_a_shared_database(sweep: Any, tmp_path: Path) -> None:
    url = database.sqlite(tmp_path / "shared.db")
    with pytest.raises(InputError, match=r"^--fresh: expected none with --storage, where others may be at work$"):
        sweep(how={"storage": url, "fresh": True})
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_the_database(sweep: Any, tmp_path: Path) -> None:
    """SQLite would write where it leads to."""
    folder = tmp_path / "fake" / f"sweep-{fake.plan('fake', fake.space(**GRID)).digest}"
    folder.mkdir(parents=True)
    (folder / "study.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"study\.db: expected a database, got a link to .*elsewhere$"):
        sweep()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_can_not_be_written(sweep: Any, tmp_path: Path) -> None:
    (tmp_path / "fake").write_text("a file")
    with pytest.raises(OSError, match="fake"):
        sweep()


@pytest.mark.parametrize(("asked", "whole", "samples"), [(None, None, 100), (None, 20, 20), (None, 0, 0), (7, 20, 7)])
def test_no_more_samples_are_simulated_than_the_spec_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int | None, whole: int | None, samples: int
) -> None:
    plan = fake.plan("fake", fake.space(a=[1]), samples=asked)
    plan.spec.csim.samples = whole
    seen = []

    def do(task: Any) -> Any:
        seen.append(task.samples)
        return fake_work.measured(task.data)

    monkeypatch.setattr(engine, "executor", lambda plan, how, do: fake.Here(do))
    engine.carry_out(plan, SweepOptions(tmp_path), SweepUi(), do)
    assert seen == [samples, None]  # the search, and the proof of the front
