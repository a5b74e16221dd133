"""The page of a sweep: what the template needs, gathered from its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2.utils import htmlsafe_json_dumps

from fpga_flow.report import sweep_figures, text
from fpga_flow.report.page import interval
from fpga_flow.report.rendering import fill
from fpga_flow.report.sweep_data import finite, link, measured, page_data, value_text
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import Parameter, SweepResult, Trial

#: Longer fronts, and lists of values, are only shown in part.
MOST_FRONT, MOST_LISTED = 100, 12


@dataclass(frozen=True)
class Cell:
    """A number as the reader sees it, with its 95 % interval in words, if that is known."""

    value: str
    interval: str = ""


@dataclass(frozen=True)
class FrontRow:
    """A trial of the front; `spec` and `report` are addresses, the latter if there is one."""

    number: int
    values: tuple[str, ...]
    cells: tuple[Cell, ...]
    spec: str
    report: str | None


def render(result: SweepResult) -> str:
    """The whole page.

    Args:
        result: what was found, perhaps nothing yet.

    Raises:
        ValueError: the report of a trial is not relative to the sweep's folder.
    """
    names = measured(result)
    titles = {name: title(name) for name in MEASURES}
    changes = [name for name in MEASURES if any(name in each.change for each in result.sensitivities)]
    shares = {name: each for name, each in result.importances.items() if each}
    context = {
        "result": result,
        "parameters": [(each, _listed(each, result.trials)) for each in result.parameters],
        "value_text": value_text,
        "objectives": [f"{titles[name]}, {_WISHES[MEASURES[name].direction]}" for name in result.objectives],
        "constraints": constraints(result.constraints),
        "counts": Counter(trial.state for trial in result.trials),
        "feasible": sum(trial.feasible for trial in result.done()),
        "time": _time(result.trials),
        "best": _best(result),
        "titles": titles,
        "measured": names,
        "front": _front(result, names),
        "most_front": MOST_FRONT,
        "trials_figure": sweep_figures.trials(),
        "curve_names": _curve_names(result, names),
        "curve_figure": sweep_figures.curve(),
        "parallel_figure": sweep_figures.parallel(),
        "sensitivity_figure": sweep_figures.sensitivity(len({each.parameter for each in result.sensitivities})),
        "changes": changes,
        "change": _change,
        "importances": (shares, sweep_figures.importances(shares, titles)) if shares else None,
        "growth": sweep_figures.growth(result.hypervolume) if result.hypervolume else None,
        "data": htmlsafe_json_dumps(page_data(result), separators=(",", ":"), allow_nan=False),
    }
    return fill("sweep.html.j2", **context)


def title(measure: str) -> str:
    """A measure's name with its unit."""
    known = MEASURES[measure]
    return f"{known.label} ({known.unit})" if known.unit else known.label


def shown(measure: str, value: float | None) -> str:
    """A measure's value, with no unit but per cent."""
    value = finite(value)
    if value is None:
        return text.NONE
    if MEASURES[measure].share:
        return text.percent(value)
    return text.number(int(value)) if float(value).is_integer() else text.short(value)


def constraints(given: Mapping[str, Any]) -> list[str]:
    """Each constraint in words: "latency (cycles) at most 50"."""
    lines: list[str] = []
    for name, limit in given.items():
        known = title(name) if name in MEASURES else name
        if isinstance(limit, Mapping):
            ends = limit.items()
            lines += [
                f"{known} {end.replace('_', ' ')} {shown(name, value) if name in MEASURES else text.plain(value)}"
                for end, value in ends
                if value is not None
            ]
        elif name == "fits":
            lines += ["fits the board"] if limit else []
        else:
            lines.append(f"{known} {text.plain(limit)}")
    return lines


_WISHES = {"maximize": "as much as possible", "minimize": "as little as possible"}


def _listed(parameter: Parameter, trials: tuple[Trial, ...]) -> str:
    """The values of a parameter, the first ones of many; of a range, which part of it was tried."""
    if parameter.values is None:
        tried = [trial.values[parameter.name] for trial in trials if parameter.name in trial.values]
        return f"numbers from {value_text(min(tried))} to {value_text(max(tried))}" if tried else "numbers of a range"
    values = [value_text(value) for value in parameter.values]
    if len(values) <= MOST_LISTED:
        return ", ".join(values)
    return f"{', '.join(values[: MOST_LISTED // 2])}, … {values[-1]} ({len(values):,} values)"


def _time(trials: tuple[Trial, ...]) -> dict[str, Any]:
    """The seconds of all trials together, and when the first began and the last ended, where that is known."""
    ends = [(datetime.fromisoformat(trial.finished), trial.seconds) for trial in trials if trial.finished]
    return {
        "seconds": sum(trial.seconds for trial in trials),
        "begun": min((end - timedelta(seconds=seconds) for end, seconds in ends), default=None),
        "ended": max((end for end, _ in ends), default=None),
    }


def _best(result: SweepResult) -> list[tuple[str, str, Trial]]:
    """For each objective its title, the best value among trials that keep the constraints, and that trial: of several
    one on the front.
    """
    found, front = [], frozenset(result.front)
    for name in result.objectives:
        sign = -1 if MEASURES[name].direction == "maximize" else 1
        values = [(finite(trial.measures.get(name)), trial) for trial in result.done() if trial.feasible]
        known = [(value, trial) for value, trial in values if value is not None]
        if known:
            value, trial = min(known, key=lambda each: (sign * each[0], each[1].number not in front, each[1].number))
            found.append((title(name), shown(name, value), trial))
    return found


def _front(result: SweepResult, names: list[str]) -> list[FrontRow]:
    by_number = {trial.number: trial for trial in result.trials}
    return [_front_row(result, by_number[number], names) for number in result.front[:MOST_FRONT]]


def _front_row(result: SweepResult, trial: Trial, names: list[str]) -> FrontRow:
    values = tuple(
        value_text(trial.values[each.name]) if each.name in trial.values else text.NONE for each in result.parameters
    )
    cells = tuple(_cell(name, trial.measures.get(name), result.samples.get(name)) for name in names)
    return FrontRow(trial.number, values, cells, f"front/{trial.number}.yaml", link(trial.report))


def _cell(name: str, value: float | None, samples: int | None) -> Cell:
    value = finite(value)
    if value is None or samples is None or not MEASURES[name].share:
        return Cell(shown(name, value))
    low, high = interval(value, samples)
    return Cell(shown(name, value), f"{text.percent(low, 1)} to {text.percent(high, 1)}")


def _curve_names(result: SweepResult, names: list[str]) -> list[str]:
    """The measures that are drawn against each parameter."""
    return [name for name in dict.fromkeys(("accuracy", "lut", "dsp", *result.objectives)) if name in names]


def _change(measure: str, value: float | None) -> str:
    """The change of a measure with its sign; of a share, in points."""
    value = finite(value)
    if value is None:
        return text.NONE
    if MEASURES[measure].share:
        return text.points(0.0, value)
    return ("+" if value > 0 else "") + shown(measure, value).replace("-", "\N{MINUS SIGN}")
