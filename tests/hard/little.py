"""A run of two stages that need nothing to be imported, killed at each of its changes of a file, one after the other.

`python -m tests.hard.little FOLDER` prints JSON: how many changes there are, and what was wrong after each kill.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import saved
from fpga_flow.runs import Run, Stage, write_json
from fpga_flow.whole import own_temporary_files, whole
from tests.hard.changes import watched
from tests.hard.kills import differences

STAGES = (Stage(1, "first", "d1"), Stage(2, "second", "d2"))


def work(folder: Path) -> dict[str, Any]:
    """A file, a folder and a file of arrays, each of which appears whole."""
    write_json(folder / "numbers.json", [1, 2, 3])
    with whole(folder / "project") as project:
        (project / "a.cpp").write_text("int a;\n")
        (project / "b.cpp").write_text("int b;\n")
    saved.write(folder / "arrays.npz", "told", values=[np.zeros(3)])
    return {"done": True}


def run(out: Path) -> None:
    """Both stages, and a record behind them, as the flow does it."""
    the_run = Run(out, "name", "digest", STAGES)
    with the_run.locked():
        for stage in STAGES:
            if the_run.finished(stage) is None:
                the_run.do(stage, work)
        write_json(the_run.folder / "run.json", {"done": 2})


def in_process(out: Path, kill_at: int | None, counted: Path | None = None) -> int:
    """The exit code of a process that runs it; it is killed before its change of this number."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def at(number: int, path: str) -> None:
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched(out.parent, at) as count:
        own_temporary_files()
        run(out)
        made = count()
    if counted is not None:
        counted.write_text(str(made))
    shutil.rmtree(os.environ["TMPDIR"])  # os._exit leaves out what is done at the end of a process
    os._exit(0)


def contents(folder: Path) -> dict[str, str]:
    """All that is in a folder, but for the seconds in records."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = "" if path.is_dir() else path.read_bytes().hex()
        if path.name == "stage.json":
            record = json.loads(path.read_text())
            found[name] = json.dumps([record["digest"], record["result"], sorted(record["files"])])
    return found


def main() -> None:
    """Kill it at each change, run it once more, and compare."""
    root = Path(sys.argv[1])
    os.environ["TMPDIR"] = str(root / "work" / "tmp")
    (root / "work" / "tmp").mkdir(parents=True)
    assert in_process(root / "work" / "runs", None, root / "count") == 0
    expected, changes = contents(root / "work"), int((root / "count").read_text())
    wrong = []
    for number in range(1, changes + 1):
        shutil.rmtree(root / "work")
        (root / "work" / "tmp").mkdir(parents=True)
        killed = in_process(root / "work" / "runs", number)
        again = in_process(root / "work" / "runs", None)
        if (killed, again) != (-signal.SIGKILL, 0):
            wrong.append(f"{number}: exit codes {killed}, {again}")
        wrong += [f"{number}: {each}" for each in differences(expected, contents(root / "work"))]
    print(json.dumps({"changes": changes, "wrong": wrong}))


if __name__ == "__main__":
    main()
