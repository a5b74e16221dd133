"""`Lookup`: any function of one fixed-point number, as a table with its result for each value; so it is exact."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layers import templates
from fpga_flow.keras import keras, tf

_HEADER = "nnet_lookup.h"


class Lookup(keras.layers.Layer):
    """The Keras side: `table` (channels, values) has the result for each value of `input_type`, in the order of its
    bits read as an unsigned number; a row for each channel (last axis), or a single one for all.
    """

    def __init__(self, input_type: str, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.input_type, self.channels = FixedPoint.parse(input_type), channels

    def build(self, input_shape: Any) -> None:
        """Make the table."""
        self.table = self.add_weight("table", (self.channels, 2**self.input_type.width), trainable=False)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The results for values of the type."""
        size = 2**self.input_type.width
        index = tf.math.floormod(tf.cast(tf.round(inputs / self.input_type.step), tf.int32), size)
        return tf.gather(tf.reshape(self.table, (-1,)), index + size * tf.range(self.channels))

    def get_config(self) -> dict[str, Any]:
        """The configuration, from which Keras makes the layer again."""
        return {**super().get_config(), "input_type": str(self.input_type), "channels": self.channels}


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import get_weights_data, parse_default_keras_layer
    from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
    from hls4ml.model.layers import Layer

    class HLookup(Layer):
        _expected_attributes = [Attribute("n_in"), WeightAttribute("table"), TypeAttribute("table")]  # noqa: RUF012

        def initialize(self) -> None:
            source = self.get_input_variable()
            self.set_attr("n_in", source.size())
            self.add_output_variable(list(source.shape))
            self.add_weights_variable(name="table", var_name="t{index}")

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        layer = parse_default_keras_layer(keras_layer, input_names)
        layer["table_data"] = get_weights_data(data_reader, layer["name"], "table")
        return layer, list(input_shapes[0])

    hls4ml.converters.register_keras_v2_layer_handler("Lookup", parse)
    hls4ml.model.layers.register_layer("Lookup", HLookup)
    return HLookup


_CONFIG = """struct config{index} : nnet::lookup_config {{
    static const unsigned n_in = {n_in};
    static const unsigned table_size = {table_size};
    static const unsigned channels = {channels};
    typedef {table_t.name} table_t;
}};
"""
_CALL = "nnet::lookup<{input_t}, {output_t}, {config}>({input}, {output}, {table});"


def _values(node: Any) -> dict[str, Any]:
    table = node.weights["table"]
    return {"channels": table.shape[0], "table_size": table.shape[1], "table": table.name}


def register(backend: str, types: str) -> None:
    """Make the layer known to hls4ml and one of its backends, with the header for its library of fixed-point types."""
    templates.register(backend, _layer(), Path(__file__).parent / types / _HEADER, _CONFIG, _CALL, _values)
