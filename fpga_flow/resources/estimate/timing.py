"""How long operations take, and where the HLS tools cut a chain of them into clock cycles.

Adders in a chain overlap: the low bits of a sum are ready before the high ones. So as many follow each other in a cycle
as their delays fit in, counted in fractions of one, unless less than two fit.

The delays are read from the published reports, as the rules in hardware.py are, and are not refitted. Those of adders
are the slope of the clock period that the tools estimate, over the levels of the tree, in designs that sum within a
cycle: 2.57 ns on a Zynq-7020 (six designs of one source), 0.68 to 0.79 ns on UltraScale+ (nine of three). Those of
multiplications on the 7 series are the clock periods that the tools estimate without additions. The others (`product`,
`other`, Kintex-7) are those that agree best with latencies and registers; the search gives the same, up to a tenth,
whichever source it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpga_flow.resources.estimate.formula import Target
from fpga_flow.resources.estimate.hardware import (
    ADDER_OVERHEAD,
    NARROW_ADDER,
    UNMERGED_LEAST,
    UNMERGED_PER_CYCLE,
    in_dsp,
)


@dataclass(frozen=True)
class Delays:
    """Delays of a family of FPGAs.

    adder_ns    of an adder of a tree
    product     how many adders a product delays the tree
    other       the same for a value that is no product: shifts, additions of two digits, reading of inputs
    """

    adder_ns: float
    product: float
    other: float


#: Artix-7 and Zynq-7000 with its fabric; Kintex-7 and Virtex-7, and Zynq-7000 with theirs; UltraScale and later.
ARTIX_7 = Delays(adder_ns=2.6, product=0.45, other=0.45)
KINTEX_7 = Delays(adder_ns=1.8, product=0.45, other=0.45)
ULTRASCALE = Delays(adder_ns=0.75, product=3.3, other=1.8)
#: Parts (without xc, xa, xq) with the fabric of Kintex-7.
KINTEX_7_PARTS = ("7k", "7v", "7z030", "7z035", "7z045", "7z100")

#: Delay in ns of a multiplication on the 7 series: in a DSP block (of operands that only fit into one, or of narrow
#: ones that the project puts there), and in LUTs. UltraScale's are part of the tree (`Delays.product`).
WIDE_DSP_NS, NARROW_DSP_NS, LUT_NS = 7.0, 3.8, 5.3
#: Registers inside of a DSP block that does not multiply within a cycle.
DSP_STAGES = 2
#: Levels of a tree that are left when the last product arrives, where products come one after the other.
LAST_LEVELS = 2.0


def delays(target: Target) -> Delays:
    """The delays of a target's FPGA."""
    if not target.series_7:
        return ULTRASCALE
    return KINTEX_7 if target.part.lower()[2:].startswith(KINTEX_7_PARTS) else ARTIX_7


def adders_per_cycle(target: Target) -> float:
    """Adders that follow each other in one cycle."""
    number = target.period_ns / delays(target).adder_ns
    return number if number >= 2 else 1.0


def adder_overhead(width: float, target: Target) -> float:
    """LUTs of a mean adder of `width` bits in a tree besides its bits. Narrow ones have none on the 7 series, nor have
    those that the tools merge with others of the same cycle to adders of three operands.
    """
    if target.bare_adders:
        return 0.0
    narrow, wide = NARROW_ADDER
    share = min(1.0, max(0.0, (width - narrow) / (wide - narrow))) if target.series_7 else 1.0
    return ADDER_OVERHEAD * share * max(UNMERGED_LEAST, min(1.0, UNMERGED_PER_CYCLE / adders_per_cycle(target)))


def product_cycles(width_a: int, width_b: int, core: str, target: Target) -> int:
    """Cycles that a multiplication takes before the one in which its product is used.

    Args:
        width_a: bits of one operand.
        width_b: bits of the other.
        core: see `hardware.multiplier_cost`.
        target: the clock and the FPGA.
    """
    if not target.series_7:
        return 0
    if not in_dsp(width_a, width_b, core):
        return max(0, round(LUT_NS / target.period_ns) - 1)
    chosen = in_dsp(width_a, width_b)
    return DSP_STAGES if target.period_ns < (WIDE_DSP_NS if chosen else NARROW_DSP_NS) else 0


def tree_cycles(levels: float, target: Target, *, products: bool) -> int:
    """Cycles from the first operands of an adder tree of so many levels to the one of its result (0: the same)."""
    lead = delays(target).product if products else delays(target).other
    return int((lead + levels) / adders_per_cycle(target))


def registered_share(cycles: int, target: Target, *, products: bool) -> float:
    """Registers of an adder tree that is cut in `cycles` places, as a share of its leaves.

    Each level has half as many values as the one before. Where one adder fills a cycle, cuts are behind whole levels.
    """
    number = adders_per_cycle(target)
    lead = delays(target).product if products else delays(target).other
    cuts = number * np.arange(1, cycles + 1) - (lead if number > 1 else 0.0)
    return float(np.sum(2.0 ** -np.maximum(0.0, cuts)))
