"""The figures of resource numbers: by layer, against reports, against bit widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpga_flow.report import drawing, text
from fpga_flow.report.drawing import BLUE, INK, MUTED, ORANGE, PARTS, RED, REST, Drawn, axis, drawn, label
from fpga_flow.resources.report import ResourceReport

RESOURCE_NAMES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18", "uram": "URAM"}
#: The numbers that have intervals, as axes name them.
NUMBER_NAMES = {**RESOURCE_NAMES, "latency_cycles": "cycles"}
#: Where zeros stand on a logarithmic axis.
_ZERO = 0.5


@dataclass(frozen=True)
class Point:
    """A number that was reported, what was estimated, and the interval of that; `label` says what it is of."""

    label: str
    group: str
    reported: float
    estimated: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the reported number is in the interval."""
        return self.low <= self.reported <= self.high


def layers(report: Mapping[str, Any], usable: Mapping[str, int] | None) -> Drawn:
    """Per resource, what share of the board (or of the design, without a board) each layer takes, stacked.

    Args:
        report: an entry of `resources` in run.json, or a `ResourceReport` as a dictionary.
        usable: what a network may use of the board, by resource, if known.
    """
    names = [name for name in RESOURCE_NAMES if report.get(name) and (usable is None or usable.get(name))]
    whole = {name: usable[name] if usable else report[name] for name in names}
    layers = [layer for layer in report["layers"] if any(layer.get(name) for name in names)]
    layers.sort(key=lambda layer: -max((layer[name] or 0) / whole[name] for name in names))
    shown = {layer["name"] for layer in (layers if len(layers) <= len(PARTS) else layers[: len(PARTS) - 1])}
    ordered = [layer for layer in report["layers"] if layer["name"] in shown]
    rest = [layer for layer in layers if layer["name"] not in shown]
    parts = [(label(layer["name"]), [layer], PARTS[place]) for place, layer in enumerate(ordered)]
    if rest:
        parts.append((f"{len(rest)} other parts", rest, REST))
    figure = drawing.figure(height=160 + 44 * len(names), barmode="stack", bargap=0.35)
    for name, members, colour in parts:
        amounts = [sum(member[each] or 0 for member in members) for each in names]
        figure.add_bar(
            orientation="h", name=name, y=[RESOURCE_NAMES[each] for each in names],
            x=[100 * amount / whole[each] for amount, each in zip(amounts, names, strict=True)],
            customdata=[f"{amount:,}" for amount in amounts],
            marker={"color": colour, "line": {"color": "#fff", "width": 0.5}},
            hovertemplate="%{customdata} %{y} (%{x:.2f} %)",
        )  # fmt: skip
    if intervals := report.get("intervals"):
        sure = [each for each in names if each in intervals]
        figure.add_scatter(
            x=[100 * report[each] / whole[each] for each in sure], y=[RESOURCE_NAMES[each] for each in sure],
            name="80 % interval of the whole", mode="markers", marker={"size": 4, "color": INK},
            error_x={
                "type": "data", "symmetric": False, "color": INK, "thickness": 1.5,
                "array": [100 * (intervals[each][1] - report[each]) / whole[each] for each in sure],
                "arrayminus": [100 * (report[each] - intervals[each][0]) / whole[each] for each in sure],
            },
            customdata=[text.span(*intervals[each]) for each in sure],
            hovertemplate="%{customdata} %{y}",
        )  # fmt: skip
    of = "what is usable on the board" if usable else "the whole design"
    figure.update_layout(
        xaxis=axis(f"share of {of} in %", rangemode="tozero"),
        yaxis=axis("", autorange="reversed", type="category"),
        legend={"traceorder": "normal", "yref": "container", "y": 0.99, "yanchor": "top"},
        margin_t=76,
    )
    if usable:
        figure.add_vline(x=100, line={"color": RED, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            x=100, y=1, yref="paper", yanchor="bottom", text="all that is usable", showarrow=False,
            font={"color": RED, "size": 12},
        )  # fmt: skip
    return drawn(figure)


def against_reports(points: Sequence[Point], name: str) -> Drawn:
    """Estimates with their intervals against what was reported, in colours by group; hollow where it is outside.

    Args:
        points: at least one; of more groups than there are colours, the last share one.
        name: of the number, one of `NUMBER_NAMES`.
    """
    figure = drawing.figure(height=480, margin_t=drawing.BELOW_BUTTONS)
    groups = list(dict.fromkeys(point.group for point in points))
    for place, group in enumerate(groups):
        colour = PARTS[place] if place < len(PARTS) else REST
        of_group = [point for point in points if point.group == group]
        middles = [_shown(point.estimated) for point in of_group]
        figure.add_scatter(
            x=[_shown(point.reported) for point in of_group], y=middles, name=label(group), mode="markers",
            marker={
                "color": colour, "size": 7, "symbol": ["circle" if p.inside else "circle-open" for p in of_group],
            },
            error_y={
                "type": "data", "symmetric": False, "color": colour, "thickness": 0.8, "width": 0,
                "array": [_shown(p.high) - middle for p, middle in zip(of_group, middles, strict=True)],
                "arrayminus": [middle - _shown(p.low) for p, middle in zip(of_group, middles, strict=True)],
            },
            text=[label(point.label) for point in of_group],
            customdata=[[f"{p.reported:,.0f}", f"{p.estimated:,.0f}", f"{p.low:,.0f} to {p.high:,.0f}"]
                        for p in of_group],
            hovertemplate="%{text}<br>reported %{customdata[0]}, estimated %{customdata[1]} (%{customdata[2]})"
                          "<extra></extra>",
        )  # fmt: skip
    ends = [_shown(value) for point in points for value in (point.reported, point.estimated)]
    low, high = min(ends) / 1.5, max(ends) * 1.5
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line={"color": MUTED, "width": 1, "dash": "dash"},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    ticks = drawing.log_ticks(low, high)
    marks = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}
    figure.update_layout(
        xaxis=axis(f"{NUMBER_NAMES[name]} reported", **marks), yaxis=axis(f"{NUMBER_NAMES[name]} estimated", **marks)
    )
    return drawn(figure)


def against_widths(reports: Sequence[tuple[int, ResourceReport]]) -> Drawn:
    """Resources and cycles of a network against its bit width, with the intervals as bands.

    Args:
        reports: bit widths and the reports, at least one, all of one source and stage.

    Raises:
        ValueError: they are of several sources or stages.
    """
    titles = sorted({report.title for _, report in reports})
    if len(titles) != 1:
        raise ValueError(f"expected reports of one source and stage, got {', '.join(titles) or 'none'}")
    ordered = sorted(reports, key=lambda each: each[0])
    widths = [width for width, _ in ordered]
    panels = (("LUT and FF", ("lut", "ff")), ("DSP and BRAM18", ("dsp", "bram18")), ("cycles", ("latency_cycles",)))
    domains = ((0.0, 0.27), (0.38, 0.65), (0.76, 1.0))
    colours = dict(zip(NUMBER_NAMES, (BLUE, ORANGE, BLUE, ORANGE, MUTED, INK), strict=True))
    figure = drawing.figure(height=360, hovermode="x", margin_t=drawing.BELOW_BUTTONS)
    for number, ((title, names), domain) in enumerate(zip(panels, domains, strict=True), 1):
        suffix = str(number) if number > 1 else ""
        for name in names:
            values = [getattr(report, name) for _, report in ordered]
            if all(value is None for value in values):
                continue
            axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "legendgroup": name}
            colour = colours[name]
            if all(report.intervals for _, report in ordered):
                lows, highs = ([(report.intervals or {})[name][end] for _, report in ordered] for end in (0, 1))
                figure.add_scatter(
                    x=[*widths, *reversed(widths)], y=[*highs, *reversed(lows)], fill="toself", mode="none",
                    fillcolor=_faint(colour), hoverinfo="skip", showlegend=False, **axes,
                )  # fmt: skip
            figure.add_scatter(
                x=widths, y=values, name=NUMBER_NAMES[name], mode="lines+markers",
                line={"color": colour, "width": 1.8, "dash": "solid" if name == names[0] else "dot"},
                marker={"size": 6}, hovertemplate="%{y:,}", **axes,
            )  # fmt: skip
        figure.update_layout({
            f"xaxis{suffix}": axis("bits", domain=domain, anchor=f"y{suffix}"),
            f"yaxis{suffix}": axis(title, anchor=f"x{suffix}", rangemode="tozero"),
        })  # fmt: skip
    return drawn(figure)


def _shown(value: float) -> float:
    """A value's place on a logarithmic axis."""
    return max(value, _ZERO)


def _faint(colour: str) -> str:
    """The colour of a band behind lines."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
