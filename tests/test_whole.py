"""Files and folders that appear by one rename, and what killed processes leave of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fpga_flow import whole as module
from fpga_flow.whole import clear, held, whole, whole_file
from tests.conftest import ROOT


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_file(path) as unfinished:
        unfinished.write_text("first")
        assert not path.exists()
    with pytest.raises(FileNotFoundError), whole_file(path) as unfinished:
        unfinished.with_name("missing").read_text(unfinished.write_text("second") and "utf-8")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask  # as any other file


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for number in range(2):
        with whole(folder) as unfinished:
            (unfinished / f"{number}.txt").touch()
    with pytest.raises(RuntimeError), whole(folder):
        raise RuntimeError
    assert os.listdir(folder) == ["1.txt"]
    assert os.listdir(folder.parent) == ["folder"]


KILLED = """
import os, signal, sys
from pathlib import Path
from fpga_flow.whole import own_temporary_files, whole, whole_file
os.environ["TMPDIR"] = sys.argv[1]
own_temporary_files()
with whole_file(Path(sys.argv[1], "a.txt")) as file, whole(Path(sys.argv[1], "b")) as folder:
    file.write_text("half")
    (folder / "c.txt").write_text("half")
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"begun\n"
    with whole_file(tmp_path / "a.txt") as file, whole(tmp_path / "b"):
        file.touch()
        clear(tmp_path)
    assert len(os.listdir(tmp_path)) == 5  # it lives, and what it makes is left alone
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    with whole_file(tmp_path / "a.txt") as file, whole(tmp_path / "b"):
        file.touch()
    clear(tmp_path, "fpga_flow_command_", "")
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b"]


def test_what_was_taken_for_a_killed_process_s_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may come between the making of a folder and the lock on it."""
    lock = module.fcntl.flock
    taken = []

    def flock(file: int, how: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].rmdir()
        lock(file, how)

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with held(tmp_path, ".") as folder:
        assert folder.is_dir()
        assert folder != taken[0]


def test_links_and_files_of_others_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / ".a.unfinished").symlink_to(tmp_path / "mine")
    (tmp_path / ".b.unfinished").touch()
    monkeypatch.setattr(module.os, "geteuid", lambda: os.getuid() + 1)
    clear(tmp_path)
    assert len(os.listdir(tmp_path)) == 3
    monkeypatch.undo()
    clear(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".a.unfinished", "mine"]
