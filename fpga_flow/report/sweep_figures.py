"""The figures of a sweep. Those that the reader can change come without data: the page's script fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fpga_flow.report import drawing
from fpga_flow.report.drawing import BLUE, INK, ORANGE, PARTS, REST, Drawn, axis, drawn, label
from fpga_flow.report.sweep_data import KINDS

#: Of more parameters than this only the most important ones have bars.
MOST_BARS = 20
#: Dark text can be read on all of it: better, no change, worse.
_CHANGES = ([0.0, "#f2a56f"], [0.5, "#ffffff"], [1.0, "#86bfea"])


def trials() -> Drawn:
    """One measure of the trials against another: a trace for each of the first three kinds, the line of the best, and
    what is selected.
    """
    figure = drawing.figure(height=520, hovermode="closest", margin_t=drawing.BELOW_BUTTONS)
    looks = {"front": (ORANGE, "diamond", 11), "dominated": (BLUE, "circle", 7), "breaks a constraint": (REST, "x", 7)}
    figure.add_scatter(
        x=[], y=[], name="best of these two", mode="lines", line={"color": ORANGE, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )  # fmt: skip
    # the front is drawn last, above the others
    for kind in reversed(KINDS[:3]):
        colour, symbol, size = looks[kind]
        figure.add_scatter(
            x=[], y=[], customdata=[], name=kind, mode="markers", hovertemplate="%{text}<extra></extra>",
            marker={"color": colour, "symbol": symbol, "size": size, "line": {"color": "#fff", "width": 0.8}},
            legendrank=KINDS.index(kind),
        )  # fmt: skip
    figure.add_scatter(
        x=[], y=[], name="selected", mode="markers", hoverinfo="skip",
        marker={"color": INK, "symbol": "circle-open", "size": 19, "line": {"width": 2.5}},
    )  # fmt: skip
    figure.update_layout(xaxis=axis(""), yaxis=axis(""))
    return drawn(figure)


def curve() -> Drawn:
    """A measure against a parameter: the range of all trials, its better end, and the median."""
    figure = drawing.figure(height=320, hovermode="x", margin_t=60)
    line = {"color": BLUE, "width": 1}
    figure.add_scatter(x=[], y=[], mode="lines", line={**line, "width": 0}, hoverinfo="skip", showlegend=False)
    figure.add_scatter(
        x=[], y=[], name="range", mode="lines", line={**line, "width": 0}, fill="tonexty",
        fillcolor="rgba(0,114,178,0.15)", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[], y=[], name="best", mode="lines+markers", line={"color": ORANGE, "width": 1.8, "dash": "dot"},
        marker={"symbol": "diamond", "size": 8}, hovertemplate="best %{text}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[], y=[], name="median", mode="lines+markers", line={"color": BLUE, "width": 1.8}, marker={"size": 7},
        hovertemplate="median %{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(xaxis=axis("", ticklabeloverflow="allow"), yaxis=axis(""))
    return drawn(figure)


def parallel() -> Drawn:
    """A line for each trial through an axis for each parameter and measure."""
    figure = drawing.figure(height=440, margin={"l": 100, "r": 70, "t": 70, "b": 30})
    figure.add_parcoords(
        dimensions=[], labelfont={"size": 13, "color": INK}, tickfont={"size": 12, "color": INK},
        rangefont={"size": 12, "color": INK}, labelangle=-12,
        unselected={"line": {"color": "#d8dee5", "opacity": 0.15}},
        line={"colorscale": [[0.0, ORANGE], [1.0, "#0b3c8c"]], "showscale": False},
    )  # fmt: skip
    return drawn(figure)


def sensitivity(rows: int) -> Drawn:
    """A cell for each parameter and value."""
    figure = drawing.figure(height=120 + 30 * rows, margin_t=20)
    figure.add_heatmap(
        x=[], y=[], z=[], text=[], texttemplate="%{text}", textfont={"size": 12, "color": INK}, xgap=2, ygap=2,
        colorscale=_CHANGES, zmid=0, showscale=False, hoverongaps=False,
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(xaxis=axis("value", showgrid=False), yaxis=axis("", showgrid=False, range=[rows - 0.5, -0.5]))
    return drawn(figure)


def importances(shares: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> Drawn:
    """The share of each parameter in the variance of each objective; parameters in the order of the first of these.

    Args:
        shares: by objective and parameter.
        titles: of the objectives.
    """
    names = list(dict.fromkeys(name for each in shares.values() for name in each))
    names.sort(key=lambda name: -next(iter(shares.values())).get(name, 0.0))
    names = names[:MOST_BARS]
    figure = drawing.figure(
        height=150 + len(names) * (14 + 14 * len(shares)), barmode="group", bargap=0.3, margin_t=drawing.BELOW_BUTTONS
    )
    for place, (objective, each) in enumerate(shares.items()):
        figure.add_bar(
            orientation="h", name=label(titles[objective]), x=[100 * each.get(name, 0.0) for name in names],
            y=list(range(len(names))), marker={"color": PARTS[place % len(PARTS)]},
            text=[label(name) for name in names], textposition="none", hovertemplate="%{text}: %{x:.1f} %",
        )  # fmt: skip
    figure.update_layout(
        xaxis=axis("share of the variance in %", rangemode="tozero"),
        yaxis=axis(
            "", tickvals=list(range(len(names))), ticktext=[label(name) for name in names],
            range=[len(names) - 0.5, -0.5], ticks="", showgrid=False,
        ),
    )  # fmt: skip
    return drawn(figure)


def growth(volumes: Sequence[tuple[int, float]]) -> Drawn:
    """The hypervolume of the front after each finished trial, in the order of their ends; drawn where it changes."""
    points = [(number, trial, volume) for number, (trial, volume) in enumerate(volumes, 1)]
    changes = [after for before, after in pairwise(points) if after[2] != before[2]]
    shown = sorted({*points[:1], *changes, *points[-1:]})
    figure = drawing.figure(height=360, showlegend=False)
    figure.add_scatter(
        x=[number for number, _, _ in shown], y=[100 * volume for _, _, volume in shown], mode="lines+markers",
        line={"color": BLUE, "width": 1.8, "shape": "hv"}, marker={"size": 6},
        customdata=[trial for _, trial, _ in shown],
        hovertemplate="after %{x:,} trials (the last was %{customdata}): %{y:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis=axis("trials with measures", rangemode="tozero", tickformat=",d"),
        yaxis=axis("hypervolume in %", rangemode="tozero"),
    )
    return drawn(figure)
