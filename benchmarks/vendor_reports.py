"""How many values of real report files of the vendor's tools are read right.

    python benchmarks/vendor_reports.py [--quick] [--json FILE] [--truth DIR]

Reads every file of DIR/fixtures with the parsers of `fpga_flow.resources.vendor` and compares all that
DIR/fixtures/fixtures.json says of it, value by value; one that is missing counts as wrong. The bar is all of them.
(`--quick` changes nothing: it takes seconds.)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.result import ROOT, Bar, print_bars, result, write

from fpga_flow.errors import InputError
from fpga_flow.resources.vendor import (
    cosim_rpt,
    cosim_verilog,
    csynth_rpt,
    csynth_summary,
    csynth_xml,
    export,
    hierarchy,
    hls4ml_json,
    log,
    timing,
    utilization,
)
from fpga_flow.resources.vendor.values import HLS_NAMES, Amounts, Clock, Cycles

_MISSING = "(not read)"


@dataclass(frozen=True)
class Check:
    """One expected value: where it stands in fixtures.json, what it is, what was read."""

    path: str
    expected: Any
    got: Any

    @property
    def right(self) -> bool:
        """Whether the value was read right; True is no 1, and None no 0."""
        return self.got == self.expected and isinstance(self.got, bool) == isinstance(self.expected, bool)


def fixtures(folder: Path) -> list[dict[str, Any]]:
    """The entries of fixtures.json."""
    entries: list[dict[str, Any]] = json.loads((folder / "fixtures.json").read_text(encoding="utf-8"))
    return entries


def text(folder: Path, fixture: Mapping[str, Any]) -> str:
    """A fixture's file. HLS writes it in UTF-8."""
    return (folder / fixture["file"]).read_text(encoding="utf-8", errors="replace")


def parse(fixture: Mapping[str, Any], content: str) -> Any:
    """The value of a fixture's text, or of the beginning of it.

    Raises:
        InputError: the text is no whole report.
    """
    return _kind(fixture)[0](content, fixture["file"])


def checks(folder: Path, fixture: Mapping[str, Any]) -> list[Check]:
    """All expected values of a fixture against what is read."""
    try:
        got = _kind(fixture)[1](parse(fixture, text(folder, fixture)))
    except InputError as error:
        print(f"{error}", file=sys.stderr)
        got = {}
    return list(_compare("", fixture["expected"], got))


def _compare(path: str, expected: Any, got: Any) -> Iterator[Check]:
    if isinstance(expected, dict) and expected:
        for key, value in expected.items():
            yield from _compare(f"{path}.{key}", value, got.get(key, _MISSING) if isinstance(got, dict) else _MISSING)
    elif isinstance(expected, list) and expected:
        listed = path.endswith(".instances")  # only the first 30 of them; n_instances counts all
        if isinstance(got, list) and len(got) > len(expected) and not listed:
            yield Check(f"{path}.length", len(expected), len(got))
        for number, value in enumerate(expected):
            more = isinstance(got, list) and number < len(got)
            yield from _compare(f"{path}[{number}]", value, got[number] if more else _MISSING)
    else:
        yield Check(path.lstrip("."), expected, got)


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {names[0]: getattr(amounts, field) for field, names in HLS_NAMES.items()}


def _times(clock: Clock, cycles: Cycles) -> dict[str, Any]:
    return {
        "clk_target_ns": clock.target_ns,
        "clk_est_ns": clock.estimated_ns,
        "clk_uncertainty_ns": clock.uncertainty_ns,
        **vars(cycles),
    }


def _csynth_rpt(value: csynth_rpt.CsynthReport) -> dict[str, Any]:
    instances = [{"Instance": i.name, "Module": i.module, **_amounts(i.amounts)} for i in value.instances]
    return {
        **{name: getattr(value, name) for name in ("tool", "module", "version", "part", "date", "pipeline")},
        **_times(value.clock, value.cycles),
        "total": _amounts(value.total),
        "available": _amounts(value.available),
        **{name: _amounts(amounts) for name, amounts in value.parts.items()},
        "instances": instances,
        "n_instances": len(instances),
    }


def _csynth_xml(value: csynth_xml.CsynthXml) -> dict[str, Any]:
    return {
        **{name: getattr(value, name) for name in ("version", "part", "top")},
        **_times(value.clock, value.cycles),
        **_amounts(value.total),
        **{f"avail_{name}": amount for name, amount in _amounts(value.available).items()},
        "modules": {
            name: {**_amounts(module.amounts), "latency_max": module.latency_max}
            for name, module in (value.modules or {}).items()
        },
    }


def _csynth_summary(value: csynth_summary.CsynthSummary) -> dict[str, Any]:
    marks = {kind: mark for mark, kind in csynth_summary.KINDS.items()}
    rows = [
        {
            "kind": marks[row.kind],
            "name": row.name,
            "indent": 4 + row.depth,  # the file counts the blanks before the table as well
            "slack": row.slack_ns,
            "latency": row.latency,
            "ii": row.ii,
            "trip": row.trip_count,
            "pipelined": row.pipelined,
            **{name.removesuffix("_18K"): amount for name, amount in _amounts(row.amounts).items()},
        }
        for row in value.rows
    ]
    return {"version": value.version, "part": value.part, "rows": rows}


def _cosim(value: Mapping[str, cosim_rpt.Cosimulation]) -> dict[str, Any]:
    return {
        language: {key.replace("latency", "lat"): figure for key, figure in vars(row).items()}
        for language, row in value.items()
    }


def _latencies(value: cosim_verilog.Latencies) -> dict[str, Any]:
    figures = {
        "MAX_LATENCY": value.latency_max,
        "MIN_LATENCY": value.latency_min,
        "AVER_LATENCY": value.latency_avg,
        "MAX_THROUGHPUT": value.ii_max,
        "MIN_THROUGHPUT": value.ii_min,
        "AVER_THROUGHPUT": value.ii_avg,
    }
    return {"text_first_lines": [*(f'${name} = "{figure}"' for name, figure in figures.items()), ""]}


def _parse_transactions(content: str, file: str) -> Sequence[cosim_verilog.Transaction]:
    return cosim_verilog.parse_transactions(content, file, count=1)


def _transactions(value: Sequence[cosim_verilog.Transaction]) -> dict[str, Any]:
    rows = [f"transaction{each.number:8}:{each.latency:16}{each.interval:16}" for each in value]
    return {"text_first_lines": ["latency        interval".rjust(52), *rows, ""]}


def _utilization(value: utilization.Utilization) -> dict[str, Any]:
    return {
        "tool_version": value.header.version,
        "design": value.header.design,
        "device": value.header.device,
        "design_state": value.header.state,
        "date": value.header.date,
        "LUT": value.lut,
        "LUT_logic": value.lut_logic,
        "LUT_mem": value.lut_memory,
        "FF": value.ff,
        "BRAM_tile": value.block_ram_tiles,
        "RAMB36": value.ramb36,
        "RAMB18": value.ramb18,
        "URAM": value.uram,
        "DSP": value.dsp,
        "CARRY": value.carry,
        "BRAM_18K": value.bram18,
    }


def _hierarchy(value: hierarchy.Hierarchy) -> dict[str, Any]:
    return {
        "columns": list(value.columns),
        "n_rows": len(value.rows),
        "top": dict(value.top.used),
        "myproject": [dict(row.used) for row in value.of_module("myproject")],
    }


def _timing(value: timing.Timing) -> dict[str, Any]:
    figures: dict[str, Any] = {"tool_version": value.version, "design": value.design, "met": value.met}
    for letter, slack in (("S", value.setup), ("HS", value.hold), ("PWS", value.pulse_width)):
        worst, total = (f"W{letter}", f"T{letter}") if letter != "S" else ("WNS", "TNS")
        figures |= {f"{worst}_ns": slack.worst_ns, f"{total}_ns": slack.total_ns}
        figures |= {f"{total}_failing": slack.failing, f"{total}_total": slack.endpoints}
    clocks = [{"name": c.name, "period_ns": c.period_ns, "freq_mhz": c.frequency_mhz} for c in value.clocks]
    return {**figures, "clocks": clocks}


def _export(value: export.Export) -> dict[str, Any]:
    return {
        "LUT": value.lut,
        "FF": value.ff,
        "DSP": value.dsp,
        "BRAM": value.bram18,
        "SRL": value.srl,
        "URAM": value.uram,
        "SLICE": value.slices,
        "CP_required_ns": value.required_ns,
        "CP_post_synth_ns": value.synthesis_ns,
        "timing_met": value.met,
    }


def _log(value: log.Log) -> dict[str, Any]:
    return {"errors": list(value.errors), "failed": value.failed}


def _hls4ml(value: hls4ml_json.Hls4mlReport) -> dict[str, Any]:
    cycles = value.cycles
    figures = {
        "BestLatency": cycles.latency_min,
        "WorstLatency": cycles.latency_max,
        "IntervalMin": cycles.ii_min,
        "IntervalMax": cycles.ii_max,
        **_amounts(value.total),
        **{f"Available{name}": amount for name, amount in _amounts(value.available).items()},
    }
    periods = {"TargetClockPeriod": f"{value.target_ns:.2f}", "EstimatedClockPeriod": f"{value.estimated_ns:.3f}"}
    return {"CSynthesisReport": {**periods, **{name: str(figure) for name, figure in figures.items()}}}


#: Kind in fixtures.json -> parser, and what is read under the names of fixtures.json.
_KINDS: dict[str, tuple[Callable[[str, str], Any], Callable[[Any], dict[str, Any]]]] = {
    "csynth_rpt": (csynth_rpt.parse, _csynth_rpt),
    "csynth_xml": (csynth_xml.parse, _csynth_xml),
    "csynth_summary_rpt": (csynth_summary.parse, _csynth_summary),
    "cosim_rpt": (cosim_rpt.parse, _cosim),
    "lat": (cosim_verilog.parse_latencies, _latencies),
    "transaction": (_parse_transactions, _transactions),
    "util_rpt": (utilization.parse, _utilization),
    "hier_rpt": (hierarchy.parse, _hierarchy),
    "timing_rpt": (timing.parse, _timing),
    "export_rpt": (export.parse, _export),
    "log": (lambda content, _: log.parse(content), _log),
    "json": (hls4ml_json.parse, _hls4ml),
}


def _kind(fixture: Mapping[str, Any]) -> tuple[Callable[[str, str], Any], Callable[[Any], dict[str, Any]]]:
    kind = fixture["kind"]
    if kind == "raw":  # the two of these that there are
        kind = "lat" if fixture["file"].endswith("_lat.rpt") else "transaction"
    return _KINDS[kind]


def default_truth() -> Path:
    """$FPGA_FLOW_TRUTH, or ../shared/truth beside the repository."""
    return Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="changes nothing here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--truth", type=Path, metavar="DIR", default=default_truth(), help="holds fixtures/")
    options = parser.parse_args(arguments)
    folder = options.truth / "fixtures"
    if not (folder / "fixtures.json").is_file():
        message = "fixtures.json not found; give the directory above it with --truth or FPGA_FLOW_TRUTH"
        print(f"{folder}: {message}", file=sys.stderr)
        return 2
    figures = []
    for fixture in fixtures(folder):
        found = checks(folder, fixture)
        right = sum(check.right for check in found)
        figures.append({"file": fixture["file"], "kind": fixture["kind"], "right": right, "values": len(found)})
        print(f"{right:5} of {len(found):5}  {fixture['kind']:20} {fixture['file']}")
        for check in found:
            if not check.right:
                print(f"       {check.path}: expected {check.expected!r}, got {check.got!r}")
    right, values = (sum(int(entry[key]) for entry in figures) for key in ("right", "values"))
    bars = [Bar.at_least(f"values read right of {values} in {len(figures)} real report files", right, values)]
    met = print_bars(bars)
    if options.json:
        write(options.json, result("vendor_reports", figures, [], bars))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
