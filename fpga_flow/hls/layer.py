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

    kind        `dense`; `conv1d`, `conv2d`, `depthwise1d`, `depthwise2d`; `activation`; `pool`, `global_pool`; `merge`;
                `reshape`, `permute`, `zero_pad`, `crop`, `upsample`, `shuffle` of channels, `crelu`,
                `deformable` (samples of an image, see `networks/sampling.py`), or the name of a plugin's layer
    function    what an `activation`, `pool` or `merge` computes: `relu`, `linear`, `lookup`, `softmax`; `max`,
                `average`; `add`, `subtract`, `average`, `multiply`, `maximum`, `minimum`, `concatenate`
    inputs      names of the layers that it reads, or `inputs`; the shape and the type are of the first of them
    second_type of a `merge`: the type of its second input; of a `deformable`, of its offsets
    symmetric   of an activation: it saturates at -max, not at min
    weights     the kernel as whole multiples of `weight_type.step`, in Keras' layout: dense (n_in, n_out), conv
                (*window, channels of a group, filters), depthwise (*window, channels, 1); None for layers without
                weights
    biases      the same for the bias, (n_out,), in steps of `bias_type`
    table       of a `lookup`: (channels, values) the result for each value of the input's type, in steps of
                `result_type`, in the order of its bits read as an unsigned number; a row per channel, or a single one
                for all
    window      kernel or pooling window, (height, width) or (length,), or factors of `upsample`; () where there is none
    dilation    of a convolution: how many pixels the values that its window takes lie apart, for each axis; () is 1
    groups      of a convolution: in so many the channels and filters are divided, and each filter reads the channels of
                its group; of a `shuffle`: of channels. Convolutions with groups or dilation have padding `valid`
    pads        (before, after) for each axis of an image that is padded or cropped, or over whose border the window of
                a `deformable` reaches
    order       of a `permute`: the axis of the input for each axis of the output, from 0
    axis        of a `concatenate`: from 0
    config      of a plugin's layer, see `layers/plugin.py`: the configuration of its Keras layer as JSON
    strategy    see `strategy.py`; empty for layers without weights. What lowering gives to a layer that it adds holds
                unless the spec says otherwise
    """

    name: str
    kind: str
    function: str
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_type: FixedPoint
    result_type: FixedPoint
    second_type: FixedPoint | None = None
    weight_type: FixedPoint | None = None
    bias_type: FixedPoint | None = None
    accum_type: FixedPoint | None = None
    weights: NDArray[np.int64] | None = None
    biases: NDArray[np.int64] | None = None
    table: NDArray[np.int64] | None = None
    symmetric: bool = False
    window: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    padding: str = ""
    dilation: tuple[int, ...] = ()
    groups: int = 1
    pads: tuple[tuple[int, int], ...] = ()
    order: tuple[int, ...] = ()
    axis: int = 0
    config: str = ""
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
    def grouped_or_dilated(self) -> bool:
        """Whether it is a convolution that hls4ml has no code for."""
        return self.kind.startswith("conv") and (self.groups > 1 or any(rate > 1 for rate in self.dilation))

    @property
    def reach(self) -> tuple[int, ...]:
        """The pixels from the first to the last value that the window takes, for each axis."""
        rates = self.dilation or (1,) * len(self.window)
        return tuple((width - 1) * rate + 1 for width, rate in zip(self.window, rates, strict=True))

    @property
    def n_in(self) -> int:
        """Inputs of each output of one multiplication of vector and matrix: of the layer, or of one position of a
        convolution; where it has groups, of one of them.
        """
        if self.weights is None:
            return math.prod(self.input_shape)
        return math.prod(self.weights.shape[:-1])

    @property
    def n_out(self) -> int:
        """Outputs of one multiplication of vector and matrix."""
        if self.weights is None:
            return math.prod(self.output_shape)
        return self.output_shape[-1] if self.kind.startswith("depthwise") else int(self.weights.shape[-1])

    @property
    def positions(self) -> int:
        """How often the matrix is used for a sample: for each output pixel, once where there are none."""
        return 1 if self.weights is None else math.prod(self.output_shape[:-1])

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one sample, counting the zeros."""
        return 0 if self.weights is None else self.weights.size * self.positions
