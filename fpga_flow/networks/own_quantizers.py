"""Networks that are quantized already, by quantizers that they brought with them."""

from __future__ import annotations

from typing import Any

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras
from fpga_flow.networks.network import quantizer_of, weights
from fpga_flow.networks.rebuild import copy, rebuild


def are_there(model: Any) -> bool:
    """Whether any weight or activation of a flat model has a quantizer."""
    return any(isinstance(layer, qkeras.QActivation) for layer in model.layers) or any(
        quantizer_of(layer, name) is not None for layer, name, _ in weights(model)
    )


def input_type(model: Any) -> FixedPoint | None:
    """The type of the quantizer right behind the input of a flat model; None if something else is there, too."""
    from fpga_flow.networks import quantizers

    readers = [node.layer for layer in model.layers if isinstance(layer, keras.layers.InputLayer)
               for node in layer.outbound_nodes]  # fmt: skip
    if len(readers) != 1 or not isinstance(readers[0], qkeras.QActivation):
        return None
    return quantizers.type_of(readers[0].quantizer)


def with_quantized_input(model: Any, precision: Any) -> Any:
    """The model with its input rounded into the type that `precision` gives it, if it does not round it itself."""
    from fpga_flow.networks import quantizers

    if precision is None or input_type(model) is not None:
        return model

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return [qkeras.QActivation(quantizers.linear(precision.input), name=f"{layer.name}_quantized")]
        return [copy(layer)]

    return rebuild(model, replace)
