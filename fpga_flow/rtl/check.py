"""What can't become RTL, found before anything is made."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from fpga_flow.errors import InputError, Place, Problem
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.estimate.layers import csd_digits

#: Additions without any sharing beyond which a network is not unrolled: making the RTL would take hours, and no device
#: would hold it.
MAX_ADDITIONS = 400_000
#: Bits that da4ml's solver, which computes in float32, takes for a weight.
MAX_WEIGHT_BITS = 24
#: Bits of an interval's ends and step that da4ml keeps (Decimal, of 28 digits), left and right of the binary point.
MAX_BITS = 32
#: Bits of a table's input: each more doubles it.
MAX_TABLE_BITS = 14


def check(project: HlsProject) -> None:
    """See whether a project's layers can become RTL.

    Raises:
        InputError: they can't; all reasons, by layer.
    """
    place = Place(str(project.folder))
    problems = [Problem(place, layer.name, message) for layer in project.layers for message in _messages(layer)]
    additions = {layer.name: unrolled_additions(layer) for layer in project.layers}
    if not problems and sum(additions.values()) > MAX_ADDITIONS:
        most = max(additions, key=lambda name: additions[name])
        message = (
            f"expected a network of at most {MAX_ADDITIONS:,} additions, since RTL unrolls all of it, got one of "
            f"{sum(additions.values()):,}, {additions[most]:,} of them here: prune it, take fewer bits or smaller "
            "images, or keep to the HLS code, which uses its parts again"
        )
        problems.append(Problem(place, most, message))
    if problems:
        raise InputError(problems)


def unrolled_additions(layer: HlsLayer) -> int:
    """Additions of a layer without any sharing: one for each signed digit of each weight, at each position."""
    if layer.weights is not None:
        positions = layer.positions if layer.kind != "dense" else math.prod(layer.output_shape[:-1])
        return int(csd_digits(layer.weights).sum()) * positions
    if layer.kind in ("pool", "global_pool"):
        return layer.output_size * max(math.prod(layer.window), layer.input_size // layer.output_size)
    return layer.output_size if layer.kind in ("activation", "merge") else 0


def _messages(layer: HlsLayer) -> Iterator[str]:
    if layer.function == "softmax":
        yield (
            "expected a layer that RTL can be made of, got softmax, which HLS code looks up in tables: leave it out "
            "(hls.softmax: false), the class with the greatest output is the same"
        )
    if layer.kind == "deformable":
        yield (
            "expected a layer that RTL can be made of, got a deformable sampling, whose addresses depend on the data: "
            "keep to the HLS code, or take a dilated convolution"
        )
    if layer.config:
        yield f"expected a layer that RTL can be made of, got {layer.kind} of a plugin, which has HLS code alone"
    if layer.table is not None and layer.input_type.width > MAX_TABLE_BITS:
        yield (
            f"expected a function of at most {MAX_TABLE_BITS} bits, since RTL keeps a table for each value, got "
            f"{layer.input_type}: round its input with a quantizer"
        )
    if layer.weights is not None and int(np.abs(layer.weights).max(initial=0)) >= 2**MAX_WEIGHT_BITS:
        yield f"expected weights of at most {MAX_WEIGHT_BITS} bits, got {layer.weight_type}"
    types = layer.input_type, layer.second_type, layer.weight_type, layer.bias_type, layer.accum_type, layer.result_type
    for type_ in dict.fromkeys(type_ for type_ in types if type_ is not None):
        if max(abs(type_.fraction), abs(type_.integer)) > MAX_BITS:
            yield f"expected a type of at most {MAX_BITS} bits on each side of the binary point, got {type_}"
