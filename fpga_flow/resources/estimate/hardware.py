"""What the HLS tools build of bits, by their own rules: adders, multipliers and block RAMs."""

import math

import numpy as np
from numpy.typing import NDArray

#: A multiplication goes to a DSP block if its wider operand has at least this many bits ...
DSP_WIDER = 11
#: ... and the narrower at least this many; else to LUTs (regularity of the published reports).
DSP_NARROWER = 5
#: Unsigned bits of the two operands that one DSP block multiplies (DSP48E1/E2: 25 x 18 and 27 x 18 bits signed).
DSP_BITS = (24, 17)
#: LUTs of one multiplier by the bits of its wider operand, as the HLS tools report it; in between linear, outside
#: square.
MULTIPLIER_LUT = {6: 23, 7: 33, 8: 40, 9: 49, 10: 62, 18: 366}
#: The HLS tools report about `width` LUTs for an adder, but not less than this.
ADDER_LUT_MIN = 12
#: What most versions of the HLS tools report for an adder besides its bits ...
ADDER_OVERHEAD = 7
#: ... up to how many bits it is nothing on the 7 series, and from how many on it is all ...
NARROW_ADDER = (12, 16)
#: ... and how many of each cycle's adders of a tree have it, and which share of all at least.
UNMERGED_PER_CYCLE, UNMERGED_LEAST = 1.9, 0.3
#: LUTs of a multiplexer of two words, as the HLS tools report it, and of each further word.
MULTIPLEXER_LUT = (9.0, 5.5)
#: LUTs at an output of a function that can be halted and holds its result, as the HLS tools report them.
VITIS_OUTPUT_LUT, VIVADO_OUTPUT_LUT = 14, 9
#: Bits of the narrowest multiplier in LUTs that a project can ask for (`config_op mul -impl fabric`).
FABRIC_WIDTH = 10
#: Additions of da4ml's solution of a matrix, as a share of those without any sharing: a constant times powers of the
#: signed digits per weight, and of the outputs (benchmarks/distributed_arithmetic.py, which prints their error, too).
SHARED = (0.789, -0.198, -0.092)
#: Bits wide and words deep that a block RAM of 18 Kb can be (AMD UG473, UG573).
BRAM18_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
#: A ROM with more bits than this is a block RAM, else LUTs; these versions of the tools take block RAM for all.
ROM_LUT_BITS = 1024
ROMS_IN_BRAM = ("2016", "2017", "2018", "2019")
#: Words that a shift register of one LUT holds, per bit (SRL32, AMD UG474).
SHIFT_REGISTER_WORDS = 32


def adder_lut(width: int) -> int:
    """LUTs of one adder of `width` bits, as the HLS tools report it."""
    return max(ADDER_LUT_MIN, width)


def multiplexer_lut(words: float) -> float:
    """LUTs of a multiplexer of so many words on average, as the HLS tools report it: whatever their bits are."""
    second, further = MULTIPLEXER_LUT
    return second * min(max(words - 1, 0.0), 1.0) + further * max(words - 2, 0.0)


def in_dsp(width_a: int, width_b: int, core: str = "") -> bool:
    """Whether a multiplier of operands of these widths is in DSP blocks; `core` as in `multiplier_cost`."""
    narrower, wider = sorted((width_a, width_b))
    return core == "dsp" or (core != "fabric" and wider >= DSP_WIDER and narrower >= DSP_NARROWER)


def multiplier_cost(width_a: int, width_b: int, core: str = "") -> tuple[int, float]:
    """DSP blocks and LUTs of one multiplier of operands of these widths.

    Args:
        width_a: bits of one operand.
        width_b: bits of the other.
        core: `dsp` or `fabric` where the project fixes it (`config_op mul -impl`); the tools' choice by default.
    """
    narrower, wider = sorted((width_a, width_b))
    if in_dsp(width_a, width_b, core):
        return math.ceil(max(wider - 1, 1) / DSP_BITS[0]) * math.ceil(max(narrower - 1, 1) / DSP_BITS[1]), 0.0
    if core == "fabric":
        return 0, _square_multiplier_lut(max(wider, FABRIC_WIDTH))
    square = _square_multiplier_lut(wider)
    if narrower < DSP_NARROWER:
        # A few additions of the wide operand, not a square multiplier.
        return 0, min(square, (narrower - 1) * float(adder_lut(wider)))
    return 0, square


def _square_multiplier_lut(width: int) -> float:
    """LUTs of a multiplier of two operands of `width` bits: `MULTIPLIER_LUT`, continued."""
    widths = list(MULTIPLIER_LUT)
    end = min(max(width, widths[0]), widths[-1])
    return float(np.interp(end, widths, list(MULTIPLIER_LUT.values()))) * (width / end) ** 2


def bram18(width: int, depth: int) -> int:
    """Block RAMs of 18 Kb for a memory of `depth` words of `width` bits: the cheapest shape, tiled."""
    return min(math.ceil(width / bits) * math.ceil(depth / words) for bits, words in BRAM18_SHAPES)


def shift_registers(width: int, depth: int) -> int:
    """LUTs that hold `depth` words of `width` bits as shift registers."""
    return width * math.ceil(depth / SHIFT_REGISTER_WORDS)


def shared_additions(digits: NDArray[np.int64]) -> int:
    """Additions of a matrix (n_in, n_out) in distributed arithmetic, by the `digits` of its weights in canonical signed
    digit form.
    """
    outputs = int(np.count_nonzero(digits.any(axis=0)))
    alone = int(digits.sum()) - outputs
    if alone <= 0:
        return 0
    constant, per_weight, of_outputs = SHARED
    share = float(constant * digits.mean() ** per_weight * digits.shape[1] ** of_outputs)
    return round(min(1.0, share) * alone)
