"""`--mlflow`: what is in the database afterwards, and what is said where MLflow is missing or out of reach."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import cli, flow, runs, tracking
from fpga_flow.errors import ToolError
from fpga_flow.flow import Outcome
from fpga_flow.sweep.engine import SweepOutcome

from .report.conftest import FakeRun, build
from .report.sweeps import grid


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    made: FakeRun = build(tmp_path / "runs" / "a" / "1")
    made.record["spec"] = {"name": "fake_net", "compress": [{"prune": {"sparsity": 0.5}}], "weird key!": "x" * 9000}
    runs.write_json(made.folder / "run.json", made.record)
    for name in ("spec.yaml", "report.html"):
        (made.folder / name).write_text(name)
    return Outcome(made.folder, made.record, made.folder / "report.html")


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package; in its own database only."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return pytest.importorskip("mlflow", reason="no MLflow")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_and_a_sweep(mlflow: Any, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "eigene läufe"
    tracker = tracking.Tracker(out)
    number = tracker.run(outcome)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{out / 'mlflow.db'}")
    logged = client.get_run(number)
    assert client.get_experiment(logged.info.experiment_id).name == "fake_net"
    assert logged.data.params["compress.prune.sparsity"] == "0.5"
    assert logged.data.params["weird key_"] == "x" * 6000
    assert logged.data.metrics["accuracy.csim"] == outcome.record["metrics"]["csim"]["accuracy"]
    assert logged.data.metrics["estimate.lut"] == outcome.record["resources"][0]["lut"]
    assert {each.path for each in client.list_artifacts(number)} == {"run.json", "spec.yaml", "report.html"}
    assert logged.info.status == "FINISHED"

    result = grid()
    parent = tracker.sweep(SweepOutcome(outcome.folder, result, outcome.folder / "report.html"))
    experiment = client.get_experiment_by_name(result.name).experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=100)
    assert len(children) == len(result.trials)
    by_name = {each.info.run_name: each for each in children}
    for trial in result.trials:
        child = by_name[f"trial {trial.number}"]
        assert child.data.metrics == {key: value for key, value in trial.measures.items() if value is not None}
        assert child.data.tags["state"] == trial.state
        assert child.info.status == ("FINISHED" if trial.state == "done" else "FAILED")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["eigene läufe", "runs"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_server_that_is_not_there(mlflow: Any, outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ToolError, match=r"MLflow at http://127\.0\.0\.1:9 failed: "):
        tracking.Tracker(outcome.folder).run(outcome)


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_without_mlflow_nothing_is_begun(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    real = importlib.import_module

    def missing(name: str, *more: Any) -> Any:
        if name == "mlflow":
            raise ImportError("No module named 'mlflow'")
        return real(name, *more)

    monkeypatch.setattr(tracking.importlib, "import_module", missing)
    monkeypatch.setattr(sys, "argv", ["fpga-flow", command, "digits_mlp", "--mlflow", "--out", str(tmp_path / "runs")])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 3
    assert capsys.readouterr().err == (
        "error: expected the package mlflow-skinny for --mlflow, but it can't be imported: "
        "pip install 'fpga_flow[mlflow]' (No module named 'mlflow')\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_command_logs_what_it_did(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    logged: list[Any] = []

    class Fake:
        def __init__(self, out: Path) -> None:
            logged.append(out)

        def run(self, outcome: Outcome) -> str:
            logged.append(outcome)
            return "1"

    done: Callable[..., Outcome] = lambda *_, **__: outcome  # noqa: E731
    monkeypatch.setattr(tracking, "Tracker", Fake)
    monkeypatch.setattr(flow, "run", done)
    monkeypatch.setattr(sys, "argv", ["fpga-flow", "run", "digits_mlp", "--mlflow", "--out", str(tmp_path), "--json"])
    cli.main()
    assert logged == [tmp_path, outcome]
    assert json.loads(capsys.readouterr().out)[0]["name"] == "fake_net"
