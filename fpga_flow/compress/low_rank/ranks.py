"""Which ranks a layer gets: by energy, by the multiplications that are left to all layers, or by VBMF.

A layer's energy is the share of its kernel's squared norm that the factors keep, for `tucker` at least (De Lathauwer et
al. 2000, "A multilinear singular value decomposition", property 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpga_flow.compress.low_rank import matrices, vbmf
from fpga_flow.compress.low_rank.methods import Ranks
from fpga_flow.compress.low_rank.plan import Plan, Target
from fpga_flow.networks import channel_cut

#: With `max_accuracy_drop`: down to this share of the multiplications.
_SMALLEST = 0.1


@dataclass(frozen=True)
class Choice:
    """Ranks that a layer may get, what they keep, and its multiplications then."""

    ranks: Ranks
    energy: float
    macs: int


def ranking(options: Any, model: Any, plan: Plan, seed: int) -> Callable[[float], dict[str, Ranks]]:
    """A function that gives the ranks of the layers which are to be factored. It gets how far it is to go, from 0 to 1,
    which matters only where accuracy is the limit.
    """
    given = {name: each.given for name, each in plan.targets.items() if each.given and each.saves(each.given)}
    free = {name: each for name, each in plan.targets.items() if each.given is None}
    if options.vbmf:
        found = {name: by_vbmf(target) for name, target in free.items()}
        given |= {name: ranks for name, ranks in found.items() if free[name].saves(ranks)}
    paths = {name: path(target, seed) for name, target in free.items()} if not options.vbmf else {}
    if options.energy is not None:
        kept = {name: by_energy(each, options.energy) for name, each in paths.items()}
        given |= {name: choice.ranks for name, choice in kept.items() if choice is not None}
    share = options.macs if options.max_accuracy_drop is None else _SMALLEST
    if share is None:
        return lambda progress: given
    costs = {name: target.macs() for name, target in plan.targets.items()}
    start = channel_cut.size(model)["macs"]
    saved = sum(costs[name] - plan.targets[name].macs(each) for name, each in given.items())
    others = start - saved - sum(costs[name] for name in paths)

    def ranks(progress: float) -> dict[str, Ranks]:
        found = by_macs(paths, costs, math.floor(start * share**progress) - others)
        return {**given, **{name: choice.ranks for name, choice in found.items()}}

    return ranks


def why_left(options: Any, target: Target) -> str:
    """Why a layer that may be factored was not."""
    if target.given:
        return f"{show(target.given)} would not make it smaller"
    if options.vbmf:
        return f"{show(by_vbmf(target))}, which VBMF finds, would not make it smaller"
    if options.energy is not None:
        return "no rank that makes it smaller keeps so much energy"
    return "its multiplications are not among those that had to go"


def show(ranks: Ranks) -> str:
    """Ranks in words."""
    return f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {' and '.join(map(str, ranks))}"


def path(target: Target, seed: int) -> list[Choice]:
    """The ranks that save something, from large to small ones, each with less multiplications than the one before. Of
    two ranks that one is lowered next which costs less energy.
    """
    most = target.largest()
    if most is None:
        return []
    energies = target.method.energies(target.kernel, most, seed)
    ranks: Ranks = tuple(len(each) for each in energies)
    found: list[Choice] = []
    while True:
        macs = target.macs(ranks)
        if target.saves(ranks) and (not found or macs < found[-1].macs):
            lost = sum(1 - float(each[rank - 1]) for each, rank in zip(energies, ranks, strict=True))
            found.append(Choice(ranks, max(1 - lost, 0.0), macs))
        if max(ranks) == 1:
            return found
        _, axis = min(
            (float(each[rank - 1] - each[rank - 2]), axis)
            for axis, (each, rank) in enumerate(zip(energies, ranks, strict=True))
            if rank > 1
        )
        lower = (*ranks[:axis], ranks[axis] - 1, *ranks[axis + 1 :])
        ranks = target.method.fitting(target.geometry.shape, lower)


def by_energy(path: Sequence[Choice], least: float) -> Choice | None:
    """The smallest ranks that keep so much energy."""
    return next((choice for choice in reversed(path) if choice.energy >= least), None)


def by_macs(paths: Mapping[str, Sequence[Choice]], whole: Mapping[str, int], most: int) -> dict[str, Choice]:
    """Ranks of layers that have at most so many multiplications together, or the smallest ones; layers of which nothing
    need be taken have none.

    Step by step the ranks of that layer are lowered whose energy falls by the least part for each multiplication that
    is saved: Zhang et al. 2016, "Accelerating very deep convolutional networks for classification and detection",
    section 3.4 (rank selection for whole-model acceleration). A step goes as far along the layer's path as pays best,
    since the first ranks that save anything save little.

    Args:
        whole: the multiplications of each layer as it is.
    """
    states = {name: Choice((), 1.0, whole[name]) for name in paths}
    places = dict.fromkeys(paths, 0)  # where the rest of each path begins
    steps = {name: _step(states[name], path) for name, path in paths.items()}
    total = sum(state.macs for state in states.values())
    while total > most and (ahead := {name: step for name, step in steps.items() if step is not None}):
        name = min(ahead, key=lambda each: ahead[each][0])
        rest = paths[name][places[name] : places[name] + ahead[name][1]]
        others = total - states[name].macs
        taken = next((number for number, each in enumerate(rest, 1) if others + each.macs <= most), len(rest))
        places[name] += taken
        states[name] = rest[taken - 1]
        total = others + states[name].macs
        steps[name] = _step(states[name], paths[name][places[name] :])
    return {name: state for name, state in states.items() if state.ranks}


def by_vbmf(target: Target) -> Ranks:
    """The ranks that are more than noise, at least 1, as far as they fit each other."""
    unfolded = target.method.unfolded(target.kernel)
    full = target.method.full(target.geometry.shape)
    found = [max(vbmf.rank(matrices.squares(matrix), *matrix.shape), 1) for matrix in unfolded]
    return target.method.fitting(target.geometry.shape, tuple(map(min, found, full)))


def _step(now: Choice, rest: Sequence[Choice]) -> tuple[float, int] | None:
    """The part of the energy that each saved multiplication costs, and how far to go along the rest of a path to have
    it that cheap; nothing at its end.
    """
    if not rest:
        return None
    energies, macs = (np.array(each) for each in zip(*((choice.energy, choice.macs) for choice in rest), strict=True))
    costs = (1 - energies / max(now.energy, 1e-12)) / (now.macs - macs)
    best = int(np.argmin(costs))
    return float(costs[best]), best + 1
