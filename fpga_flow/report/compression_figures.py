"""The figures of the section Compression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_flow.compress.prune.allocation import SENSITIVITY_AT
from fpga_flow.report import drawing, text
from fpga_flow.report.compression import CodedWeight, Curve, LayerZeros, Step, mean_length, summed
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
    rows = list(range(len(steps)))
    for row, step in zip(rows[:-1], steps[:-1], strict=True):  # what a row leaves is what the next one begins with
        figure.add_shape(
            type="line",
            x0=step.after,
            x1=step.after,
            y0=row,
            y1=row + 1,
            line={"color": MUTED, "width": 1, "dash": "dot"},
        )
    for colour, chosen in (
        (BLUE, [row for row in rows if (steps[row].factor or 0) >= 1]),
        (ORANGE, [row for row in rows if 0 < (steps[row].factor or 0) < 1]),
    ):
        if not chosen:
            continue
        ends = [(steps[row].before or 0, steps[row].after) for row in chosen]
        figure.add_bar(
            orientation="h",
            y=chosen,
            base=[min(each) for each in ends],
            x=[max(each) - min(each) for each in ends],
            marker={"color": colour},
            text=[label(steps[row].name) for row in chosen],
            textposition="none",
            customdata=[_change(steps[row]) for row in chosen],
            hovertemplate="%{text}: %{customdata}<extra></extra>",
        )
    totals = [row for row in rows if steps[row].before is None]
    figure.add_scatter(
        x=[steps[row].after for row in totals],
        y=totals,
        mode="markers",
        marker={"color": INK, "size": 11, "symbol": "diamond"},
        text=[label(steps[row].name) for row in totals],
        customdata=[f"{steps[row].after:,} bytes" for row in totals],
        hovertemplate="%{text}: %{customdata}<extra></extra>",
    )
    figure.add_scatter(
        x=[max(step.before or 0, step.after) for step in steps],
        y=rows,
        mode="text",
        textposition="middle right",
        text=[
            f"   {text.size(step.after)}" + (f", {text.times(step.ratio)}" if row else "")
            for row, step in enumerate(steps)
        ],
        hoverinfo="skip",
        cliponaxis=False,
    )
    sizes = [value for step in steps for value in (step.before, step.after) if value]
    low, high = min(sizes) / 1.3, max(sizes) * (max(sizes) / min(sizes) * 1.7) ** 0.3
    ticks = [tick for tick in drawing.log_ticks(low, high) if low <= tick <= max(sizes) * 1.1]
    figure.update_layout(
        xaxis=_log(ticks, low, high),
        yaxis=axis(
            "",
            tickvals=rows,
            ticktext=[label(step.name) for step in steps],
            range=[len(steps) - 0.5, -0.5],
            showgrid=False,
        ),
    )
    return drawn(figure)


def accuracy_against_sparsity(curve: Curve) -> Drawn:
    """Accuracy on validation samples against sparsity, with that on test samples before and after the pass."""
    figure = drawing.figure(height=372, margin_t=BELOW_BUTTONS)
    what = "removed" if curve.removes else "zeros"
    kept = [point for point in curve.points if point.kept]
    others = [point for point in curve.points if not point.kept]
    path = kept if curve.in_rounds else curve.points
    figure.add_scatter(
        x=[100 * point.sparsity for point in path],
        y=[100 * point.accuracy for point in path],
        mode="lines",
        line={"color": BLUE, "width": 1.2},
        hoverinfo="skip",
        showlegend=False,
    )
    names = ("kept", "taken back") if curve.in_rounds else ("at the final sparsity", "sparsity still rising")
    for name, points, colour, symbol in ((names[0], kept, BLUE, "circle"), (names[1], others, ORANGE, "circle-open")):
        if points:
            figure.add_scatter(
                x=[100 * point.sparsity for point in points],
                y=[100 * point.accuracy for point in points],
                name=name,
                mode="markers",
                marker={"color": colour, "size": 9, "symbol": symbol, "line": {"width": 2, "color": colour}},
                hovertemplate=f"%{{x:.2f}} % {what}: %{{y:.2f}} %",
            )
    if curve.end is not None:
        figure.add_scatter(
            x=[100 * curve.end],
            y=[100 * curve.after],
            name="test samples, after the pass",
            mode="markers",
            marker={"color": GREEN, "size": 12, "symbol": "diamond"},
            hovertemplate=f"%{{x:.2f}} % {what}: %{{y:.2f}} %",
        )
    figure.add_hline(y=100 * curve.before, line={"color": GREEN, "width": 1.2, "dash": "dot"})
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=100 * curve.before,
        yanchor="bottom",
        text="test samples, before the pass",
        font={"color": GREEN, "size": 12},
        showarrow=False,
        bgcolor="rgba(255, 255, 255, 0.8)",
    )
    figure.update_layout(
        xaxis=axis("parameters removed in %" if curve.removes else "zeros among the weights in %"),
        yaxis=axis("accuracy in %"),
    )
    return drawn(figure)


def sensitivity(losses: Mapping[str, Sequence[float]]) -> Drawn:
    """The loss with only one layer pruned, against that layer's sparsity; the most sensitive layers have colours."""
    ranked = sorted(losses, key=lambda name: -max(losses[name]))
    shown = ranked if len(ranked) <= len(PARTS) else ranked[: len(PARTS) - 1]
    colours = {name: PARTS[place] for place, name in enumerate(name for name in losses if name in shown)}
    figure = drawing.figure(height=372, margin_t=BELOW_BUTTONS)
    rest = [name for name in losses if name not in shown]
    for name in [*rest, *colours]:
        figure.add_scatter(
            x=[0, *(100 * share for share in SENSITIVITY_AT)],
            y=list(losses[name]),
            mode="lines+markers",
            marker={"size": 5},
            line={"color": colours.get(name, REST), "width": 1.8 if name in colours else 1},
            name=label(name) if name in colours else f"{len(rest)} other layers",
            legendgroup=label(name) if name in colours else "rest",
            showlegend=name in colours or name == rest[0],
            hovertemplate=f"{label(name)}, %{{x:.0f}} % zeros: %{{y:.4g}}<extra></extra>",
        )
    figure.update_layout(xaxis=axis("zeros in this layer alone in %"), yaxis=axis("loss"))
    return drawn(figure)


def zeros(layers: Sequence[LayerZeros]) -> Drawn:
    """The share of zeros in each layer's weights, next to what each pass pruned."""
    names = [label(layer.name) for layer in layers]
    rows = list(range(len(layers)))
    figure = drawing.figure(height=130 + _row_height(len(layers)) * len(layers), bargap=0.35)
    figure.add_bar(
        orientation="h",
        name="zero in the end",
        y=rows,
        x=[100 * layer.share for layer in layers],
        text=names,
        textposition="none",
        marker={"color": BLUE},
        customdata=[f"{layer.zeros:,} of {layer.weights:,}" for layer in layers],
        hovertemplate="%{text}: %{customdata} weights are zero (%{x:.2f} %)<extra></extra>",
    )
    passes = list(dict.fromkeys(name for layer in layers for name in layer.pruned))
    colours = [ORANGE, *(colour for colour in PARTS if colour not in (BLUE, ORANGE))]
    for place, name in enumerate(passes):
        chosen = [row for row in rows if name in layers[row].pruned]
        figure.add_scatter(
            x=[100 * layers[row].pruned[name] for row in chosen],
            y=chosen,
            name=f"pruned by {label(name)}",
            mode="markers",
            text=[names[row] for row in chosen],
            hovertemplate=f"%{{text}}: %{{x:.2f}} % pruned by {label(name)}<extra></extra>",
            marker={
                "symbol": "line-ns",
                "size": min(22, _row_height(len(layers))),
                "line": {"color": colours[place % len(colours)], "width": 3},
            },
        )
    figure.update_layout(
        xaxis=axis("zeros among the weights in %", range=[0, 101]),
        yaxis=axis(
            "",
            tickvals=rows,
            ticktext=names,
            range=[len(layers) - 0.5, -0.5],
            showgrid=False,
            tickfont={"size": 13 if len(layers) <= _FEW else 11},
        ),
        legend={"yref": "container", "y": 0.99, "yanchor": "top", "traceorder": "normal"},
        margin_t=56,
    )
    return drawn(figure)


def code_lengths(weights: Sequence[CodedWeight]) -> Drawn:
    """How many codes of each length the file has, of values and of indices."""
    streams = {
        "values": (summed([each.value_lengths for each in weights]), BLUE),
        "indices": (summed([each.index_lengths for each in weights]), YELLOW),
    }
    figure = drawing.figure(height=352, margin_t=BELOW_BUTTONS, barmode="group", bargap=0.2)
    longest = 0
    for name, (counts, colour) in streams.items():
        if not sum(counts):
            continue
        longest = max(longest, *np.flatnonzero(counts).tolist())
        mean = mean_length(counts)
        figure.add_bar(
            x=list(range(len(counts))),
            y=counts,
            name=f"{name}, mean {mean:.2f} bits",
            marker={"color": colour},
            hovertemplate="%{y:,} codes of %{x} bits",
        )
    figure.update_layout(
        xaxis=axis("bits of a code", dtick=1, range=[-0.6, longest + 0.6]),
        yaxis=axis("number of codes", exponentformat="none"),
    )
    return drawn(figure)


def code_lengths_by_weight(weights: Sequence[CodedWeight]) -> Drawn:
    """Of each weight's streams, what share of the codes has which length, as shades."""
    streams = [
        (f"{each.name}, {what}", counts)
        for each in weights
        for what, counts in (("values", each.value_lengths), ("indices", each.index_lengths))
        if sum(counts)
    ]
    longest = max(length for _, counts in streams for length, count in enumerate(counts) if count)
    shares = [[100 * count / sum(counts) or None for count in counts[: longest + 1]] for _, counts in streams]
    means = [mean_length(counts) for _, counts in streams]
    figure = drawing.figure(height=120 + _row_height(len(streams)) * len(streams))
    figure.add_heatmap(
        z=shares,
        y=list(range(len(streams))),
        x=list(range(longest + 1)),
        xgap=2,
        ygap=2,
        zmin=0,
        zmax=100,
        hoverongaps=False,
        colorscale=[[0, "#dbe8f3"], [1, "#053d78"]],
        text=[[label(name)] * (longest + 1) for name, _ in streams],
        hovertemplate="%{text}: %{z:.1f} % of the codes have %{x} bits<extra></extra>",
        colorbar={"title": {"text": "% of codes", "side": "right"}, "thickness": 12, "outlinewidth": 0},
    )
    figure.add_scatter(
        x=means,
        y=list(range(len(streams))),
        mode="markers",
        text=[label(name) for name, _ in streams],
        marker={
            "symbol": "line-ns",
            "size": min(18, _row_height(len(streams)) - 2),
            "line": {"color": ORANGE, "width": 3},
        },
        hovertemplate="%{text}: %{x:.2f} bits on average<extra></extra>",
    )
    figure.update_layout(
        xaxis=axis("bits of a code", dtick=1, showgrid=False, range=[-0.6, longest + 0.6]),
        yaxis=axis(
            "",
            tickvals=list(range(len(streams))),
            ticktext=[label(name) for name, _ in streams],
            showgrid=False,
            range=[len(streams) - 0.5, -0.5],
            tickfont={"size": 13 if len(streams) <= _FEW else 11},
        ),
    )
    return drawn(figure)


def _log(ticks: Sequence[float], low: float, high: float) -> dict[str, object]:
    return axis(
        "bytes (logarithmic)",
        type="log",
        range=[float(np.log10(low)), float(np.log10(high))],
        tickvals=list(ticks),
        ticktext=[text.size(tick) for tick in ticks],
    )


def _row_height(rows: int) -> int:
    return 32 if rows <= _FEW else 17


def _change(step: Step) -> str:
    return f"{step.before:,} to {step.after:,} bytes, {step.factor:.3g} times smaller than before"
