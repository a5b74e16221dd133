"""What several kinds of reports have in common: amounts of resources, cycles, clocks. None: not in the report."""

from __future__ import annotations

from dataclasses import dataclass

#: How HLS reports mark a number that is not known: a loop without a bound, a simulation that failed, nothing used.
UNKNOWN = ("-", "?", "undef", "NA", "N/A")


@dataclass(frozen=True)
class Amounts:
    """Resources; `bram18` in blocks of 18 Kb, `uram` in blocks of 288 Kb."""

    bram18: int | None
    dsp: int | None
    ff: int | None
    lut: int | None
    uram: int | None


@dataclass(frozen=True)
class Clock:
    """The period asked for, the one that HLS expects to reach, and the margin it leaves, all in nanoseconds."""

    target_ns: float
    estimated_ns: float
    uncertainty_ns: float


@dataclass(frozen=True)
class Cycles:
    """Latency and initiation interval in clock cycles."""

    latency_min: int | None
    latency_max: int | None
    ii_min: int | None
    ii_max: int | None


#: Field of `Amounts` -> its names in HLS reports.
HLS_NAMES = {
    "bram18": ("BRAM_18K",),
    "dsp": ("DSP", "DSP48E"),
    "ff": ("FF",),
    "lut": ("LUT",),
    "uram": ("URAM",),
}
