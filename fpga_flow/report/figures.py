"""The figures of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fpga_flow.report import drawing
from fpga_flow.report.drawing import BLUE, INK, MUTED, ORANGE, Drawn, axis, drawn, label
from fpga_flow.report.histogram import Histogram

#: Where the logarithmic axis of counts begins.
_FLOOR = 0.7


def accuracies(stages: Sequence[tuple[str, float, tuple[float, float]]]) -> Drawn:
    """Accuracy per stage (name, share, its confidence interval), the first stage on top."""
    names = [label(name) for name, _, _ in stages]
    shares = [100 * share for _, share, _ in stages]
    figure = drawing.figure(height=80 + 38 * len(stages), showlegend=False)
    figure.add_scatter(
        x=shares,
        y=list(range(len(stages))),
        mode="markers",
        marker={"color": BLUE, "size": 10},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * high - share for share, (_, _, (_, high)) in zip(shares, stages, strict=True)],
            "arrayminus": [share - 100 * low for share, (_, _, (low, _)) in zip(shares, stages, strict=True)],
            "color": MUTED,
            "thickness": 1.5,
        },
        text=names,
        hovertemplate="%{text}: %{x:.2f} %<extra></extra>",
    )
    places = list(range(len(stages)))
    figure.update_layout(
        xaxis=axis("accuracy on the test samples in %"),
        yaxis=axis("", tickvals=places, ticktext=names, range=[len(stages) - 0.5, -0.5]),
    )
    return drawn(figure)


def training(history: Sequence[Mapping[str, Any]], kept: int | None) -> Drawn:
    """Loss, accuracy and learning rate over the epochs of one training, with the epoch that was kept marked, if any."""
    epochs = [row["epoch"] for row in history]
    panels = (
        ("loss (logarithmic)", (("training", "loss", BLUE), ("validation", "val_loss", ORANGE)), 1.0),
        ("accuracy in %", (("training", "accuracy", BLUE), ("validation", "val_accuracy", ORANGE)), 100.0),
        ("learning rate", (("learning rate", "learning_rate", MUTED),), 1.0),
    )  # fmt: skip
    domains = ((0.0, 0.31), (0.42, 0.73), (0.87, 1.0))
    figure = drawing.figure(height=330, hovermode="x")
    for number, ((title, series, factor), domain) in enumerate(zip(panels, domains, strict=True), 1):
        suffix = str(number) if number > 1 else ""
        for name, key, colour in series:
            values = [_finite(row.get(key), factor) for row in history]
            if all(value is None for value in values):
                continue
            figure.add_scatter(
                x=epochs, y=values, name=name, xaxis=f"x{suffix}", yaxis=f"y{suffix}", mode=_mode(epochs),
                line={"color": colour, "width": 1.8}, marker={"size": 6}, legendgroup=name,
                showlegend=number == 1, hovertemplate="%{y:.4g}",
            )  # fmt: skip
        figure.update_layout(
            {
                f"xaxis{suffix}": axis(
                    "epoch", domain=domain, anchor=f"y{suffix}", nticks=7 if number < 3 else 4, range=_padded(epochs)
                ),
                f"yaxis{suffix}": axis(title, anchor=f"x{suffix}"),
            }
        )
        if kept is None:
            continue
        figure.add_shape(
            type="line", x0=kept, x1=kept, y0=0, y1=1, xref=f"x{suffix}", yref=f"y{suffix} domain",
            line={"color": INK, "width": 1.2, "dash": "dot"},
        )  # fmt: skip
    if kept is not None:
        figure.add_annotation(
            x=kept, y=1, xref="x", yref="y domain", yanchor="bottom", showarrow=False, text=f"kept: epoch {kept}",
            font={"size": 12, "color": INK},
        )  # fmt: skip
    figure.update_layout(legend_x=domains[1][0])  # beside the mark's label
    values = [_finite(row.get(key), 1.0) for row in history for key in ("loss", "val_loss")]
    losses = [value for value in values if value is not None]
    if losses and max(losses) > 3 * min(losses) > 0:
        ticks = drawing.log_ticks(min(losses), max(losses))
        figure.update_layout(yaxis={"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]})
    else:
        figure.update_layout(yaxis_title_text="loss")
    if len(epochs) <= 7:
        figure.update_xaxes(dtick=1)
    figure.update_layout(yaxis3={"rangemode": "tozero", "exponentformat": "power", "nticks": 5})
    return drawn(figure)


def weights(histogram: Histogram) -> Drawn:
    """How many weights have which value, above a strip with the values that the type can represent."""
    figure = drawing.figure(height=330)
    for counts, colour in zip(histogram.earlier, (MUTED, BLUE), strict=False):
        figure.add_scatter(
            x=counts.middles, y=counts.counts, name=label(counts.name), mode="lines+markers",
            line={"color": colour, "width": 1.6, "shape": "hvh"}, marker={"size": 3, "color": colour},
            hovertemplate="%{y:,} weights around %{x:.4g}",
        )  # fmt: skip
    final = histogram.final
    filled = final.counts > 0
    if histogram.shared is not None and histogram.are_shared_marked:
        values, numbers = histogram.shared
        figure.add_scatter(
            x=np.repeat(values, 3).tolist(), y=[y for count in numbers.tolist() for y in (_FLOOR, count, None)],
            name="shared value", mode="lines", line={"color": ORANGE, "width": 2}, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=final.middles[filled], y=final.counts[filled], name="final", mode="markers",
        marker={"color": ORANGE, "size": 6, "line": {"color": "#fff", "width": 0.5}},
        hovertemplate="%{y:,} weights of %{x:.6g}",
    )  # fmt: skip
    most = max(1, *(int(counts.counts.max(initial=0)) for counts in (*histogram.earlier, final)))
    figure.update_layout(
        xaxis=axis("weight", anchor="y2" if histogram.levels is not None else "y"),
        yaxis=axis(
            "number of weights", type="log", dtick=1, domain=[0.14, 1], exponentformat="none", rangemode="tozero",
            range=[math.log10(_FLOOR), math.log10(1.5 * most)],
        ),
    )  # fmt: skip
    if histogram.levels is None:
        figure.update_layout(yaxis_domain=[0, 1])
        return drawn(figure)
    used = np.isin(histogram.levels, final.middles[filled])
    for chosen, name, colour in ((~used, "value not used", "#b3bcc7"), (used, "value used", ORANGE)):
        figure.add_scatter(
            x=histogram.levels[chosen], y=np.zeros(int(chosen.sum())), yaxis="y2", name=name, mode="markers",
            marker={"symbol": "line-ns", "size": 14, "line": {"color": colour, "width": 1.5}},
            hovertemplate="%{x:.6g}", showlegend=False,
        )  # fmt: skip
    figure.update_layout(
        yaxis2={
            "domain": [0, 0.08], "range": [-1, 1], "fixedrange": True, "showgrid": False, "zeroline": False,
            "anchor": "x", "tickvals": [0], "ticktext": ["values"], "ticks": "", "automargin": True,
        },
    )  # fmt: skip
    return drawn(figure)


def _finite(value: Any, factor: float) -> float | None:
    return factor * float(value) if value is not None and math.isfinite(value) else None


def _mode(epochs: Sequence[int]) -> str:
    return "lines" if len(epochs) > 1 else "markers"


def _padded(epochs: Sequence[int]) -> list[float]:
    margin = max(0.5, 0.02 * (epochs[-1] - epochs[0]))
    return [epochs[0] - margin, epochs[-1] + margin]
