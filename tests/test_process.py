from __future__ import annotations

import sys
import time
from pathlib import Path

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
