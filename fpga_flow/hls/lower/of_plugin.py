"""Layers of plugins, see `hls/layers/plugin.py`."""

from __future__ import annotations

import json

import numpy as np

from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers.plugin import LAYERS
from fpga_flow.hls.lower.signal import Signal
from fpga_flow.networks.graph import Call

#: Of a layer's configuration, what every Keras layer has.
_COMMON = ("name", "trainable", "dtype", "batch_input_shape")


def lower(call: Call, *sources: Signal) -> tuple[list[HlsLayer], Signal]:
    """The HLS layer of a call of a plugin's Keras layer.

    Raises:
        FieldError: it has weights, or several inputs.
    """
    kind = type(call.layer).__name__
    if len(sources) != 1 or call.layer.weights:
        got = f"{len(sources)} and {len(call.layer.weights)}"
        raise FieldError(("network",), f'layer "{call.name}" ({kind}): expected one input and no weights, got {got}')
    (source,) = sources
    low, high = (np.broadcast_to(each, source.shape) for each in (source.low, source.high))
    low, high = (np.asarray(each, np.float64) for each in LAYERS[kind].bounds(call.layer, low, high))
    type_ = FixedPoint.covering(
        float(low.min()), float(high.max()), LAYERS[kind].fraction(call.layer, source.type.fraction)
    )
    config = {key: value for key, value in call.layer.get_config().items() if key not in _COMMON}
    lowered = HlsLayer(
        call.name, kind, "", (source.name,), source.shape, call.shape, source.type, type_,
        config=json.dumps(config, sort_keys=True),
    )  # fmt: skip
    low, high = (np.broadcast_to(each, call.shape).reshape(-1, call.shape[-1]) for each in (low, high))
    return [lowered], Signal(call.name, call.shape, type_, low.min(axis=0), high.max(axis=0))
