"""HLS settings as they hold for one project: the spec's `hls` section with the board's values filled in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fpga_flow.boards import Board
from fpga_flow.errors import FieldError
from fpga_flow.hls import backends
from fpga_flow.hls.backends import VITIS, Backend
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.strategy import possible
from fpga_flow.patterns import matching, unmatched

#: In place of a strategy: strategy and reuse factor are chosen so that the network fits the board.
FIT = "fit"


@dataclass(frozen=True)
class HlsSettings:
    """Settings of a whole project; `project` is also the name of the C++ top function, `backend` one of `BACKENDS`."""

    project: str
    board: str
    part: str
    clock_ns: float
    io_type: str
    strategy: str
    backend: str = VITIS.name


def settings(name: str, hls: Any, board: Board) -> HlsSettings:
    """The settings of a spec's `hls` section for its board.

    Raises:
        FieldError: there is no backend for the board, see `backends.choose`.
    """
    backend = backends.choose(hls.backend, board, name)
    strategy = backend.strategies[0] if hls.strategy in (None, FIT) else hls.strategy
    clock_ns = hls.clock_ns or board.clock_ns
    return HlsSettings(name, board.name, board.part, clock_ns, hls.io_type, strategy, backend.name)


def asks_to_fit(hls: Any) -> bool:
    """Whether an `hls` section names the strategy `fit` anywhere."""
    return FIT in (hls.strategy, *(each.strategy for each in hls.layers.values()))


def given(layer: HlsLayer, hls: Any, backend: Backend) -> tuple[str, int | None]:
    """The strategy and reuse factor that the `hls` section has for a layer, by the most specific pattern.

    The strategy may be `fit`, the reuse factor None: `strategy: fit` then chooses. A layer that lowering added keeps
    its own strategy unless a pattern names one.
    """
    strategy, reuse_factor = (by_pattern(layer.name, hls, key) for key in ("strategy", "reuse_factor"))
    if strategy is None and layer.strategy in backend.strategies:
        return layer.strategy, reuse_factor or 1
    strategy = strategy or hls.strategy or backend.strategies[0]
    return strategy, reuse_factor or hls.reuse_factor or (None if FIT in (strategy, hls.strategy) else 1)


def by_pattern(layer: str, hls: Any, key: str) -> Any:
    """What the most specific pattern of the `hls` section that has the setting `key` says for a layer; None if none."""
    found = [value for each in matching(hls.layers, layer) if (value := getattr(each, key)) is not None]
    return found[0] if found else None


def apply(layers: Sequence[HlsLayer], hls: Any, backend: Backend = VITIS) -> tuple[HlsLayer, ...]:
    """The layers with strategy and reuse factor as the `hls` section gives them; see `fit` for those that it leaves
    open.
    """

    def applied(layer: HlsLayer) -> HlsLayer:
        if layer.weights is None:
            return layer
        strategy, reuse_factor = given(layer, hls, backend)
        return replace(layer, strategy=strategy, reuse_factor=reuse_factor or 1)

    return tuple(map(applied, layers))


def choices(layer: HlsLayer, hls: Any, backend: Backend = VITIS) -> list[tuple[str, int]]:
    """The strategies and reuse factors that a layer with weights can have and the `hls` section allows."""
    strategy, reuse_factor = given(layer, hls, backend)
    return [
        (each, factor)
        for each, factors in possible(layer, hls.io_type, backend).items()
        for factor in factors
        if strategy in (FIT, each) and reuse_factor in (None, factor)
    ]


def check(
    layers: Sequence[HlsLayer], hls: Any, backend: Backend = VITIS, *, shapes_known: bool = True
) -> Iterator[FieldError]:
    """What of the `hls` section does not fit the layers: patterns that match nothing, strategies that the backend does
    not have for a layer, impossible reuse factors (but for those where the layers will have other shapes than these).
    """
    weighted = [layer for layer in layers if layer.weights is not None]
    names = [layer.name for layer in weighted]
    everything = [layer.name for layer in layers]
    for pattern, message in unmatched(hls.layers, names, "layer with weights", everything).items():
        yield FieldError(("hls", "layers", pattern), message)
    for layer in weighted:
        strategy, reuse_factor = given(layer, hls, backend)
        able = possible(layer, hls.io_type, backend)
        if strategy != FIT and strategy not in able:
            yield FieldError(
                _where(layer, hls, "strategy"),
                f'layer "{layer.name}" ({layer.kind}): expected {" or ".join(able)} as strategy, all that hls4ml has '
                f"for it with {hls.io_type} and the backend {backend.name}, got {strategy}",
            )
        elif shapes_known and not choices(layer, hls, backend):
            valid = sorted({factor for each in able for factor in able[each] if strategy in (FIT, each)})
            named = by_pattern(layer.name, hls, "reuse_factor") or hls.reuse_factor
            yield FieldError(
                _where(layer, hls, "reuse_factor" if named else "strategy"),
                f'layer "{layer.name}": expected {_near(valid, reuse_factor or 1)} as '
                f"reuse factor with strategy {strategy}, got {named or 'none, which is 1'}",
            )


def _near(valid: Sequence[int], got: int) -> str:
    """The valid factors around `got`, as text."""
    near = sorted(sorted(valid, key=lambda factor: abs(factor - got))[:6])
    return ", ".join(map(str, near[:-1])) + (" or " if len(near) > 1 else "") + str(near[-1])


def _where(layer: HlsLayer, hls: Any, key: str) -> tuple[str | int, ...]:
    """The path of the setting that holds for a layer."""
    patterns = {pattern: pattern for pattern, each in hls.layers.items() if getattr(each, key) is not None}
    found = matching(patterns, layer.name)
    return ("hls", "layers", found[0], key) if found else ("hls", key)
