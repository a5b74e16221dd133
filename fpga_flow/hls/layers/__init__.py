"""HLS layers that hls4ml lacks: a folder each, with Keras layer, C++ header and the registration with hls4ml."""

from __future__ import annotations

from functools import cache


@cache
def register(backend: str, types: str) -> None:
    """Make the layers known to hls4ml and one of its backends, whose fixed-point types are `ap` or `ac`, once in a
    process.
    """
    from fpga_flow.hls.layers import crelu, deformable, group_conv, lookup, shuffle

    lookup.register(backend, types)
    shuffle.register(backend, types)
    crelu.register(backend, types)
    deformable.register(backend, types)
    if types == "ap":
        group_conv.register(backend)
