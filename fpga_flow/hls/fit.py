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
#: Non-zero weights of a layer beyond which da4ml takes minutes: then `fit` leaves distributed arithmetic out.
MOST_FOR_DISTRIBUTED_ARITHMETIC = 5000


@dataclass(frozen=True)
class Option:
    """A layer with one strategy and reuse factor, and what it costs."""

    layer: HlsLayer
    cost: Cost

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

    ii      initiation interval of its slowest layer, in clock cycles
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
    tool, part = tool_of(backend.name), chosen.part
    target, words = Target(chosen.io_type, chosen.clock_ns, tool, part), stream_words(layers)
    options = [
        [Option(each, layer_cost(each, words, target)) for each in _allowed(layer, hls, backend)]
        for layer in layers
        if layer.weights is not None
    ]
    first = _replaced(layers, [each[0] for each in options])
    whole = estimate(first, io_type=chosen.io_type, clock_ns=chosen.clock_ns, tool=tool, part=part)
    rest = _rest(whole, [each[0].cost for each in options])
    slowest = max((min(option.cost.ii for option in each) for each in options), default=1)
    paces = sorted({option.cost.ii for each in options for option in each if option.cost.ii >= slowest})
    picks = []
    for pace in paces:
        picks.append(_pick(options, pace, rest, usable))
        if picks[-1].fullest <= 1:
            break
    best = picks[-1] if picks[-1].fullest <= 1 else min(picks, key=lambda pick: pick.fullest)
    fits = best.fullest <= 1
    ii = max((option.cost.ii for option in best.options), default=1)
    layer_fits = tuple(map(_explained, best.options, options, [best.pace] * len(options)))
    made = Fit(ii, fits, _why(best, picks, board), best.shares, layer_fits)
    return _replaced(layers, best.options), made


def _allowed(layer: HlsLayer, hls: Any, backend: Backend) -> list[HlsLayer]:
    """The layer with each strategy and reuse factor that it can have."""
    allowed = settings.choices(layer, hls, backend)
    solvable = [choice for choice in allowed if choice[0] != "distributed_arithmetic"]
    if layer.nonzero > MOST_FOR_DISTRIBUTED_ARITHMETIC and solvable:
        allowed = solvable
    return [replace(layer, strategy=strategy, reuse_factor=factor) for strategy, factor in allowed]


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
    able = [[option for option in each if option.cost.ii <= pace] for each in options]
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
        if each.cost.ii <= pace and each.layer.strategy != option.layer.strategy:
            others.setdefault(each.layer.strategy, each)
    return LayerFit(option.layer.name, option.to_dict(), tuple(each.to_dict() for each in others.values()))


def _why(best: _Pick, picks: Sequence[_Pick], board: Board) -> str:
    if best.fullest > 1:
        return (
            f"no choice that the spec leaves open fits {board.name}: at best, with initiation interval {best.pace}, "
            f"{best.said()}"
        )
    before = "" if len(picks) == 1 else f"; with {picks[-2].pace}, {picks[-2].said()}"
    return f"initiation interval {best.pace} is the shortest that fits {board.name}: {best.said()}{before}"
