"""`strategy: fit`: strategies and reuse factors with which a network fits its board, by the estimate of its resources.

The pace of a network, its initiation interval, is that of its slowest layer. So a pace is tried after the other, from
the fastest on: at each, every layer takes its cheapest strategy that keeps the pace, and the first pace at which all of
them together fit is taken. What is cheap depends on what is scarce: a resource counts by the share of the board that it
takes, and more with every round in which there is not enough of it (multiplicative weights; Arora, Hazan, Kale, Theory
of Computing 8, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from fpga_flow.boards import Board
from fpga_flow.errors import FieldError
from fpga_flow.hls import settings
from fpga_flow.hls.backends import BACKENDS, Backend
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.settings import FIT, HlsSettings
from fpga_flow.resources.estimate import LUT_KIND, tool_of
from fpga_flow.resources.estimate.formula import Cost, Target
from fpga_flow.resources.estimate.layers import stream_words
from fpga_flow.resources.estimate.network import estimate, layer_cost
from fpga_flow.resources.report import RESOURCES, ResourceReport

#: Rounds in which scarce resources are made dearer.
ROUNDS = 12
#: Non-zero weights of a layer beyond which `fit` does not take a strategy that writes each of them into the C++: da4ml
#: and the compilers would take minutes.
MOST_WRITTEN_OUT = 1000
#: Multiplications that the HLS tools unroll; of more they complain, or never end (hls4ml's issues 1013 and 904).
MOST_UNROLLED = 4096


@dataclass(frozen=True)
class Option:
    """A layer with one strategy and reuse factor, and what it costs."""

    layer: HlsLayer
    cost: Cost

    @property
    def pace(self) -> int:
        """Clock cycles from sample to sample, at the most: next to an unrolled layer, hls4ml takes the reuse factor."""
        return max(self.cost.ii, self.layer.reuse_factor)

    def to_dict(self) -> dict[str, Any]:
        """The option as JSON values."""
        amounts = {name: round(getattr(self.cost, name)) for name in ("lut", "ff", "dsp", "bram18")}
        return {"strategy": self.layer.strategy, "reuse_factor": self.layer.reuse_factor, **amounts}


@dataclass(frozen=True)
class LayerFit:
    """What was chosen for a layer, and the cheapest option of each other strategy that keeps the pace."""

    name: str
    chosen: dict[str, Any]
    instead: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Fit:
    """The outcome for a network.

    ii      initiation interval of the network, in clock cycles
    fits    whether all of it fits the board, by the estimate
    why     in words
    shares  of what is usable on the board, by resource
    """

    ii: int
    fits: bool
    why: str
    shares: dict[str, float]
    layers: tuple[LayerFit, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Pick:
    """One option for each layer that has some, at a pace."""

    pace: int
    options: tuple[Option, ...]
    shares: dict[str, float]

    @property
    def scarcest(self) -> str:
        return max(self.shares, key=lambda name: self.shares[name])

    @property
    def fullest(self) -> float:
        return self.shares[self.scarcest]

    def said(self) -> str:
        return f"{self.scarcest.upper()} is {100 * self.fullest:.0f} % of what a network may use"


def check(hls: Any, board: Board) -> Iterator[FieldError]:
    """Whether resources can be estimated for the board, if the `hls` section asks to fit it."""
    if settings.asks_to_fit(hls) and board.lut_kind != LUT_KIND:
        yield FieldError(
            ("hls", "strategy"),
            f'expected a strategy for the board "{board.name}", since the estimate does not know its LUTs '
            f"({board.lut_kind}), got {FIT}",
        )


def choose(layers: Sequence[HlsLayer], hls: Any, chosen: HlsSettings, board: Board) -> tuple[tuple[HlsLayer, ...], Fit]:
    """The layers with strategies and reuse factors, those that `hls` leaves open so that the network fits the board. If
    no choice does, the one that comes closest.
    """
    backend, usable = BACKENDS[chosen.backend], board.usable()
    for error in settings.check(layers, hls, backend):
        raise error
    tool, part = tool_of(backend.name), chosen.part
    target, words = Target(chosen.io_type, chosen.clock_ns, tool, part), stream_words(layers)
    options = [
        [Option(each, layer_cost(each, words, target)) for each in _allowed(layer, hls, backend)]
        for layer in layers
        if layer.weights is not None
    ]

    def whole(of: Sequence[Option]) -> ResourceReport:
        replaced = _replaced(layers, of)
        return estimate(replaced, io_type=chosen.io_type, clock_ns=chosen.clock_ns, tool=tool, part=part)

    first = [each[0] for each in options]
    rest = _rest(whole(first), [option.cost for option in first])
    # no pace is shorter than the fastest of each layer, with weights or without
    fastest = [min(option.pace for option in each) for each in options]
    fastest += [layer_cost(layer, words, target).ii for layer in layers if layer.weights is None]
    slowest = max(fastest)
    paces = sorted({slowest} | {option.pace for each in options for option in each if option.pace >= slowest})
    picks: list[_Pick] = []
    for pace in paces:
        picks.append(_pick(options, pace, rest, usable))
        if picks[-1].fullest <= 1:
            break
    best = picks[-1] if picks[-1].fullest <= 1 else min(picks, key=lambda pick: pick.fullest)
    intervals = [whole(pick.options).ii or pick.pace for pick in (best, *picks[-2:-1])]
    layer_fits = tuple(map(_explained, best.options, options, [best.pace] * len(options)))
    why = _why(best, picks, intervals, board)
    return _replaced(layers, best.options), Fit(intervals[0], best.fullest <= 1, why, best.shares, layer_fits)


def _allowed(layer: HlsLayer, hls: Any, backend: Backend) -> list[HlsLayer]:
    """The layer with each strategy and reuse factor that it can have; without those that no tool gets done, unless
    there are no others.
    """
    allowed = settings.choices(layer, hls, backend)
    feasible = [choice for choice in allowed if _feasible(layer, *choice)]
    return [replace(layer, strategy=strategy, reuse_factor=factor) for strategy, factor in feasible or allowed]


def _feasible(layer: HlsLayer, strategy: str, reuse_factor: int) -> bool:
    if strategy in ("resource_unrolled", "distributed_arithmetic"):
        return layer.nonzero <= MOST_WRITTEN_OUT
    at_once = layer.n_in * layer.n_out // (reuse_factor if strategy == "resource" else 1)
    return at_once <= MOST_UNROLLED


def _replaced(layers: Sequence[HlsLayer], options: Sequence[Option]) -> tuple[HlsLayer, ...]:
    chosen = {option.layer.name: option.layer for option in options}
    return tuple(chosen.get(layer.name, layer) for layer in layers)


def _rest(whole: ResourceReport, costs: Sequence[Cost]) -> dict[str, float]:
    """What all but the layers with weights needs."""
    return {name: getattr(whole, name) - sum(getattr(cost, name, 0) for cost in costs) for name in RESOURCES}


def _pick(
    options: Sequence[Sequence[Option]], pace: int, rest: Mapping[str, float], usable: Mapping[str, int]
) -> _Pick:
    """The cheapest option of each layer at a pace, in the first round in which they fit, or that comes closest."""
    scarcity = dict.fromkeys(RESOURCES, 1.0)
    able = [[option for option in each if option.pace <= pace] for each in options]
    rounds: list[_Pick] = []
    for _ in range(ROUNDS):
        picked = tuple(min(each, key=partial(_price, scarcity, usable)) for each in able)
        needed = {name: rest[name] + sum(getattr(each.cost, name, 0) for each in picked) for name in RESOURCES}
        rounds.append(_Pick(pace, picked, {name: _share(needed[name], usable[name]) for name in RESOURCES}))
        if rounds[-1].fullest <= 1:
            break
        scarcity = {name: weight * max(rounds[-1].shares[name], 0.5) for name, weight in scarcity.items()}
    return min(rounds, key=lambda pick: pick.fullest)


def _price(scarcity: Mapping[str, float], usable: Mapping[str, int], option: Option) -> tuple[float, int]:
    """The shares of the board that an option takes, each times its scarcity; of equal options the one that is sooner
    done is cheaper.
    """
    shares = {name: _share(getattr(option.cost, name, 0), usable[name]) for name in RESOURCES}
    return sum(scarcity[name] * share for name, share in shares.items()), option.cost.latency_cycles


def _share(needed: float, usable: int) -> float:
    """Of a resource that is not there, each piece is as much as 100 times all of it: more than any choice can mend."""
    return needed / usable if usable else 100.0 * needed


def _explained(option: Option, options: Sequence[Option], pace: int) -> LayerFit:
    others: dict[str, Option] = {}
    for each in sorted(options, key=lambda each: each.cost.lut):
        if each.pace <= pace and each.layer.strategy != option.layer.strategy:
            others.setdefault(each.layer.strategy, each)
    return LayerFit(option.layer.name, option.to_dict(), tuple(each.to_dict() for each in others.values()))


def _why(best: _Pick, picks: Sequence[_Pick], intervals: Sequence[int], board: Board) -> str:
    """Why it is this pick: `intervals` are its own, and that of the one before it."""
    if best.fullest > 1:
        return (
            f"no choice that the spec leaves open fits {board.name}: at best, with initiation interval {intervals[0]}, "
            f"{best.said()}"
        )
    before = "" if len(picks) == 1 else f"; with {intervals[1]}, {picks[-2].said()}"
    return f"initiation interval {intervals[0]} is the shortest that fits {board.name}: {best.said()}{before}"
