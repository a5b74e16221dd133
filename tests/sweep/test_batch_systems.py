"""Sweeps in the jobs of SLURM and HTCondor; the programs in tests/stand_ins stand in for theirs, and run jobs here."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from fpga_flow.errors import InputError, ToolError
from fpga_flow.sweep import engine
from fpga_flow.sweep.plan import SweepOptions
from fpga_flow.sweep.watching import SweepUi
from tests.conftest import ROOT
from tests.sweep import fake, fake_work
from tests.sweep.conftest import LEAVES_SOCKETS

pytest.importorskip("dask_jobqueue")
dask = pytest.importorskip("dask")
pytestmark = LEAVES_SOCKETS


STAND_INS = ROOT / "tests" / "stand_ins"
PROGRAMS = {"slurm": ("sbatch", "scancel"), "htcondor": ("condor_submit", "condor_rm")}
#: What a user writes into ~/.config/dask/jobqueue.yaml.
SETTINGS = {
    "slurm": {"cores": 1, "memory": "2GB", "interface": "lo", "queue": "short", "walltime": "00:10:00"},
    "htcondor": {"cores": 1, "memory": "2GB", "disk": "1GB", "interface": "lo"},
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the programs, which comes first on the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_JOBS", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def install(programs: Path, system: str) -> None:
    for name in PROGRAMS[system]:
        (programs / name).symlink_to(STAND_INS / name)


def sweep(out: Path, system: str, settings: dict[str, object]) -> engine.SweepOutcome:
    import dask_jobqueue  # noqa: F401  (its own settings, which ours replace)

    plan = fake.plan("fake", fake.space(a=[1, 2, 3, 4], wait=[0.2]))
    with dask.config.set({f"jobqueue.{system}": {**dask.config.get(f"jobqueue.{system}"), **settings}}):
        return engine.carry_out(plan, SweepOptions(out, jobs=2, cluster=system), SweepUi(), fake_work.do)


@pytest.mark.parametrize("system", ["slurm", pytest.param("htcondor", marks=pytest.mark.slow)])
def test_points_are_done_in_jobs_that_end_with_the_sweep(programs: Path, tmp_path: Path, system: str) -> None:
    install(programs, system)
    outcome = sweep(tmp_path, system, SETTINGS[system])
    outcome.raise_failures()
    assert len(fake_work.ends(tmp_path)) == len(set(fake_work.ends(tmp_path))) == 4
    jobs = (programs / "jobs").read_text().split()
    assert len(jobs) == 2
    assert sorted((programs / "cancelled").read_text().replace(".0", "").split()) == sorted(jobs)
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(int(job)) and psutil.Process(int(job)).status() != "zombie" for job in jobs):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    job = next(programs.glob("job.*")).read_text()
    asked = ["#SBATCH -p short", "#SBATCH --mem=2G", "#SBATCH -t 00:10:00"] if system == "slurm" else ["2000000000"]
    assert all(each in job for each in asked)


@pytest.mark.parametrize("system", SETTINGS)
def test_settings_are_missing(programs: Path, tmp_path: Path, system: str) -> None:
    install(programs, system)
    with pytest.raises(InputError) as caught:
        sweep(tmp_path, system, {})
    expected = f"--cluster: expected settings for {system} in Dask's configuration (jobqueue.{system}), got: You must"
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(("system", "program"), [("slurm", "sbatch"), ("htcondor", "condor_submit")])
def test_the_batch_system_is_not_installed(tmp_path: Path, system: str, program: str) -> None:
    with pytest.raises(ToolError, match=f"^expected the program {program} of {system} on the PATH, got none$"):
        sweep(tmp_path, system, SETTINGS[system])


def test_the_batch_system_refuses_the_jobs(programs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (programs / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition: short' >&2\nexit 1\n")
    (programs / "sbatch").chmod(0o755)
    with pytest.raises(InputError, match=r"^--cluster: slurm refuses the job: .*error: invalid partition: short$"):
        sweep(tmp_path, "slurm", SETTINGS["slurm"])
    assert capfd.readouterr().err == ""
