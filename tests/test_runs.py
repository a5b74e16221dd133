"""Stages appear whole or not at all, are shared, and survive kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fpga_flow import runs
from fpga_flow.runs import Run, Stage

STAGE = Stage(1, "work", "d1")


def make(root: Path, digest: str = "run1", stage: Stage = STAGE) -> Run:
    run = Run(root, "name", digest, (stage,))
    run.folder.mkdir(parents=True, exist_ok=True)
    return run


def write(text: str):
    def work(folder: Path) -> dict:
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "file.txt").write_text(text)
        return {"text": text}

    return work


def test_a_stage_is_done_once_and_read_back(tmp_path):
    run = make(tmp_path)
    assert run.finished(STAGE) is None
    done = run.do(STAGE, write("hello"))
    assert not done.cached
    assert done.folder == run.folder / "1-work"
    again = run.finished(STAGE)
    assert again is not None
    assert again.cached
    assert again.result == {"text": "hello"}
    assert (again.folder / "sub" / "file.txt").read_text() == "hello"


def test_a_failed_stage_leaves_no_stage_folder(tmp_path):
    run = make(tmp_path)

    def fail(folder: Path) -> dict:
        (folder / "half").write_text("half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        run.do(STAGE, fail)
    assert not (run.folder / "1-work").exists()
    assert run.finished(STAGE) is None


def test_work_goes_on_from_what_a_killed_run_left(tmp_path):
    run = make(tmp_path)

    def fail(folder: Path) -> dict:
        (folder / "checkpoint").write_text("epoch 7")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.do(STAGE, fail)
    done = run.do(STAGE, lambda folder: {"found": (folder / "checkpoint").read_text()})
    assert done.result == {"found": "epoch 7"}


def test_what_a_stage_goes_on_from_is_there_until_all_else_is_written(tmp_path, monkeypatch):
    run = make(tmp_path)

    def work(folder: Path) -> dict:
        (folder / runs.UNFINISHED).mkdir(exist_ok=True)
        (folder / runs.UNFINISHED / "checkpoint.npz").write_text("epoch 7")
        return write("done")(folder)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            run.do(STAGE, work)
    assert (run.folder / ".1-work.partial" / runs.UNFINISHED / "checkpoint.npz").is_file()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            run.do(STAGE, work)
    done = run.do(STAGE, lambda folder: pytest.fail("it is whole, but for its name"))
    assert done.result == {"text": "done"}
    assert not (done.folder / runs.UNFINISHED).exists()
    assert run.finished(STAGE) is not None


def test_what_another_digest_left_is_not_used(tmp_path):
    run = make(tmp_path)

    def fail(folder: Path) -> dict:
        (folder / "checkpoint").write_text("of other settings")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.do(STAGE, fail)
    changed = Stage(1, "work", "d2")
    done = run.do(changed, lambda folder: {"there": (folder / "checkpoint").exists()})
    assert done.result == {"there": False}


def test_another_run_with_the_same_stage_copies_it(tmp_path):
    first, second = make(tmp_path, "run1"), make(tmp_path, "run2")
    assert not second.has(STAGE)
    done = first.do(STAGE, write("shared"))
    assert second.has(STAGE)
    found = second.finished(STAGE)
    assert found is not None
    assert found.cached
    assert found.folder == second.folder / "1-work"
    (found.folder / "sub" / "file.txt").write_text("changed in the copy")
    assert (done.folder / "sub" / "file.txt").read_text() == "shared"


def test_a_changed_stage_is_set_aside_and_done_again(tmp_path):
    run = make(tmp_path)
    file = run.do(STAGE, write("mine")).folder / "sub" / "file.txt"
    file.write_text("edited by the user")
    assert run.finished(STAGE) is None
    run.do(STAGE, write("mine"))
    assert file.read_text() == "mine"
    assert (run.folder / "1-work.old-1" / "sub" / "file.txt").read_text() == "edited by the user"


@pytest.mark.parametrize("damage", ["", "{", "{}", '{"digest": "d1", "files": 3}'])
def test_a_damaged_record_is_no_finished_stage(tmp_path, damage):
    run = make(tmp_path)
    done = run.do(STAGE, write("x"))
    (done.folder / "stage.json").write_text(damage)
    assert run.finished(STAGE) is None


def test_sigkill_in_a_stage_leaves_it_undone_and_resumable(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom fpga_flow.runs import Run, Stage\n"
        "run = Run(Path(sys.argv[1]), 'name', 'run1', ())\n"
        "def work(folder):\n    (folder / 'checkpoint').write_text('half')\n    print('working', flush=True)\n"
        "    time.sleep(60)\n"
        "with run.locked():\n    run.do(Stage(1, 'work', 'd1'), work)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"working\n"
        os.kill(process.pid, signal.SIGKILL)
    run = make(tmp_path)
    with run.locked(lambda: pytest.fail("the killed process still holds the lock")):
        assert run.finished(STAGE) is None
        done = run.do(STAGE, lambda folder: {"found": (folder / "checkpoint").read_text()})
    assert done.result == {"found": "half"}


def test_two_processes_do_not_work_on_one_run_at_a_time(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom fpga_flow.runs import Run\n"
        "with Run(Path(sys.argv[1]), 'name', 'run1', ()).locked():\n"
        "    print('locked', flush=True)\n    time.sleep(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        waited = []
        started = time.monotonic()
        with make(tmp_path).locked(lambda: waited.append(True)):
            assert waited == [True]
            assert process.wait(5) == 0
        assert time.monotonic() - started > 0.3


def test_of_runs_with_a_stage_in_common_one_does_it(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom fpga_flow.runs import Run, Stage\n"
        "run = Run(Path(sys.argv[1]), 'name', 'run1', ())\nstage = Stage(1, 'work', 'd1')\n"
        "with run.locked(), run.alone(stage):\n    print('locked', flush=True)\n    time.sleep(0.5)\n"
        "    run.do(stage, lambda folder: {'by': 'the other'})\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run = Run(tmp_path, "name", "run2", ())
        with run.locked():
            assert run.finished(STAGE) is None
            waited = []
            with run.alone(STAGE, lambda: waited.append(True)):
                assert waited == [True]
                assert run.finished(STAGE).result == {"by": "the other"}


def test_digests_depend_on_values_not_on_their_order():
    assert runs.digest({"a": 1, "b": 2}) == runs.digest({"b": 2, "a": 1})
    assert runs.digest({"a": 1}) != runs.digest({"a": 2})
    assert runs.digest(1) != runs.digest("1")
    with pytest.raises(ValueError, match="JSON"):
        runs.digest(float("nan"))


def test_code_digest_sees_the_package_s_files():
    assert runs.code_digest("hls") != runs.code_digest("csim")
    assert runs.code_digest("hls") == runs.code_digest("hls")


def test_json_is_written_whole(tmp_path):
    path = tmp_path / "run.json"
    runs.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        runs.write_json(path, {"a": float("inf")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_latest_leads_to_the_run_marked_last(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs.mark_latest(tmp_path / name)
        assert (tmp_path / "latest").resolve() == (tmp_path / name).resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one", "two"]
    assert not (tmp_path / "latest").readlink().is_absolute()


def test_latest_replaces_nothing_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "latest").write_text("mine", encoding="utf-8")
    runs.mark_latest(tmp_path / "one")
    assert (tmp_path / "latest").read_text(encoding="utf-8") == "mine"
