"""The dimensions of a sweep as Optuna knows them, and what draws points from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fpga_flow.sweep import options
from fpga_flow.sweep.space import Dimension


def distribution(dimension: Dimension) -> BaseDistribution:
    """Whole numbers in a row and ranges stay numbers; all else are choices."""
    choices, span = dimension.choices, dimension.span
    if choices is None and span is not None:
        if isinstance(span.least, int) and isinstance(span.most, int):
            return IntDistribution(span.least, span.most, log=span.log)
        return FloatDistribution(span.least, span.most, log=span.log)
    choices = choices or ()
    if _in_a_row(choices):
        return IntDistribution(choices[0], choices[-1])
    return CategoricalDistribution([inner(choice) for choice in choices])


def _in_a_row(choices: Sequence[Any]) -> bool:
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in choices)
    return whole and list(choices) == list(range(choices[0], choices[0] + len(choices)))


def inner(value: Any) -> Any:
    """A value as Optuna knows it: lists and mappings as text."""
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)


def outer(dimension: Dimension, value: Any) -> Any:
    """The value that Optuna's stands for."""
    for choice in dimension.choices or ():
        if type(inner(choice)) is type(value) and inner(choice) == value:
            return choice
    return value


def sampler(strategy: Any, seed: int) -> optuna.samplers.BaseSampler:
    """What draws the points of a strategy; of those that list their points themselves, it draws none."""
    if isinstance(strategy, options.Tpe):
        return optuna.samplers.TPESampler(n_startup_trials=strategy.startup, seed=seed, constant_liar=True)
    if isinstance(strategy, options.Nsga2):
        return optuna.samplers.NSGAIISampler(population_size=strategy.population, seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)
