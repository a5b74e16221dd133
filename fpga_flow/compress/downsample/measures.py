"""What a placement costs: multiplications, feature maps, and resources as far as they can be estimated."""

from __future__ import annotations

import math
from typing import Any

from fpga_flow.compress.base import Context
from fpga_flow.compress.downsample.places import EACH
from fpga_flow.compress.quantize import calibration, quantize_model
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError, InputError
from fpga_flow.networks import channel_cut, own_quantizers
from fpga_flow.networks.graph import calls

_REPORTED = ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii")


def size(model: Any) -> dict[str, int]:
    """Parameters and multiplications of a flat model, the values of its feature maps, and those of the largest.

    A feature map counts where something reads it that takes more than one of its values at a time.
    """
    every = calls(model)
    read = {name for call in every if type(call.layer).__name__.removeprefix("Q") not in EACH for name in call.inputs}
    maps = [math.prod(call.shape) for call in every if call.name in read and len(call.shape) > 1 and call.inputs]
    return {**channel_cut.size(model), "feature_maps": sum(maps), "largest_feature_map": max(maps, default=0)}


def resources(model: Any, dataset: Dataset, context: Context) -> dict[str, Any]:
    """The estimate for a model, quantized as the spec says but without training, with the spec's HLS settings, and the
    bytes of its feature maps; or why there is none.
    """
    if context.hls is None or (context.precision is None and not own_quantizers.are_there(model)):
        return {"reason": "the spec says no types"}
    try:
        return _estimate(model, dataset, context)
    except (FieldError, InputError) as error:
        return {"reason": str(error)}


def _estimate(model: Any, dataset: Dataset, context: Context) -> dict[str, Any]:
    from fpga_flow import boards
    from fpga_flow.hls import fit, lower, settings
    from fpga_flow.hls.backends import BACKENDS
    from fpga_flow.resources.estimate import LUT_KIND, estimate, tool_of

    hls = context.hls
    board = boards.load(hls.board)
    if board.lut_kind != LUT_KIND:
        return {"reason": f"the estimate does not know the LUTs of {board.name}"}
    if own_quantizers.are_there(model):
        quantized = own_quantizers.with_quantized_input(model, context.precision)
    else:
        quantized = quantize_model(model, context.precision, calibration(dataset))
    chosen = settings.settings("placement", hls, board)
    layers = lower.lower(quantized, hls.softmax, hls.io_type)
    for error in settings.check(layers, hls, BACKENDS[chosen.backend]):
        raise error
    if settings.asks_to_fit(hls):
        layers, _ = fit.choose(layers, hls, chosen, board)
    else:
        layers = settings.apply(layers, hls, BACKENDS[chosen.backend])
    report = estimate(
        layers, io_type=chosen.io_type, clock_ns=chosen.clock_ns, tool=tool_of(chosen.backend), part=chosen.part
    )
    read = {name for layer in layers if layer.kind not in ("activation", "reshape") for name in layer.inputs}
    maps = [layer for layer in layers if layer.name in read and len(layer.output_shape) > 1]
    bits = sum(layer.output_size * layer.result_type.width for layer in maps)
    return {**{name: getattr(report, name) for name in _REPORTED}, "feature_map_bytes": -(-bits // 8)}
