"""The spec's section `sweep`: what is varied, how the points are chosen, what is wanted of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from fpga_flow.spec.base import Fraction, PositiveFloat, PositiveInt, Section, tagged
from fpga_flow.sweep.measures import CHOOSING

#: A parameter can't have more values than this: each of them is checked before the sweep.
MOST_VALUES = 1000

Objective = Literal["accuracy", "lut", "ff", "dsp", "bram18", "latency_cycles", "ii", "energy", "bytes"]


class Span(Section):
    """Numbers of a range.

    least  the lower end
    most   the upper end
    step   between two numbers; left out: any number of the range
    log    draw on a logarithmic scale
    """

    least: float | int
    most: float | int
    step: Annotated[float | int, Field(gt=0)] | None = None
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.least > self.most:
            raise ValueError(f"expected least below most, got {self.least} and {self.most}")
        if self.step is not None and (count := (self.most - self.least) / self.step) >= MOST_VALUES:
            raise ValueError(
                f"expected at most {MOST_VALUES:,} values, got about {count:,.0f}: give a larger step, or none, to "
                "draw any between"
            )
        if self.log and not self.least > 0:
            raise ValueError(f"expected least above 0 on a logarithmic scale, got {self.least}")
        if self.log and self.step is not None:
            raise ValueError("expected no step on a logarithmic scale")
        return self


class Bits(Section):
    """All widths of a range.

    least  the lower end
    most   the upper end
    """

    least: Annotated[int, Field(ge=1, le=24)]
    most: Annotated[int, Field(ge=1, le=24)]

    @model_validator(mode="after")
    def _in_order(self) -> Bits:
        if self.least > self.most:
            raise ValueError(f"expected least below most, got {self.least} and {self.most}")
        return self


class Parameter(Section):
    """One thing that is varied. It has one of `values`, `bits` and `range`.

    A path is written as for --set. In `precision.layers` and `hls.layers`, a pattern means all layers that it
    matches.

    path        of a field of the spec, or a list of fields that have the same value
    values      what the field gets
    bits        the width of the type that stands there, whose other parts stay as they are
    range       numbers
    integer     of types with other widths: `keep` their integer bits, or have them found from data
    each_layer  each layer that the pattern matches gets a parameter of its own
    """

    path: str | Annotated[list[str], Field(min_length=1)]
    values: Annotated[list[Any], Field(min_length=1, max_length=MOST_VALUES)] | None = None
    bits: Bits | Annotated[list[Annotated[int, Field(ge=1, le=24)]], Field(min_length=1)] | None = None
    range: Span | None = None
    integer: Literal["keep", "auto"] = "keep"
    each_layer: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Parameter:
        if self.integer == "auto" and self.bits is None:
            raise ValueError("expected bits beside integer: auto, got none")
        given = [name for name in ("values", "bits", "range") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of values, bits and range, got {' and '.join(given) or 'none'}")
        return self

    @model_validator(mode="after")
    def _values_differ(self) -> Parameter:
        values = self.values or (self.bits if isinstance(self.bits, list) else ())
        for number, value in enumerate(values):
            if any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values[:number]):
                raise ValueError(f"expected values that differ, got {value} twice")
        return self

    @property
    def paths(self) -> list[str]:
        """The paths, also where there is only one."""
        return [self.path] if isinstance(self.path, str) else self.path


class Grid(Section):
    """Every combination of the values.

    name  the name of this strategy
    """

    name: Literal["grid"] = "grid"


class Random(Section):
    """Points that are each drawn by themselves.

    name    the name of this strategy
    trials  so many points
    """

    name: Literal["random"]
    trials: PositiveInt


class Tpe(Section):
    """A tree-structured Parzen estimator (Bergstra et al. 2011; of several objectives: Ozaki et al. 2022), by Optuna.

    name     the name of this strategy
    trials   so many points
    startup  random points at the start
    """

    name: Literal["tpe"]
    trials: PositiveInt
    startup: PositiveInt = 10


class Nsga2(Section):
    """The genetic algorithm NSGA-II (Deb et al. 2002), by Optuna.

    name        the name of this strategy
    trials      so many points
    population  points in a generation
    """

    name: Literal["nsga2"]
    trials: PositiveInt
    population: Annotated[int, Field(ge=2, lt=2**31)] = 20


class SensitivityOptions(Section):
    """From the base point, which is the spec itself, one parameter at a time takes each of its other values.

    name     the name of this strategy
    retrain  whether each point is trained anew; without, its weights are only rounded
    """

    name: Literal["sensitivity"]
    retrain: bool = True


class DescendOptions(Section):
    """From the widest point down, parameter by parameter, as long as an accuracy budget allows, see `descend.py`.

    name               the name of this strategy
    max_accuracy_drop  how far validation accuracy may be below that of the point with all widths at their upper ends,
                       as a share of 1
    cost               the resources that count, each times its factor
    worth              no training is spent on steps that together save less than this share of the first cost
    trials             so many trainings at most
    """

    name: Literal["descend"] = "descend"
    max_accuracy_drop: Fraction = 0.002
    cost: dict[Literal["lut", "ff", "dsp", "bram18"], PositiveFloat] = Field(default={"lut": 1.0}, min_length=1)
    worth: Fraction = 0.005
    trials: PositiveInt = 24

    def of(self, resources: Mapping[str, float | None]) -> float:
        """The cost of a point."""
        return sum(factor * (resources[name] or 0.0) for name, factor in self.cost.items())


class Limit(Section):
    """The least and the most that a measure may be.

    at_least  the least
    at_most   the most
    """

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Limit:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most, or both, got none")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"expected at_least below at_most, got {self.at_least:g} and {self.at_most:g}")
        return self


class Share(Limit):
    """The least and the most that a share of 1 may be."""

    at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    at_most: Annotated[float, Field(ge=0, le=1)] | None = None


class Constraints(Section):
    """What a point must keep to be feasible.

    fits            it fits the board by the post-synthesis estimate
    accuracy        on validation samples, 0 to 1
    lut             look-up tables
    ff              flip-flops
    dsp             multipliers
    bram18          block RAMs of 18 Kb
    latency_cycles  clock cycles from input to output
    ii              clock cycles between two inputs
    energy          for one inference, in the estimate's nanojoules
    bytes           of model.fpz
    """

    fits: bool = False
    accuracy: Share | None = None
    lut: Limit | None = None
    ff: Limit | None = None
    dsp: Limit | None = None
    bram18: Limit | None = None
    latency_cycles: Limit | None = None
    ii: Limit | None = None
    energy: Limit | None = None
    bytes: Limit | None = None

    def limits(self) -> dict[str, Limit]:
        """The limits by the names of the measures."""
        return {name: limit for name in CHOOSING if (limit := getattr(self, name)) is not None}


if TYPE_CHECKING:
    Strategy: TypeAlias = Grid | Random | Tpe | Nsga2 | SensitivityOptions | DescendOptions
else:
    Strategy = tagged([Grid, Random, Tpe, Nsga2, SensitivityOptions, DescendOptions], "name")
#: Accuracy against what is scarce first.
_OBJECTIVES: list[Objective] = ["accuracy", "lut"]


class Sweep(Section):
    """The search.

    parameters   what is varied, by names of your choice
    strategy     which points are tried; left out: all
    objectives   what is to be good; each point that no other beats in all of them is on the front
    constraints  what a point must keep; left out: nothing
    samples      test samples that the C++ of each point is simulated on; left out: 100, or all if there are fewer (its
                 emulator runs on all; the C++ of the points of the front is simulated as the section `csim` says)
    stop_early   whether trainings are broken off that can't reach the accuracy asked for
    """

    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    strategy: Strategy = Grid()
    objectives: Annotated[list[Objective], Field(min_length=1)] = Field(default_factory=_OBJECTIVES.copy)
    constraints: Constraints = Constraints()
    samples: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    stop_early: bool = True

    @model_validator(mode="after")
    def _objectives_differ(self) -> Sweep:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("expected objectives that differ, got one twice")
        return self
