"""How far the resource estimate is from what the vendor tools reported for hls4ml projects, and how far others are.

    python benchmarks/resource_estimate.py [--quick] [--json FILE] [--truth DIR] [--rule4ml PYTHON] [--plot FILE]
    python benchmarks/resource_estimate.py [--truth DIR] --fit | --calibrate

Applies the formulas of `fpga_flow.resources.estimate` to the published synthesis reports of unchanged hls4ml projects
(`layers.csv` and `projects.csv` in the directory DIR) and prints

- the median absolute percentage error by kind, resource and tool, twice: with the constants as they are in the code
  (in-sample), and with the constants refitted without the source that a row comes from (leave one source out). That is
  nearer to the error on a new project, but still a little kind: the rules that pick DSP or LUT for a multiplier
  (hardware.py) were read from all sources and are not refitted;
- the same beside what rule4ml and the rule of effective bit operations say of the same rows, against the bars;
- the share of true numbers inside of the 80 % intervals, each made without the source that a number comes from;
- how long an estimate takes.

`--rule4ml` names a Python with rule4ml installed; without it, its column is empty. `--fit` refits and prints the
constants as they stand in fpga_flow/resources/estimate/constants.py. `--calibrate` writes the margins of the intervals
and the factors of logic synthesis into fpga_flow/resources/estimate/calibration.py: after each change of the formulas
or constants. `--plot` draws the estimates against the reports, and resources against bit width, into a page. `--quick`
leaves out everything that needs refits, and so has neither `bars` nor a page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.result import ROOT, Bar, print_bars, result, write
from hls_reports import calibration, comparison, margins, plots, speed, synthesis
from hls_reports.errors import summaries
from hls_reports.fit import refit
from hls_reports.left_out import LeftOut
from hls_reports.margins import Covered
from hls_reports.read import FILES, load
from hls_reports.rivals import Rule4ml

from fpga_flow.errors import ToolError
from fpga_flow.resources.estimate.constants import CONSTANTS
from fpga_flow.runs import write_text

#: The file that `--calibrate` writes.
CALIBRATION = ROOT / "fpga_flow" / "resources" / "estimate" / "calibration.py"
#: The share of the true numbers that shall be inside of the intervals, in percent.
INSIDE = 80.0
#: What numbers are of that say nothing of the estimate, see `LayerReport.sound`.
NOT_SOUND = "other weights or hls4ml"
#: The bit widths of the figure that `--plot` draws.
WIDTHS = range(2, 17)


def compare(reports: LeftOut, *, quick: bool) -> list[dict[str, Any]]:
    """The errors: one entry per kind, resource and tool."""
    inside = summaries(reports.with_constants(CONSTANTS))
    outside = {} if quick else summaries(reports.of_all())
    entries = []
    for (kind, name, tool), summary in sorted(inside.items()):
        without = outside.get((kind, name, tool))
        entries.append({
            "kind": kind,
            "resource": name.removesuffix("_cycles"),
            "tool": tool,
            "rows": summary.rows,
            "sources": summary.sources,
            "in_sample": round(summary.median, 1),
            "leave_one_source_out": without and round(without.median, 1),
            "leave_one_source_out_median_source": without and round(without.median_source, 1),
        })  # fmt: skip
    return entries


def covered(reports: LeftOut, truth: Path) -> dict[str, list[Covered]]:
    """The numbers with intervals that their sources had no part in, by what they are of."""
    of_csynth, pairs = margins.cases(reports), synthesis.pairs(truth)
    csynth = margins.covered(of_csynth)
    return {
        "all of csynth": csynth,
        "layers": [each for each in csynth if each.number.is_sound and not each.number.is_project],
        "projects": [each for each in csynth if each.number.is_sound and each.number.is_project],
        NOT_SOUND: [each for each in csynth if not each.number.is_sound],
        "synthesis of reported projects": margins.covered(synthesis.cases(pairs)),
        "synthesis of estimated projects": synthesis.of_estimates(of_csynth, pairs),
    }


def cover(found: Mapping[str, list[Covered]]) -> list[dict[str, Any]]:
    """The share of the true numbers inside of the intervals, by what they are of and by number, and all together."""
    entries = []
    for of, numbers in found.items():
        for name in sorted({each.number.name for each in numbers}):
            of_name = [each for each in numbers if each.number.name == name]
            entries.append(_coverage(of, "all", name, of_name))
            for kind in sorted({each.number.kind for each in of_name}):
                of_kind = [each for each in of_name if each.number.kind == kind]
                entries.append(_coverage(of, kind, name, of_kind))
        entries.append(_coverage(of, "all", "all", numbers))
    return entries


def _coverage(of: str, kind: str, name: str, numbers: Sequence[Covered]) -> dict[str, Any]:
    found = margins.summary(numbers)
    return {
        "of": of,
        "kind": kind,
        "number": name.removesuffix("_cycles"),
        "rows": found.rows,
        "sources": found.sources,
        "by_rows": round(100 * found.by_rows, 1),
        "by_sources": round(100 * found.by_sources, 1),
        "factor": round(found.factor, 2),
    }


def bars(figures: Mapping[str, Any]) -> list[Bar]:
    """The errors against the most that they may be, and the shares inside of the intervals against the least."""
    made = []
    for entry in figures["comparison"]:
        if entry["bar"] is not None:
            made.append(
                Bar.at_most(f"{entry['group']}: median error of {entry['number']}, %", entry["ours"], entry["bar"])
            )
    for entry in figures["coverage"]:
        if entry["number"] == "all" and entry["of"] != NOT_SOUND:
            for by in ("rows", "sources"):
                name = f"{entry['of']}: numbers inside of the 80 % interval, by {by}, %"
                made.append(Bar.at_least(name, entry[f"by_{by}"], INSIDE))
    return made


def print_errors(entries: Sequence[Mapping[str, Any]]) -> None:
    """The errors, one line per kind, resource and tool."""
    print("Median absolute error in percent. LOSO: constants refitted without the row's source, median of the rows;")
    print("source: the same, but the median over the sources of each source's median.")
    print("DSP and BRAM: rows where the tool or the estimate has any.\n")
    names = f"{'kind':21} {'resource':9} {'tool':11} {'rows':>5} {'sources':>8}"
    print(f"{names} {'LOSO':>7} {'source':>7} {'in-sample':>10}")
    for entry in entries:
        names = f"{entry['kind']:21} {entry['resource']:9} {entry['tool']:11} {entry['rows']:5} {entry['sources']:8}"
        outside = [entry["leave_one_source_out"], entry["leave_one_source_out_median_source"]]
        columns = " ".join(f"{'' if value is None else value:>7}" for value in outside)
        print(f"{names} {columns} {entry['in_sample']:10.1f}")


def print_comparison(entries: Sequence[Mapping[str, Any]]) -> None:
    """The errors beside those of others, one line per group and number."""
    print("\nThe same rows by others; EBOPs as published, and times the factor that suits the other sources.\n")
    keys = ("bar", "ours", "ours_median_source", "rule4ml_rows", "rule4ml", "rule4ml_median_source", "ebops",
            "ebops_scaled")  # fmt: skip
    heads = ("bar", "ours", "source", "asked", "rule4ml", "source", "EBOPs", "scaled")
    print(f"{'group':24} {'number':13} {'rows':>5} {'sources':>8} " + " ".join(f"{head:>8}" for head in heads))
    for entry in entries:
        cells = " ".join(f"{'-' if entry[key] is None else entry[key]:>8}" for key in keys)
        print(f"{entry['group']:24} {entry['number']:13} {entry['rows']:5} {entry['sources']:8} {cells}")


def print_coverage(entries: Sequence[Mapping[str, Any]]) -> None:
    """The shares inside of the intervals."""
    print(
        "\nTrue numbers inside of 80 % intervals that their sources had no part in, in percent of rows, and mean of the"
    )
    print("sources' shares; the median interval goes from the estimate over `factor` to it times `factor`.\n")
    names = f"{'of':33} {'kind':20} {'number':8} {'rows':>5} {'sources':>8}"
    print(f"{names} {'by rows':>8} {'by sources':>11} {'factor':>9}")
    for each in entries:
        names = f"{each['of']:33} {each['kind']:20} {each['number']:8} {each['rows']:5} {each['sources']:8}"
        print(f"{names} {each['by_rows']:8} {each['by_sources']:11} {each['factor']:9}")


def print_synthesis(figures: Mapping[str, Any]) -> None:
    """The factors of logic synthesis, and what they could depend on."""
    factors = ", ".join(f"{name} {factor:.3g}" for name, factor in figures["factors"].items())
    print(f"\nLogic synthesis leaves of csynth's numbers: {factors}. The median source's error, in percent, when it is")
    print("left out, of factors by what they could depend on:\n")
    choices = list(synthesis.CHOICES)
    print(f"{'number':9} " + " ".join(f"{choice:>21}" for choice in choices))
    for name, errors in figures["choices"].items():
        print(f"{name:9} " + " ".join(f"{errors[choice]:21.1f}" for choice in choices))


def print_constants(directory: Path) -> None:
    """The constants of a fit to all reports, as they stand in the code."""
    print("CONSTANTS: Mapping[str, Constants] = {")
    for name, constants in refit(*load(directory)).items():
        print(f'    "{name}": {{')
        print("".join(f'        "{term}": {value!r},\n' for term, value in constants.items()) + "    },")
    print("}")


def measure(reports: LeftOut, options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {"errors": compare(reports, quick=options.quick), "seconds": speed.seconds()}
    if options.quick:
        return figures
    pairs = synthesis.pairs(options.truth)
    numbers = covered(reports, options.truth)
    if options.plot:
        write_text(options.plot, plots.page(numbers, speed.by_width(WIDTHS)))
    rule4ml = Rule4ml(options.rule4ml) if options.rule4ml else None
    return figures | {
        "comparison": comparison.compare(reports.of_all(), rule4ml),
        "coverage": cover(numbers),
        "synthesis": {"factors": synthesis.factors(pairs), "choices": synthesis.choices(pairs)},
    }


def report(figures: Mapping[str, Any]) -> None:
    """Print all figures."""
    print_errors(figures["errors"])
    if "comparison" in figures:
        print_comparison(figures["comparison"])
        print_coverage(figures["coverage"])
        print_synthesis(figures["synthesis"])
    print("\n" + "\n".join(f"{name}: estimated in {seconds:g} s" for name, seconds in figures["seconds"].items()))


def default_truth() -> Path:
    """$FPGA_FLOW_TRUTH, or ../shared/truth beside the repository."""
    return Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out all that needs refits")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--truth", type=Path, metavar="DIR", default=default_truth(), help="layers.csv and projects.csv"
    )
    parser.add_argument("--rule4ml", metavar="PYTHON", help="a Python that has rule4ml, to be compared with")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the estimates against the reports into FILE")
    parser.add_argument("--fit", action="store_true", help="refit the constants and print them as code")
    parser.add_argument(
        "--calibrate", action="store_true", help="write the margins of the intervals into calibration.py"
    )
    options = parser.parse_args(arguments)
    if options.quick and (options.plot or options.rule4ml):
        parser.error("--quick leaves out what --plot and --rule4ml are for")
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
    reports = LeftOut(*load(options.truth))
    if options.calibrate:
        write_text(CALIBRATION, calibration.text(reports, options.truth))
        return 0
    try:
        figures = measure(reports, options)
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    report(figures)
    made = [] if options.quick else bars(figures)
    print_bars(made)
    if options.json:
        write(options.json, result("resource_estimate", figures, ["numpy", "scipy"], made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
