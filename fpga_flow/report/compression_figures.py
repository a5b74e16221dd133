"""The figures of the section Compression."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fpga_flow.compress.prune.allocation import SENSITIVITY_AT
from fpga_flow.report import drawing, text
from fpga_flow.report.compression import CodedWeight, Curve, LayerZeros, Point, Step, mean_length, summed
from fpga_flow.report.drawing import (
    BELOW_BUTTONS,
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PARTS,
    REST,
    YELLOW,
    Drawn,
    axis,
    drawn,
    label,
)

#: Up to so many rows they are tall, and more are lower.
_FEW = 20


def waterfall(steps: Sequence[Step]) -> Drawn:
    """Bytes from float32 to the file, one row for each step, on a logarithmic axis."""
    figure = drawing.figure(height=110 + 40 * len(steps), showlegend=False, bargap=0.45)
    for row, step in enumerate(steps[:-1]):  # what a row leaves is what the next one begins with
        figure.add_shape(
            type="line", x0=step.after, x1=step.after, y0=row, y1=row + 1,
            line={"color": MUTED, "width": 1, "dash": "dot"},
        )  # fmt: skip
    changes = [(row, step, step.before) for row, step in enumerate(steps) if step.before is not None]
    figure.add_bar(
        orientation="h", y=[row for row, _, _ in changes],
        base=[min(before, step.after) for _, step, before in changes],
        x=[abs(before - step.after) for _, step, before in changes],
        marker={"color": [BLUE if step.after <= before else ORANGE for _, step, before in changes]},
        text=[label(step.name) for _, step, _ in changes], textposition="none",
        customdata=[f"{before:,} to {step.after:,} bytes, {text.times(step.factor)}" for _, step, before in changes],
        hovertemplate="%{text}: %{customdata}<extra></extra>",
    )  # fmt: skip
    totals = [(row, step) for row, step in enumerate(steps) if step.before is None]
    figure.add_scatter(
        x=[step.after for _, step in totals], y=[row for row, _ in totals], mode="markers",
        marker={"color": INK, "size": 11, "symbol": "diamond"}, text=[label(step.name) for _, step in totals],
        hovertemplate="%{text}: %{x:,} bytes<extra></extra>",
    )  # fmt: skip
    ends = [max(step.before or 0, step.after) for step in steps]
    figure.add_scatter(
        x=ends, y=list(range(len(steps))), mode="text", textposition="middle right", hoverinfo="skip",
        text=[f"   {text.size(step.after)}, {text.times(step.ratio)}" for step in steps], cliponaxis=False,
    )  # fmt: skip
    least, most = min(step.after for step in steps), max(ends)
    low, high = least / 1.3, most * (1.7 * most / least) ** 0.3  # room for the last text
    ticks = [tick for tick in drawing.log_ticks(low, high) if low <= tick <= 1.1 * most]
    figure.update_layout(
        xaxis=axis(
            "bytes (logarithmic)", type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks,
            ticktext=[text.size(tick) for tick in ticks],
        ),
        yaxis=_rows([step.name for step in steps]),
    )  # fmt: skip
    return drawn(figure)


def accuracy_against_sparsity(curve: Curve) -> Drawn:
    """Accuracy on validation samples against sparsity, with that on test samples before and after the pass."""
    figure = drawing.figure(height=372, margin_t=BELOW_BUTTONS)
    hover = {"hovertemplate": f"%{{x:.2f}} % {'removed' if curve.removes else 'zeros'}: %{{y:.2f}} %"}
    kept, others = ([point for point in curve.points if point.kept is wanted] for wanted in (True, False))
    names = ("kept", "taken back") if curve.in_rounds else ("at the final sparsity", "sparsity still rising")
    path = _xy(kept if curve.in_rounds else curve.points)
    figure.add_scatter(**path, mode="lines", line={"color": BLUE, "width": 1.2}, hoverinfo="skip", showlegend=False)
    for name, points, colour, symbol in ((names[0], kept, BLUE, "circle"), (names[1], others, ORANGE, "circle-open")):
        if points:
            marker = {"color": colour, "size": 9, "symbol": symbol, "line": {"width": 2, "color": colour}}
            figure.add_scatter(**_xy(points), **hover, name=name, mode="markers", marker=marker)
    if curve.end is not None:
        figure.add_scatter(
            x=[100 * curve.end], y=[100 * curve.after], **hover, name="test samples, after the pass", mode="markers",
            marker={"color": GREEN, "size": 12, "symbol": "diamond"},
        )  # fmt: skip
    figure.add_hline(y=100 * curve.before, line={"color": GREEN, "width": 1.2, "dash": "dot"})
    figure.add_annotation(
        x=0, xref="paper", xanchor="left", y=100 * curve.before, yanchor="bottom", showarrow=False,
        text="test samples, before the pass", font={"color": GREEN, "size": 12}, bgcolor="rgba(255, 255, 255, 0.8)",
    )  # fmt: skip
    gone = "parameters removed in %" if curve.removes else "zeros among the weights in %"
    figure.update_layout(xaxis=axis(gone), yaxis=axis("accuracy in %"))
    return drawn(figure)


def sensitivity(losses: Mapping[str, Sequence[float]]) -> Drawn:
    """The loss with only one layer pruned, against that layer's sparsity; the most sensitive layers have colours."""
    figure = drawing.figure(height=372, margin_t=BELOW_BUTTONS)
    ranked = sorted(losses, key=lambda name: -max(losses[name]))
    shown = ranked if len(ranked) <= len(PARTS) else ranked[: len(PARTS) - 1]
    rest = [name for name in losses if name not in shown]
    grey = {"legendgroup": "others", "name": f"{len(rest)} other layers", "line": {"color": REST, "width": 1}}
    looks: dict[str, dict[str, Any]] = {name: {**grey, "showlegend": name == rest[0]} for name in rest}
    for name, colour in zip([name for name in losses if name in shown], PARTS, strict=False):
        looks[name] = {"name": label(name), "line": {"color": colour, "width": 1.8}}
    for name, look in looks.items():  # grey lines lie below the others
        figure.add_scatter(
            x=[0, *(100 * share for share in SENSITIVITY_AT)], y=list(losses[name]), mode="lines+markers", **look,
            marker={"size": 5}, hovertemplate=f"{label(name)}, %{{x:.0f}} % zeros: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis=axis("zeros in this layer alone in %"), yaxis=axis("loss"),
        legend={"y": -0.2, "yanchor": "top", "font": {"size": 12}}, margin_t=44,  # names may be long
    )  # fmt: skip
    return drawn(figure)


def zeros(layers: Sequence[LayerZeros]) -> Drawn:
    """The share of zeros in each layer's weights, next to what each pass pruned."""
    height = _row_height(len(layers))
    figure = drawing.figure(height=130 + height * len(layers), bargap=0.35, margin_t=56)
    figure.add_bar(
        orientation="h", name="zero in the end", y=list(range(len(layers))), marker={"color": BLUE},
        x=[100 * layer.share for layer in layers], text=[label(layer.name) for layer in layers], textposition="none",
        customdata=[f"{layer.zeros:,} of {layer.weights:,}" for layer in layers],
        hovertemplate="%{text}: %{customdata} weights are zero (%{x:.2f} %)<extra></extra>",
    )  # fmt: skip
    passes = list(dict.fromkeys(name for layer in layers for name in layer.pruned))
    colours = [ORANGE, *(colour for colour in PARTS if colour not in (BLUE, ORANGE))]
    for place, name in enumerate(passes):
        chosen = [(row, layer) for row, layer in enumerate(layers) if name in layer.pruned]
        figure.add_scatter(
            x=[100 * layer.pruned[name] for _, layer in chosen], y=[row for row, _ in chosen], mode="markers",
            name=f"pruned by {label(name)}", marker=_mark(height, colours[place % len(colours)]),
            text=[label(layer.name) for _, layer in chosen],
            hovertemplate=f"%{{text}}: %{{x:.2f}} % pruned by {label(name)}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis=axis("zeros among the weights in %", range=[0, 101]),
        yaxis=_rows([layer.name for layer in layers]),
        legend={"yref": "container", "y": 0.99, "yanchor": "top", "traceorder": "normal"},
    )
    return drawn(figure)


def code_lengths(weights: Sequence[CodedWeight]) -> Drawn:
    """How many codes of each length the file has, of values and of indices."""
    figure = drawing.figure(height=352, margin_t=BELOW_BUTTONS, barmode="group", bargap=0.2)
    values, indices = ([getattr(each, f"{what}_lengths") for each in weights] for what in ("value", "index"))
    for name, counts, colour in (("values", summed(values), BLUE), ("indices", summed(indices), YELLOW)):
        if sum(counts):
            figure.add_bar(
                x=list(range(len(counts))), y=counts, name=f"{name}, mean {mean_length(counts):.2f} bits",
                marker={"color": colour}, hovertemplate="%{y:,} codes of %{x} bits",
            )  # fmt: skip
    figure.update_layout(
        xaxis=_lengths([*values, *indices]), yaxis=axis("number of codes", exponentformat="none", rangemode="tozero")
    )
    return drawn(figure)


def code_lengths_by_weight(weights: Sequence[CodedWeight]) -> Drawn:
    """Of each weight's streams, what share of the codes has which length, as shades: a panel for values, one for
    indices.
    """
    names = [label(each.name) for each in weights]
    height = _row_height(len(weights))
    figure = drawing.figure(height=142 + height * len(weights), showlegend=False, margin_t=66)
    panels = [what for what in ("values", "indices") if any(what in each.streams for each in weights)]
    for number, what in enumerate(panels, 1):
        chosen = [(row, each.streams[what]) for row, each in enumerate(weights) if what in each.streams]
        texts, rows, axes = [names[row] for row, _ in chosen], [row for row, _ in chosen], f"x{number}"
        longest = max(len(counts) for _, counts in chosen)
        figure.add_heatmap(
            z=[[100 * count / sum(counts) or None for count in counts] for _, counts in chosen], y=rows, xaxis=axes,
            x=list(range(longest)), text=[[each] * longest for each in texts], xgap=2, ygap=2, coloraxis="coloraxis",
            hovertemplate="%{text}: %{z:.1f} % of the codes have %{x} bits<extra></extra>", hoverongaps=False,
        )  # fmt: skip
        figure.add_scatter(
            x=[mean_length(counts) for _, counts in chosen], y=rows, mode="markers", text=texts, xaxis=axes,
            marker=_mark(height - 4, ORANGE), hovertemplate="%{text}: %{x:.2f} bits on average<extra></extra>",
        )  # fmt: skip
        domain = [(number - 1) / len(panels) + 0.02 * (number - 1), number / len(panels)]
        lengths = _lengths([counts for _, counts in chosen])
        figure.update_layout({f"xaxis{number}": {**lengths, "domain": domain, "showgrid": False, "anchor": "y"}})
        figure.add_annotation(
            text=what, x=domain[0], y=1, xref="paper", yref="paper", xanchor="left", yanchor="bottom", showarrow=False
        )
    figure.update_layout(
        yaxis=_rows([each.name for each in weights]),
        coloraxis={
            "cmin": 0, "cmax": 100, "colorscale": [[0, "#dbe8f3"], [1, "#053d78"]],
            "colorbar": {"title": {"text": "% of codes", "side": "top", "font": {"size": 13}}, "thickness": 12,
                         "outlinewidth": 0, "lenmode": "pixels", "len": min(220, 60 + height * len(weights)), "y": 1,
                         "yanchor": "top", "nticks": 3},
        },
    )  # fmt: skip
    return drawn(figure)


def _lengths(counts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """An axis of the lengths of codes that there are."""
    longest = max(length for each in counts for length, count in enumerate(each) if count)
    return axis("bits of a code", dtick=1, range=[-0.6, longest + 0.6])


def _xy(points: Sequence[Point]) -> dict[str, list[float]]:
    return {"x": [100 * point.sparsity for point in points], "y": [100 * point.accuracy for point in points]}


def _mark(size: int, colour: str) -> dict[str, Any]:
    """A short upright line."""
    return {"symbol": "line-ns", "size": min(22, size), "line": {"color": colour, "width": 3}}


def _rows(names: Sequence[str]) -> dict[str, Any]:
    """An axis with a row for each name, the first on top."""
    return axis(
        "", tickvals=list(range(len(names))), ticktext=[label(name) for name in names], showgrid=False,
        range=[len(names) - 0.5, -0.5], tickfont={"size": 13 if len(names) <= _FEW else 11},
    )  # fmt: skip


def _row_height(rows: int) -> int:
    return 32 if rows <= _FEW else 17
