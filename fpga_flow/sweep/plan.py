"""What a sweep is to do: its spec, checked, the space that it searches, and the digest by which it finds itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fpga_flow import datasets, runs
from fpga_flow.errors import FieldError, InputError
from fpga_flow.spec.check import check, explained, typed_layers
from fpga_flow.spec.load import Loaded
from fpga_flow.spec.model import FlowSpec
from fpga_flow.sweep import options, space, work
from fpga_flow.sweep.space import Space

#: A grid of more points than this needs a yes.
MOST = 10_000


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    jobs     local processes, or jobs of a batch system; left out: one for each processor
    dask     the address of a Dask scheduler
    cluster  a batch system whose jobs are the workers, see `dask_cluster.SYSTEMS`
    storage  the URL of the database; left out: SQLite in the sweep's folder
    fresh    whether all points are begun anew
    yes      whether a grid may have more than `MOST` points
    """

    out: Path = Path("runs")
    jobs: int | None = None
    dask: str | None = None
    cluster: Literal["slurm", "htcondor"] | None = None
    storage: str | None = None
    fresh: bool = False
    yes: bool = False
    trust_code: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be done: a valid spec, its space, and the digest of all that the trials depend on."""

    loaded: Loaded
    spec: FlowSpec
    sweep: options.Sweep
    space: Space
    base: dict[str, Any] | None
    digest: str
    environment: str
    samples: Mapping[str, int]
    notes: tuple[str, ...]


def make(loaded: Loaded, how: SweepOptions) -> Plan:
    """Check the spec, and find what there is to search.

    Raises:
        InputError: something is wrong with the spec.
    """
    try:
        return _make(loaded, how)
    except FieldError as error:
        raise explained(loaded, error, trust_code=how.trust_code) from error


def _make(loaded: Loaded, how: SweepOptions) -> Plan:
    notes: list[str] = []
    dataset = check(loaded, trust_code=how.trust_code, note=notes.append)
    spec = loaded.spec
    if spec is None or spec.sweep is None:
        raise InputError.at(loaded.document.file, "expected a section sweep, which says what is varied, got none")
    sites = typed_layers(loaded, dataset, trust_code=how.trust_code)
    found = space.make(loaded.document, spec.sweep.parameters, sites, spec.precision)
    if isinstance(spec.sweep.strategy, options.Grid):
        _check_size(found, yes=how.yes)
    base = None
    if isinstance(spec.sweep.strategy, options.DescendOptions):
        _check_widths(found)
    if isinstance(spec.sweep.strategy, options.SensitivityOptions):
        base = found.base_point(spec)
        found = found.with_choices(base)
        if not spec.sweep.strategy.retrain:
            found = replace(found, always=((("compress", "quantize", "epochs"), 0),))
    digest = _digest(spec, found, dataset)
    samples = {"accuracy": len(dataset.validation.x), "test_accuracy": len(dataset.test.x)}
    return Plan(loaded, spec, spec.sweep, found, base, digest, work.environment(), samples, tuple(notes))


def _check_size(found: Space, *, yes: bool) -> None:
    size = found.size
    if size is None:
        endless = next(each for each in found.dimensions if each.choices is None)
        raise FieldError(
            (*endless.section, "range"), "expected a step, as a grid has only so many points, or another strategy"
        )
    if size > MOST and not yes:
        raise FieldError(
            ("sweep", "strategy"), f"the grid has {size:,} points: expected at most {MOST:,}, or --yes to go on"
        )


def _check_widths(found: Space) -> None:
    """`descend` goes down in numbers, and measures without training, so nothing may be varied that is trained on."""
    for each in found.dimensions:
        numbers = all(isinstance(choice, int | float) for choice in each.choices or ("",))
        if not numbers or any(field.keys[0] not in ("precision", "hls") for field in each.fields):
            raise FieldError(
                (*each.section, "path"),
                "expected numbers in the sections precision or hls for the strategy descend, such as bits, got others",
            )


def _digest(spec: FlowSpec, found: Space, dataset: datasets.Dataset) -> str:
    """Of all that the trials depend on but for how many there are: with it a sweep finds its own earlier trials."""
    plain = spec.model_dump(mode="json")
    strategy = plain["sweep"].pop("strategy")
    strategy.pop("trials", None)
    dimensions = [[each.name, [list(one.keys) for one in each.fields], each.choices] for each in found.dimensions]
    return runs.digest(plain, strategy, dimensions, dataset.digest, work.environment())
