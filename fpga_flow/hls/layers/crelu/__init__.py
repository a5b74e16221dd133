"""Concatenated ReLU: the positive parts of the channels, then the negative ones. The Keras side is
`networks/layers.py`, `CReLU`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fpga_flow.hls.layers import templates

_HEADER = "nnet_crelu.h"
_CONFIG = """struct config{index} : nnet::crelu_config {{
    static const unsigned n_pixels = {n_pixels};
    static const unsigned n_chan = {n_chan};
}};
"""
_CALL = "nnet::crelu<{input_t}, {output_t}, {config}>({input}, {output});"


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer
    from hls4ml.model.attributes import Attribute
    from hls4ml.model.layers import Layer

    class HCReLU(Layer):
        _expected_attributes = [Attribute("n_pixels"), Attribute("n_chan")]  # noqa: RUF012

        def initialize(self) -> None:
            *pixels, channels = self.get_input_variable().shape
            self.set_attr("n_chan", channels)
            self.set_attr("n_pixels", self.get_input_variable().size() // channels)
            self.add_output_variable([*pixels, 2 * channels])

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        *shape, channels = input_shapes[0]
        return parse_default_keras_layer(keras_layer, input_names), [*shape, 2 * channels]

    hls4ml.converters.register_keras_v2_layer_handler("CReLU", parse)
    hls4ml.model.layers.register_layer("CReLU", HCReLU)
    return HCReLU


def register(backend: str, types: str) -> None:
    """Make the layer known to hls4ml and one of its backends, with the header for its library of fixed-point types."""
    templates.register(backend, _layer(), Path(__file__).parent / types / _HEADER, _CONFIG, _CALL, lambda node: {})
