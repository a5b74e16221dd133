"""The flow as users have it: from a wheel, in a path with a blank and umlauts, with no rights, home or network."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHORT = [
    "--set", "training.epochs=2", "--set", "compress.prune.epochs=1", "--set", "compress.quantize.epochs=1",
    "--set", "csim.samples=50",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, in a path with a blank and an umlaut; its Python.

    The packages that the wheel needs are those of this environment.
    """
    folder = tmp_path_factory.mktemp("größe 1")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    command.append(str(ROOT))
    subprocess.run(command, check=True)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    (here,) = (folder / "env" / "lib").glob("python*/site-packages")
    others = [path for path in [*site.getsitepackages(), *sys.path] if path.endswith("site-packages")]
    # the wheel's own folder comes first, so that the package is the installed one
    (here / "others.pth").write_text("".join(f"{path}\n" for path in dict.fromkeys(others)))
    return python


def _skip_without(unshare: Sequence[str]) -> None:
    """Skip the test where namespaces can't be made."""
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"{' '.join(unshare)} is not possible here")


def call(
    python: Path, arguments: Sequence[str], folder: Path, *, before: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder, with nothing of the checkout in sight."""
    command = [*before, str(python), "-m", "fpga_flow.cli", *arguments]
    given = {**plain_environment(), **environment}
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def plain_environment() -> dict[str, str]:
    """The variables without those that lead to the checkout, or set anything of the flow."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "FPGA_FLOW", "PYTEST"))}


def works(
    python: Path, folder: Path, *, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> None:
    """Write a spec, run it, compare, in this environment."""
    given = {"HOME": str(folder), **(environment or {})}
    for arguments in (
        ["new", "netz", "--data", "digits", "--yes"],
        ["run", "netz.yaml", *SHORT, "--json"],
        ["report", "runs", "--out", "vergleich.html"],
    ):
        made = call(python, arguments, folder, before=before, **given)
        assert made.returncode == 0, (arguments, made.stderr)
    record = json.loads((folder / "runs" / "netz" / "latest" / "run.json").read_text())
    assert record["csim"]["exact"]
    assert (folder / "vergleich.html").is_file()
    assert (folder / "fpga_flow.schema.json").is_file()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "eigene netze ß"
    made.mkdir()
    return made


def test_a_wheel_in_a_path_with_blanks_and_umlauts(installed: Path, folder: Path) -> None:
    where = call(installed, ["boards", "--quiet"], folder)
    assert "pynq-z2" in where.stdout
    command = [str(installed), "-c", "import fpga_flow; print(fpga_flow.__file__)"]
    found = subprocess.run(command, cwd=folder, env=plain_environment(), capture_output=True, text=True, check=True)
    assert found.stdout.strip().startswith(str(installed.parent.parent))
    works(installed, folder)


def test_with_a_home_that_can_not_be_written(installed: Path, folder: Path) -> None:
    """Not even root can write below a file that is no folder, so neither can anybody here."""
    home = folder.parent / "home"
    home.write_text("")
    works(installed, folder, environment={"HOME": str(home)})


def test_a_user_who_is_not_root(installed: Path, folder: Path) -> None:
    """A user without rights beyond those of the files, and with a home that is not there."""
    before = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    _skip_without(before)
    works(installed, folder, before=before, environment={"HOME": "/nonexistent"})


def test_without_a_network(installed: Path, folder: Path) -> None:
    before = ["unshare", "--net", "--map-root-user"]
    _skip_without(before)
    works(installed, folder, before=before)
    made = call(installed, ["check", "mnist_lenet300"], folder, before=before, HOME=str(folder))
    assert made.returncode == 2
    assert made.stderr.startswith("error")
    assert "Traceback" not in made.stderr
