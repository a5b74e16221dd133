"""Local processes: what dies is done again, by another process, and takes nothing else with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from fpga_flow.errors import ToolError
from fpga_flow.sweep import executors
from fpga_flow.sweep.executors import Local
from fpga_flow.sweep.work import Measured, Task
from tests.conftest import ROOT
from tests.sweep import fake_work


def task(number: int, out: Path, **data: Any) -> Task:
    return Task(number, {"a": number, **data}, "fake.yaml", str(out), 10, "")


def results(local: Local, count: int, seconds: float = 60) -> dict[int, Measured]:
    """So many of the next results."""
    found: dict[int, Measured] = {}
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} came"
        found.update(local.finished(0.2))
    return found


def wait_for(out: Path, text: str) -> int:
    """Wait for a note of the fake work; the process that made it."""
    deadline = time.monotonic() + 60
    while not (lines := [line for line in fake_work.notes(out) if text in line]):
        assert time.monotonic() < deadline, f"no {text}"
        time.sleep(0.02)
    return int(lines[-1].split()[3])


@pytest.fixture(scope="module")
def two() -> Iterator[Local]:
    """Two processes, which the tests share."""
    with closing(Local(2, 1, fake_work.do)) as local:
        yield local


def test_tasks_are_done_side_by_side(two: Local, tmp_path: Path) -> None:
    assert two.slots == 2
    two.submit(task(1, tmp_path))
    two.submit(task(2, tmp_path))
    found = results(two, 2)
    assert {number: measured.measures["dsp"] for number, measured in found.items()} == {1: 1.0, 2: 2.0}
    assert (two.memory() or 0) > 50e6


def test_a_process_that_is_killed_at_work_is_replaced_and_only_its_task_is_done_again(
    two: Local, tmp_path: Path
) -> None:
    two.submit(task(1, tmp_path, wait=1))
    two.submit(task(2, tmp_path, wait=1))
    wait_for(tmp_path, "2 search")
    os.kill(wait_for(tmp_path, "1 search"), signal.SIGKILL)
    found = results(two, 2)
    assert [found[number].state for number in (1, 2)] == ["done", "done"]
    begun = [(line.split()[0], line.split()[3]) for line in fake_work.notes(tmp_path) if line.endswith("begins")]
    assert sorted(number for number, _ in begun) == ["1", "1", "2"]
    assert len(set(begun)) == 3


def test_a_process_that_is_killed_while_idle_is_replaced(two: Local, tmp_path: Path) -> None:
    two.submit(task(1, tmp_path))
    results(two, 1)
    idle = wait_for(tmp_path, "1 search")
    os.kill(idle, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(idle)] if psutil.pid_exists(idle) else [], timeout=10)
    time.sleep(0.2)  # the pool sees it
    two.submit(task(2, tmp_path))
    two.submit(task(3, tmp_path))
    assert [measured.state for measured in results(two, 2).values()] == ["done", "done"]


def test_a_task_that_kills_worker_after_worker_is_given_up(two: Local, tmp_path: Path) -> None:
    two.submit(task(1, tmp_path, how="dies"))
    measured = results(two, 1)[1]
    assert measured.state == "failed"
    assert measured.error == "3 workers died of it, which may be for want of memory"
    assert len([line for line in fake_work.notes(tmp_path) if line.endswith("begins")]) == 3
    two.submit(task(2, tmp_path))
    assert results(two, 1)[2].state == "done"


def test_an_error_is_raised_after_what_came_out_well(two: Local, tmp_path: Path) -> None:
    two.submit(task(1, tmp_path, how="no tool"))
    two.submit(task(2, tmp_path))
    deadline = time.monotonic() + 60
    while not all(each.future is not None and each.future.done() for each in two._workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ended = two.finished(1)
    assert next(ended)[0] == 2
    with pytest.raises(ToolError, match=r"^expected the compiler, got none$"):
        next(ended)
    two._workers[0].task = two._workers[0].future = None


def test_a_process_that_has_grown_is_replaced(tmp_path: Path) -> None:
    with closing(Local(1, 1, fake_work.grows)) as local:
        pids = []
        for number in range(4):
            local.submit(task(number, tmp_path, peak=[100, 150, 201, 100][number]))
            pids.append(int(results(local, 1)[number].worker))
    assert pids[0] == pids[1] == pids[2] != pids[3]


def test_closed_all_processes_end_and_theirs(tmp_path: Path) -> None:
    local = Local(1, 1, fake_work.do)
    local.submit(task(1, tmp_path, wait=60, child=True))
    worker = psutil.Process(wait_for(tmp_path, "begins"))
    [child] = worker.children()
    local.close()
    _, alive = psutil.wait_procs([worker, child], timeout=10)
    assert not alive


SCRIPT = """
import sys, time
from pathlib import Path
from fpga_flow.sweep.executors import Local
from tests.sweep import fake_work
from tests.sweep.test_executors import task

if __name__ == "__main__":
    local = Local(1, 1, fake_work.do)
    local.submit(task(1, Path(sys.argv[1]), wait=60, child=True))
    time.sleep(60)
"""


def test_no_process_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script, tmp_path], env={**os.environ, "PYTHONPATH": str(ROOT)}) as parent:
        wait_for(tmp_path, "begins")
        below = psutil.Process(parent.pid).children(recursive=True)
        assert len(below) >= 2
        parent.kill()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive


def test_ctrl_c_is_left_to_the_parent(two: Local, tmp_path: Path) -> None:
    two.submit(task(1, tmp_path, wait=0.5))
    os.kill(wait_for(tmp_path, "begins"), signal.SIGINT)
    assert results(two, 1)[1].state == "done"
    assert len([line for line in fake_work.notes(tmp_path) if line.endswith("begins")]) == 1


def test_tensorflow_is_told_of_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    before = signal.getsignal(signal.SIGINT)
    try:
        executors._begin(2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["OMP_NUM_THREADS"] == "2"
