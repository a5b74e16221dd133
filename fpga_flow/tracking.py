"""`--mlflow`: what came of runs and sweeps, as runs in MLflow.

They go where MLFLOW_TRACKING_URI says, or else into mlflow.db in the folder of all runs. The experiment is called as
the spec. Its parameters are the spec's fields by their paths, its metrics those that `fpga-flow report` compares, and
its artifacts run.json, spec.yaml and report.html. A sweep is a run that has its trials as children.
"""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpga_flow import doing
from fpga_flow.errors import ToolError

if TYPE_CHECKING:
    from fpga_flow.flow import Outcome
    from fpga_flow.sweep.engine import SweepOutcome

_VARIABLE = "MLFLOW_TRACKING_URI"
_FILE = "mlflow.db"
#: MLflow refuses longer values of parameters.
_MOST_CHARACTERS = 6000
_MOST_AT_A_TIME = 100
#: MLflow allows these characters beside letters and digits in the names of parameters and metrics.
_ALLOWED = "_-. :/"


class Tracker:
    """Logs to one server or database.

    Args:
        out: the folder of all runs.

    Raises:
        ToolError: MLflow is not installed.
    """

    def __init__(self, out: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent that was not asked for
        try:
            mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            raise ToolError(
                "expected the package mlflow-skinny for --mlflow, but it can't be imported: "
                f"pip install 'fpga_flow[mlflow]' ({error})"
            ) from error
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # how it makes a database is of no interest
        given = os.environ.get(_VARIABLE)
        self._artifacts = None if given else (out.absolute() / "mlflow_artifacts").as_uri()
        self.uri = given or f"sqlite:///{(out / _FILE).absolute()}"
        if not given:
            out.mkdir(parents=True, exist_ok=True)
        self._mlflow = mlflow
        self._client = self._asked(lambda: mlflow.MlflowClient(tracking_uri=self.uri))

    def run(self, outcome: Outcome) -> str:
        """Log a run that went through to its end; the number of the run in MLflow."""
        from fpga_flow.report import comparison_runs
        from fpga_flow.spec import changes

        doing.now("logging to MLflow")
        record = outcome.record
        parameters = changes.values_by_path(record["spec"])
        (row,) = comparison_runs.gather([outcome.folder]).rows()
        metrics = {key: value for key, value in row.items() if isinstance(value, int | float)}
        files = [outcome.folder / name for name in ("run.json", "spec.yaml", "report.html")]
        return self._log(record["name"], record["digest"], parameters, metrics, files, {"folder": str(outcome.folder)})

    def sweep(self, outcome: SweepOutcome) -> str:
        """Log a sweep with its trials; the number of the sweep's run in MLflow."""
        doing.now("logging to MLflow")
        result = outcome.result
        tags = {"folder": str(outcome.folder), "strategy": result.strategy, "board": result.board}
        counts = {"trials": len(result.trials), "front": len(result.front)}
        parent = self._log(result.name, f"sweep {result.digest}", {}, counts, [outcome.report], tags)
        for trial in result.trials:
            measures = {name: value for name, value in trial.measures.items() if value is not None}
            told = {
                "mlflow.parentRunId": parent, "state": trial.state, "front": str(trial.number in result.front),
                "feasible": str(trial.feasible), "error": trial.error,
            }  # fmt: skip
            self._log(result.name, f"trial {trial.number}", trial.values, measures, [], told, trial.state == "done")
        return parent

    def _log(
        self,
        experiment: str,
        name: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        files: list[Path],
        tags: Mapping[str, str],
        finished: bool = True,
    ) -> str:
        """Log one run whole; its number."""
        mlflow, client = self._mlflow, self._client

        def work() -> str:
            known = client.get_experiment_by_name(experiment)
            number = known.experiment_id if known else client.create_experiment(experiment, self._artifacts)
            run = str(client.create_run(number, run_name=name, tags=dict(tags)).info.run_id)
            now = int(time.time() * 1000)
            given = [mlflow.entities.Param(_name(key), _value(value)) for key, value in parameters.items()]
            measured = [mlflow.entities.Metric(_name(key), float(value), now, 0) for key, value in metrics.items()]
            for batch in _batched(given):
                client.log_batch(run, params=batch)
            for batch in _batched(measured):
                client.log_batch(run, metrics=batch)
            for file in files:
                client.log_artifact(run, str(file))
            client.set_terminated(run, "FINISHED" if finished else "FAILED")
            return run

        return str(self._asked(work))

    def _asked(self, work: Callable[[], Any]) -> Any:
        """What MLflow answers; what it refuses, or a server that is not there, is a failing tool."""
        try:
            return work()
        except (self._mlflow.exceptions.MlflowException, OSError) as error:
            raise ToolError(f"MLflow at {self.uri} failed: {error}") from error


def _batched(entries: list[Any]) -> Iterator[list[Any]]:
    """The entries in lists that MLflow takes at a time."""
    for start in range(0, len(entries), _MOST_AT_A_TIME):
        yield entries[start : start + _MOST_AT_A_TIME]


def _value(value: Any) -> str:
    from fpga_flow.report import text

    return text.plain(value)[:_MOST_CHARACTERS]


def _name(key: str) -> str:
    """A name that MLflow takes: other characters than it allows become `_`."""
    return "".join(each if each.isalnum() or each in _ALLOWED else "_" for each in key)
