"""What a sweep has found so far, as plain values: what the tables, the front and the report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fpga_flow.sweep.measures import MEASURES

#: `refused`: the flow can't make that network, `error` says why; `stopped`: it was not worth to be trained to the end;
#: `failed`: the C++ did not compute what the network computes, or the work failed again and again.
State = Literal["done", "refused", "stopped", "failed"]


@dataclass(frozen=True)
class Parameter:
    """One dimension of the search.

    name    what it is called in tables and plots
    paths   the fields of the spec that get its value
    values  all that it can be, in their order; None for a range of real numbers
    layer   the layer whose own parameter it is, if it is one of several that a pattern made
    """

    name: str
    paths: tuple[str, ...]
    values: tuple[Any, ...] | None
    layer: str | None = None


@dataclass(frozen=True)
class Trial:
    """One point that was tried.

    number      from 0, in the order in which they were begun
    values      of the parameters, by their names
    measures    by the names of `MEASURES`; empty but for trials that are done
    feasible    whether it keeps the constraints
    finished    when, as an ISO date and time; `seconds` it took
    folder      of its run, `report` its report.html, both relative to the sweep's folder; None where there is none
    simulated   samples of the C simulation, all of them bit for bit the network's
    """

    number: int
    state: State
    values: Mapping[str, Any]
    measures: Mapping[str, float | None] = field(default_factory=dict)
    feasible: bool = False
    finished: str = ""
    seconds: float = 0.0
    folder: str | None = None
    report: str | None = None
    simulated: int = 0
    error: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """What a parameter alone costs: measures of the base point with one value changed, less those of the base point."""

    parameter: str
    value: Any
    change: Mapping[str, float | None]


@dataclass(frozen=True)
class SweepResult:
    """A sweep.

    objectives      names of measures, the first of which is the most important
    front           numbers of the trials that no other one is better than in all objectives, by the first objective
    hypervolume     of the front after each finished trial, in the order of their ends: (trial, share of the box between
                    the worst and the best values seen)
    importances     the share of each parameter in the variance of an objective, by objective and parameter
    samples         that accuracies are counted on, by the names of measures
    spec            the whole spec as YAML
    notes           what else there is to know of the spec and its data, in words
    """

    name: str
    digest: str
    strategy: str
    board: str
    parameters: tuple[Parameter, ...]
    objectives: tuple[str, ...]
    constraints: Mapping[str, Any]
    trials: tuple[Trial, ...]
    front: tuple[int, ...]
    hypervolume: tuple[tuple[int, float], ...] = ()
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sensitivities: tuple[Sensitivity, ...] = ()
    samples: Mapping[str, int] = field(default_factory=dict)
    spec: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.objectives) - set(MEASURES))
        if unknown or not self.objectives:
            raise ValueError(f"expected objectives of {', '.join(MEASURES)}, got {', '.join(unknown) or 'none'}")

    def done(self) -> Sequence[Trial]:
        """The trials that have measures."""
        return [trial for trial in self.trials if trial.state == "done"]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)
