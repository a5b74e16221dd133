"""One layer of a converted network as plain data: what code generation, reports and resource numbers need of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint


@dataclass(frozen=True)
class HlsLayer:
    """A layer after conversion, with the types and settings that its HLS code uses. Shapes are without the batch.

    kind        `dense`, `conv2d`, `activation`, `pool` or `reshape`
    function    what an `activation` or `pool` computes: `relu`, `linear`, `softmax`; `max`, `average`
    weights     the kernel as whole multiples of `weight_type.step`, in Keras' layout: dense (n_in, n_out), conv2d
                (height, width, channels, filters); None for layers without weights
    biases      the same for the bias, (n_out,), in steps of `bias_type`
    window      kernel or pooling window (height, width); () where there is none
    strategy    `latency` or `resource`; empty for layers without weights
    """

    name: str
    kind: str
    function: str
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_type: FixedPoint
    result_type: FixedPoint
    weight_type: FixedPoint | None = None
    bias_type: FixedPoint | None = None
    accum_type: FixedPoint | None = None
    weights: NDArray[np.int64] | None = None
    biases: NDArray[np.int64] | None = None
    window: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    padding: str = ""
    strategy: str = ""
    reuse_factor: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(array.size for array in (self.weights, self.biases) if array is not None)

    @property
    def nonzero(self) -> int:
        """Weights and biases that are not zero."""
        return sum(int(np.count_nonzero(array)) for array in (self.weights, self.biases) if array is not None)

    @property
    def input_size(self) -> int:
        """Values of one sample that come in."""
        return math.prod(self.input_shape)

    @property
    def output_size(self) -> int:
        """Values of one sample that go out."""
        return math.prod(self.output_shape)

    @property
    def n_in(self) -> int:
        """Inputs of one multiplication of vector and matrix: of the layer, or of one position of a convolution."""
        if self.weights is None:
            return math.prod(self.input_shape)
        return math.prod(self.weights.shape[:-1])

    @property
    def n_out(self) -> int:
        """Outputs of one multiplication of vector and matrix."""
        return math.prod(self.output_shape) if self.weights is None else int(self.weights.shape[-1])

    @property
    def positions(self) -> int:
        """How often the matrix is used for a sample: once by a dense layer, for each output pixel by a conv2d."""
        return math.prod(self.output_shape[:-1]) if self.kind == "conv2d" else 1

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one sample, counting the zeros."""
        return 0 if self.weights is None else self.weights.size * self.positions
