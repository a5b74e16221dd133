from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fpga_flow import process
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline, TookTooLongError


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_both_outputs_and_the_exit_code(tmp_path: Path) -> None:
    script = (
        "import os, sys; print(os.getcwd(), os.environ['OURS'], flush=True); sys.stderr.write('bad \\xff'); exit(7)"
    )
    ended = process.run(python(script), Deadline.after(1), folder=tmp_path, variables={"OURS": "1"})
    assert (ended.code, ended.said) == (7, f"{tmp_path} 1\nbad \xff")
    assert process.run(python("import os; os.kill(os.getpid(), 9)"), Deadline.after(1)).code == -9


def test_a_log_has_the_command_and_what_it_says(tmp_path: Path) -> None:
    seen: list[str] = []
    log = tmp_path / "log"
    command = python("import time; print('one', flush=True); time.sleep(0.3); print('two')")
    ended = process.run(command, Deadline.after(1), log=log, watch=seen.extend)
    assert (ended.said, seen) == ("one\ntwo\n", ["one", "two"])
    first, *said = log.read_text().splitlines()
    assert first.startswith(f"{sys.executable} -c ")
    assert said == ["one", "two"]


def test_nothing_goes_on_after_a_deadline(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time\nwhile True:\n    open({str(alive)!r}, 'w').close()\n    time.sleep(0.01)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(TookTooLongError, match=r"^python\S* did not end within 0\.02 minutes and was stopped$"):
        process.run(python(script), Deadline.after(0.02))
    alive.unlink()
    time.sleep(0.2)
    assert not alive.exists()


def test_what_is_left_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])"
    started = time.monotonic()
    assert process.run(python(script), Deadline.after(1)).code == 0
    assert time.monotonic() - started < 2.5


def test_what_can_not_be_started(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^no_such_tool can't be started: No such file or directory$"):
        process.run(["no_such_tool"], Deadline.after(1), folder=tmp_path)


def test_given_up_threads_do_not_wait_for_their_commands(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def interrupted() -> None:
        with process.threads(2) as pool:
            pool.submit(process.run, python("import time; time.sleep(60)"), Deadline.after(2), log=log)
            while not log.is_file():
                time.sleep(0.01)
            time.sleep(0.2)
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - started < 30


def test_what_is_ended_is_ended_at_a_second_interrupt_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    seen: list[subprocess.Popen[bytes]] = []

    def interrupted(lines: list[str]) -> None:
        seen.extend(process._RUNNING)
        monkeypatch.setattr(subprocess.Popen, "wait", again)
        raise KeyboardInterrupt

    def again(*_: object) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.run(python(stubborn), Deadline.after(1), watch=interrupted)
    assert seen[0].wait(10) == -signal.SIGKILL


def test_a_terminated_command_line_ends_what_it_runs(tmp_path: Path) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    compiler.chmod(0o755)
    command = [sys.executable, "-m", "fpga_flow.cli", "doctor"]
    running = subprocess.Popen(command, env={**os.environ, "CXX": str(compiler)}, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.terminate()
    assert running.wait(30) == 130
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
