"""HLS layers of plugins: the contract, and what the flow makes of one.

A plugin's layer is a module with

    LAYER                       a class of Keras layers of the plugin's name, with one input and no weights. In doubles
                                it must compute exactly what its C++ computes of fixed-point values
    EXACT                       by the backends' libraries of types, `ap` (AMD) and `ac` (Intel), the io_types that it
                                has C++ for: {"ap": ("io_parallel", "io_stream")}
    fraction(layer, bits)       the fractional bits of its results, of inputs with so many
    bounds(layer, low, high)    -> (low, high): sound bounds (*output_shape) of its results for inputs within bounds
                                (*input_shape). `layer` is the Keras layer
    register(backend, types)    tells hls4ml of the layer, and one of its backends, see `templates.register`
    cost(layer, stream)         -> `resources.estimate.formula.Cost` of an `HlsLayer`
    energy(layer)               its arithmetic for a sample in pJ, see `resources/energy.py`

It is lowered to a single `HlsLayer` whose kind is the plugin's name. What it computes is what its Keras layer computes;
so the C simulation compares the plugin's C++ with that, bit for bit, as it does for every layer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import plugins
from fpga_flow.errors import CheckFailed, ToolError
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.keras import keras, qkeras, tf
from fpga_flow.plugins import Plugin, Registry

Doubles = NDArray[np.float64]

IO_TYPES = ("io_parallel", "io_stream")
_TYPES = {"ap", "ac"}


def _problems(plugin: Plugin, module: Any) -> Iterator[str]:
    """What is wrong with a plugin's layer."""
    yield from plugins.name_problems(
        plugin.name, "[A-Z][A-Za-z0-9]*", "letters and digits, the first one a capital letter"
    )
    if hasattr(keras.layers, plugin.name) or hasattr(qkeras, plugin.name) or plugin.name in _own():
        yield f'expected a name of its own, got "{plugin.name}", which another layer has, too'
    layer = getattr(module, "LAYER", None)
    if not (isinstance(layer, type) and issubclass(layer, keras.layers.Layer)):
        yield "expected LAYER, a class of layers of Keras 2 (tf_keras), got another value or none"
    elif layer.__name__ != plugin.name:
        yield f'expected a LAYER of the name "{plugin.name}", got "{layer.__name__}"'
    exact = getattr(module, "EXACT", None)
    choices = [choice for count in range(len(IO_TYPES) + 1) for choice in permutations(IO_TYPES, count)]
    if not isinstance(exact, dict) or not exact.keys() <= _TYPES or not all(each in choices for each in exact.values()):
        yield f'expected EXACT, for example {{"ap": ("io_parallel", "io_stream")}}, got {exact!r}'
    yield from plugins.module_problems(module, ("fraction", "bounds", "register", "cost", "energy"))


def _own() -> dict[str, Any]:
    from fpga_flow.networks import layers

    return layers.BUILT_IN


#: Layers of this package that keep the contract, by the names of their Keras layers; they are imported where needed.
_BUILT_IN: dict[str, str] = {}
LAYERS = Registry("fpga_flow.hls_layers", _BUILT_IN, _problems)


def exact(kind: str, types: str, io_type: str) -> bool:
    """Whether a kind is a plugin's layer that has C++ for a library of types and an io_type."""
    return kind in LAYERS and io_type in LAYERS[kind].EXACT.get(types, ())


def keras_layer(layer: HlsLayer, dtype: str = "float32") -> Any:
    """The Keras layer that a lowered layer was."""
    return LAYERS[layer.kind].LAYER.from_config({**json.loads(layer.config), "name": layer.name, "dtype": dtype})


def bounds(layer: HlsLayer, low: Doubles, high: Doubles) -> tuple[Doubles, Doubles]:
    """Bounds (*output_shape) of what a layer gives for inputs within bounds (*input_shape)."""
    found = LAYERS[layer.kind].bounds(keras_layer(layer), low, high)
    low, high = (np.broadcast_to(np.asarray(each, np.float64), layer.output_shape) for each in found)
    return low, high


def compute(layer: HlsLayer, x: Doubles) -> Doubles:
    """The values (n, *output_shape) of a layer for values (n, *input_shape).

    Raises:
        CheckFailed: one is none of its type, so that the plugin's `fraction` or `bounds` is wrong.
    """
    values = np.asarray(keras_layer(layer, "float64")(np.asarray(x, np.float64)), np.float64)
    type_ = layer.result_type
    wrong = (values != np.rint(values / type_.step) * type_.step) | (values < type_.min) | (values > type_.max)
    if wrong.any():
        raise CheckFailed(
            f'layer "{layer.name}": expected values of its type {type_}, got {values[wrong][0]:.10g}: the fraction or '
            f"the bounds of {LAYERS.plugin(layer.kind)} are wrong"
        )
    return values


def slope(layer: HlsLayer, towards: Doubles, x: Doubles) -> Doubles:
    """The slope of a number towards each input (n, *input_shape), given those towards the outputs, at `x`."""
    inputs = tf.constant(x, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = keras_layer(layer, "float64")(inputs)
    found = tape.gradient(outputs, inputs, tf.constant(towards, tf.float64), unconnected_gradients="zero")
    return np.asarray(found, np.float64)


@cache
def register(kind: str, backend: str, types: str) -> None:
    """Make a plugin's layer known to hls4ml and one of its backends, once in a process.

    Raises:
        ToolError: the plugin failed.
    """
    try:
        LAYERS[kind].register(backend, types)
    except Exception as error:
        raise ToolError(f"{LAYERS.plugin(kind)} failed to register: {type(error).__name__}: {error}") from error
