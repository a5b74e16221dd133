"""Checking what the sections `compress`, `precision` and `hls` say of the network's layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from fpga_flow import compress
from fpga_flow.errors import FieldError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.backends import Backend
from fpga_flow.networks import own_quantizers
from fpga_flow.number_types import is_open
from fpga_flow.spec.checks import passes
from fpga_flow.spec.model import LayerPrecision, Precision


def check(model: Any, sections: dict[str, Any], backend: Backend, x: Any) -> Iterator[FieldError]:
    """What is wrong with the valid ones of the sections, for the network. By the samples `x` ranges are found that the
    precision leaves open.
    """
    quantizing = any(one.name == "quantize" for one in sections.get("compress") or ())
    if "compress" in sections and not quantizing and own_quantizers.are_there(model):
        yield from _check_quantized(model, sections, backend)
        return
    precision, stand_in = sections.get("precision"), _stand_in()
    if "precision" in sections:
        errors = list(passes.check(sections.get("compress"), model, precision))
    else:
        found = passes.check(sections.get("compress"), model, stand_in)
        errors = [error for error in found if error.path[0] != "precision"]
    yield from errors
    if "hls" not in sections:
        return
    model, known = passes.outlined(model, sections.get("compress"), fits=not errors)
    if not errors and precision is not None:
        yield from _check_hls(model, precision, sections["hls"], backend, x, shapes_known=known)
    else:  # settings of layers can be checked with any types
        of_hls = _check_hls(model, stand_in, sections["hls"], backend, x, shapes_known=known)
        yield from (error for error in of_hls if error.path[0] == "hls")


def _check_quantized(model: Any, sections: dict[str, Any], backend: Backend | None) -> Iterator[FieldError]:
    """A network that goes on with quantizers of its own: nothing but its input may be given a type."""
    from fpga_flow.hls import preflight

    precision = sections.get("precision")
    errors = list(passes.check_each(sections["compress"], model, precision))
    yield from errors
    if precision is not None and precision.layers:
        yield FieldError(
            ("precision", "layers"), "expected no types for a network with quantizers of its own, or a quantize pass"
        )
    if precision is not None and (type_ := own_quantizers.input_type(model)) is not None:
        yield FieldError(("precision", "input"), f"expected none, as the network rounds its input itself, into {type_}")
    elif precision is not None and is_open(precision.input):
        yield FieldError(
            ("precision", "input"),
            f"expected a type with integer bits, as only a quantize pass finds them from data, got {precision.input}",
        )
    elif precision is None and own_quantizers.input_type(model) is None:
        yield FieldError(
            ("precision",),
            "expected the type of the input, for example precision: {input: fixed<8,1>}, since the network does not "
            "round its input itself, got none",
        )
    elif backend is not None:
        outlined, known = passes.outlined(model, sections["compress"], fits=not errors)
        with_input = own_quantizers.with_quantized_input(outlined, precision)
        yield from passes.refused(partial(preflight.check, shapes_known=known), with_input, sections["hls"], backend)


def _check_hls(
    model: Any, precision: Any, hls: Any, backend: Backend, x: Any, *, shapes_known: bool
) -> Iterator[FieldError]:
    """What is wrong with the HLS code to come. By the samples `x` ranges are found that the precision leaves open."""
    from fpga_flow.hls import preflight

    def checked() -> Iterator[FieldError]:
        quantized = compress.quantize.quantize_model(model, precision, x)
        return preflight.check(quantized, hls, backend, shapes_known=shapes_known)

    yield from passes.refused(checked)


def _stand_in() -> Precision:
    """Types with which any network can be quantized."""
    type_ = FixedPoint(8, 1)
    return Precision(input=type_, layers={"*": LayerPrecision(weight=type_, bias=type_, activation=type_)})
