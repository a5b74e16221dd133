"""The database that keeps a sweep's trials: SQLite in the sweep's folder, or a server that many machines reach."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from fpga_flow import whole
from fpga_flow.errors import InputError, ToolError

#: So often it is tried to open a database whose tables others make at the same time.
_ATTEMPTS = 5


def sqlite(path: Path) -> str:
    """The URL of an SQLite file, whatever signs are in its path."""
    return sqlalchemy.engine.URL.create("sqlite", database=str(path.absolute())).render_as_string()


def storage(url: str) -> optuna.storages.RDBStorage:
    """The storage at a URL. SQLite waits for others to write; servers are asked whether they are still there."""
    try:
        parts = sqlalchemy.make_url(url)
    except ValueError as error:  # its port is no number
        raise ArgumentError(str(error)) from error
    file = None if parts.query or parts.database == ":memory:" else parts.database
    if file and parts.drivername in ("sqlite", "sqlite+pysqlite"):
        _make_file(Path(file))
    engine = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    for left in reversed(range(_ATTEMPTS)):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=engine)
        except RuntimeError as error:
            raise _OtherVersion(str(error)) from error
        except DBAPIError as error:
            if not left or "already exists" not in str(error):
                raise
        time.sleep(0.5)  # another process makes the tables at this moment
    raise AssertionError("the last attempt returns or raises")


def _make_file(path: Path) -> None:
    """Make an SQLite file whole, if it is not there: a process that is killed between Optuna's making of a table and of
    the table's index would leave one whose studies can have the same name.
    """
    if path.exists():
        return
    # Where that can't be done, for example for want of hard links, Optuna makes it in its place, or says why it can't;
    # another process may have been faster.
    with suppress(OSError), whole.held(path.parent, f".{path.name}.", ".unfinished") as folder:
        made = folder / path.name
        optuna.storages.RDBStorage(sqlite(made)).engine.dispose()
        os.link(made, path)


class _OtherVersion(Exception):  # noqa: N818
    """The database was made by another version of Optuna."""


@contextmanager
def reached(url: str) -> Iterator[None]:
    """What SQLAlchemy and the drivers say of a database that can't be used becomes an error of the user's.

    Raises:
        InputError: the URL is none, or the database can't be reached or used.
        ToolError: the driver is not installed.
    """
    example = "for example postgresql+psycopg://user@host/database"
    try:
        yield
    except NoSuchModuleError as error:
        kinds = "an SQLite, PostgreSQL or MySQL database"
        raise _refused(f"expected the URL of {kinds}, {example}, got {_shown(url)}") from error
    except ArgumentError as error:
        raise _refused(f"expected the URL of a database, {example}, got something else") from error
    except ImportError as error:
        name = getattr(error.__cause__ or error, "name", None)  # Optuna's own error has none
        needed = f"expected the Python package {name}, which {_shown(url)} needs"
        raise ToolError(f"{needed}: install it with pip") from error
    except DBAPIError as error:
        raise _refused(f"the database {_shown(url)} can't be used: {_reason(error.orig)}") from error
    except (optuna.exceptions.StorageInternalError, _OtherVersion) as error:
        cause = error.__cause__ or error
        raise _refused(f"the database {_shown(url)} can't be used: {_reason(getattr(cause, 'orig', cause))}") from error


def _refused(message: str) -> InputError:
    return InputError.at("--storage", message)


def _shown(url: str) -> str:
    """The URL without its password."""
    return sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)


def _reason(error: BaseException | None) -> str:
    lines = str(error).strip().split("\n") if error is not None else []
    return lines[0] if lines and lines[0] else type(error).__name__
