"""HLS settings as they hold for one project: the spec's `hls` section with the board's values filled in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fpga_flow.boards import Board
from fpga_flow.errors import FieldError
from fpga_flow.hls import backends
from fpga_flow.hls.backends import VITIS, Backend
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.patterns import matching, unmatched


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
    strategy = hls.strategy or backend.strategies[0]
    clock_ns = hls.clock_ns or board.clock_ns
    return HlsSettings(name, board.name, board.part, clock_ns, hls.io_type, strategy, backend.name)


def apply(layers: Sequence[HlsLayer], hls: Any, backend: Backend = VITIS) -> tuple[HlsLayer, ...]:
    """The layers with strategy and reuse factor as the `hls` section gives them, by the most specific pattern."""

    def setting(layer: HlsLayer, key: str) -> Any:
        given = [value for each in matching(hls.layers, layer.name) if (value := getattr(each, key)) is not None]
        return given[0] if given else getattr(hls, key)

    return tuple(
        layer
        if layer.weights is None
        else replace(
            layer,
            strategy=setting(layer, "strategy") or backend.strategies[0],
            reuse_factor=setting(layer, "reuse_factor"),
        )
        for layer in layers
    )


def check(layers: Sequence[HlsLayer], hls: Any, backend: Backend = VITIS) -> Iterator[FieldError]:
    """What of the `hls` section does not fit the layers: patterns that match nothing, strategies that the backend does
    not have, impossible reuse factors.
    """
    weighted = [layer for layer in layers if layer.weights is not None]
    for pattern, message in unmatched(hls.layers, [layer.name for layer in weighted], "layer with weights").items():
        yield FieldError(("hls", "layers", pattern), message)
    for layer in apply(weighted, hls, backend):
        if layer.strategy not in backend.strategies:
            yield FieldError(
                _where(layer, hls, "strategy"),
                f'layer "{layer.name}": expected {" or ".join(backend.strategies)} as strategy with the backend '
                f"{backend.name}, got {layer.strategy}",
            )
            continue
        if layer.kind.startswith("depthwise") and layer.strategy == "resource" and hls.io_type == "io_parallel":
            yield FieldError(
                _where(layer, hls, "strategy"),
                f'layer "{layer.name}" ({layer.kind}): expected latency as strategy with io_parallel, since hls4ml has '
                "no other code for it, or io_stream, got resource",
            )
            continue
        valid = valid_reuse_factors(layer.n_in, layer.n_out, layer.strategy)
        if layer.reuse_factor not in valid:
            yield FieldError(
                _where(layer, hls, "reuse_factor"),
                f'layer "{layer.name}": expected {_near(valid, layer.reuse_factor)} as '
                f"reuse factor, got {layer.reuse_factor}",
            )


def valid_reuse_factors(n_in: int, n_out: int, strategy: str) -> list[int]:
    """The reuse factors with which hls4ml computes a layer of `n_in` inputs and `n_out` outputs rightly.

    All divide n_in * n_out; with strategy `resource` those below n_in must also leave whole columns to the multipliers,
    and those above must be multiples of n_in (hls4ml, `FPGABackend._validate_reuse_factor`).
    """
    size = n_in * n_out
    factors = np.arange(1, size + 1)
    factors = factors[size % factors == 0]
    if strategy == "resource":
        limit = size // np.minimum(n_in, factors) + (size % np.minimum(n_in, factors) != 0)
        factors = factors[((limit % n_out == 0) | (factors >= n_in)) & ((factors % n_in == 0) | (factors < n_in))]
    return [int(factor) for factor in factors]


def _near(valid: Sequence[int], got: int) -> str:
    """The valid factors around `got`, as text."""
    near = sorted(sorted(valid, key=lambda factor: abs(factor - got))[:6])
    return ", ".join(map(str, near[:-1])) + (" or " if len(near) > 1 else "") + str(near[-1])


def _where(layer: HlsLayer, hls: Any, key: str) -> tuple[str | int, ...]:
    """The path of the setting that holds for a layer."""
    patterns = {pattern: pattern for pattern, each in hls.layers.items() if getattr(each, key) is not None}
    found = matching(patterns, layer.name)
    return ("hls", "layers", found[0], key) if found else ("hls", key)
