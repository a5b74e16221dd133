"""How far the resource estimate is from what the vendor tools reported for hls4ml projects.

    python benchmarks/resource_estimate.py [--quick] [--json FILE] [--truth DIR] [--fit]

Applies the formulas of `fpga_flow.resources.estimate` to the published synthesis reports of unchanged hls4ml projects
(`layers.csv` and `projects.csv` in the directory DIR) and prints the median absolute percentage error by kind,
resource and tool, twice: with the constants as they are in the code (in-sample), and with the constants refitted
without the source that a row comes from (leave one source out), which is the error to expect on a new project.
`--fit` refits and prints the constants in the form in which they stand in the code. `--quick` leaves the refits out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from fpga_flow.fixed_point import MAX_WIDTH, FixedPoint
from fpga_flow.resources import estimate as formulas

Row = Mapping[str, str]
Fit = Mapping[str, formulas.Constants]

#: Kind, resource, tool, source, and error in percent of one number of a report.
Error = tuple[str, str, str, str, float]

ROOT = Path(__file__).resolve().parents[1]

#: A fixed-point type in a report.
TYPE = re.compile(r"ap_(u?)fixed<(\d+),(-?\d+).*>")

#: Constants are fitted in this order, because later ones are what earlier ones leave over.
STAGES = (
    ("depth", "softmax_depth", "resource_depth", "resource_lut", "resource_ff", "latency_lut"),
    ("latency_ff",),
    (
        "dense_stream_depth",
        "dense_stream_lut",
        "dense_stream_ff",
        "conv_step",
        "conv_lut",
        "conv_ff",
        "pool_lut",
        "pool_ff",
    ),
    ("activation_lut", "activation_ff", "activation_stream_lut", "activation_stream_ff"),
    ("softmax_lut", "softmax_ff", "softmax_stream_lut", "softmax_stream_ff"),
    ("fifo_lut", "fifo_ff", "top_lut", "top_ff", "top_depth"),
)

#: The columns of a report's row, by the name of the resource.
COLUMNS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM_18K", "latency": "lat_max"}

#: An error in percent of a small number says nothing: below these amounts it is taken relative to them.
FLOORS = {"lut": 50.0, "ff": 50.0, "dsp": 1.0, "bram18": 1.0, "latency": 1.0}

#: In the fit, numbers below these are weighted as if they were these, by the last word of the formula's name.
SCALE_FLOORS = {"lut": 100.0, "ff": 200.0, "depth": 3.0, "step": 3.0}
#: Relative error from which a row counts as an outlier, and steps of the reweighting.
HUBER = 0.3
FIT_STEPS = 30

#: Upper bounds of the median source's error in percent, whole projects, each source left out in turn (the `bars`).
BARS = {"lut": 40.0, "ff": 60.0, "dsp": 15.0}


@dataclass(frozen=True)
class Observation:
    """One equation for the constants of a formula: known + terms * constants = value."""

    terms: formulas.Terms
    known: float
    value: float


@dataclass(frozen=True)
class Sample:
    """One report of a layer: where it is from, and what it says."""

    kind: str
    row: Row
    project: Row
    target: formulas.Target

    @property
    def source(self) -> str:
        return self.row["source"]

    @property
    def tool(self) -> str:
        return self.row["tool"]

    def value(self, resource: str) -> float:
        return float(self.row[COLUMNS[resource]])


@dataclass(frozen=True)
class Project:
    """One report of a top function, all layers of which the formulas cover."""

    row: Row
    samples: tuple[Sample, ...]
    target: formulas.Target

    @property
    def source(self) -> str:
        return self.row["source"]

    @property
    def tool(self) -> str:
        return self.row["tool"]

    def value(self, resource: str) -> float:
        column = {"lut": "csynth_LUT", "ff": "csynth_FF", "dsp": "csynth_DSP", "bram18": "csynth_BRAM_18K"}
        return float(self.row[column.get(resource, "latency_max")])


# ----------------------------------------------------------------------------------------------- reading the reports


def parts(text: str) -> tuple[str, str, str]:
    """The type in a report as "u" or nothing, bits, and integer bits."""
    match = TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f'expected ap_fixed<...> or ap_ufixed<...>, got "{text}"')
    return match.group(1), match.group(2), match.group(3)


def fixed(text: str) -> FixedPoint:
    """The type in a report; a type wider than the flow takes is read with its widest."""
    unsigned, bits, integer = parts(text)
    return FixedPoint(min(int(bits), MAX_WIDTH), int(integer), not unsigned)


def width(text: str) -> int:
    """Bits of the type in a report."""
    return int(parts(text)[1])


def rounds(text: str) -> bool:
    return "RND" in text


def shape(row: Row) -> dict[str, int]:
    """The sizes of a conv2d or pool, by hls4ml's names."""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", row["shape"])}


def channels(row: Row) -> int:
    """Values in a word of the stream of results, as hls4ml's function names say."""
    return int(re.findall(r"_(\d+)u_", row["module"])[-1])


def core(project: Row) -> str:
    """What the project fixes multipliers to: `dsp`, `fabric` or nothing."""
    found = re.search(r"config_op mul -impl (\w+)", project["tcl_config"])
    return found.group(1) if found else ""


def matrix(sample: Sample) -> formulas.Matrix:
    """The statistics of a row with weights."""
    row = sample.row
    sizes = shape(row)
    conv = sample.kind == "conv2d"
    n_in = sizes["filt_height"] * sizes["filt_width"] * sizes["n_chan"] if conv else int(row["n_in"])
    return formulas.Matrix(
        n_in=n_in,
        n_out=sizes["n_filt"] if conv else int(row["n_out"]),
        nonzero=int(row["n_nonzero_q"]),
        two_digits=int(row["n_nonzero_q"]) - int(row["n_pow2_q"]) - int(row["n_const_csd3"] or 0),
        constants=int(row["n_const_csd3_distinct_per_input"] or 0),
        input_type=fixed(row["in_t"]),
        weight_type=fixed(row["weight_t"]),
        accum_type=fixed(row["accum_t"]),
        result_width=width(row["out_t"]),
        strategy=row["strategy"] or "latency",
        reuse_factor=int(row["reuse_factor"]),
        core=core(sample.project),
    )


def window(row: Row) -> formulas.Window:
    sizes = shape(row)
    conv = "n_filt" in sizes and "pool_height" not in sizes
    return formulas.Window(
        height=sizes["in_height"],
        width=sizes["in_width"],
        rows=sizes["filt_height"] if conv else sizes["pool_height"],
        columns=sizes["filt_width"] if conv else sizes["pool_width"],
        channels=sizes["n_chan"] if conv else sizes["n_filt"],
        positions=sizes["out_height"] * sizes["out_width"],
    )


def kind_of(row: Row, project: Row) -> str:
    """The formula that covers a row, or nothing: rows without sizes, types or statistics of weights are left out."""
    kind = row["kind"]
    typed = TYPE.match(row["in_t"]) and TYPE.match(row["out_t"])
    has_weights = typed and all(
        row[name] for name in ("n_nonzero_q", "n_pow2_q", "weight_t", "accum_t", "reuse_factor")
    )
    stream = project["io_type"] == "io_stream"
    counted = row["n_const_csd3_distinct_per_input"] or row["strategy"] == "resource"
    if not (has_weights and counted) and kind.startswith(("dense", "conv")):
        return ""
    if kind in ("dense_latency", "dense_resource", "dense_wrapper"):
        return "matrix"
    if kind == "dense" and "dense_array" not in row["parents"]:
        return "dense_stream" if stream else "matrix"
    if kind == "conv2d" and stream:
        return "conv2d"
    if kind == "pool2d" and row["shape"] and typed and stream:
        return "pool"
    if kind in ("relu", "linear") and row["n_in"] and typed:
        return "activation_stream" if stream else "activation"
    if kind == "softmax" and row["n_in"] and typed and "softmax_array" not in row["parents"]:
        return "softmax_stream" if stream else "softmax"
    return ""


def load(directory: Path) -> tuple[list[Sample], list[Project]]:
    """The rows of unchanged hls4ml projects that a formula covers, and the projects that they cover wholly."""
    with (directory / "projects.csv").open(newline="") as file:
        projects = {row["id"]: row for row in csv.DictReader(file) if row["origin"] == "hls4ml"}
    with (directory / "layers.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == "hls4ml"]
    constants = {(r["project"], r["weights_file"]): r for r in rows if r["n_const_csd3"] and r["weights_file"]}
    by_project = defaultdict(list)
    for row in rows:
        # A convolution's row lacks the statistics of constants that its matrix' row has.
        same = constants.get((row["project"], row["weights_file"]), row)
        row.update({name: same[name] for name in ("n_const_csd3", "n_const_csd3_distinct_per_input")})
        by_project[row["project"]].append(row)
    samples, whole = [], []
    for name, members in by_project.items():
        project = projects[name]
        target = formulas.Target(
            project["io_type"], float(project["clk_target_ns"]), project["tool"], members[0]["part"]
        )
        known = {id(row): Sample(kind_of(row, project), row, project, target) for row in members}
        samples += [sample for sample in known.values() if sample.kind]
        top = [row for row in members if f"{project['top_function']}x1" in row["parents"].split()]
        layers = tuple(known[id(row)] for row in top)
        if (
            all(layer.kind for layer in layers)
            and project["sum_check"] == "ok"
            and any(layer.row["n_weights"] for layer in layers)
        ):
            whole.append(Project(project, layers, target))
    return samples, whole


# ------------------------------------------------------------------------------------------ formulas applied to rows


def activation_terms(row: Row, elements: int) -> formulas.Terms:
    return formulas.activation_terms(
        elements, width(row["in_t"]), width(row["out_t"]), rounds(row["out_t"]), row["kind"] == "relu"
    )


def cost(sample: Sample, fit: Fit) -> formulas.Cost:
    """What the formulas say of a row."""
    row, target = sample.row, sample.target
    if sample.kind == "matrix":
        return formulas.matrix_cost(matrix(sample), target, fit)
    if sample.kind == "dense_stream":
        return formulas.dense_cost(matrix(sample), 1, target, fit)
    if sample.kind == "conv2d":
        return formulas.conv2d_cost(matrix(sample), window(row), target, fit)
    if sample.kind == "pool":
        return formulas.pool_cost(window(row), width(row["in_t"]), target, fit)
    if sample.kind in ("activation", "activation_stream"):
        total = int(row["n_in"])
        elements = channels(row) if target.stream else total
        return formulas.activation_cost(activation_terms(row, elements), total // elements, target, fit)
    elements, beats = softmax_shape(sample)
    reuse_factor = int(row["reuse_factor"] or 1)
    bits = width(row["in_t"])
    return formulas.softmax_cost(
        elements, beats, bits, target, fit, reuse_factor=reuse_factor, core=core(sample.project)
    )


def softmax_shape(sample: Sample) -> tuple[int, int]:
    """Values of one softmax, and how often it is done for one input of the network."""
    total = int(sample.row["n_in"])
    elements = channels(sample.row) if sample.target.stream else total
    return elements, total // elements


def observe(sample: Sample, fit: Fit) -> Iterator[tuple[str, Observation]]:
    """The equations that a row gives, by the name of the formula."""
    row, target, kind = sample.row, sample.target, sample.kind
    lut, ff, latency = (sample.value(name) for name in ("lut", "ff", "latency"))
    if kind == "matrix":
        yield from observe_matrix(matrix(sample), sample, fit)
    elif kind == "dense_stream":
        inner = formulas.matrix_cost(matrix(sample), target, fit)
        terms = formulas.dense_stream_terms(matrix(sample))
        yield "dense_stream_lut", Observation(terms, inner.lut, lut)
        yield "dense_stream_ff", Observation(terms, inner.ff, ff)
        yield "dense_stream_depth", Observation({"one": 1.0}, inner.latency_cycles + 1, latency)
    elif kind == "conv2d":
        m, image = matrix(sample), window(row)
        inner = formulas.matrix_cost(m, target, fit)
        terms = formulas.window_terms(m, image.width, image.rows, image.channels)
        yield "conv_lut", Observation(terms, inner.lut, lut)
        yield "conv_ff", Observation(terms, inner.ff, ff)
        step = (latency - 2) / (image.height * image.width)
        if m.in_memory or step < m.reuse_factor:
            terms = {"latency": float(not m.in_memory), "resource": float(m.in_memory)}
            yield "conv_step", Observation(terms, inner.latency_cycles, step)
    elif kind == "pool":
        terms = formulas.pool_terms(window(row), width(row["in_t"]))
        yield "pool_lut", Observation(terms, 0.0, lut)
        yield "pool_ff", Observation(terms, 0.0, ff)
    elif kind in ("activation", "activation_stream"):
        terms = activation_terms(row, channels(row) if target.stream else int(row["n_in"]))
        yield f"{kind}_lut", Observation(terms, 0.0, lut)
        yield f"{kind}_ff", Observation(terms, 0.0, ff)
    else:
        (elements, _), bits, table = softmax_shape(sample), width(row["in_t"]), formulas.SOFTMAX_TABLE_WIDTH
        products = elements * formulas.multiplier_cost(table, table, core(sample.project))[1]
        stages = formulas.softmax_depth_terms(elements, target.clock_ns, target.part)
        depth = round(formulas.weigh(stages, fit["softmax_depth"]))
        yield f"{kind}_lut", Observation(formulas.softmax_lut_terms(elements, bits), products, lut)
        yield f"{kind}_ff", Observation(formulas.softmax_ff_terms(elements, bits, depth), 0.0, ff)
        if kind == "softmax":
            yield "softmax_depth", Observation(stages, 0.0, latency)


def observe_matrix(m: formulas.Matrix, sample: Sample, fit: Fit) -> Iterator[tuple[str, Observation]]:
    """The equations that the report of a matrix gives."""
    _, multiplier_lut = m.cost
    lut, ff, latency = (sample.value(name) for name in ("lut", "ff", "latency"))
    if m.in_memory:
        yield "resource_lut", Observation(formulas.resource_lut_terms(m), multiplier_lut, lut)
        yield "resource_ff", Observation(formulas.resource_ff_terms(m), 0.0, ff)
        yield "resource_depth", Observation({"one": 1.0}, m.reuse_factor, latency)
        return
    terms = formulas.matrix_depth_terms(m, sample.target.clock_ns, sample.target.part)
    yield "depth", Observation(terms, formulas.shared_cycles(m), latency)
    depth = round(formulas.weigh(terms, fit["depth"]))
    yield "latency_lut", Observation(formulas.latency_lut_terms(m), multiplier_lut, lut)
    yield "latency_ff", Observation(formulas.latency_ff_terms(m, depth, sample.tool), 0.0, ff)


def fifos(sample: Sample) -> formulas.Fifos:
    """The FIFOs behind a layer."""
    row, sizes = sample.row, shape(sample.row)
    if sample.kind in ("conv2d", "pool"):
        words, depth = sizes["n_filt"], sizes["out_height"] * sizes["out_width"]
    elif sample.kind == "activation_stream":
        words, depth = channels(row), int(row["n_in"]) // channels(row)
    else:
        words, depth = int(row["n_out"] or row["n_in"]), 1
    return formulas.Fifos.of_stream(words, width(row["out_t"]), depth, sample.tool)


def register_bits(project: Project) -> int:
    """Bits of the inputs and of the layer outputs of a project with io_parallel."""
    outputs = [int(s.row["n_out"] or s.row["n_in"]) * width(s.row["out_t"]) for s in project.samples]
    first = max((s for s in project.samples if s.kind == "matrix"), key=lambda s: s.row["config"] == "config2")
    return sum(outputs) + int(first.row["n_in"]) * width(first.row["in_t"])


def between(project: Project, fit: Fit) -> list[formulas.Cost]:
    """What a project has besides its layers: FIFOs, or registers."""
    if not project.target.stream:
        return [formulas.top_cost(register_bits(project), fit)]
    return [formulas.fifo_cost(fifos(s), fit) for s in project.samples if s.kind != "softmax_stream"]


def observe_project(project: Project) -> Iterator[tuple[str, Observation]]:
    """The equations that a top function gives: what its layers leave over."""
    for resource in ("lut", "ff"):
        rest = project.value(resource) - sum(sample.value(resource) for sample in project.samples)
        if project.target.stream:
            streams = [formulas.fifo_terms(fifos(s)) for s in project.samples if s.kind != "softmax_stream"]
            total = {name: sum(stream[name] for stream in streams) for name in streams[0]}
            yield f"fifo_{resource}", Observation(total, 0.0, rest)
        else:
            yield f"top_{resource}", Observation(formulas.top_terms(register_bits(project)), 0.0, rest)
    if not project.target.stream:
        latencies = sum(sample.value("latency") for sample in project.samples)
        terms = formulas.top_depth_terms(len(project.samples))
        yield "top_depth", Observation(terms, latencies, project.value("latency"))


def project_cost(project: Project, fit: Fit) -> dict[str, float]:
    """What the formulas say of a whole project."""
    layers = [cost(sample, fit) for sample in project.samples]
    parts = layers + between(project, fit)
    waiting = [sample.kind in ("dense_stream", "softmax_stream") for sample in project.samples]
    total: dict[str, float] = {
        name: sum(getattr(part, name) for part in parts) for name in ("lut", "ff", "dsp", "bram18")
    }
    return {**total, "latency": formulas.total_latency(layers, waiting, project.target, fit)}


# -------------------------------------------------------------------------------------------------------- the fit


def solve(name: str, observations: Sequence[tuple[str, Observation]]) -> dict[str, float]:
    """The non-negative constants of the formula `name` with the least relative errors (iteratively reweighted).

    An error is relative to the geometric mean of report and estimate, because relative to the report alone an
    estimate that is far too small costs less than one that is far too large. Outliers count by their absolute error,
    not its square (Huber 1964). Reports of one source resemble each other: a source counts with the square root of
    its number of rows.
    """
    names = list(observations[0][1].terms)
    count = Counter(source for source, _ in observations)
    floor = SCALE_FLOORS[name.rsplit("_", 1)[-1]]
    share = np.array([count[source] ** -0.25 for source, _ in observations])
    terms = np.array([[o.terms[term] for term in names] for _, o in observations], float)
    known = np.array([o.known for _, o in observations], float)
    reported = np.array([o.value for _, o in observations], float)
    estimated = reported
    for _ in range(FIT_STEPS):
        scale = np.sqrt(np.maximum(reported, floor) * np.maximum(estimated, floor))
        outlier = np.sqrt(HUBER / np.maximum(np.abs(estimated - reported) / scale, HUBER))
        weight = share * outlier / scale
        constants, _ = nnls(terms * weight[:, None], (reported - known) * weight)
        estimated = known + terms @ constants
    return {term: float(f"{constant:.4g}") for term, constant in zip(names, constants, strict=True)}


def refit(samples: Sequence[Sample], projects: Sequence[Project]) -> dict[str, dict[str, float]]:
    """All constants. A formula without any row keeps the constants in the code."""
    fit: dict[str, dict[str, float]] = {name: dict(constants) for name, constants in formulas.CONSTANTS.items()}
    for stage in STAGES:
        found = defaultdict(list)
        for sample in samples:
            for name, observation in observe(sample, fit):
                found[name].append((sample.source, observation))
        for project in projects:
            for name, observation in observe_project(project):
                found[name].append((project.source, observation))
        fit.update({name: solve(name, found[name]) for name in stage if found[name]})
    return fit


# ------------------------------------------------------------------------------------------------------- the errors


def error(estimated: float, reported: float, resource: str) -> float:
    """Absolute error in percent."""
    return 100 * abs(estimated - reported) / max(reported, FLOORS[resource])


def layer_errors(samples: Sequence[Sample], fits: Mapping[str, Fit]) -> Iterator[Error]:
    """The error of each number of each row, estimated with the constants for its source.

    DSP and BRAM are compared where the tool or the estimate has any.
    """
    for sample in samples:
        result = cost(sample, fits[sample.source])
        estimated = {"lut": result.lut, "ff": result.ff, "dsp": result.dsp, "bram18": result.bram18}
        estimated["latency"] = result.latency_cycles
        kind = sample.kind
        if kind == "matrix":
            kind = "matrix, resource" if matrix(sample).in_memory else "matrix, latency"
        yield from number_errors(kind, sample, estimated)


def project_errors(projects: Sequence[Project], fits: Mapping[str, Fit]) -> Iterator[Error]:
    """The same for whole projects."""
    for project in projects:
        estimated = project_cost(project, fits[project.source])
        yield from number_errors(f"project, {project.target.io_type}", project, estimated)


def number_errors(kind: str, report: Sample | Project, estimated: Mapping[str, float]) -> Iterator[Error]:
    """The error of each number of one report."""
    for resource, number in estimated.items():
        reported = report.value(resource)
        if resource not in ("dsp", "bram18") or number or reported:
            yield kind, resource, report.tool, report.source, error(number, reported, resource)


@dataclass(frozen=True)
class Summary:
    """Errors in percent of one kind, resource and tool: the median of the rows, and the median source's median."""

    rows: int
    sources: int
    median: float
    median_source: float


def summaries(errors: Sequence[Error]) -> dict[tuple[str, str, str], Summary]:
    """The errors by kind, resource and tool, and for both tools together (`all`)."""
    groups: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for kind, resource, tool, source, value in errors:
        groups[kind, resource, tool][source].append(value)
        groups[kind, resource, "all"][source].append(value)
    result = {}
    for key, by_source in groups.items():
        values = [value for source in by_source.values() for value in source]
        median_source = statistics.median(statistics.median(source) for source in by_source.values())
        result[key] = Summary(len(values), len(by_source), statistics.median(values), median_source)
    return result


def compare(directory: Path, *, quick: bool) -> list[dict[str, object]]:
    """One entry per kind, resource and tool."""
    samples, projects = load(directory)
    sources = sorted({sample.source for sample in samples})
    inside: dict[str, Fit] = dict.fromkeys(sources, formulas.CONSTANTS)
    outside: dict[str, Fit] = {}
    for source in () if quick else sources:
        outside[source] = refit(
            [sample for sample in samples if sample.source != source],
            [project for project in projects if project.source != source],
        )
    tables = []
    for fits in (inside, outside):
        errors = [*layer_errors(samples, fits), *project_errors(projects, fits)] if fits else []
        tables.append(summaries(errors))
    return [
        {
            "kind": key[0],
            "resource": key[1],
            "tool": key[2],
            "rows": summary.rows,
            "sources": summary.sources,
            "in_sample": round(summary.median, 1),
            "leave_one_source_out": round(tables[1][key].median, 1) if tables[1] else None,
            "leave_one_source_out_median_source": round(tables[1][key].median_source, 1) if tables[1] else None,
        }
        for key, summary in sorted(tables[0].items())
    ]


# -------------------------------------------------------------------------------------------------------- the script


def print_constants(directory: Path) -> None:
    """The constants as they stand in the code."""
    samples, projects = load(directory)
    fit = refit(samples, projects)
    for name, constants in fit.items():
        print(f"{name.upper()}: Constants = {{")
        print("".join(f'    "{term}": {value!r},\n' for term, value in constants.items()) + "}")


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


def bars(figures: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The errors of whole projects against what they should be at most."""
    result: list[dict[str, object]] = []
    for entry in figures:
        bar, value = BARS.get(str(entry["resource"])), entry["leave_one_source_out_median_source"]
        whole = entry["kind"] == "project, io_parallel" and entry["tool"] == "all"
        if whole and bar is not None and isinstance(value, float):
            name = f"median source's median error of {entry['resource']}, {entry['kind']} (%)"
            result.append({"name": name, "value": value, "bar": bar, "met": value <= bar})
    return result


def commit() -> str:
    """The commit of the checkout, or nothing."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def default_truth() -> Path:
    """$FPGA_FLOW_TRUTH, or ../shared/truth beside the repository."""
    return Path(os.environ.get("FPGA_FLOW_TRUTH") or ROOT.parent / "shared" / "truth")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave the refits (LOSO) out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--truth", type=Path, metavar="DIR", default=default_truth(), help="layers.csv and projects.csv"
    )
    parser.add_argument("--fit", action="store_true", help="refit the constants and print them as code")
    options = parser.parse_args(arguments)
    missing = [name for name in ("layers.csv", "projects.csv") if not (options.truth / name).is_file()]
    if missing:
        print(
            f"{options.truth}: expected layers.csv and projects.csv, {' and '.join(missing)} not found; "
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
        document = {
            "figures": figures,
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "commit": commit(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "bars": bars(figures),
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
