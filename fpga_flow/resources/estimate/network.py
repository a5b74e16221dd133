"""The estimate of a whole network: the sum of its parts, and how they work together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fpga_flow.errors import InputError
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate.between import Fifos, Top, parallel_latency
from fpga_flow.resources.estimate.formula import Cost, Target
from fpga_flow.resources.estimate.layers import layer_part, stream_words
from fpga_flow.resources.report import RESOURCES, LayerResources, ResourceReport

IO_TYPES = ("io_parallel", "io_stream")


def estimate(
    layers: Sequence[HlsLayer],
    *,
    io_type: str,
    clock_ns: float,
    tool: str = "Vitis HLS",
    part: str = "",
    board: str = "",
) -> ResourceReport:
    """What a network needs of an FPGA, as its HLS tool would report it (csynth), see the package's docstring.

    Args:
        layers: the layers of the converted network, in the order of the data.
        io_type: `io_parallel` or `io_stream`.
        clock_ns: target clock period in ns.
        tool: `Vitis HLS` or `Vivado HLS`.
        part: the FPGA, for example `xc7z020clg400-1`; the slower 7 series (xc7...) needs more pipeline stages.
        board: only copied to the report.

    Raises:
        InputError: an unknown `io_type`, a clock period that is not positive, or a layer that no formula covers.
    """
    if io_type not in IO_TYPES:
        raise InputError.at("", f'expected {" or ".join(IO_TYPES)}, got "{io_type}"', field="io_type")
    if not clock_ns > 0:
        raise InputError.at("", f"expected a clock period above 0 ns, got {clock_ns}", field="clock_ns")
    target = Target(io_type, clock_ns, tool, part)
    words = stream_words(layers)
    costs = [layer_cost(layer, words, target) for layer in layers]
    waiting = [layer.kind == "dense" or layer.function == "softmax" for layer in layers]
    entries = [_entry(layer.name, layer.kind, cost) for layer, cost in zip(layers, costs, strict=True)]
    entries += _fifos(layers, words, target) if target.stream else [_top(layers, target)]
    return ResourceReport(
        source="estimate",
        tool=tool,
        part=part,
        board=board,
        **{name: sum(getattr(entry, name) for entry in entries) for name in RESOURCES},
        latency_cycles=total_latency(costs, waiting, target),
        ii=max(total_ii(costs, target), _top_ii(layers, target)),
        clock_ns=clock_ns,
        layers=tuple(entries),
    )


def layer_cost(layer: HlsLayer, words: Mapping[str, int], target: Target) -> Cost:
    """What one layer needs; a reshape is nothing but wires.

    Args:
        layer: the layer.
        words: values in a word of the stream behind each layer, see `stream_words`.
        target: what else counts.

    Raises:
        InputError: no formula covers the layer.
    """
    return Cost() if layer.kind == "reshape" else layer_part(layer, words, stream=target.stream).cost(target)


def total_latency(costs: Sequence[Cost], waiting: Sequence[bool], target: Target) -> int:
    """Cycles from the first input to the last output of a network.

    io_parallel: one layer after the other. io_stream: all layers run at once, at the pace of the slowest; those that
    wait for all of their inputs (`waiting`: dense, softmax) follow it.
    """
    if not costs:
        return 0
    latencies = [cost.latency_cycles for cost in costs]
    if not target.stream:
        return target.cycles(parallel_latency(latencies, [cost.call_cycles for cost in costs]))
    slowest = latencies.index(max(latencies))
    return latencies[slowest] + sum(latency for i, latency in enumerate(latencies) if waiting[i] and i != slowest)


def total_ii(costs: Sequence[Cost], target: Target) -> int:
    """Cycles from one sample to the next: those of the slowest layer, and one to start it again with io_stream."""
    return max((cost.ii for cost in costs), default=1) + target.stream


def _top_ii(layers: Sequence[HlsLayer], target: Target) -> int:
    """With io_parallel and unrolled layers, but none of strategy resource, hls4ml pipelines the whole network with the
    greatest reuse factor as its interval (`SetPipelineStyle`).
    """
    strategies = {layer.strategy for layer in layers}
    if target.stream or "resource_unrolled" not in strategies or "resource" in strategies:
        return 1
    return max(layer.reuse_factor for layer in layers)


def _fifos(layers: Sequence[HlsLayer], words: Mapping[str, int], target: Target) -> list[LayerResources]:
    """The FIFOs behind all layers but the last."""
    entries = []
    for layer in layers[:-1]:
        if layer.kind != "reshape":
            channels = words[layer.name]
            depth = math.ceil(layer.output_size / channels)
            fifos = Fifos.of_stream(channels, layer.result_type.width, depth, target)
            entries.append(_entry(f"{layer.name}.fifo", "fifo", fifos.cost(target)))
    return entries


def _top(layers: Sequence[HlsLayer], target: Target) -> LayerResources:
    """The registers of the top function: outputs of layers; softmax is the last layer, and has its own."""
    bits = [(layer, layer.output_size * layer.result_type.width) for layer in layers if layer.function != "softmax"]
    matrices = sum(number for layer, number in bits if layer.weights is not None)
    others = sum(number for layer, number in bits if layer.weights is None and layer.kind != "reshape")
    return _entry("top", "top", Top(matrices, others).cost(target))


def _entry(name: str, kind: str, cost: Cost) -> LayerResources:
    """A cost as a line of the report."""
    return LayerResources(
        name=name,
        kind=kind,
        multipliers=cost.multipliers,
        lut=round(cost.lut),
        ff=round(cost.ff),
        dsp=cost.dsp,
        bram18=cost.bram18,
        uram=0,
        latency_cycles=cost.latency_cycles,
        ii=cost.ii,
    )
