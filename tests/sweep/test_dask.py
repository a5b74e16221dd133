"""Sweeps on a Dask cluster: workers and the scheduler die, others are not like the rest, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from fpga_flow.errors import InputError, ToolError
from fpga_flow.sweep import dask_cluster, engine
from fpga_flow.sweep.engine import SweepOutcome
from fpga_flow.sweep.plan import SweepOptions
from fpga_flow.sweep.watching import SweepUi
from tests import small_spec
from tests.conftest import ROOT
from tests.sweep import fake, fake_work
from tests.sweep.conftest import LEAVES_SOCKETS, free_port

pytest.importorskip("distributed")
pytestmark = LEAVES_SOCKETS


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def scheduler(self) -> None:
        self._begin("scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def worker(self, name: str, *options: str, **environment: str) -> None:
        fixed = ["--nthreads", "1", "--no-dashboard", "--name", name, "--local-directory", str(self.folder)]
        self._begin(name, "worker", self.address, *fixed, *(options or ["--no-nanny"]), **environment)

    def _begin(self, name: str, *arguments: str, **environment: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )  # fmt: skip

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def close(self) -> None:
        for name in [*self.processes]:
            for child in psutil.Process(self.processes[name].pid).children(recursive=True):
                child.kill()
            self.kill(name)


@contextmanager
def cluster_of(folder: Path, *workers: str) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        made.scheduler()
        for name in workers:
            made.worker(name)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers, which the tests share."""
    with cluster_of(tmp_path_factory.mktemp("cluster"), "one", "two") as made:
        yield made


def sweep(
    cluster: Cluster, out: Path, choices: dict[str, Any], storage: str | None = None, **sections: Any
) -> SweepOutcome:
    plan = fake.plan("fake", fake.space(**choices), **sections)
    return engine.carry_out(plan, SweepOptions(out, dask=cluster.address, storage=storage), SweepUi(), fake_work.do)


def whose(out: Path, text: str = "begins") -> int:
    """Wait for a note of the fake work; the process that made the last one."""
    deadline = time.monotonic() + 60
    while not (lines := [line for line in fake_work.notes(out) if text in line]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(lines[-1].split()[3])


def test_points_are_done_once_by_all_workers(cluster: Cluster, tmp_path: Path) -> None:
    outcome = sweep(cluster, tmp_path, {"a": [1, 2, 3, 4, 5, 6], "wait": [0.3]})
    outcome.raise_failures()
    assert [trial.values["a"] for trial in outcome.result.trials] == [1, 2, 3, 4, 5, 6]
    assert len(fake_work.ends(tmp_path)) == len(set(fake_work.ends(tmp_path))) == 6
    assert len({line.split()[3] for line in fake_work.notes(tmp_path)}) == 2


@pytest.mark.parametrize("kind", ["postgresql", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_a_worker_that_is_killed_loses_nothing(
    cluster: Cluster, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    storage = request.getfixturevalue("postgresql")("dask") if kind == "postgresql" else None

    def kill() -> None:
        pid = whose(tmp_path)
        os.kill(pid, signal.SIGKILL)
        name = next(name for name, process in cluster.processes.items() if process.pid == pid)
        cluster.processes.pop(name).wait()
        cluster.worker(name)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = sweep(cluster, tmp_path, {"a": list(range(8)), "wait": [0.5]}, storage)
    killer.join()
    outcome.raise_failures()
    assert [trial.values["a"] for trial in outcome.result.trials] == list(range(8))
    assert {trial.state for trial in outcome.result.trials} == {"done"}
    assert len(fake_work.ends(tmp_path)) == len(set(fake_work.ends(tmp_path))) == 8
    assert len([line for line in fake_work.notes(tmp_path) if line.endswith("begins") and " search " in line]) == 9


@pytest.mark.slow
def test_with_a_nanny_the_worker_comes_back(tmp_path: Path) -> None:
    with cluster_of(tmp_path) as own:
        own.worker("one", "--nanny")
        outcome = sweep(own, tmp_path, {"a": [1, 2, 3], "how": ["dies once"]})
        outcome.raise_failures()
        assert len(outcome.result.trials) == 3
        assert len(fake_work.ends(tmp_path)) == len(set(fake_work.ends(tmp_path))) == 3
        outcome = sweep(own, tmp_path, {"a": [7], "how": ["dies", "well"]})
        states = {trial.values["how"]: (trial.state, trial.error) for trial in outcome.result.trials}
        assert states["dies"] == ("failed", "4 workers died of it, which may be for want of memory")
        assert states["well"] == ("done", "")


@pytest.mark.slow
def test_the_scheduler_is_killed_and_another_one_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with cluster_of(tmp_path, "one") as own:

        def kill() -> None:
            while len(fake_work.ends(tmp_path)) < 2:
                time.sleep(0.02)
            own.kill("scheduler")

        killer = threading.Thread(target=kill)
        killer.start()
        choices = {"a": list(range(5)), "wait": [0.5]}
        with pytest.raises(ToolError) as caught:
            sweep(own, tmp_path, choices)
        killer.join()
        assert str(caught.value) == (
            "the Dask scheduler is gone; what was finished is kept, and the same command goes on"
        )
        assert capfd.readouterr().err == ""
        done = len(json.loads(next((tmp_path / "fake").glob("*/sweep.json")).read_text())["trials"])
        assert done >= 1
        own.scheduler()
        own.kill("one")
        own.worker("one")
        outcome = sweep(own, tmp_path, choices)
        assert [trial.values["a"] for trial in outcome.result.trials if trial.state == "done"] == list(range(5))
        assert len(fake_work.ends(tmp_path)) <= 5 + 1


def test_a_worker_with_another_environment_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster.work, "environment", lambda: "numpy 0.1")
    with pytest.raises(InputError) as caught:
        sweep(cluster, tmp_path, {"a": [1, 2]})
    lines = str(caught.value).splitlines()
    assert lines
    assert all(line.startswith("--dask: worker tcp://127.0.0.1:") for line in lines)
    assert all(": expected numpy 0.1, got fpga_flow code " in line for line in lines)
    assert fake_work.notes(tmp_path) == []


def test_a_worker_that_comes_later_with_another_environment_is_named(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--dask: expected a worker like this, got another$"):
        sweep(cluster, tmp_path, {"a": [1, 2], "how": ["other environment"]})


@pytest.mark.slow
def test_a_worker_without_the_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "blocks.py").write_text("import sys\nsys.modules['fpga_flow'] = None\n")
    with cluster_of(tmp_path) as own:
        own.worker("bare", "--no-nanny", "--preload", str(tmp_path / "blocks.py"))
        with pytest.raises(InputError) as caught:
            sweep(own, tmp_path, {"a": [1, 2]})
    assert str(caught.value).startswith("--dask: worker tcp://127.0.0.1:")
    assert "fpga_flow" in str(caught.value)


def test_workers_must_run_where_relative_files_are(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        sweep(cluster, tmp_path, {"a": [1, 2], "path": ["data.npz"]})
    assert f": expected it to run in {tmp_path}, since path of the spec is relative, got {ROOT}" in str(caught.value)


def test_a_missing_tool_on_a_worker(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^expected the compiler, got none$"):
        sweep(cluster, tmp_path, {"a": [1], "how": ["well", "no tool"]})


def test_the_disk_of_a_worker_is_full(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        sweep(cluster, tmp_path, {"a": [1], "how": ["well", "disk full"]})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_REACHED", 1)
    monkeypatch.setattr(dask_cluster, "_FIRST", 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("nonsense", "missing port number in address 'nonsense'"),
        ("ftp://host:21", "unknown address scheme 'ftp' "),
        ("tcp://127.0.0.1:9", "Timed out trying to connect to tcp://127.0.0.1:9 after 1 s"),
        ("silent", "what listens there is none"),
    ],
)
def test_no_scheduler_answers(tmp_path: Path, address: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    listening = socket.create_server(("127.0.0.1", 0))  # takes calls and says nothing
    own = Cluster(tmp_path)
    own.address = f"tcp://127.0.0.1:{listening.getsockname()[1]}" if address == "silent" else address
    with pytest.raises(InputError) as caught:
        sweep(own, tmp_path, {"a": [1, 2]})
    listening.close()
    assert str(caught.value).startswith(f"--dask: expected a Dask scheduler at {own.address}, got none: {why}")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("quick")
def test_no_worker_comes(tmp_path: Path) -> None:
    with (
        cluster_of(tmp_path) as own,
        pytest.raises(InputError, match=r"^--dask: expected a worker within 1 seconds, got"),
    ):
        sweep(own, tmp_path, {"a": [1, 2]})


SPEC = small_spec.text(
    layers={"output": {"weight": "fixed<6,2>"}},
    sweep={
        "parameters": {
            "weights": {"path": "precision.layers.*.weight", "bits": [3, 4, 6]},
            "activations": {"path": "precision.layers.*.activation", "bits": [5, 8]},
        },
        "samples": 20,
    },
)


@pytest.mark.slow
def test_real_trainings_of_which_a_worker_is_killed(tmp_path: Path, postgresql: Callable[[str], str]) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    out = tmp_path / "runs"
    command = [
        sys.executable,
        "-m",
        "fpga_flow.cli",
        "sweep",
        "tiny.yaml",
        "--out",
        "runs",
        "--storage",
        postgresql("real"),
    ]
    with cluster_of(tmp_path, "one", "two") as own:
        process = subprocess.Popen(
            [*command, "--dask", own.address], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        deadline = time.monotonic() + 300
        while not list(out.glob("tiny/*/run.json")):  # the first point is done
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        own.kill("two")
        said, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (0, ""), said
    [folder] = (out / "tiny").glob("sweep-*")
    found = json.loads((folder / "sweep.json").read_text())
    points = [(trial["values"]["weights"], trial["values"]["activations"]) for trial in found["trials"]]
    assert sorted(points) == [(weights, activations) for weights in (3, 4, 6) for activations in (5, 8)]
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    on_front = [trial for trial in found["trials"] if trial["number"] in found["front"]]
    assert on_front
    assert all(trial["simulated"] == 450 and trial["report"] for trial in on_front)
    assert {trial["simulated"] for trial in found["trials"] if trial["number"] not in found["front"]} <= {20}
    assert len(list(out.glob("tiny/*/1-float"))) == len(list(out.glob("tiny/*/run.json")))
