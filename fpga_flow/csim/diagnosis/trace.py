"""Looking into a C simulation, layer by layer: is it exact, what overflowed, how much of each type's range is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing
from fpga_flow.csim import compare, headers, run
from fpga_flow.csim.build import Simulator, build
from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis.trace_report import COLUMNS, LayerTrace, TraceReport, limits, merged, range_of
from fpga_flow.errors import InputError, ToolError
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.project import HlsProject

__all__ = ["COLUMNS", "LayerTrace", "TraceReport", "chunks", "examine", "limits", "simulator"]

#: Values of all layers that are held at a time.
_VALUES = 2**23


def simulator(design: Design, *, stock_headers: bool = False) -> tuple[Simulator, str]:
    """A traced simulator that counts if it can, and why it can't otherwise.

    Raises:
        InputError: the project's layers can't be recorded.
        ToolError: the compiler is missing or fails.
    """
    if design.io_type not in design.simulation.traced:
        got = f"{design.backend.name} with {design.io_type}"
        message = f"expected a project whose layers can be recorded, got one of {got}"
        raise InputError.at(str(design.folder), message)
    if design.backend.types != "ap":
        return build(design, traced=True), f"{design.backend.name} has Intel's types, which don't count"
    if stock_headers:
        return build(design, stock_headers=True, traced=True), "the bundled headers, which were asked for, don't count"
    if "light" not in headers.able(design):
        reason = "the project's fixed-point types are not those of hls4ml, for which the light ones, which count, stand"
        return build(design, traced=True), reason
    try:
        return build(design, traced=True, counted=True), ""
    except ToolError:  # a compiler that is missing is so for the next one, too
        without = build(design, stock_headers=True, traced=True)
        return without, "the project does not compile with the light headers, and the bundled ones don't count"


def examine(
    design: Design,
    project: HlsProject | None,
    samples: NDArray[np.floating],
    *,
    expected: Mapping[str, NDArray[np.float64]] | None = None,
    stock_headers: bool = False,
) -> TraceReport:
    """Run the C++ on samples (n, ...) and look at every layer.

    Args:
        project: the same project, if it is one of ours: its layers are compared with the emulator. Samples are rounded
            into its input type beforehand, as they are for the network.
        expected: compare with these outputs of layers instead, (n, size) by name; layers without are not compared.

    Raises:
        InputError: the project's layers can't be recorded.
        ToolError: the compiler is missing or fails, or the C++ crashes.
        ValueError: samples or expected values have another number of values.
    """
    compiled, uncounted = simulator(design, stock_headers=stock_headers)
    if project is not None:
        samples = project.layers[0].input_type.quantize(samples.reshape(len(samples), *project.layers[0].input_shape))
    for name, values in (expected or {}).items():
        if len(values) != len(samples):
            raise ValueError(f'layer "{name}": expected values of {len(samples)} samples, got {len(values)}')
    compared_with = "record" if expected is not None else "" if project is None else "emulator"
    emulator = None if project is None or expected is not None else Emulator(project.layers)
    found: dict[tuple[str, str, str], LayerTrace] = {}
    for rows, traced in chunks(compiled, samples):
        right = (
            emulator.predict_layers(samples[rows]) if emulator else {k: v[rows] for k, v in (expected or {}).items()}
        )
        for layer in _layers(traced, rows.start, project, right, not uncounted):
            key = (layer.name, layer.kind, layer.type)
            found[key] = merged(found[key], layer) if key in found else layer
    order = list(dict.fromkeys(name for name, _, _ in found))
    layers = sorted(found.values(), key=lambda layer: (order.index(layer.name), layer.kind != "conversion"))
    return TraceReport(len(samples), compiled.headers, uncounted, compared_with, tuple(layers))


def chunks(compiled: Simulator, samples: NDArray[np.floating]) -> Iterator[tuple[slice, run.Traced]]:
    """The traces of a few samples at a time, as all layers of many would need too much memory, and which they are."""
    start, count = 0, 16
    while start < len(samples):
        doing.now("samples simulated, layer by layer", start, len(samples))
        traced = run.trace(compiled, samples[start : start + count])
        yield slice(start, start + len(traced.outputs)), traced
        start += count
        count = max(16, _VALUES // max(1, sum(values.shape[1] for values in traced.layers.values())))


def _layers(
    traced: run.Traced,
    start: int,
    project: HlsProject | None,
    expected: Mapping[str, NDArray[np.float64]],
    counted: bool,
) -> tuple[LayerTrace, ...]:
    """All layers for the samples from number `start` on."""
    kinds = {layer.name: layer for layer in project.layers} if project is not None else {}
    events: dict[str, dict[str, list[run.Event]]] = {}
    for event in traced.events:
        events.setdefault(event.layer, {}).setdefault(event.type, []).append(event)
    rows = [_conversion("inputs", type_, found) for type_, found in events.pop("inputs", {}).items()]
    for name, values in traced.layers.items():
        layer, of_layer = kinds.get(name), events.pop(name, {})
        type_ = traced.types[name]
        into_output = of_layer.pop(type_, [])
        tolerance = project.tolerance if project and layer and layer.function == "softmax" else 0.0
        rows += [_conversion(name, other, found) for other, found in of_layer.items()]
        low, high = float(values.min()), float(values.max())
        rows.append(
            LayerTrace(
                name,
                "" if layer is None else layer.kind,
                type_,
                **_compared(values, start, expected.get(name), tolerance),
                **_counts(into_output, counted),
                **range_of(type_, *_widened(low, high, into_output)),
            )
        )
    return (*rows, *(_conversion(name, type_, found) for name in events for type_, found in events[name].items()))


def _conversion(name: str, type_: str, events: list[run.Event]) -> LayerTrace:
    used = _widened(None, None, events)
    return LayerTrace(name, "conversion", type_, **_counts(events, True), **range_of(type_, *used))


def _widened(low: float | None, high: float | None, events: list[run.Event]) -> tuple[float | None, float | None]:
    lows, highs = [event.lowest for event in events], [event.highest for event in events]
    return (
        min([*lows, *([] if low is None else [low])], default=None),
        max([*highs, *([] if high is None else [high])], default=None),
    )


def _counts(events: list[run.Event], counted: bool) -> dict[str, Any]:
    if not counted:
        return {}
    return {key: sum(getattr(event, key) for event in events) for key in ("wrapped", "saturated")}


def _compared(
    values: NDArray[np.float64], start: int, right: NDArray[np.float64] | None, tolerance: float
) -> dict[str, Any]:
    if right is None:
        return {}
    right = np.asarray(right, np.float64).reshape(len(right), -1)
    if right.shape != values.shape:
        raise ValueError(f"expected {values.shape[1]} values of a layer to compare with, got {right.shape[1]}")
    differences = np.abs(values - right).max(axis=1, initial=0.0)
    return {
        "exact": bool(np.array_equal(values, right)),
        "max_abs_diff": float(differences.max(initial=0.0)),
        "worst_sample": start + int(differences.argmax()) if differences.any() else None,
        "differing": int(compare.differing(right, values, tolerance).any(axis=1).sum()),
    }
