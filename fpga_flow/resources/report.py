"""The value that every source of resource numbers returns: what a design needs of an FPGA, and who says so.

Units: LUT, FF and DSP in pieces; `bram18` in blocks of 18 Kb (a 36 Kb block, a "Block RAM Tile", counts as two); `uram`
in blocks of 288 Kb; latency and initiation interval (`ii`) in clock cycles; the clock period in nanoseconds. What a
source does not say is None, never 0: logic synthesis knows no latency, the older reports no UltraRAM.

An estimate says which stage's report it is an estimate of (`stage`), and how sure its numbers are: `intervals` has, for
each name of `ESTIMATED`, the least and the most that holds for about 80 of 100 such numbers, see
docs/reference/resources.md. `calibrated` is False where no published report had the like, so that the interval is a
guess from other parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

#: The stages that numbers can come from. Numbers of different stages are never mixed in one report.
SOURCES = ("estimate", "open-synthesis", "csynth", "post-synthesis", "post-route")

#: The stages that an estimate can be of.
STAGES = ("csynth", "post-synthesis")

#: The resources that an FPGA has a limited amount of.
RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")

#: The numbers of an estimate that have an interval.
ESTIMATED = ("lut", "ff", "dsp", "bram18", "latency_cycles")

#: Of each number of an estimate the least and the most that it may be, by the names of `ESTIMATED`.
Intervals = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class LayerResources:
    """What one part of the design needs: a layer, an `instance` of an HLS report, or a part that is no layer (`kind` is
    then `fifo` or `top`). `intervals` and `calibrated` are None for what a tool has reported.
    """

    name: str
    kind: str
    multipliers: int | None
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int | None
    latency_cycles: int | None
    ii: int | None
    intervals: Intervals | None = None
    calibrated: bool | None = None


@dataclass(frozen=True)
class ResourceReport:
    """What a whole design needs, with the keys of `resources` in run.json.

    `fits` is None where nobody has compared the numbers with a board; `stage`, `intervals` and `calibrated` are None
    for what a tool has reported.
    """

    source: str
    tool: str
    part: str
    board: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int | None
    latency_cycles: int | None
    ii: int | None
    clock_ns: float | None
    fits: bool | None = None
    layers: tuple[LayerResources, ...] = ()
    stage: str | None = None
    intervals: Intervals | None = None
    calibrated: bool | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f'expected a source of {", ".join(SOURCES)}, got "{self.source}"')
        if self.stage is not None and (self.source, self.stage) not in [("estimate", stage) for stage in STAGES]:
            raise ValueError(f'expected a stage of {", ".join(STAGES)} of an estimate, got "{self.stage}"')

    @property
    def title(self) -> str:
        """The source in words."""
        return title(self.source, self.stage)

    @property
    def certainty(self) -> tuple[int, int]:
        """What reports are sorted by, the least certain first: the place of the source, and of an estimate's stage."""
        return SOURCES.index(self.source), 0 if self.stage is None else STAGES.index(self.stage)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fpga_flow.report import notebook

        return notebook.needed(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as one entry of `resources` in run.json."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers]}

    def to_json(self) -> str:
        """The report as a JSON document."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResourceReport:
        """Read what `to_dict` wrote, or an earlier version, which knew no intervals.

        Raises:
            ValueError: a key is missing or unknown.
        """
        layers = tuple(LayerResources(**_checked(LayerResources, layer)) for layer in data.get("layers", ()))
        return cls(**{**_checked(cls, data), "layers": layers})

    @classmethod
    def from_json(cls, text: str) -> ResourceReport:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is not a JSON object, or a key is missing or unknown.
        """
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError(f"expected a JSON object with a resource report, got {type(data).__name__}")
        return cls.from_dict(data)


def title(source: str, stage: str | None) -> str:
    """A source in words; of an estimate, with its stage."""
    return source if stage is None else f"{source} of {stage}"


@dataclass(frozen=True)
class Shortfall:
    """A resource of which the design needs more than the board has."""

    resource: str
    needed: int
    usable: int

    @property
    def missing(self) -> int:
        """How much is missing."""
        return self.needed - self.usable


def shortfalls(report: ResourceReport, usable: Mapping[str, int]) -> tuple[Shortfall, ...]:
    """The resources that the design needs more of than is `usable`, in the order of `RESOURCES`; empty if it fits.

    Args:
        report: what the design needs.
        usable: what there is, by the names of `RESOURCES`. A resource that is not named, or of which the report says
            nothing, is not judged.

    Raises:
        ValueError: `usable` names something that is not a resource.
    """
    unknown = sorted(set(usable) - set(RESOURCES))
    if unknown:
        raise ValueError(f"expected amounts of {', '.join(RESOURCES)}, got {', '.join(unknown)}")
    needed = {name: getattr(report, name) for name in RESOURCES if name in usable}
    needs = [Shortfall(name, amount, usable[name]) for name, amount in needed.items() if amount is not None]
    return tuple(need for need in needs if need.missing > 0)


def _checked(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` if its keys are fields of the dataclass `kind`, and all of those that have no default; with intervals as
    tuples, which JSON does not have.
    """
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    names = {field.name for field in fields(kind)}
    problems = [f"missing {name}" for name in sorted(needed - set(data))]
    problems += [f"unknown {name}" for name in sorted(set(data) - names)]
    if problems:
        raise ValueError(f"expected the keys of a {kind.__name__}: {', '.join(problems)}")
    intervals = data.get("intervals")
    return {**data, "intervals": intervals and {name: (low, high) for name, (low, high) in intervals.items()}}
