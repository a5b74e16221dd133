"""Convolutions with groups, dilation, or both, which multiply inside of the groups, and by the weights that there are.

hls4ml has no code for them. This is for AMD's tools, and for the strategies latency and resource; `hls/written.py` says
what becomes of others. Images come padded.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow.hls.layers import templates
from fpga_flow.keras import keras

_HEADER = "nnet_group_conv.h"
_SIZES = (
    "in_height", "in_width", "n_chan", "filt_height", "filt_width", "n_filt", "stride_height", "stride_width",
    "dilation_height", "dilation_width", "out_height", "out_width", "groups",
)  # fmt: skip
_CONFIG = "\n".join(
    [
        "struct config{index} : nnet::group_conv_config {{",
        *(f"    static const unsigned {name} = {{{name}}};" for name in _SIZES),
        "    static const unsigned reuse_factor = {reuse};",
        "    static const unsigned strategy = nnet::{strategy};",
        "    static const unsigned multiplier_limit = {multiplier_limit};",
        "    typedef {accum_t.name} accum_t;",
        "    typedef {weight_t.name} weight_t;",
        "    typedef {bias_t.name} bias_t;",
        "}};",
        "",
    ]
)
_CALL = "nnet::group_conv<{input_t}, {output_t}, {config}>({input}, {output}, {w}, {b});"


class GroupConv1D(keras.layers.Conv1D):
    """The Keras side for sequences: a name by which hls4ml finds the layer's parser."""


class GroupConv2D(keras.layers.Conv2D):
    """The Keras side for images."""


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import get_weights_data, parse_default_keras_layer
    from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
    from hls4ml.model.layers import Layer

    class HGroupConv(Layer):
        _expected_attributes = [  # noqa: RUF012
            *map(Attribute, _SIZES),
            WeightAttribute("weight"), WeightAttribute("bias"),
            TypeAttribute("weight"), TypeAttribute("bias"), TypeAttribute("accum"),
        ]  # fmt: skip

        def initialize(self) -> None:
            *image, _ = self.get_input_variable().shape
            sizes = (self.get_attr("out_height"), self.get_attr("out_width"))[-len(image) :]
            self.add_output_variable([*sizes, self.get_attr("n_filt")])
            weights = self.get_attr("weight_data")
            if self.model.config.is_resource_strategy(self):  # those of a filter after each other
                weights = np.moveaxis(weights, -1, 0)
            self.add_weights_variable(name="weight", var_name="w{index}", data=weights)
            self.add_bias()

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        layer, config = parse_default_keras_layer(keras_layer, input_names), keras_layer["config"]
        _, *image, channels = input_shapes[0]
        keys = {"filt": "kernel_size", "stride": "strides", "dilation": "dilation_rate"}
        axes = {"in": image, **{key: config[name] for key, name in keys.items()}}
        sides = {key: (1,) * (2 - len(image)) + tuple(values) for key, values in axes.items()}
        sides["out"] = tuple(
            (size - (width - 1) * rate - 1) // stride + 1
            for size, width, stride, rate in zip(*sides.values(), strict=True)
        )
        for key, (height, width) in sides.items():
            layer[f"{key}_height"], layer[f"{key}_width"] = height, width
        layer |= {"n_chan": channels, "n_filt": config["filters"], "groups": config["groups"]}
        layer["weight_data"], layer["bias_data"] = get_weights_data(data_reader, layer["name"], ["kernel", "bias"])
        return layer, [None, *sides["out"][-len(image) :], config["filters"]]

    for name in ("GroupConv1D", "GroupConv2D"):
        hls4ml.converters.register_keras_v2_layer_handler(name, parse)
        hls4ml.model.layers.register_layer(name, HGroupConv)
    return HGroupConv


def _values(node: Any) -> dict[str, Any]:
    weights, reuse = node.weights["weight"], node.get_attr("reuse_factor")
    return {
        "strategy": node.get_attr("strategy").lower(),
        "multiplier_limit": -(-weights.data_length // reuse) - weights.nzeros // reuse,  # as hls4ml's layers have it
        "w": weights.name,
        "b": node.weights["bias"].name,
    }


def register(backend: str) -> None:
    """Make the layer known to hls4ml and one of its backends."""
    templates.register(backend, _layer(), Path(__file__).parent / "ap" / _HEADER, _CONFIG, _CALL, _values)
