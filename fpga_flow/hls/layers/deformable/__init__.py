"""`deformable`: an image sampled at shifted positions by bilinear interpolation, exact. Its Keras side is
`networks/sampling.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_HEADER = "nnet_deformable.h"
#: The types of positions and of shares, by the library of fixed-point types.
_TYPES = {"ap": ("ap_fixed<{},{}>", "ap_ufixed<{},{}>"), "ac": ("ac_fixed<{},{},true>", "ac_fixed<{},{},false>")}
_SIZES = (
    "in_height", "in_width", "n_chan", "out_height", "out_width", "filt_height", "filt_width", "stride_height",
    "stride_width", "pad_top", "pad_left",
)  # fmt: skip


@cache
def _layer() -> Any:
    """The class that stands for the layer in hls4ml, with its parser: known to hls4ml from here on."""
    import hls4ml
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer
    from hls4ml.model.attributes import Attribute
    from hls4ml.model.layers import Layer

    from fpga_flow.networks.sampling import DeformableSampling

    class HDeformable(Layer):
        _expected_attributes = [Attribute(name) for name in _SIZES]  # noqa: RUF012

        def initialize(self) -> None:
            taps = self.attributes["filt_height"] * self.attributes["filt_width"]
            sizes = [self.attributes["out_height"], self.attributes["out_width"]]
            self.add_output_variable([*sizes, taps * self.attributes["n_chan"]])

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
        layer = parse_default_keras_layer(keras_layer, input_names)
        own = DeformableSampling.from_config(keras_layer["config"])
        (_, *sizes, channels), (_, *outs, _) = input_shapes
        pads = own.pads(sizes, outs)
        values = (*sizes, channels, *outs, *own.kernel_size, *own.strides, pads[0][0], pads[1][0])
        layer |= dict(zip(_SIZES, values, strict=True))
        return layer, [None, *outs, own.kernel_size[0] * own.kernel_size[1] * channels]

    hls4ml.converters.register_keras_v2_layer_handler("DeformableSampling", parse)
    hls4ml.model.layers.register_layer("DeformableSampling", HDeformable)
    return HDeformable


def _bits(offsets: Any, starts: int) -> tuple[int, int]:
    """The integer bits, and the fractional ones, of a position.

    Args:
        offsets: their type, as hls4ml has it.
        starts: positions without offsets lie between it and -it.
    """
    greatest = 2 ** max(offsets.integer, 0) + starts
    return int(greatest).bit_length() + 1, max(offsets.width - offsets.integer, 0)


def register(backend: str, types: str) -> None:
    """Make the layer known to hls4ml and one of its backends, with the header for its library of fixed-point types."""
    import hls4ml
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

    position, share = _TYPES[types]

    class Config(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(_layer())
            sizes = "".join(f"    static const unsigned {name} = {{{name}}};\n" for name in _SIZES)
            self.template = (
                "struct config{index} : nnet::deformable_config {{\n"
                f"{sizes}"
                "    typedef {position} position_t;\n"
                "    typedef {share} share_t;\n"
                "}};\n"
            )

        def format(self, node: Any) -> str:
            params = self._default_config_params(node)
            axes = ("height", "width")
            starts = max(params[f"out_{each}"] * params[f"stride_{each}"] + params[f"filt_{each}"] for each in axes)
            integer, fraction = _bits(node.get_input_variable(node.inputs[1]).type.precision, starts)
            params["position"] = position.format(integer + fraction, integer)
            params["share"] = share.format(fraction + 1, 1)
            return str(self.template.format(**params))

    class Function(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(_layer(), include_header=[f"nnet_utils/{_HEADER}"])
            self.template = (
                "nnet::deformable<{input_t}, {offset_t}, {output_t}, {config}>({input}, {offsets}, {output});"
            )

        def format(self, node: Any) -> str:
            params = self._default_function_params(node)
            offsets = node.get_input_variable(node.inputs[1])
            params |= {"offset_t": offsets.type.name, "offsets": offsets.name}
            return str(self.template.format(**params))

    made_for = hls4ml.backends.get_backend(backend)
    made_for.register_template(Config)
    made_for.register_template(Function)
    made_for.register_source(Path(__file__).parent / types / _HEADER)
