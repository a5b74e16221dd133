"""What `--trace` and `--stress` do, and what they say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_flow.csim.design import Design
from fpga_flow.csim.diagnosis import stress, trace
from fpga_flow.csim.golden import file as golden_file
from fpga_flow.csim.golden import regression
from fpga_flow.csim.verify import Samples, own_project

#: Kinds of stress inputs that are not drawn at random.
_CHOSEN = ("ends", "extreme", "single", "adversarial")


@dataclass(frozen=True)
class Examined:
    """A trace of a design: `passed` is None if its layers could be compared with nothing."""

    design: Design
    source: str
    trace: trace.TraceReport
    seconds: float

    @property
    def passed(self) -> bool | None:
        """Whether every layer is as it should be."""
        return None if self.trace.exact is None else not self.trace.first_difference

    def report(self) -> str:
        """The report as text: a verdict, and a table with a row per layer."""
        found = self.trace
        shown: list[tuple[str, ...]] = [trace.COLUMNS]
        hidden = 0
        for layer, row in zip(found.layers, found.rows(), strict=True):
            fits = layer.kind == "conversion" and not (layer.wrapped or layer.saturated)
            hidden += fits
            shown += [] if fits else [row]
        said = {
            True: f"every layer is that of the {found.compared_with}, bit for bit",
            False: f'the first layer that is not that of the {found.compared_with} is "{found.first_difference}"',
            None: "there is nothing to compare the layers with",
        }
        verdict = said[found.exact]
        if found.exact is False and not found.first_difference:
            verdict = "every layer is within the tolerance"
        lines = [f"{self.design.folder}: {found.samples:,} samples ({self.source}): {verdict}", *_table(shown)]
        if found.uncounted:
            lines.append(f"wrapped and saturated values are not counted: {found.uncounted}")
        elif hidden:
            lines.append(
                f"conversions into {hidden} more types, of accumulators and weights, all fitted; --json has them"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "project": str(self.design.folder), "source": self.source, "seconds": round(self.seconds, 3),
            "passed": self.passed, **self.trace.to_dict(),
        }  # fmt: skip


@dataclass(frozen=True)
class Stressed:
    """What stress found, and the golden record of its inputs, if one was made."""

    design: Design
    found: stress.StressReport
    seconds: float
    record: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing wrapped around, and no layer differs."""
        return self.found.passed

    def report(self) -> str:
        """The report as text: a verdict, and a line for each overflow and difference."""
        found = self.found
        kinds = ", ".join(f"{found.kinds.count(kind):,} {kind}" for kind in dict.fromkeys(found.kinds))
        wrapped = [overflow for overflow in found.overflows if overflow.wrapped]
        verdict = "nothing overflows" if found.passed else "values overflow" if wrapped else "layers differ"
        lines = [f"{self.design.folder}: {len(found.inputs):,} inputs ({kinds}): {verdict}"]
        for each in found.overflows:
            what = f"{each.wrapped:,} wrapped around" if each.wrapped else f"{each.saturated:,} were saturated"
            right = {None: "", True: "; the outputs are right all the same", False: "; outputs are wrong"}[each.exact]
            lines.append(
                f'layer "{each.layer}": of values that became {each.type} ({each.least:g} to {each.greatest:g}), '
                f"{what}: they reached from {each.lowest:.9g} to {each.highest:.9g}, the farthest with input "
                f"{each.input} ({each.kind}){right if each.wrapped else ''}"
            )
        lines += [
            f'layer "{each.layer}": not what the network computes for {each.inputs:,} inputs, by up to '
            f"{each.max_abs_diff:.6g} for input {each.input} ({each.kind})"
            for each in found.differences
        ]
        if found.trace.uncounted:
            lines.append(f"overflows are not counted: {found.trace.uncounted}")
        if self.record is not None:
            lines.append(f"recorded in {self.record}")
        return "\n  ".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "project": str(self.design.folder), "seconds": round(self.seconds, 3),
            "record": None if self.record is None else str(self.record), **self.found.to_dict(),
        }  # fmt: skip


def examine(design: Design, samples: Samples, *, stock_headers: bool = False) -> Examined:
    """Trace a design; one of ours is compared with its network's emulator.

    Raises:
        InputError: its layers can't be recorded.
        ToolError: the compiler or the C++ failed.
    """
    started = time.monotonic()
    found = trace.examine(design, own_project(design), samples.values, stock_headers=stock_headers)
    return Examined(design, samples.source, found, time.monotonic() - started)


def examine_record(design: Design, path: Path, *, stock_headers: bool = False) -> Examined:
    """Trace a design with the samples of a golden record, with whose layers it is compared.

    Raises:
        InputError: there is no record, it is damaged, or of another design.
        ToolError: the compiler or the C++ failed.
    """
    started = time.monotonic()
    file = golden_file.file_of(path)
    expected = golden_file.load(file)
    regression.check_same_design(expected, regression.simulator_of(design, stock_headers=stock_headers), file)
    layers = {layer.name: layer.values for layer in expected.layers}
    found = trace.examine(design, None, expected.samples, expected=layers, stock_headers=stock_headers)
    return Examined(design, f"of {file}", found, time.monotonic() - started)


def provoke(
    design: Design, samples: int | None, seed: int | None, *, stock_headers: bool = False, record: Path | None = None
) -> Stressed:
    """Stress a design.

    Args:
        samples: random inputs besides the others.
        record: make a golden record of the worst inputs, or, if it passed, of all that are not random.

    Raises:
        InputError: it can't be looked into, or there is a record already.
        ToolError: the compiler or the C++ failed.
    """
    started = time.monotonic()
    file = None if record is None else golden_file.file_of(record)
    if file is not None:
        regression.check_new(file)
    options = {} if samples is None else {"samples": samples}
    found = stress.run(design, own_project(design), seed=seed or 0, stock_headers=stock_headers, **options)
    if file is not None:
        chosen = [kind in _CHOSEN for kind in found.kinds]
        inputs = found.inputs[chosen] if found.passed else found.worst
        regression.record(design, inputs, file, stock_headers=stock_headers)
    return Stressed(design, found, time.monotonic() - started, file)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows, the first one the headings, in columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
