"""Channel shuffle: wires. The Keras side is `networks/layers.py`, `ChannelShuffle`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fpga_flow.hls.layers import templates

_HEADER = "nnet_shuffle.h"
_CONFIG = """struct config{index} : nnet::shuffle_config {{
    static const unsigned n_pixels = {n_pixels};
    static const unsigned n_chan = {n_chan};
    static const unsigned groups = {groups};
}};
"""
_CALL = "nnet::channel_shuffle<{input_t}, {output_t}, {config}>({input}, {output});"


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer
    from hls4ml.model.attributes import Attribute
    from hls4ml.model.layers import Layer

    class HChannelShuffle(Layer):
        _expected_attributes = [Attribute("n_pixels"), Attribute("n_chan"), Attribute("groups")]  # noqa: RUF012

        def initialize(self) -> None:
            shape = list(self.get_input_variable().shape)
            self.set_attr("n_chan", shape[-1])
            self.set_attr("n_pixels", self.get_input_variable().size() // shape[-1])
            self.add_output_variable(shape)

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        layer = parse_default_keras_layer(keras_layer, input_names)
        layer["groups"] = keras_layer["config"]["groups"]
        return layer, list(input_shapes[0])

    hls4ml.converters.register_keras_v2_layer_handler("ChannelShuffle", parse)
    hls4ml.model.layers.register_layer("ChannelShuffle", HChannelShuffle)
    return HChannelShuffle


def register(backend: str, types: str) -> None:
    """Make the layer known to hls4ml and one of its backends, with the header for its library of fixed-point types."""
    templates.register(backend, _layer(), Path(__file__).parent / types / _HEADER, _CONFIG, _CALL, lambda node: {})
