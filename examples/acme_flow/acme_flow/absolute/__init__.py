"""`Absolute`: the magnitude of each value."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import templates
from fpga_flow.keras import keras, tf
from fpga_flow.resources.energy import ADDITION
from fpga_flow.resources.estimate.formula import Cost

_HEADER = Path(__file__).with_name("nnet_absolute.h")
_CONFIG = """struct config{index} : nnet::absolute_config {{
    static const unsigned n_values = {n_values};
}};
"""
_CALL = "nnet::absolute<{input_t}, {output_t}, {config}>({input}, {output});"

#: The header is written for AMD's types, for arrays and for streams.
EXACT = {"ap": ("io_parallel", "io_stream")}


class Absolute(keras.layers.Layer):
    """|x| of each value."""

    def call(self, inputs: Any) -> Any:
        """(batch, ...) of (batch, ...)."""
        return tf.abs(inputs)


LAYER = Absolute


def fraction(layer: Any, bits: int) -> int:
    """A magnitude has the fractional bits of its value."""
    return bits


def bounds(layer: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """From 0, if that lies between the bounds, or from the smaller magnitude; to the greater one."""
    ends = np.abs(low), np.abs(high)
    return np.where((low <= 0) & (high >= 0), 0.0, np.minimum(*ends)), np.maximum(*ends)


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer
    from hls4ml.model.attributes import Attribute
    from hls4ml.model.layers import Layer

    class HAbsolute(Layer):
        _expected_attributes = [Attribute("n_values")]  # noqa: RUF012

        def initialize(self) -> None:
            self.set_attr("n_values", self.get_input_variable().size())
            self.add_output_variable(self.get_input_variable().shape)

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        return parse_default_keras_layer(keras_layer, input_names), input_shapes[0]

    hls4ml.converters.register_keras_v2_layer_handler("Absolute", parse)
    hls4ml.model.layers.register_layer("Absolute", HAbsolute)
    return HAbsolute


def register(backend: str, types: str) -> None:
    """Make the layer known to hls4ml and one of its backends."""
    templates.register(backend, _layer(), _HEADER, _CONFIG, _CALL, lambda node: {})


def cost(layer: HlsLayer, stream: bool) -> Cost:
    """A negation and a selection for each value at a time: of the sample, or of a pixel."""
    values = layer.output_shape[-1] if stream else layer.output_size
    pixels = layer.output_size // values
    bits = values * (layer.input_type.width + layer.result_type.width)
    return Cost(lut=bits, latency_cycles=pixels + 1 if stream else 1, ii=pixels + 1 if stream else 1)


def energy(layer: HlsLayer) -> float:
    """A negation for each value, in pJ."""
    return layer.input_size * ADDITION * layer.input_type.width
