"""Pictures of weights: one pixel per weight, as small PNG images."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.report import text
from fpga_flow.report.weights import LayerWeights, Values

#: What is larger than this is shown in blocks of weights.
MOST_COLUMNS, MOST_ROWS = 1000, 480

_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _LARGEST_PIXEL, _LEAST_HEIGHT, _LINE_WIDTH = 960, 480, 10, 60, 2

# Blue and orange can be told apart by colour-blind readers; the lightest of both differ visibly from white, so that a
# small weight doesn't look like a zero.
NEGATIVE = ("#c3d9ee", "#053d78")
POSITIVE = ("#fad9b4", "#8a3c00")
DENSITY = ("#e3e8ee", "#16202c")
_ZERO, _LINE = (255, 255, 255), (148, 158, 170)


@dataclass(frozen=True)
class Picture:
    """An image and what a reader must know of it.

    density   whether pixels show shares of weights that aren't zero, instead of weights
    limit     the largest magnitude, which has the darkest colours
    """

    layer: str
    uri: str
    width: int
    height: int
    pixelated: bool
    density: bool
    limit: float
    axes: str
    note: str
    zeros: float


def draw(layer: LayerWeights) -> Picture:
    """A picture of a layer's final weights: dense as a matrix, convolutions with each kernel as a tile."""
    kernel = _four_axes(layer.final)
    height, width, channels, filters = kernel.shape
    rows, columns = ("filter", "channel") if channels >= filters else ("channel", "filter")
    if channels < filters:
        kernel = kernel.transpose(0, 1, 3, 2)
    if layer.final.ndim == 2:
        rows, columns = ("output", "input") if rows == "filter" else ("input", "output")
    axes = f"Columns are {columns}s, rows are {rows}s"
    if height * width == 1:
        return _finish(layer, kernel[0, 0].T, axes + ".", enlarge=True)
    axes += f"; each tile is one {text.shape((height, width))} kernel."
    for pixel in range(_LARGEST_PIXEL, 0, -1):
        across, down = kernel.shape[2] * (width * pixel + _LINE_WIDTH), kernel.shape[3] * (height * pixel + _LINE_WIDTH)
        if across <= _DISPLAY_WIDTH and down <= _DISPLAY_HEIGHT:
            return _finish(layer, _tiles(kernel.repeat(pixel, axis=0).repeat(pixel, axis=1)), axes, enlarge=False)
    note = f"Too many kernels to draw: each pixel is one {text.shape((height, width))} kernel"
    return _finish_density(layer, np.mean(kernel != 0, axis=(0, 1)).T, axes.partition(";")[0] + ".", note)


def _four_axes(weights: Values) -> Values:
    """Weights as (height, width, channels, filters)."""
    if weights.ndim == 3:
        return weights[:, None]
    if weights.ndim == 4:
        return weights
    return weights.reshape(1, 1, -1, weights.shape[-1])


def _tiles(kernel: Values) -> Values:
    """All kernels (height, width, columns, rows) in a grid, with lines of NaN between them."""
    height, width, columns, rows = kernel.shape
    grid = np.full((rows, height + _LINE_WIDTH, columns, width + _LINE_WIDTH), np.nan)
    grid[:, :height, :, :width] = kernel.transpose(3, 0, 2, 1)
    whole = grid.reshape(rows * (height + _LINE_WIDTH), columns * (width + _LINE_WIDTH))
    return whole[:-_LINE_WIDTH, :-_LINE_WIDTH]


def _finish(layer: LayerWeights, matrix: Values, axes: str, *, enlarge: bool) -> Picture:
    rows, columns = matrix.shape
    if columns > MOST_COLUMNS or rows > MOST_ROWS:
        return _finish_density(layer, (matrix != 0).astype(np.float64), axes, "")
    limit = float(np.nanmax(np.abs(matrix), initial=0.0))
    depth = np.nan_to_num(np.ceil(np.abs(matrix) / (limit or 1.0) * 127), nan=0.0).astype(np.uint8)
    indices = np.where(matrix < 0, 1 + depth, np.where(matrix > 0, 128 + depth, 0)).astype(np.uint8)
    indices[np.isnan(matrix)] = 1
    palette = np.array([_ZERO, _LINE, *_ramp(NEGATIVE, 127), *_ramp(POSITIVE, 127)], np.uint8)
    return _picture(layer, indices, palette, axes, "", enlarge=enlarge, limit=limit, density=False)


def _finish_density(layer: LayerWeights, shares: Values, axes: str, note: str) -> Picture:
    """A picture of shares between 0 and 1, averaged over blocks where there are too many."""
    down, across = -(-shares.shape[0] // MOST_ROWS), -(-shares.shape[1] // MOST_COLUMNS)
    if down * across > 1:
        what = "kernels" if note else "weights"
        note = f"Too large to draw each weight: each pixel is a block of {text.shape((down, across))} {what}"
        sums = np.add.reduceat(np.add.reduceat(shares, np.arange(0, shares.shape[0], down), axis=0),
                               np.arange(0, shares.shape[1], across), axis=1)  # fmt: skip
        ones = np.ones(1)
        heights = np.add.reduceat(np.repeat(ones, shares.shape[0]), np.arange(0, shares.shape[0], down))
        widths = np.add.reduceat(np.repeat(ones, shares.shape[1]), np.arange(0, shares.shape[1], across))
        shares = sums / np.outer(heights, widths)
    palette = np.array([_ZERO, *_ramp(DENSITY, 255)], np.uint8)
    indices = np.ceil(shares * 255).astype(np.uint8)
    note += ", and shows the share of its weights that are not zero."
    return _picture(layer, indices, palette, axes, note, enlarge=True, limit=1.0, density=True)


def _picture(
    layer: LayerWeights,
    indices: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    axes: str,
    note: str,
    *,
    enlarge: bool,
    limit: float,
    density: bool,
) -> Picture:
    rows, columns = indices.shape
    pixel = max(1, min(_LARGEST_PIXEL, _DISPLAY_WIDTH // columns, _DISPLAY_HEIGHT // rows)) if enlarge else 1
    high = pixel
    if enlarge and rows * pixel < _LEAST_HEIGHT:
        high = min(_LARGEST_PIXEL, -(-_LEAST_HEIGHT // rows))
    uri = "data:image/png;base64," + base64.b64encode(png(indices, palette)).decode()
    zeros = float(np.mean(layer.final == 0)) if layer.final.size else 0.0
    return Picture(
        layer.name, uri, columns * pixel, rows * high, pixel > 1 or high > 1, density, limit, axes, note, zeros
    )  # fmt: skip


def png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG file with a palette (n, 3), from the palette's numbers (rows, columns)."""
    rows, columns = indices.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = indices
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _ramp(ends: tuple[str, str], steps: int) -> NDArray[np.float64]:
    first, last = (np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) for colour in ends)
    return np.round(np.linspace(first, last, steps)).astype(np.float64)
