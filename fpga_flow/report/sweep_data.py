"""What the script of a sweep's page works on: the trials as columns of numbers, and what is counted of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from fpga_flow.report import text
from fpga_flow.sweep.measures import MEASURES
from fpga_flow.sweep.result import Parameter, SweepResult, Trial

#: What a trial can be, by the numbers that the page has for it, as readers see it.
KINDS = ("front", "dominated", "breaks a constraint", "refused", "stopped", "failed")
#: A parameter of more different values than this is shown in so many ranges of about equally many trials.
MOST_VALUES, RANGES = 24, 12
#: Axes of the parallel coordinates, and lines of a text that follows the mouse.
MOST_PARAMETERS, MOST_MEASURES = 12, 6


@dataclass(frozen=True)
class Dimension:
    """A parameter whose values are numbered: `labels` in their order, `numbers` if all of them are numbers."""

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...] | None

    @classmethod
    def of(cls, parameter: Parameter, trials: Sequence[Trial]) -> Dimension:
        """A parameter with all values that it can have or that a trial had."""
        seen = [trial.values[parameter.name] for trial in trials if parameter.name in trial.values]
        return cls.of_values(parameter.name, [*(parameter.values or ()), *seen])

    @classmethod
    def of_values(cls, name: str, values: Sequence[Any]) -> Dimension:
        """Different values in the order of their sizes, if all of them are numbers; else in their own."""
        by_label = {value_text(value): value for value in values}
        numbers = [each for each in by_label.values() if isinstance(each, int | float) and not isinstance(each, bool)]
        if len(numbers) < len(by_label) or not all(map(math.isfinite, numbers)):
            return cls(name, tuple(by_label), None)
        ordered = sorted(by_label.items(), key=lambda item: item[1])
        return cls(name, tuple(label for label, _ in ordered), tuple(float(value) for _, value in ordered))

    def codes(self, trials: Sequence[Trial]) -> list[int | None]:
        """The number of each trial's value; None for a trial without this parameter."""
        known = {label: number for number, label in enumerate(self.labels)}
        values = [trial.values for trial in trials]
        return [known[value_text(each[self.name])] if self.name in each else None for each in values]


@dataclass(frozen=True)
class Curve:
    """Measures of the trials with each value of a parameter, or with each range of its values.

    labels, places  of the values; `places` on an axis of numbers, None where they are no numbers
    settings        of the other parameters that were tried with every value: only their trials count; 0 where these
                    are less than half of the trials, and all count
    counts          of trials
    measures        median, least and greatest by the names of measures, NaN where there are none; (3, values)
    """

    labels: tuple[str, ...]
    places: tuple[float, ...] | None
    settings: int
    counts: tuple[int, ...]
    measures: Mapping[str, NDArray[np.float64]]


def measured(result: SweepResult) -> list[str]:
    """Names of the measures that at least one trial has."""
    return [name for name in MEASURES if any(finite(trial.measures.get(name)) is not None for trial in result.trials)]


def most_important(result: SweepResult, dimensions: Sequence[Dimension], most: int) -> list[int]:
    """The places of at most so many parameters, in their order: of those that vary, the ones that matter most for the
    first objective, if that is known.
    """
    shares = result.importances.get(result.objectives[0], {})
    places = [place for place, each in enumerate(dimensions) if len(each.labels) > 1]
    chosen = sorted(places, key=lambda place: -shares.get(dimensions[place].name, 0.0))
    return sorted(chosen[:most])


def kind(trial: Trial, front: frozenset[int]) -> str:
    """Which of `KINDS` a trial is."""
    if trial.state != "done":
        return trial.state
    return "front" if trial.number in front else "dominated" if trial.feasible else "breaks a constraint"


def link(path: str | None) -> str | None:
    """A path relative to the sweep's folder as an address.

    Raises:
        ValueError: it is not relative.
    """
    if path is None:
        return None
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or path.startswith(("/", "\\")):
        raise ValueError(f"expected a path relative to the sweep's folder, got {path!r}")
    return quote(path)


def page_data(result: SweepResult) -> dict[str, Any]:
    """JSON values: columns with a number for each trial, so that thousands of trials stay small."""
    names, front = measured(result), frozenset(result.front)
    dimensions = [Dimension.of(each, result.trials) for each in result.parameters]
    errors = list(dict.fromkeys(trial.error for trial in result.trials))
    error_numbers = {error: number for number, error in enumerate(errors)}
    return {
        "kinds": KINDS,
        "parameters": [{"name": each.name, "labels": each.labels, "numbers": each.numbers} for each in dimensions],
        "measures": [
            {"name": name, "label": MEASURES[name].label, "unit": MEASURES[name].unit, "share": MEASURES[name].share,
             "more": MEASURES[name].direction == "maximize"}
            for name in names
        ],
        "axes": _axes(result, names),
        "important": most_important(result, dimensions, MOST_PARAMETERS),
        "parallel": _parallel(result, names),
        "best": next((row for row, trial in enumerate(result.trials) if [trial.number] == list(result.front[:1])), 0),
        "number": [trial.number for trial in result.trials],
        "kind": [KINDS.index(kind(trial, front)) for trial in result.trials],
        "values": [each.codes(result.trials) for each in dimensions],
        "results": [[_rounded(trial.measures.get(name)) for trial in result.trials] for name in names],
        "seconds": [_rounded(trial.seconds, 3) for trial in result.trials],
        "simulated": [trial.simulated for trial in result.trials],
        "report": [link(trial.report) for trial in result.trials],
        "errors": errors,
        "error": [error_numbers[trial.error] for trial in result.trials],
        "curves": [_curve_data(each) for each in curves(result, dimensions)],
        "sensitivity": _sensitivity_data(result),
    }  # fmt: skip


def curves(result: SweepResult, dimensions: Sequence[Dimension]) -> list[Curve]:
    """One for each parameter."""
    done = result.done()
    codes = np.array([each.codes(done) for each in dimensions], dtype=float).reshape(len(dimensions), len(done))
    codes = np.where(np.isfinite(codes), codes, -1).astype(int)
    results = {
        name: np.array([finite(trial.measures.get(name)) for trial in done], dtype=float) for name in measured(result)
    }
    return [_curve(place, each, codes, results) for place, each in enumerate(dimensions)]


def value_text(value: Any) -> str:
    """A parameter's value as readers see it, and are told it apart by."""
    return f"{value:.6g}" if isinstance(value, float) else text.plain(value)


def words(values: Mapping[str, Any]) -> str:
    """The values of a point in words: "width 4, rate 0.001"."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in values.items())


def finite(value: float | None) -> float | None:
    """The value, if it is a number."""
    return value if value is not None and math.isfinite(value) else None


def _rounded(value: float | None, digits: int = 7) -> float | None:
    value = finite(value)
    return value if value is None or isinstance(value, int) else float(f"{value:.{digits}g}")


def _axes(result: SweepResult, names: Sequence[str]) -> list[int]:
    """The measures on the axes of the plot of all trials at first: cost (-1, the trial's number, where there is only
    one measure) and gain.
    """
    order = dict.fromkeys([*result.objectives, "lut", "accuracy", *names])
    gain, cost, *_ = [*(names.index(name) for name in order if name in names), -1, -1]
    return [cost, gain]


def _parallel(result: SweepResult, names: Sequence[str]) -> list[int]:
    """The measures that have an axis of the parallel coordinates; the last one gives the colour."""
    order = dict.fromkeys([*result.objectives, "accuracy", "lut", "dsp", "latency_cycles", *names])
    chosen = [name for name in order if name in names][:MOST_MEASURES]
    return [names.index(name) for name in reversed(chosen)]


def _curve(place: int, dimension: Dimension, codes: NDArray[Any], results: Mapping[str, NDArray[np.float64]]) -> Curve:
    column = codes[place]
    labels, places = dimension.labels, dimension.numbers
    used = np.unique(column[column >= 0])
    if places is not None and len(used) > MOST_VALUES:
        parts = np.array_split(used, RANGES)
        labels = tuple(f"{labels[part[0]]} to {labels[part[-1]]}" for part in parts)
        places = tuple(float(np.median(np.take(places, part))) for part in parts)
        ranges = np.full(len(dimension.labels), -1)
        for number, part in enumerate(parts):
            ranges[part] = number
        column = np.where(column >= 0, ranges[column], -1)
        used = np.arange(RANGES)
    kept, settings = _matched(column, np.delete(codes, place, axis=0), len(used))
    rows = [np.flatnonzero(kept & (column == number)) for number in used]
    return Curve(
        tuple(labels[number] for number in used),
        None if places is None else tuple(places[number] for number in used),
        settings,
        tuple(len(each) for each in rows),
        {name: np.array([_range(values[each]) for each in rows]).reshape(-1, 3).T for name, values in results.items()},
    )


def _matched(column: NDArray[Any], others: NDArray[Any], values: int) -> tuple[NDArray[np.bool_], int]:
    """Which trials have settings of the other parameters that were tried with all values of this one, and how many
    such settings there are; all trials, and 0, where that would leave out more than half of them.
    """
    everyone = column >= 0
    if not everyone.any():
        return everyone, 0
    setting = np.unique(others, axis=1, return_inverse=True)[1].ravel() if len(others) else np.zeros_like(column)
    pairs = np.unique(np.stack([setting, column])[:, everyone], axis=1)
    whole = np.bincount(pairs[0], minlength=setting.max() + 1) == values
    matched = everyone & whole[setting]
    return (matched, int(whole.sum())) if 2 * matched.sum() >= everyone.sum() else (everyone, 0)


def _range(values: NDArray[np.float64]) -> tuple[float, float, float]:
    values = values[np.isfinite(values)]
    return (float(np.median(values)), values.min(), values.max()) if len(values) else (math.nan,) * 3


def _curve_data(curve: Curve) -> dict[str, Any]:
    return {
        "labels": curve.labels,
        "places": curve.places,
        "settings": curve.settings,
        "counts": curve.counts,
        "measures": [[[_rounded(float(value)) for value in row] for row in each] for each in curve.measures.values()],
    }


def _sensitivity_data(result: SweepResult) -> dict[str, Any] | None:
    """A table for each measure: rows of parameters, columns of values, None where a value was not tried."""
    found = result.sensitivities
    if not found:
        return None
    names = [name for name in MEASURES if any(finite(each.change.get(name)) is not None for each in found)]
    rows = list(dict.fromkeys(each.parameter for each in found))
    columns = Dimension.of_values("", [each.value for each in found]).labels
    cells = {(each.parameter, value_text(each.value)): each.change for each in found}
    return {
        "rows": rows,
        "columns": columns,
        "measures": [
            {"label": MEASURES[name].label, "unit": MEASURES[name].unit, "share": MEASURES[name].share,
             "more": MEASURES[name].direction == "maximize",
             "change": [[_rounded(cells.get((row, column), {}).get(name)) for column in columns] for row in rows]}
            for name in names
        ],
    }  # fmt: skip
