"""Rewrites the tables of the README and of the docs' pages from benchmarks/results/*.json, and from published figures
in benchmarks/*.yaml.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from helpers.result import ROOT

_MARKED = re.compile(r"<!-- begin (\w+) -->.*?<!-- end \1 -->", re.DOTALL)


def flow(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of whole runs."""
    rows: list[Sequence[str]] = [
        (
            "spec",
            "io",
            "pruned",
            "float",
            "6 bit, pruned",
            "samples simulated",
            "differ",
            "LUT (estimate)",
            "seconds",
            "again",
        )
    ]
    for run in figures["runs"]:
        rows.append((
            f"`{run['spec']}`", run["io_type"], f"{run['pruned']:.0%}", f"{run['float_accuracy']:.2%}",
            f"{run['final_accuracy']:.2%}", f"{run['csim_samples']:,}", str(run["mismatches"]), f"{run['lut']:,}",
            f"{run['seconds']:.0f}", f"{run['cached_seconds']:.1f}",
        ))  # fmt: skip
    return rows


def resource_estimate(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of the estimate's errors, and of others' on the same rows."""
    rows: list[Sequence[str]] = [
        ("", "number", "rows", "sources", "bar", "median error", "median source", "rule4ml", "median source", "EBOPs",
         "EBOPs, scaled")
    ]  # fmt: skip
    keys = ("bar", "ours", "ours_median_source", "rule4ml", "rule4ml_median_source", "ebops", "ebops_scaled")
    for each in figures["comparison"]:
        errors = ["-" if each[key] is None else f"{each[key]:g} %" for key in keys]
        rows.append((each["group"], each["number"], str(each["rows"]), str(each["sources"]), *errors))
    return rows


def resource_intervals(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of how many true numbers are inside of the estimate's intervals."""
    rows: list[Sequence[str]] = [
        ("", "numbers", "sources", "inside, by rows", "inside, by sources", "median interval, times or over")
    ]
    for each in figures["coverage"]:
        if each["number"] == "all":
            shares = [f"{each[key]:g} %" for key in ("by_rows", "by_sources")]
            rows.append((each["of"], f"{each['rows']:,}", str(each["sources"]), *shares, f"{each['factor']:g}"))
    return rows


def open_synthesis(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of networks by open tools: netlists for each family, and placed designs for boards."""
    rows: list[Sequence[str]] = [
        (
            "network",
            "for",
            "clock, ns",
            "cycles",
            "LUT",
            "FF",
            "carry cells",
            "MHz reached",
            "samples that differ",
            "seconds",
        )
    ]
    for each in figures["families"]:
        counts = [f"{each[name]:,}" for name in ("cycles", "lut", "ff", "carry")]
        seconds = f"{each['generate_seconds'] + each['yosys_seconds']:.0f}"
        rows.append((f"`{each['network']}`", each["family"], f"{each['clock_ns']:g}", *counts, "-", "-", seconds))
    for each in figures["boards"]:
        counts = [f"{each[name]:,}" for name in ("latency_cycles", "lut", "ff")]
        differ, mhz = f"{each['differ']} of {each['samples']}", f"{each['fmax_mhz']:.1f}"
        what = f"{each['board']}, bitstream"
        rows.append((f"`{each['network']}`", what, "-", *counts, "-", mhz, differ, f"{each['seconds']:.0f}"))
    return rows


def open_vendor(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of layers by open tools beside the vendor's reports."""
    rows: list[Sequence[str]] = [
        (
            "layer",
            "non-zero",
            "HLS tool",
            "its LUT",
            "FF",
            "DSP",
            "cycles",
            "RTL: LUT",
            "FF",
            "DSP",
            "cycles",
            "LUT ratio",
        )
    ]
    for each in figures:
        counts = [f"{each[side][name]:,}" for side in ("vendor", "open") for name in ("lut", "ff", "dsp", "cycles")]
        rows.append((each["layer"], str(each["nonzero"]), each["tool"], *counts, f"{each['lut_ratio']:.2f}"))
    return rows


def layers(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of exactness: ours and stock hls4ml's."""
    kinds = ("exact", "refused", "different", "failed")
    rows: list[Sequence[str]] = [("", "io", "cases", "exact", "refused with a reason", "different", "fail or crash")]
    for io_type, of_type in figures["summary"].items():
        for who, name in (("fpga_flow", "fpga_flow"), ("hls4ml", "hls4ml alone")):
            counts = [of_type[who].get(kind, 0) for kind in kinds]
            total = sum(counts)
            exact, *others = counts
            rows.append((name, io_type, str(total), f"{exact} ({exact / total:.1%})", *map(str, others)))
    return rows


def csim(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of the C simulation's speed, as ratios."""
    rows: list[Sequence[str]] = [
        (
            "network",
            "build",
            "unchanged project",
            "run, 1 core",
            "run, 2 cores",
            "emulator",
            "emulator over Keras",
            "memory",
        )
    ]
    for network in figures["networks"]:
        found = network["ratios"]
        cells = [f"{found['build']:.1f}", f"{found['unchanged']:,.0f}"]
        if "run" in found:
            both = found["run"] * found["second core"]
            cells += [f"{found['run']:.0f}", f"{both:.0f}", f"{found['emulator']:,.0f}"]
            cells += [f"{found['emulator over keras']:.1f}", f"{found['memory']:.0%}"]
        rows.append((network["name"], *cells, *["-"] * (len(rows[0]) - 1 - len(cells))))
    return rows


def storage(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of the .fpz file: size and speed, and the best of what else there is."""
    rows: list[Sequence[str]] = [
        (
            "10 million weights",
            "bits each",
            "times entropy",
            "times smaller than float32",
            "than zlib of int8",
            "than lzma of int8",
            "encode, MB/s",
            "decode, MB/s",
        )
    ]
    for row in figures:
        ours = row["coders"]["fpz"]
        others = [row["coders"].get(f"int8 + {name}") for name in ("zlib", "lzma")]
        rows.append((
            row["layer"], f"{row['bits_per_weight']:.2f}", f"{row['ratio_to_entropy']:.3f}",
            f"{row['ratio_to_float32']:.1f}", *(f"{o['bytes'] / ours['bytes']:.2f}" if o else "-" for o in others),
            f"{ours['encode_mb_per_s']:.0f}", f"{ours['decode_mb_per_s']:.0f}",
        ))  # fmt: skip
    return rows


def sweep(figures: Any) -> list[Sequence[str]]:
    """The row of the sweep against the plain loop."""
    return [
        ("points", "seconds", "a point, s", "a turn of the plain loop, s", "times as fast", "on the front",
         "their C++ simulated on", "again, s"),
        (str(figures["points"]), f"{figures['seconds']:.0f}", f"{figures['seconds_per_point']:.1f}",
         f"{figures['plain_seconds_per_point']:.1f} (median of {len(figures['plain'])})", f"{figures['ratio']:.1f}",
         str(len(figures["front"])), f"{figures['front_simulated']} samples", f"{figures['again_seconds']:.1f}"),
    ]  # fmt: skip


def deep_compression(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of deep compression: what is left after each stage, and the paper's ratio."""
    rows: list[Sequence[str]] = [("spec", "stage", "error", "bytes", "times smaller", "paper", "seconds in all")]
    for run in figures["runs"]:
        paper = figures["papers"][run["spec"]]
        for each in run["stages"]:
            is_last = each is run["stages"][-1]
            theirs = paper["ratios"].get(each["stage"])
            said = f"{theirs}" + (f", {paper['error']:.2f} % ({paper['source']})" if is_last else "") if theirs else "-"
            rows.append((
                f"`{run['spec']}`", each["stage"], f"{each['error']:.2f} %", f"{each['bytes']:,}",
                f"{each['ratio']:.1f}", said, f"{run['seconds']:.0f}" if is_last else "",
            ))  # fmt: skip
    return rows


def deep_compression_resources(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of what each pass saves on the FPGA, by the estimate."""
    rows: list[Sequence[str]] = [
        ("spec", "passes", "not zero", "LUT", "FF", "DSP", "BRAM18", "cycles", "samples that differ")
    ]
    for run in figures["runs"]:
        for each in run["resources"]:
            counts = [f"{each[key]:,}" for key in ("nonzero", "lut", "ff", "dsp", "bram18", "latency_cycles")]
            differ = f"{each['mismatches']} of {each['samples']:,}"
            rows.append((f"`{run['spec']}`", ", ".join(each["passes"]), *counts, differ))
    return rows


def distillation(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of a 4-bit student with a teacher and without: accuracy by seed, mean and deviation."""
    seeds, spread = figures["seeds"], figures["spread"]
    rows: list[Sequence[str]] = [("", *(f"seed {each['seed']}" for each in seeds), "mean", "deviation")]
    for name, each in spread.items():
        values = [f"{seed[name]:.2f} %" if name in seed else "" for seed in seeds]
        unit = "%" if name in seeds[0] else "points"
        rows.append((name, *values, f"{each['mean']:.2f} {unit}", f"{each['deviation']:.2f}"))
    return rows


def compact(data: str) -> Callable[[Any], list[Sequence[str]]]:
    """What makes the rows of the table of all methods on one data set."""

    def rows_of(figures: Any) -> list[Sequence[str]]:
        keys = ("parameters", "macs", "bytes", "lut", "dsp")
        rows: list[Sequence[str]] = [
            (
                "method",
                "beside",
                "accuracy",
                "parameters",
                "multiplications",
                "bytes",
                "LUT",
                "DSP",
                "literature",
                "here",
            )
        ]
        for row in figures[data]:
            times = row.get("times", {})
            counts = [f"{row[key]:,}" + (f" ({times[key]:g}x)" if times.get(key) else "") for key in keys]
            change = f" ({0.0 - row['lost']:+.2f})" if "lost" in row else ""
            verdict = (
                "" if "claim" not in row else "reached" if row["reached"] else f"falls short: {row['falls_short']}"
            )
            rows.append((
                row["name"], row["before"], f"{row['accuracy']:.2f} %{change}", *counts, row.get("claim", ""), verdict,
            ))  # fmt: skip
        return rows

    return rows_of


def compact_specs(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of compact networks among the example specs."""
    rows: list[Sequence[str]] = [
        ("spec", "io", "float", "6 bit", "parameters", "multiplications", "bytes", "LUT (estimate)", "DSP",
         "samples simulated", "differ", "seconds")
    ]  # fmt: skip
    for row in figures:
        counts = [f"{row[key]:,}" for key in ("parameters", "macs", "bytes", "lut", "dsp", "samples", "mismatches")]
        rows.append((
            f"`{row['spec']}`", row["io_type"], f"{row['float']:.2f} %", f"{row['accuracy']:.2f} %", *counts,
            f"{row['seconds']:.0f}",
        ))  # fmt: skip
    return rows


def strategies(page: str) -> Callable[[Any], list[Sequence[str]]]:
    """What makes the rows of the table of a page's methods, and of what they are beside, strategy by strategy."""

    def rows_of(figures: Any) -> list[Sequence[str]]:
        rows: list[Sequence[str]] = [
            ("network", "accuracy", "not zero", "multiplications", "bytes", "strategy", "LUT", "FF", "DSP", "BRAM18",
             "cycles")
        ]  # fmt: skip
        beside = {each["beside"] for each in figures if each["page"] == page}
        for each in figures:
            if each["page"] != page and each["name"] not in beside:
                continue
            counts = [f"{each[key]:,}" for key in ("nonzero", "macs", "bytes")]
            first = (each["name"], f"{each['accuracy']:.2f} %", *counts)
            for number, (strategy, found) in enumerate(each["strategies"].items()):
                needs = [f"{found[key]:,.0f}" for key in ("lut", "ff", "dsp", "bram18", "latency_cycles")]
                kept = f" (`latency`: {found['kept_latency']})" if found["kept_latency"] else ""
                rows.append((*(first if not number else [""] * len(first)), f"`{strategy}`{kept}", *needs))
        return rows

    return rows_of


def all_strategies(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of all methods: LUTs by strategy, and how many times fewer they are."""
    names = list(figures[0]["strategies"])
    rows: list[Sequence[str]] = [("network", "beside", "accuracy", "bytes", *(f"`{name}`: LUT" for name in names))]
    by_name = {each["name"]: each for each in figures}
    for each in figures:
        other = by_name.get(each["beside"])
        cells = []
        for name in names:
            found = each["strategies"][name]
            times = f" ({other['strategies'][name]['lut'] / found['lut']:.2f}x)" if other else ""
            cells.append(f"{found['lut']:,.0f}{times}")
        smaller = f" ({other['bytes'] / each['bytes']:.2f}x)" if other else ""
        rows.append((each["name"], each["beside"], f"{each['accuracy']:.2f} %", f"{each['bytes']:,}{smaller}", *cells))
    return rows


def large_networks(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of networks of real sizes: what is left of them, and seconds of each step."""
    done = [step["step"] for step in figures[0]["steps"][1:]]
    rows: list[Sequence[str]] = [
        ("network", "parameters", "are left", "of multiplications", *(f"{step}, s" for step in done), "peak, GB")
    ]
    for row in figures:
        seconds = [f"{step['seconds']:.1f}" for step in row["steps"][1:]]
        shares = [f"{100 * row[key]:.0f} %" for key in ("parameters", "macs")]
        parameters = f"{row['steps'][0]['parameters'] / 1e6:.1f} million"
        rows.append((row["network"], parameters, *shares, *seconds, f"{row['peak_gigabytes']:.1f}"))
    return rows


def full_size(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of networks of ImageNet's size that go down to HLS: seconds of each stage, and memory."""
    stages = [name for name in figures[0]["stages"] if name != "float"]
    rows: list[Sequence[str]] = [
        ("network", "parameters", "multiplications", "`model.fpz`, kB", *(f"{each}, s" for each in stages),
         "seconds in all", "peak, GB", "HLS project, MB")
    ]  # fmt: skip
    for row in figures:
        counts = [f"{row['parameters']:,}", f"{row['macs']:,}", f"{row['bytes'] / 1000:.0f}"]
        seconds = [f"{row['stages'][each]:.0f}" for each in stages]
        rows.append((
            row["network"], *counts, *seconds, f"{row['seconds']:.0f}", f"{row['peak_gigabytes']:.1f}",
            f"{row['project_megabytes']:.0f}",
        ))  # fmt: skip
    return rows


def published_jets(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of published jet taggers: what their tables don't say stays open."""
    rows: list[Sequence[str]] = [
        ("jets of", "work", "accuracy", "LUT", "DSP", "FF", "latency, ns", "part", "quoted from")
    ]
    for each in figures["rows"]:
        counts = [f"{each[name]:,}" for name in ("lut", "dsp", "ff")]
        rows.append((
            each["data"], each["work"], f"{each['accuracy']:.1f}%", *counts, f"{each['latency_ns']:g}",
            each.get("part", "-"), figures["tables"][each["read_in"]]["short"],
        ))  # fmt: skip
    return rows


def robustness(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of what was tried to break the flow."""
    rows: list[Sequence[str]] = [("what was tried", "times", "refused", "broken", "slowest, s", "memory grown, MB")]
    kills = {
        "kill_run": "SIGKILL at a moment of `run`", "kill_sweep": "SIGKILL at a moment of `sweep`",
        "kill_search": "SIGKILL at a moment of a sweep without training",
    }  # fmt: skip
    for name, what in kills.items():
        if (found := figures.get(name)) is not None:
            rows.append((what, f"{found['kills']:,}", "-", str(found["wrong"]), "-", "-"))
    inputs = {
        "specs_loaded": "specs, made up or changed, read", "specs_made": "specs by hypothesis, read",
        "specs_checked": "specs, checked with data, network and HLS layers",
        "stored": "`.fpz` files", "golden": "golden records",
    }  # fmt: skip
    judged = [(what, figures[name]) for name, what in inputs.items() if name in figures]
    judged += [(f"models, `.{form}`", each) for form, each in figures.get("models", {}).get("forms", {}).items()]
    for what, found in judged:
        counts = [f"{found[key]:,}" for key in ("inputs", "refused", "broken")]
        rows.append((what, *counts, f"{found['slowest_seconds']:g}", str(found["grown_mb"])))
    return rows


def robustness_load(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of large sweeps and reports."""
    rows: list[Sequence[str]] = [("what", "rows", "seconds", "peak, GB", "seconds in a browser")]
    whats = {
        "sweep": "a sweep, all of whose points are there", "sweep_report": "the report of a sweep",
        "comparison": "`fpga-flow report` of runs",
    }  # fmt: skip
    for name, what in whats.items() if "load" in figures else ():
        each = figures["load"][name]
        browser = "-" if each["browser_seconds"] is None else f"{each['browser_seconds']:g}"
        rows.append((what, f"{each['rows']:,}", f"{each['seconds']:g}", f"{each['peak_bytes'] / 1e9:.2f}", browser))
    return rows


#: Pages of docs/methods/ with a table of their method by strategy.
STRATEGIES = (
    "circulant", "cluster", "crelu", "deformable", "dilated", "downsample", "hash_share", "low_rank", "mobilenet",
    "prune", "prune_filters", "quantize", "replace_dense", "shrink", "shufflenet", "squeezenet", "transfer",
)  # fmt: skip


#: For each table, between its markers, the name of the result, or the file of published figures, and what makes rows of
#: its figures.
def descend(figures: Any) -> list[Sequence[str]]:
    """The rows of the table of `descend` against uniform widths and AutoQKeras."""
    rows: list[Sequence[str]] = [
        ("spec", "HLS settings", "widths", "validation accuracy", "test accuracy", "LUT (estimate)", "trainings")
    ]
    for each in figures["comparisons"]:
        for row in each["rows"]:
            rows.append((
                f"`{each['spec']}`", each["settings"], row["method"], f"{row['accuracy']:.2%}",
                f"{row['test_accuracy']:.2%}", f"{row['lut']:,.0f}", str(row["trainings"]),
            ))  # fmt: skip
        least = ("least widths of all, not trained", "-", "-", f"{each['least_lut']:,.0f}", "-")
        rows.append((f"`{each['spec']}`", each["settings"], *least))
    return rows


TABLES = {
    "compact_fashion": ("compact", compact("fashion_mnist")),
    "compact_mnist": ("compact", compact("mnist")),
    "compact_specs": ("compact_specs", compact_specs),
    "csim": ("csim", csim),
    "deep_compression": ("deep_compression", deep_compression),
    "deep_compression_resources": ("deep_compression", deep_compression_resources),
    "descend": ("descend", descend),
    "distillation": ("distillation", distillation),
    "flow": ("flow", flow),
    "full_size": ("full_size", full_size),
    "large_networks": ("large_networks", large_networks),
    "layers": ("layers", layers),
    "open_synthesis": ("open_synthesis", open_synthesis),
    "open_vendor": ("open_vendor", open_vendor),
    "published_jets": ("published_jets.yaml", published_jets),
    "resource_estimate": ("resource_estimate", resource_estimate),
    "resource_intervals": ("resource_estimate", resource_intervals),
    "robustness": ("robustness", robustness),
    "robustness_load": ("robustness", robustness_load),
    "storage": ("storage", storage),
    "strategies": ("strategies", all_strategies),
    "sweep": ("sweep", sweep),
    **{f"strategies_{page}": ("strategies", strategies(page)) for page in STRATEGIES},
}


def figures_of(source: str) -> Any:
    """The figures of a result, or of a file of published ones."""
    folder = ROOT / "benchmarks"
    if source.endswith(".yaml"):
        return yaml.safe_load((folder / source).read_text(encoding="utf-8"))
    return json.loads((folder / "results" / f"{source}.json").read_text(encoding="utf-8"))["figures"]


def table(name: str) -> str:
    """The table of this name, between its markers."""
    source, rows_of = TABLES[name]
    head, *rows = rows_of(figures_of(source))
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join([f"<!-- begin {name} -->", *(f"| {line} |" for line in lines), f"<!-- end {name} -->"])


def rewritten(text: str) -> str:
    """A page with its tables made anew.

    Raises:
        KeyError: a marker names no table.
    """
    return _MARKED.sub(lambda found: table(found[1]), text)


def main() -> None:
    """Replace what stands between the markers of each table."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        if (new := rewritten(text)) != text:
            page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
