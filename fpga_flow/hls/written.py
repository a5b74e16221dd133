"""Convolutions with groups or dilation as C++ has them.

hls4ml has no code for them. Our own HLS layer (`layers/group_conv`) multiplies by the weights that there are, with the
strategies latency and resource, for AMD's tools. In the other strategies, which write out what is not zero and leave
out the rest, and with other backends, such a convolution is an ordinary one with zeros in its kernel: exact, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fpga_flow.hls.backends import Backend
from fpga_flow.hls.layer import HlsLayer

#: The strategies of the own HLS layer.
OWN_STRATEGIES = ("latency", "resource")


def written(layer: HlsLayer, strategy: str, backend: Backend) -> HlsLayer:
    """A layer as the C++ has it with a strategy and a backend: itself, or with zeros in its kernel."""
    own = strategy in OWN_STRATEGIES and backend.group_conv
    return layer if own or not layer.grouped_or_dilated else with_zeros(layer)


def with_zeros(layer: HlsLayer) -> HlsLayer:
    """A convolution with groups or dilation as an ordinary one."""
    if layer.weights is None:
        raise ValueError(f'layer "{layer.name}": expected weights')
    kernel = dilated(ungrouped(layer.weights, layer.groups), layer.dilation)
    return replace(layer, weights=kernel, window=layer.reach, groups=1, dilation=())


def dilated(kernel: NDArray[np.int64], rates: Sequence[int]) -> NDArray[np.int64]:
    """A kernel (*window, channels, outputs) with `rate - 1` zeros between neighbours along each axis of the window."""
    for axis, rate in enumerate(rates):
        shape = list(kernel.shape)
        shape[axis] = (shape[axis] - 1) * rate + 1
        wide = np.zeros(shape, kernel.dtype)
        wide[(slice(None),) * axis + (slice(None, None, rate),)] = kernel
        kernel = wide
    return kernel


def ungrouped(kernel: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """A kernel (*window, channels / groups, outputs) with zeros for the channels of other groups."""
    if groups == 1:
        return kernel
    *window, channels, outputs = kernel.shape
    whole = np.zeros((*window, channels * groups, outputs), kernel.dtype)
    for group in range(groups):
        rows = slice(group * channels, (group + 1) * channels)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[..., rows, columns] = kernel[..., columns]
    return whole
