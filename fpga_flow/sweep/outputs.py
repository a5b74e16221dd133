"""What a sweep leaves in its folder: tables, the front as specs that can be run, the report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fpga_flow import runs, spreadsheet
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import SweepResult, Trial
from fpga_flow.sweep.space import Space
from fpga_flow.whole import whole


def write(result: SweepResult, space: Space, folder: Path) -> Path:
    """Write all of it, each file by one rename, and return the path of the report."""
    from fpga_flow.report import sweep  # loads jinja2 and plotly

    columns = table(result)
    runs.write_text(folder / "sweep.csv", _csv(columns))
    _write_parquet(folder / "sweep.parquet", columns)
    runs.write_json(folder / "sweep.json", result.to_dict())
    _write_front(result, space, folder / "front")
    report = folder / "report.html"
    runs.write_text(report, sweep.render(result))
    return report


def table(result: SweepResult) -> dict[str, list[Any]]:
    """A row for each trial: columns of the parameters (where a measure has the same name, with `_value` behind it) and
    the measures by their names, and what became of the trial.
    """
    trials, front = result.trials, set(result.front)
    columns: dict[str, list[Any]] = {"trial": [trial.number for trial in trials]}
    fixed = ("trial", "state", "front", "feasible", "seconds", "simulated", "folder", "error", *MEASURES)
    for each in result.parameters:
        name = f"{each.name}_value" if each.name in fixed else each.name
        columns[name] = [trial.values[each.name] for trial in trials]
    for name in MEASURES:
        columns[name] = [trial.measures.get(name) for trial in trials]
    columns["state"] = [trial.state for trial in trials]
    columns["front"] = [trial.number in front for trial in trials]
    columns["feasible"] = [trial.feasible for trial in trials]
    columns["seconds"] = [trial.seconds for trial in trials]
    columns["simulated"] = [trial.simulated for trial in trials]
    columns["folder"] = [trial.folder for trial in trials]
    columns["error"] = [trial.error for trial in trials]
    return columns


def _csv(columns: Mapping[str, Sequence[Any]]) -> str:
    rows = zip(*columns.values(), strict=True)
    plain = ([str(cell).lower() if isinstance(cell, bool) else cell for cell in row] for row in rows)
    return spreadsheet.comma_separated([list(columns), *plain])


def _write_parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    content = io.BytesIO()
    arrays = {name: pyarrow.array(_alike(values)) for name, values in columns.items()}
    parquet.write_table(pyarrow.table(arrays), content)
    runs.write_bytes(path, content.getvalue())


def _alike(values: Sequence[Any]) -> Sequence[Any]:
    """Values of one type: those of several, and lists, as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or kinds & {list, dict}:
        return [None if value is None else str(value) for value in values]
    return values


def _write_front(result: SweepResult, space: Space, folder: Path) -> None:
    """A spec for each trial of the front, as its user would have written it."""
    trials = {trial.number: trial for trial in result.trials}
    with whole(folder) as new:
        for number in result.front:
            text = yaml.safe_dump(space.document(trials[number].values).data, sort_keys=False, allow_unicode=True)
            (new / f"{number}.yaml").write_text(f"{_head(result, trials[number])}{text}", encoding="utf-8")


def _head(result: SweepResult, trial: Trial) -> str:
    found = ", ".join(
        f"{MEASURES[name].label} {value:.2%}" if MEASURES[name].share else f"{MEASURES[name].label} {value:,.6g}"
        for name, value in trial.measures.items()
        if value is not None
    )
    return f"# Trial {trial.number} of a sweep of {result.name}, on its Pareto front: {found}.\n"
