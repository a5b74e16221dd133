"""What compilers made is kept by digest: whole or not at all, within a limit, and never needed."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from fpga_flow.csim import cache


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FPGA_FLOW_CACHE", str(tmp_path / "cache"))


def fill(size: int):
    def make(folder):
        (folder / "made").write_bytes(b"x" * size)

    return make


def test_an_entry_is_made_once():
    made = []

    def make(folder):
        made.append(folder)
        fill(1)(folder)

    first, there = cache.entry("a", make)
    again, there_again = cache.entry("a", make)
    assert (first, there, there_again, len(made)) == (again, False, True, 1)
    assert (first / "made").read_bytes() == b"x"


@pytest.mark.parametrize("damage", ["gone", "empty", "no list", "a file", "nothing"])
def test_what_is_damaged_is_made_anew(damage):
    found, _ = cache.entry("a", fill(3))
    if damage in ("gone", "no list"):
        (found / ("made" if damage == "gone" else "contents.json")).unlink()
    elif damage == "empty":
        (found / "made").write_bytes(b"")
    elif damage == "a file":
        shutil.rmtree(found)
        found.touch()
    again, there = cache.entry("a", fill(3))
    assert (again, there) == (found, damage == "nothing")
    assert (found / "made").read_bytes() == b"xxx"
    assert cache.entry("a", fill(3)) == (found, True)


def test_what_fails_leaves_nothing():
    def fails(folder):
        fill(1)(folder)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.entry("a", fails)
    assert list(cache.folder().iterdir()) == []


def test_what_another_process_made_meanwhile_is_taken():
    def slow(folder):
        cache.entry("a", fill(7))
        fill(1)(folder)

    found, there = cache.entry("a", slow)
    assert (len((found / "made").read_bytes()), there) == (7, False)
    assert [each.name for each in cache.folder().iterdir()] == ["a"]


def test_the_oldest_make_room(monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 280)
    for number, name in enumerate("abcd"):
        folder, _ = cache.entry(name, fill(100))
        long_ago = time.time() - 10_000 + number
        os.utime(folder, (long_ago, long_ago))
    cache.entry("a", fill(100))  # used again: now it is the newest
    cache.entry("e", fill(10))
    assert sorted(each.name for each in cache.folder().iterdir()) == ["a", "d", "e"]


def test_what_was_used_a_moment_ago_stays_whatever_its_size(monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 10)
    for name in "abc":
        cache.entry(name, fill(100))
    assert len(list(cache.folder().iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_replaced_by_one_that_can(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FPGA_FLOW_CACHE", str(tmp_path / "file"))
    found, there = cache.entry("a", fill(1))
    assert (found / "made").is_file()
    assert not there
    assert cache.entry("a", fill(1)) == (found, True)


def test_the_folder_is_the_one_of_the_users_caches(tmp_path, monkeypatch):
    monkeypatch.delenv("FPGA_FLOW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "fpga_flow" / "csim"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "fpga_flow" / "csim"
