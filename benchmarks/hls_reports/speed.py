"""How long an estimate takes, and networks with random weights to try it on."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.resources.estimate.stages import estimates
from fpga_flow.resources.report import ResourceReport

#: MLPs for jets and for MNIST, and the convolutions of VGG-16 (14.7 million weights) by filters, where 0 is a pool.
JETS = (16, 64, 32, 32, 5)
MLP = (784, 300, 100, 10)
VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
REPEATS = 5

_DATA, _WEIGHT = FixedPoint(8, 2), FixedPoint(6, 1)
_TARGET = {"clock_ns": 5.0, "part": "xcu250-figd2104-2L-e"}


def seconds() -> dict[str, float]:
    """The median seconds of both stages' estimates with intervals, of networks with random weights."""
    networks = {"MLP 784-300-100-10": (_mlp(MLP), "io_parallel"), "VGG-16, 14.7 million weights": (_vgg(), "io_stream")}
    return {name: round(_median(layers, io_type), 3) for name, (layers, io_type) in networks.items()}


def _median(layers: Sequence[HlsLayer], io_type: str) -> float:
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        estimates(layers, io_type=io_type, **_TARGET)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def by_width(widths: Sequence[int]) -> list[tuple[int, tuple[ResourceReport, ResourceReport]]]:
    """The estimates of the MLP of jet tagging with weights and data of so many bits."""
    made = []
    for width in widths:
        data, weight = FixedPoint(width, min(3, width)), FixedPoint(width, 1)
        made.append((width, estimates(_mlp(JETS, data, weight), io_type="io_parallel", **_TARGET)))
    return made


def _mlp(sizes: Sequence[int], data: FixedPoint = _DATA, weight: FixedPoint = _WEIGHT) -> list[HlsLayer]:
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers.append(_weighted("dense", (n_in,), (n_out,), (n_in, n_out), data, weight))
    return layers


def _vgg() -> list[HlsLayer]:
    layers, shape = [], (224, 224, 3)
    for filters in VGG:
        size, _, channels = shape
        if filters:
            layers.append(_weighted("conv2d", shape, (size, size, filters), (3, 3, channels, filters)))
            shape = (size, size, filters)
        else:
            smaller = (size // 2, size // 2, channels)
            layers.append(
                HlsLayer(f"pool{len(layers)}", "pool", "max", (), shape, smaller, _DATA, _DATA, window=(2, 2),
                         strides=(2, 2), padding="valid")
            )  # fmt: skip
            shape = smaller
    return layers


def _weighted(
    kind: str,
    shape: tuple[int, ...],
    outputs: tuple[int, ...],
    weights: tuple[int, ...],
    data: FixedPoint = _DATA,
    weight: FixedPoint = _WEIGHT,
) -> HlsLayer:
    drawn = np.random.default_rng(len(weights)).uniform(-1, 1, weights)
    values = np.floor(drawn / weight.step).astype(np.int64)
    window = weights[:-2]
    sums = data.width + weight.width + 6
    return HlsLayer(
        f"{kind}{weights[-2]}_{weights[-1]}", kind, "", (), shape, outputs, data, data, weight_type=weight,
        bias_type=weight, accum_type=FixedPoint(sums, sums - data.fraction - weight.fraction), weights=values,
        biases=np.zeros(outputs[-1], np.int64),
        window=window, strides=(1,) * len(window), padding="same" if window else "", strategy="latency",
    )  # fmt: skip
