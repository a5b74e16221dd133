"""How results display themselves in Jupyter: tables and plots in plain HTML and SVG, without any script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpga_flow import boards
from fpga_flow.errors import FieldError
from fpga_flow.report import resources, svg, text
from fpga_flow.report.page import Verdict, verdict
from fpga_flow.report.rendering import fill
from fpga_flow.report.sweep import shown, title
from fpga_flow.report.sweep_data import finite, measured, value_text
from fpga_flow.resources.estimate import LUT_KIND
from fpga_flow.sweep.measures import MEASURES

if TYPE_CHECKING:
    from fpga_flow.csim import CsimResult
    from fpga_flow.hls.project import HlsProject
    from fpga_flow.resources.report import ResourceReport
    from fpga_flow.sweep.result import SweepResult

#: Rows of a table; the reports have all of them.
MOST_ROWS = 20
_LAYERS = ("name", "kind", "shape", "weight_type", "result_type", "strategy", "reuse_factor", "parameters", "nonzero")


def run(record: Mapping[str, Any], folder: Path, report: Path | None) -> str:
    """A run: what the C simulation says, accuracies, size, resources. `record` is empty if it was stopped before."""
    if not record:
        return fill("notebook.html.j2", parts=["stopped"], folder=_seen(folder))
    stages = [("float", record["metrics"]["float"]["accuracy"])]
    stages += [(each["name"], each["accuracy_after"]) for each in record["passes"]]
    stages += [
        ("as HLS", record["metrics"]["final"]["accuracy"]),
        ("C simulation", record["metrics"]["csim"]["accuracy"]),
    ]
    return fill(
        "notebook.html.j2",
        parts=["run", "resources"],
        record=record,
        verdict=verdict(record["csim"]),
        stages=[(name, value) for name, value in stages if value is not None],
        resources=[resources.shown(each) for each in record["resources"]],
        report=_seen(report),
    )


def sweep(result: SweepResult, report: Path) -> str:
    """A sweep: its front as a table, and all points in a plot of the first two objectives."""
    names = measured(result)
    front = frozenset(result.front)
    rows = [trial for trial in result.trials if trial.number in front]
    rows.sort(key=lambda trial: result.front.index(trial.number))
    drawn = None
    if len(result.objectives) > 1:
        y, x = result.objectives[:2]
        points = [
            (_scaled(x, at_x), _scaled(y, at_y), _title(result, trial), trial.number in front)
            for trial in result.done()
            if (at_x := finite(trial.measures.get(x))) is not None
            and (at_y := finite(trial.measures.get(y))) is not None
        ]
        drawn = svg.scatter(points, _axis(x), _axis(y))
    return fill(
        "notebook.html.j2",
        parts=["sweep"],
        result=result,
        done=len(result.done()),
        columns=["trial", *(each.name for each in result.parameters), *map(title, names)],
        rows=[
            [str(trial.number), *(value_text(trial.values[each.name]) if each.name in trial.values else text.NONE
                                  for each in result.parameters),
             *(shown(name, trial.measures.get(name)) for name in names)]
            for trial in rows[:MOST_ROWS]
        ],
        left_out=max(0, len(rows) - MOST_ROWS),
        scatter=drawn,
        svg=svg,
        report=_seen(report),
    )  # fmt: skip


def simulation(result: CsimResult) -> str:
    """A C simulation: its verdict and its times."""
    if result.exact or result.mismatches or not result.samples:
        said = verdict({**asdict(result), "first": result.first and str(result.first)})
    else:
        difference = f"The outputs of the C++ differ from the network's by up to {text.short(result.max_abs_diff)}."
        said = Verdict("good", f"C simulation: within its tolerance on {result.samples:,} samples", difference)
    return fill("notebook.html.j2", parts=["csim"], verdict=said, result=result)


def needed(report: ResourceReport) -> str:
    """Resource numbers, against what a network may use of the board, if that is known."""
    usable = None
    try:
        board = boards.load(report.board)
        usable = board.usable() if board.lut_kind == LUT_KIND else None
    except FieldError:  # a board of the user's own
        pass
    shown_report = resources.shown({**report.to_dict(), "usable": usable})
    return fill("notebook.html.j2", parts=["resources"], resources=[shown_report])


def project(made: HlsProject) -> str:
    """An HLS project: its settings and layers."""
    from fpga_flow.run_json import contents

    rows = [contents.layer(each) for each in made.layers]
    return fill(
        "notebook.html.j2",
        parts=["project"],
        settings=made.settings,
        folder=_seen(made.folder),
        columns=[name.replace("_", " ") for name in _LAYERS],
        rows=[[_cell(row[name]) for name in _LAYERS] for row in rows],
    )


def _seen(path: Path | None) -> str | None:
    """A path as seen from the working folder, if it is in there."""
    if path is None:
        return None
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _cell(value: Any) -> str:
    if value is None:
        return text.NONE
    if isinstance(value, list):
        return text.shape(value)
    return text.number(value) if isinstance(value, int) else str(value)


def _scaled(measure: str, value: float) -> float:
    return 100 * value if MEASURES[measure].share else value


def _axis(measure: str) -> str:
    return f"{title(measure)} in %" if MEASURES[measure].share else title(measure)


def _title(result: SweepResult, trial: Any) -> str:
    values = ", ".join(f"{name} {value_text(value)}" for name, value in trial.values.items())
    objectives = ", ".join(f"{title(name)} {shown(name, trial.measures.get(name))}" for name in result.objectives)
    return f"trial {trial.number}: {values}; {objectives}"
