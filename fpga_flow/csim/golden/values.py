"""Golden records: what a design computed for some samples, layer by layer, which later runs must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import FixedPoint


@dataclass(frozen=True)
class Signal:
    """The values of an input, an output or a layer: `values` (n, size) in double, `type` as C++ has it."""

    name: str
    type: str
    values: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Values of a sample."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Golden:
    """What a design computed.

    top         the design's top function
    inputs, outputs, layers     for the same n samples; the layers in the order of computation
    digest      of sources, compiler and flags that computed it
    headers     what it was compiled with, see headers.py
    version     of fpga_flow
    """

    top: str
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    layers: tuple[Signal, ...]
    digest: str
    headers: str
    version: str

    @property
    def samples(self) -> NDArray[np.float64]:
        """All inputs beside each other, (n, sum of their sizes)."""
        return np.concatenate([signal.values for signal in self.inputs], axis=1)

    def __len__(self) -> int:
        return len(self.inputs[0].values)

    def select(self, numbers: Sequence[int]) -> Golden:
        """The record of some of the samples, by number from 0."""

        def of(signals: Sequence[Signal]) -> tuple[Signal, ...]:
            return tuple(replace(signal, values=signal.values[list(numbers)]) for signal in signals)

        return replace(self, inputs=of(self.inputs), outputs=of(self.outputs), layers=of(self.layers))

    def made_of(self) -> str:
        """The design in words, for messages."""
        return described(self.top, self.inputs, self.outputs)


class Sized(Protocol):
    """What has a name and a number of values."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def size(self) -> int:
        """Values of a sample."""


def described(top: str, inputs: Sequence[Sized], outputs: Sequence[Sized]) -> str:
    """A design in words, for messages."""
    return f'"{top}" with {_in_words("input", inputs)} and {_in_words("output", outputs)}'


def fixed_point(type_: str) -> FixedPoint | None:
    """The type that a text names; None if it is no fixed-point type, or one that doubles don't hold."""
    try:
        return FixedPoint.parse(type_)
    except ValueError:
        return None


def _in_words(kind: str, signals: Sequence[Sized]) -> str:
    sizes = ", ".join(f'"{signal.name}" of {signal.size:,} values' for signal in signals)
    return f"the {kind}{'s' if len(signals) > 1 else ''} {sizes}"
