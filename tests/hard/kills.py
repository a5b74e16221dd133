"""SIGKILL at random moments of a command, and whether the same command then makes what it makes without.

Every second moment is a time, after the beginning, anywhere in what a whole run takes; the others are the moments
before a file is written, renamed or removed, where a process has the most to lose. Killed is the command alone, or with
all processes that it has begun.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import small_spec

ROOT = Path(__file__).resolve().parents[2]
#: A sweep of a network that is trained in a second.
SPEC = small_spec.text(
    data={
        "name": "digits", "scale": 16, "train_samples": 300, "test_samples": 60,
        "split": {"validation": 0.1, "test": 0.2},
    },
    training={"epochs": 2, "batch_size": 64, "learning_rate": 3.0e-3},
    hls={"board": "zcu104"},
    sweep={
        "parameters": {"bits": {"path": "precision.layers.*.weight", "bits": [3, 4, 6]}},
        "objectives": ["accuracy", "lut"],
    },
)  # fmt: skip
#: Every so many runs begin with nothing compiled: compiling takes longer than all the rest.
COMPILED_ANEW = 8
#: After so many kills of one run it is let through, so that another one begins.
MOST_IN_A_ROW = 8
#: Seconds after which a command that nobody kills hangs.
PATIENCE = 900


@dataclass
class Kills:
    """What was seen: kills, runs that went through after them, and what was wrong, in words."""

    kills: int = 0
    by_time: int = 0
    at_changes: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Warm:
    """The process of tests/hard/warm.py, which begins commands quickly."""

    def __init__(self, folder: Path, module: str, **environment: str) -> None:
        self.folder, self.module = folder, module
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hard.warm"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip
        self.threads = self._line()["threads"]

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def run(
        self, arguments: list[str], below: Path, *, seconds: float | None = None, change: int | None = None,
        group: bool = False,
    ) -> tuple[int, int | None]:  # fmt: skip
        """Run a command and kill it after some seconds or at a change; its exit code (negative: a signal) and, where it
        got so far, how many changes it made. `group`: all processes that it has begun are killed, too.
        """
        asked = {
            "module": self.module,
            "arguments": arguments,
            "below": str(below),
            "kill_at": change,
            "log": str(self.folder / "log.txt"),
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        child = self._line()["process"]
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE if seconds is None else seconds)
        if not ready:
            with contextlib.suppress(ProcessLookupError):  # it has ended in this moment
                os.killpg(child, signal.SIGKILL) if group else os.kill(child, signal.SIGKILL)
        ended = self._line()
        if group or seconds is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        if not ready and seconds is None:
            raise TimeoutError(f"fpga-flow {' '.join(arguments)} took more than {PATIENCE} seconds")
        return ended["status"], ended["changes"]

    def said(self) -> str:
        """The end of what the commands have printed."""
        return (self.folder / "log.txt").read_text(errors="replace")[-2000:]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def kill_often(
    arguments: list[str], folder: Path, count: int, seed: int, contents: Callable[[Path], dict[str, str]],
    module: str = "fpga_flow.cli", tell: Callable[[str], None] = lambda text: None,
) -> Kills:  # fmt: skip
    """Kill a command `count` times; `--out` is added to its arguments. `folder` is for all that it leaves.

    Args:
        contents: what in the folder of runs must be as it is without kills: the names, with what each must equal. Files
            that are there in one and not in the other are wrong, too.
        module: whose main() the command is.
    """
    started, random_, seen = time.monotonic(), random.Random(seed), Kills()
    temporary, cache = folder / "tmp", folder / "cache"
    temporary.mkdir()
    warm = Warm(folder, module, TMPDIR=str(temporary), FPGA_FLOW_CACHE=str(cache))
    try:
        straight = folder / "straight"
        began = time.monotonic()
        code, changes = warm.run([*arguments, "--out", str(straight)], straight)
        takes = time.monotonic() - began
        if code or changes is None:
            raise RuntimeError(f"without any kill it gave exit code {code}: {warm.said()}")
        expected = contents(straight)
        while seen.kills < count:
            out = folder / f"killed-{seen.finished}"
            if seen.finished % COMPILED_ANEW == 0:
                shutil.rmtree(cache, ignore_errors=True)  # so that compiling is killed, too
            for number in range(MOST_IN_A_ROW + 1):
                last = number == MOST_IN_A_ROW or seen.kills == count
                by_time, group = random_.random() < 0.5, random_.random() < 0.5
                moment: dict[str, Any] = {}
                place = random_.random() ** (1 if number == 0 else 3)  # what goes on has less before it
                if not last and by_time:
                    moment = {"seconds": place * takes, "group": group}
                elif not last:
                    moment = {"change": 1 + int(place * changes), "group": group}
                began = time.monotonic()
                code, _ = warm.run([*arguments, "--out", str(out)], out, **moment)
                if code == -signal.SIGKILL:
                    seen.kills += 1
                    seen.by_time += by_time
                    seen.at_changes += not by_time
                    continue
                if number == 0:
                    takes = (takes + time.monotonic() - began) / 2  # other work on the machine comes and goes
                if code:
                    seen.wrong.append(f"after {number} kills it gave exit code {code}: {warm.said()}")
                break
            seen.finished += 1
            seen.wrong += differences(expected, contents(out))
            seen.wrong += [f"left behind: {each.name}" for each in temporary.iterdir()]
            seen.wrong += [f"left behind in the cache: {each.name}" for each in (cache / "csim").glob(".*")]
            tell(f"{seen.kills} kills, {seen.finished} runs went through, {len(seen.wrong)} things wrong")
            if not seen.wrong:
                shutil.rmtree(out)
    finally:
        warm.close()
    seen.seconds = round(time.monotonic() - started, 1)
    return seen


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is not as it should be, in words."""
    wrong = [f"missing: {name}" for name in expected.keys() - found.keys()]
    wrong += [f"left behind: {name}" for name in found.keys() - expected.keys()]
    return wrong + [f"differs: {name}" for name in expected.keys() & found.keys() if expected[name] != found[name]]


def contents_of_runs(out: Path) -> dict[str, str]:
    """All files in a folder of runs; of those that must be the same, byte for byte, a digest of what is in them, and of
    the records the digests in them.
    """
    found = {}
    for file in sorted(path for path in out.rglob("*") if path.is_file()):
        name = file.relative_to(out).as_posix()
        same = ("/project/" in name and file.name != "hls4ml.log") or file.suffix in (".fpz", ".npy", ".h5", ".npz")
        if file.name == "run.json":
            record = json.loads(file.read_text())
            found[name] = json.dumps([record["digest"], [each["digest"] for each in record["stages"]]])
        elif file.name == "sweep.json":  # trials are numbered in the order in which they were begun
            record = json.loads(file.read_text())
            trials = [[each["values"], each["state"], each["measures"]] for each in record["trials"]]
            found[name] = json.dumps(sorted(map(json.dumps, trials)))
        elif file.parent.name == "front":
            content = "".join(line for line in file.read_text().splitlines(True) if not line.startswith("#"))
            found[f"{file.parent.relative_to(out).as_posix()}/{hashlib.sha256(content.encode()).hexdigest()}"] = ""
        elif ".locks" not in file.parts:  # locks stay, one for each name that was locked
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest() if same else ""
    return found
