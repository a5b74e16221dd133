"""The sampling of a deformable convolution. No published report has it: it is built of the same parts as other layers
(adder, multiplier, multiplexer) without a fitted constant.
"""

from __future__ import annotations

from dataclasses import dataclass

from fpga_flow.resources.estimate.formula import Cost, Formula, Target
from fpga_flow.resources.estimate.hardware import adder_lut, multiplier_cost

#: Pixels around a sampled position.
CORNERS = 4
#: Cycles from offsets to samples: position, clamping, selection, and two interpolations one after the other.
DEPTH = 5


@dataclass(frozen=True)
class Sampling:
    """`taps` positions in an image of `pixels` at once, `channels` samples of `width` bits at each, by bilinear
    interpolation with `fraction` bits; `positions` times for a sample. Offsets have `offset_width` bits.
    """

    pixels: int
    channels: int
    width: int
    taps: int
    positions: int
    offset_width: int
    fraction: int

    @property
    def interpolations(self) -> list[tuple[int, int]]:
        """Of each value: how many there are of values of so many bits. To the right in two rows, then downwards."""
        return [(2, self.width), (1, self.width + self.fraction)] if self.fraction > 0 else []

    def lut(self, target: Target) -> Formula:
        """LUTs: for each position the sums and clampings along both axes, and the selection of its offsets; for each
        sample that of its pixels (a multiplexer of about one LUT per two inputs), and interpolations, each a
        difference, a product and a sum.
        """
        axis = adder_lut(self.offset_width) + 2 * (adder_lut(self.offset_width) + self.offset_width / 2)
        place = 2 * (axis + self.offset_width * self.positions / 2)
        sample = CORNERS * self.width * self.pixels / 2
        for count, width in self.interpolations:
            _, product = multiplier_cost(width + 1, self.fraction)
            sample += count * (adder_lut(width + 1) + product + adder_lut(width + self.fraction))
        return Formula.exact(self.taps * (place + self.channels * sample))

    def ff(self, target: Target) -> Formula:
        """FFs: the selected pixels, and the samples."""
        bits = CORNERS * self.width + self.width + 2 * self.fraction
        return Formula.exact(self.taps * self.channels * bits)

    def latency(self, target: Target) -> Formula:
        """Cycles: a position in each."""
        return Formula.exact(self.positions + DEPTH)

    def cost(self, target: Target) -> Cost:
        """All numbers."""
        samples = self.taps * self.channels
        each = [(count, multiplier_cost(width + 1, self.fraction)[0]) for count, width in self.interpolations]
        return Cost(
            multipliers=samples * sum(count for count, _ in each),
            lut=target.value(self.lut(target)),
            ff=target.value(self.ff(target)),
            dsp=samples * sum(count * dsp for count, dsp in each),
            latency_cycles=target.cycles(self.latency(target)),
            ii=self.positions,
        )
