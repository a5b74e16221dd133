"""Small plots as SVG, which notebooks and other viewers show without any script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fpga_flow.report import text

WIDTH, HEIGHT = 640, 300
#: Room for titles and numbers at the left, right, top and bottom of the plot.
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 12, 46


@dataclass(frozen=True)
class Dot:
    """A point where it is drawn, with what a mouse that rests on it shows."""

    x: float
    y: float
    title: str
    strong: bool


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it is drawn, and its number."""

    at: float
    label: str


@dataclass(frozen=True)
class Scatter:
    """Points against two axes, in pixels of a plot of WIDTH x HEIGHT; `line` joins the strong ones."""

    dots: tuple[Dot, ...]
    line: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str
    y_title: str


def scatter(points: Sequence[tuple[float, float, str, bool]], x_title: str, y_title: str) -> Scatter | None:
    """A plot of points (x, y, what they are, whether they are stressed); None of none."""
    if not points:
        return None
    x_ticks, y_ticks = _ticks([x for x, *_ in points]), _ticks([y for _, y, *_ in points])
    dots = tuple(
        Dot(
            round(_place(x, x_ticks, LEFT, WIDTH - RIGHT), 1),
            round(_place(y, y_ticks, HEIGHT - BOTTOM, TOP), 1),
            title,
            strong,
        )
        for x, y, title, strong in sorted(points, key=lambda point: point[3])  # the strong ones are on top
    )
    line = tuple(sorted((dot for dot in dots if dot.strong), key=lambda dot: (dot.x, -dot.y)))
    return Scatter(
        dots,
        line,
        tuple(Tick(round(_place(each, x_ticks, LEFT, WIDTH - RIGHT), 1), text.short(each)) for each in x_ticks),
        tuple(Tick(round(_place(each, y_ticks, HEIGHT - BOTTOM, TOP), 1), text.short(each)) for each in y_ticks),
        x_title,
        y_title,
    )


def _ticks(values: Sequence[float], most: int = 6) -> list[float]:
    """Round numbers at equal distances, from below the least value to above the largest one."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _place(value: float, ticks: Sequence[float], start: float, end: float) -> float:
    """Where a value is between the ends of an axis."""
    return start + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (end - start)
