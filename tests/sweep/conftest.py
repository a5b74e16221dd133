"""What tests of sweeps need: a PostgreSQL server, where it is installed, and patience with Dask."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: Of tests with Dask: it leaves sockets to the garbage collector, and tasks of event loops that it ends.
LEAVES_SOCKETS = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]


@pytest.fixture
def collected() -> Iterator[None]:
    """What Dask leaves unclosed is collected here, where its warnings are ignored."""
    yield
    gc.collect()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """Makes a database on a server of our own; returns its URL."""
    pytest.importorskip("psycopg", reason="no PostgreSQL driver psycopg")
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    if found[0] is None:
        pytest.skip("PostgreSQL is not installed")
    programs = Path(found[0]).parent
    user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        if shutil.which("runuser") is None or not _is_user("postgres"):
            pytest.skip("PostgreSQL can't be run as root, and there is no runuser or no user postgres")
        user = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))  # pytest's and our own are closed to others
    if user:
        shutil.chown(folder, "postgres")
    port = free_port()

    def call(name: str, *arguments: str) -> None:
        with open(folder / "log.txt", "a") as log:
            subprocess.run([*user, programs / name, *arguments], check=True, stdout=log, stderr=log, cwd=folder)

    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    try:
        call("initdb", "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "--no-sync")
        call("pg_ctl", "-D", f"{folder}/data", "-w", "-o", settings, "-l", f"{folder}/server.txt", "start")

        def make(name: str) -> str:
            call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", name)
            return f"postgresql+psycopg://tester@127.0.0.1:{port}/{name}"

        yield make
        call("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_user(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
