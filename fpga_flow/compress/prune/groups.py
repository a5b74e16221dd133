"""Weights that are pruned together: patterns of zeros that hardware can leave out.

Written in a spec as

    2:4     of each 4 weights in a row (of those that one output adds up), at most 2 stay (Mishra et al. 2021,
            "Accelerating Sparse Deep Neural Networks"); all of a shorter last group stay
    4x2     blocks of 4 inputs and 2 outputs of the layer's matrix
    dsp     the weights that one multiplier takes in turn: `reuse_factor` neighbours of the transposed matrix
    bram    the weights that are read from one block RAM: as many such groups as fit 36 bits (both: Ramhorst et al.
            2023, "FPGA Resource-aware Structured Pruning for Real-Time Neural Networks", section 3)

A kernel (*window, inputs, outputs) is the matrix (window * inputs, outputs); a depthwise one (*window, inputs,
multiplier), of which an output adds up only the window, is (window, inputs * multiplier).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fpga_flow.spec.base import Form

_FORM = Form(r"\d{1,3}:\d{1,3}|\d{1,4}x\d{1,4}|dsp|bram", "a pattern of zeros: 2:4 (N:M), 4x2 (a block), dsp or bram")
PatternText = Annotated[str, _FORM]

#: Bits of a block RAM's widest word.
_BRAM_BITS = 36


@dataclass(frozen=True)
class Pattern:
    """A pattern for one layer.

    kind    `single`, `n:m`, `block`, `run`: of `numbers[0]` neighbours of the transposed matrix
    """

    kind: str = "single"
    numbers: tuple[int, ...] = ()
    depthwise: bool = False

    @classmethod
    def parse(cls, text: str | None, reuse_factor: int = 1, weight_bits: int = 1) -> Pattern:
        """The pattern of a spec for a layer with this reuse factor and width of weights.

        Raises:
            ValueError: the numbers are impossible.
        """
        if text is None:
            return cls()
        if text in ("dsp", "bram"):
            words = math.ceil(_BRAM_BITS / weight_bits) if text == "bram" else 1
            return cls("run", (reuse_factor * words,))
        numbers = tuple(map(int, re.split("[:x]", text)))
        if 0 in numbers:
            raise ValueError(f'expected numbers above 0, got "{text}"')
        if ":" in text and numbers[0] >= numbers[1]:
            raise ValueError(f'expected N:M with N below M, got "{text}"')
        return cls("n:m" if ":" in text else "block", numbers)

    @property
    def sparsity(self) -> float | None:
        """The share of zeros that an N:M pattern means; None for the others, which allow any."""
        return 1 - self.numbers[0] / self.numbers[1] if self.kind == "n:m" else None

    def of_kernel(self, name: str) -> Pattern:
        """The same pattern for a layer's kernel of this name."""
        return replace(self, depthwise=name == "depthwise_kernel")

    def matrix(self, shape: Sequence[int]) -> tuple[int, int]:
        """The shape of a kernel as the matrix whose columns are outputs."""
        columns = 2 if self.depthwise else 1
        return math.prod(shape[:-columns]), math.prod(shape[-columns:])

    def count(self, shape: Sequence[int]) -> int | None:
        """How many groups a kernel of this shape has, whole ones for N:M; None for patterns that are no such groups."""
        inputs, outputs = self.matrix(shape)
        if self.kind == "n:m":
            return inputs // self.numbers[1] * outputs
        if self.kind == "block":
            return math.ceil(inputs / self.numbers[0]) * math.ceil(outputs / self.numbers[1])
        return None

    def members(self, shape: Sequence[int]) -> NDArray[np.int64]:
        """For each weight of a kernel of this shape the number of its group, from 0, none left out."""
        inputs, outputs = self.matrix(shape)
        row, column = np.arange(inputs)[:, None], np.arange(outputs)[None, :]
        if self.kind == "block":
            high, wide = self.numbers
            numbers = row // high * math.ceil(outputs / wide) + column // wide
        elif self.kind == "run":
            if self.depthwise and shape[-1] > 1:  # hls4ml gets a convolution with zeros, see `hls/written.py`
                row, inputs = row * shape[-2] + column // shape[-1], inputs * shape[-2]
            numbers = np.unique((column * inputs + row) // self.numbers[0], return_inverse=True)[1]
        elif self.kind == "n:m":
            numbers = column * math.ceil(inputs / self.numbers[1]) + row // self.numbers[1]
        else:
            numbers = row * outputs + column
        return numbers.reshape(shape)
