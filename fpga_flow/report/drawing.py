"""How all figures of the report look: plotly's JSON, in colours that colour-blind readers can tell apart."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from fpga_flow.printing import printable
from fpga_flow.report import text

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072b2", "#d55e00", "#007a5a", "#a8071a", "#a3457f", "#56b4e9", "#e69f00",
)  # fmt: skip
INK, MUTED, GRID = "#1c232b", "#5b6672", "#e1e6ec"
#: Of what is told apart by colour, and of all the rest.
PARTS = (BLUE, YELLOW, GREEN, PURPLE, SKY, ORANGE, "#3b3f9e")
REST = "#8a94a0"
#: Room above a figure for the buttons, and below these for the legend.
BELOW_BUTTONS = 76
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Drawn:
    """A figure as JSON that can stand in a script element (plotly escapes `<`, `>`, `/`), and its height in pixels."""

    json: str
    height: int


def label(name: str) -> str:
    """A name as plotly shows it: plotly reads some HTML in texts."""
    return html.escape(printable(text.clipped(name)), quote=False)


def figure(**layout: Any) -> Any:
    """An empty figure; keywords are of plotly's layout. A legend of more than a few words needs the margin
    `BELOW_BUTTONS` where the figure may be narrow.
    """
    made = go.Figure()
    made.update_layout(
        template="none",  # plotly's own template is 7 kB in each figure
        font={"family": _FONT, "size": 13, "color": INK},
        margin={"l": 60, "r": 24, "t": 44, "b": 56},
        paper_bgcolor="#fff",
        plot_bgcolor="#fff",
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        hoverlabel={
            "font": {"family": _FONT, "color": INK}, "namelength": -1, "bgcolor": "#fff", "bordercolor": MUTED,
            "align": "left",
        },
    )  # fmt: skip
    made.update_layout(**layout)
    return made


def axis(title: str, **more: Any) -> dict[str, Any]:
    """The layout of an axis."""
    return {
        "title": {"text": title, "font": {"size": 13}, "standoff": 8}, "gridcolor": GRID, "linecolor": MUTED,
        "showline": True, "ticks": "outside", "tickcolor": MUTED, "zeroline": False, "automargin": True, **more,
    }  # fmt: skip


def drawn(figure: Any) -> Drawn:
    """A finished figure."""
    return Drawn(figure.to_json(), figure.layout.height)


def log_ticks(low: float, high: float) -> list[float]:
    """Marks of a logarithmic axis: 1, 2 and 5 of each power of ten, or only the powers where there are many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if high < 1000 * low else (1,)
    return [float(f"{digit}e{exponent}") for exponent in exponents for digit in digits]
