"""How far the resource estimate is from what the vendor tools reported for hls4ml projects.

    python benchmarks/resource_estimate.py [--quick] [--json FILE] [--truth DIR] [--fit]

Applies the formulas of `fpga_flow.resources.estimate` to the published synthesis reports of unchanged hls4ml projects
(`layers.csv` and `projects.csv` in the directory DIR) and prints the median absolute percentage error by kind,
resource and tool, twice: with the constants as they are in the code (in-sample), and with the constants refitted
without the source that a row comes from (leave one source out). That is nearer to the error on a new project, but still
a little kind: the rules that pick DSP or LUT for a multiplier (hardware.py) were read from all sources and are not
refitted. `--fit` refits and prints the constants as they stand in fpga_flow/resources/estimate/constants.py. `--quick`
leaves the refits out, and so has no figures for the `bars`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.result import ROOT, Bar, result, write
from hls_reports.errors import summaries
from hls_reports.fit import refit
from hls_reports.read import FILES, load

from fpga_flow.resources.estimate.constants import CONSTANTS

#: Upper bounds of the median source's error in percent, whole projects, each source left out in turn (the `bars`).
BARS = {"lut": 40.0, "ff": 60.0, "dsp": 15.0}


def compare(directory: Path, *, quick: bool) -> list[dict[str, object]]:
    """One entry per kind, resource and tool."""
    layers, projects = load(directory)
    sources = sorted({layer.source for layer in layers})
    inside = summaries(layers, projects, dict.fromkeys(sources, CONSTANTS))
    entries: dict[tuple[str, str, str], dict[str, object]] = {
        key: {
            "kind": key[0],
            "resource": key[1],
            "tool": key[2],
            "rows": summary.rows,
            "sources": summary.sources,
            "in_sample": round(summary.median, 1),
            "leave_one_source_out": None,
            "leave_one_source_out_median_source": None,
        }
        for key, summary in sorted(inside.items())
    }
    if not quick:
        refits = {
            source: refit(
                [layer for layer in layers if layer.source != source],
                [project for project in projects if project.source != source],
            )
            for source in sources
        }
        outside = summaries(layers, projects, refits)
        for key, entry in entries.items():
            entry["leave_one_source_out"] = round(outside[key].median, 1)
            entry["leave_one_source_out_median_source"] = round(outside[key].median_source, 1)
    return list(entries.values())


def bars(figures: Sequence[Mapping[str, object]]) -> list[Bar]:
    """The errors of whole projects against what they should be at most."""
    made = []
    for entry in figures:
        bar, value = BARS.get(str(entry["resource"])), entry["leave_one_source_out_median_source"]
        whole = entry["kind"] == "project, io_parallel" and entry["tool"] == "all"
        if whole and bar is not None and isinstance(value, float):
            name = f"median source's median error of {entry['resource']}, {entry['kind']} (%)"
            made.append(Bar.at_most(name, value, bar))
    return made


def print_table(figures: Sequence[Mapping[str, object]]) -> None:
    """The errors, one line per kind, resource and tool."""
    print("Median absolute error in percent. LOSO: constants refitted without the row's source, median of the rows;")
    print("source: the same, but the median over the sources of each source's median.")
    print("DSP and BRAM: rows where the tool or the estimate has any.\n")
    names = f"{'kind':21} {'resource':9} {'tool':11} {'rows':>5} {'sources':>8}"
    print(f"{names} {'LOSO':>7} {'source':>7} {'in-sample':>10}")
    for entry in figures:
        names = f"{entry['kind']:21} {entry['resource']:9} {entry['tool']:11} {entry['rows']:5} {entry['sources']:8}"
        outside = [entry["leave_one_source_out"], entry["leave_one_source_out_median_source"]]
        columns = " ".join(f"{'' if value is None else value:>7}" for value in outside)
        print(f"{names} {columns} {entry['in_sample']:10.1f}")


def print_constants(directory: Path) -> None:
    """The constants of a fit to all reports, as they stand in the code."""
    print("CONSTANTS: Mapping[str, Constants] = {")
    for name, constants in refit(*load(directory)).items():
        print(f'    "{name}": {{')
        print("".join(f'        "{term}": {value!r},\n' for term, value in constants.items()) + "    },")
    print("}")


def default_truth() -> Path:
    """$FPGA_FLOW_TRUTH, or ../shared/truth beside the repository."""
    return Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave the refits (LOSO) out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--truth", type=Path, metavar="DIR", default=default_truth(), help="layers.csv and projects.csv"
    )
    parser.add_argument("--fit", action="store_true", help="refit the constants and print them as code")
    options = parser.parse_args(arguments)
    missing = [name for name in FILES if not (options.truth / name).is_file()]
    if missing:
        print(
            f"{options.truth}: expected {' and '.join(FILES)}, {' and '.join(missing)} not found; "
            "give the directory with --truth or FPGA_FLOW_TRUTH",
            file=sys.stderr,
        )
        return 2
    if options.fit:
        print_constants(options.truth)
        return 0
    figures = compare(options.truth, quick=options.quick)
    print_table(figures)
    if options.json:
        made = [] if options.quick else bars(figures)
        write(options.json, result("resource_estimate", figures, ["numpy", "scipy"], made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
