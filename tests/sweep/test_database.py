"""The database of a sweep: an SQLite file that is there whole, or not at all."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest

from fpga_flow.sweep import database


def indexes(path: Path) -> set[str]:
    """The names of a database's indexes."""
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}


def test_a_process_that_ends_between_the_tables_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "study.db"

    def stopped(url: str, **_: Any) -> None:
        sqlite3.connect(url.removeprefix("sqlite:///")).execute("CREATE TABLE studies (study_id INTEGER)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optuna.storages, "RDBStorage", stopped)
        with pytest.raises(KeyboardInterrupt):
            database.storage(database.sqlite(path))
    assert list(tmp_path.iterdir()) == []
    database.storage(database.sqlite(path)).engine.dispose()
    assert "ix_studies_study_name" in indexes(path)
    assert [each.name for each in tmp_path.iterdir()] == ["study.db"]


def test_several_that_begin_at_once_have_one_database(tmp_path: Path) -> None:
    url = database.sqlite(tmp_path / "study.db")

    def begin(number: int) -> None:
        storage = database.storage(url)
        optuna.create_study(storage=storage, study_name=f"study {number}")
        storage.engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    found = optuna.get_all_study_names(database.storage(url))
    assert sorted(found) == [f"study {number}" for number in range(4)]


def test_what_is_no_file_makes_none_and_hard_links_are_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database.storage("sqlite:///:memory:").engine.dispose()
    assert list(tmp_path.iterdir()) == []

    def refused(*_: Any) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr("os.link", refused)
    database.storage(database.sqlite(tmp_path / "study.db")).engine.dispose()
    assert "ix_studies_study_name" in indexes(tmp_path / "study.db")
