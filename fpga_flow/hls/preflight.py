"""Is a quantized network, with the settings asked for, one whose HLS code will be exact? If not, it is refused here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.hls import settings
from fpga_flow.hls.backends import BACKENDS, VITIS, Backend
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.lower import lower

#: How many copies of a stream hls4ml can make.
MOST_COPIES = 7
#: Kinds of layers that gather a vector from a stream of pixels.
_OF_PIXELS = ("dense", "reshape", "shuffle", "crelu")


def check(model: Any, hls: Any, backend: Backend = VITIS, *, shapes_known: bool = True) -> Iterator[FieldError]:
    """Everything for which a quantized Keras model can't become exact HLS code with the spec's `hls` section and the
    backend that was chosen by it.

    Args:
        shapes_known: whether the model's layers have the shapes that they will have in the end.
    """
    try:
        layers = lower(model, hls.softmax, hls.io_type)
    except FieldError as error:
        yield error
        return
    for layer in layers:
        yield from _check_name(layer.name)
    if hls.io_type == "io_stream":
        for layer in layers:
            yield from _check_stream(layer)
        yield from _check_copies(layers)
        yield from _check_flattened(layers)
    for layer in layers:
        yield from _check_layer(layer, hls.io_type, backend)
    yield from _check_ends(layers, backend)
    yield from settings.check(layers, hls, backend, shapes_known=shapes_known)


def _check_name(name: str) -> Iterator[FieldError]:
    """hls4ml finds a layer's weights by these words in paths that hold the layer's name."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) or any(word in name.lower() for word in ("bias", "kernel")):
        yield FieldError(
            ("network",),
            f'layer "{name}" has a name that hls4ml gets wrong: '
            'expected letters, digits and _, without "bias" or "kernel"',
        )


def _check_stream(layer: HlsLayer) -> Iterator[FieldError]:
    """What can't be computed of streams."""
    if layer.kind == "pool" and (layer.strides != layer.window or layer.padding != "valid"):
        yield FieldError(
            ("hls", "io_type"),
            f'pooling "{layer.name}" has windows {layer.window}, strides {layer.strides} and padding {layer.padding}, '
            "which io_stream can't compute: expected windows side by side without padding, or io_parallel",
        )
    if layer.kind == "deformable":
        yield FieldError(
            ("hls", "io_type"),
            f'layer "{layer.name}" samples its image where offsets say, which io_stream can\'t compute, as pixels come '
            "one after the other: expected io_parallel",
        )


def _check_copies(layers: Sequence[HlsLayer]) -> Iterator[FieldError]:
    """A stream that several layers read is copied; hls4ml has code for so many copies."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    for name, count in readers.items():
        if count > MOST_COPIES:
            yield FieldError(
                ("hls", "io_type"),
                f'{count} layers read the output of "{name}": expected at most {MOST_COPIES} with io_stream (the '
                "maximum over windows that overlap reads it once for each value along an axis), or io_parallel",
            )


def _check_flattened(layers: Sequence[HlsLayer]) -> Iterator[FieldError]:
    """A flattened image stays a stream of pixels, which not all of hls4ml's code expects where it expects a vector."""
    flattened = {
        layer.name
        for layer in layers
        if layer.kind == "reshape" and len(layer.output_shape) == 1 and layer.output_shape != layer.input_shape[-1:]
    }
    for layer in layers:
        if layer.kind not in _OF_PIXELS and flattened.intersection(layer.inputs):
            yield FieldError(
                ("hls", "io_type"),
                f'layer "{layer.name}" reads a flattened image, which io_stream can\'t compute: expected it before the '
                "image is flattened, or io_parallel",
            )


def _check_layer(layer: HlsLayer, io_type: str, backend: Backend) -> Iterator[FieldError]:
    """What the backend is not known to compute exactly."""
    kind = f"{layer.kind} {layer.function}".strip()
    if not backend.exact(kind, io_type):
        able = [each.name for each in BACKENDS.values() if each.simulation and each.exact(kind, io_type)]
        yield FieldError(
            ("hls", "backend"),
            f'layer "{layer.name}" ({kind}) is not known to be exact with the backend {backend.name} and {io_type}: '
            f"expected another layer, or a backend with which it is ({', '.join(able)})",
        )
    # hls4ml makes types of one bit two bits wide for ac_types; that matters where a type rounds or is an index
    index = [layer.input_type] if layer.function == "lookup" else []
    if (
        backend.types == "ac"
        and layer.kind == "activation"
        and 1 in {each.width for each in [*index, layer.result_type]}
    ):
        yield FieldError(
            ("hls", "backend"),
            f'activation "{layer.name}" has a type of one bit, which hls4ml makes wider for {backend.name}: '
            "expected two bits or more, or a backend for AMD's tools",
        )


def _check_ends(layers: Sequence[HlsLayer], backend: Backend) -> Iterator[FieldError]:
    """Whether input and output pass through the interface that the backend puts around the network."""
    for what, type_ in (("input", layers[0].input_type), ("output", layers[-1].result_type)):
        if backend.widest is not None and type_.width > backend.widest:
            yield FieldError(
                ("hls", "backend"),
                f"the network's {what} has the type {type_}, but the interface of the backend {backend.name} carries "
                f"{backend.widest} bits exactly: expected a narrower type, or another backend",
            )
