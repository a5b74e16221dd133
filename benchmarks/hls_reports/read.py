"""Reads layers.csv and projects.csv: each row becomes what the tool reported and the statistics of the part."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.fixed_point import MAX_WIDTH, FixedPoint
from fpga_flow.resources.estimate.activation import Activation, Softmax
from fpga_flow.resources.estimate.between import Fifos, Top
from fpga_flow.resources.estimate.dense import StreamDense
from fpga_flow.resources.estimate.elementwise import Move
from fpga_flow.resources.estimate.formula import Part, Target
from fpga_flow.resources.estimate.matrix import Matrix, mean_weight_bits
from fpga_flow.resources.estimate.window import Conv2d, Pool, Window

Row = Mapping[str, str]

#: The files of the directory with the published reports.
FILES = ("layers.csv", "projects.csv")

#: The columns of the reported numbers in layers.csv and projects.csv.
LAYER_COLUMNS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM_18K", "latency": "lat_max"}
PROJECT_COLUMNS = {
    "lut": "csynth_LUT",
    "ff": "csynth_FF",
    "dsp": "csynth_DSP",
    "bram18": "csynth_BRAM_18K",
    "latency": "latency_max",
}

#: What an older hls4ml wrote into its scripts; its C++ of the resource strategy was another.
OLD_HLS4ML = "-name_max_length 60"

#: A fixed-point type in a report.
TYPE = re.compile(r"ap_(u?)fixed<(\d+),(-?\d+).*>")


@dataclass(frozen=True)
class LayerReport:
    """One report of a layer.

    kind        the name of its table of errors
    source      the repository that published it
    reported    what the tool says, by the names of `LAYER_COLUMNS`
    part        the statistics that the formulas need
    sound       whether the published weights can be those that were synthesised: they agree with the multipliers
                (`weights_check`); and in resource strategy, whether it is not the code of an older hls4ml. A fit takes
                no notice of the others.
    """

    kind: str
    source: str
    reported: Mapping[str, float]
    part: Part
    target: Target
    sound: bool = True


@dataclass(frozen=True)
class ProjectReport:
    """One report of a top function, all layers of which the formulas cover."""

    kind: str
    source: str
    reported: Mapping[str, float]
    layers: tuple[LayerReport, ...]
    between: tuple[Fifos | Top, ...]
    target: Target


def load(directory: Path) -> tuple[list[LayerReport], list[ProjectReport]]:
    """The rows of unchanged hls4ml projects that a formula covers, and the projects that they cover wholly."""
    rows, project_rows = (_rows(directory / name) for name in FILES)
    projects = {row["id"]: row for row in project_rows}
    constants = {(r["project"], r["weights_file"]): r for r in rows if r["n_const_csd3"] and r["weights_file"]}
    members = defaultdict(list)
    for row in rows:
        # A convolution's row lacks the statistics of constants that its matrix' row has.
        same = constants.get((row["project"], row["weights_file"]), row)
        row.update({name: same[name] for name in ("n_const_csd3", "n_const_csd3_distinct_per_input")})
        members[row["project"]].append(row)
    layers, whole = [], []
    for name, its_rows in members.items():
        project = projects[name]
        target = _target(its_rows[0], project)
        reports = [_layer(row, project, target) for row in its_rows]
        layers += [report for report in reports if report]
        function, reported = _network(project, its_rows)
        pairs = zip(its_rows, reports, strict=True)
        inside = [(row, report) for row, report in pairs if f"{function}x1" in row["parents"].split()]
        covered = [(row, report) for row, report in inside if report]
        if covered == inside and project["sum_check"] == "ok" and any(row["n_weights"] for row, _ in inside):
            whole.append(_project(project, reported, covered, target))
    return layers, whole


def _network(project: Row, rows: Sequence[Row]) -> tuple[str, Mapping[str, float]]:
    """The function that calls all layers, and what is reported for it: the top function, or within it one that the
    project wraps into loops that feed it.
    """
    cores = [row for row in rows if row["kind"] == "nn_core"]
    if len(cores) == 1:
        return cores[0]["module"], _reported(cores[0], LAYER_COLUMNS)
    return project["top_function"], _reported(project, PROJECT_COLUMNS)


def _target(row: Row, project: Row) -> Target:
    return Target(
        project["io_type"],
        float(project["clk_target_ns"]),
        project["tool"],
        part=row["part"],
        version=project["tool_version"],
        uncertainty_ns=float(row["clk_uncertainty_ns"]),
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["origin"] == "hls4ml"]


def _layer(row: Row, project: Row, target: Target) -> LayerReport | None:
    kind = _kind(row, target)
    if not kind:
        return None
    part = _part(kind, row, project, target)
    if isinstance(part, Matrix):
        kind = "matrix, resource" if part.in_memory else "matrix, latency"
    old = row["strategy"] == "resource" and OLD_HLS4ML in project["tcl_config"]
    sound = not old and not row["weights_check"].startswith("off")
    return LayerReport(kind, row["source"], _reported(row, LAYER_COLUMNS), part, target, sound)


def _project(
    row: Row, reported: Mapping[str, float], layers: Sequence[tuple[Row, LayerReport]], target: Target
) -> ProjectReport:
    reports = tuple(report for _, report in layers)
    between = _fifos(layers, target) if target.stream else (_top(layers),)
    return ProjectReport(f"project, {target.io_type}", row["source"], reported, reports, between, target)


def _reported(row: Row, columns: Mapping[str, str]) -> dict[str, float]:
    return {name: float(row[column]) for name, column in columns.items()}


def _kind(row: Row, target: Target) -> str:
    """The formula that covers a row, or nothing: rows without sizes, types or statistics of weights are left out."""
    kind, parents = row["kind"], row["parents"]
    typed = TYPE.match(row["in_t"]) and TYPE.match(row["out_t"])
    if kind.startswith(("dense", "conv")):
        needed = ("n_nonzero_q", "n_pow2_q", "weight_t", "accum_t", "reuse_factor")
        counted = row["n_const_csd3_distinct_per_input"] or row["strategy"] == "resource"
        if not (typed and counted and all(row[name] for name in needed)):
            return ""
    if kind in ("dense_latency", "dense_resource", "dense_wrapper"):
        return "matrix"
    if kind == "dense" and "dense_array" not in parents:
        return "dense_stream" if target.stream else "matrix"
    if kind in ("conv1d", "conv2d") and target.stream:
        return "conv2d"
    if kind in ("pool2d", "global_pool") and row["shape"] and typed and target.stream:
        return "pool"
    if kind == "zeropad" and typed and target.stream:
        return "move"
    if kind in ("relu", "linear") and row["n_in"] and typed:
        return "activation_stream" if target.stream else "activation"
    if kind == "softmax" and row["n_in"] and typed and "softmax_array" not in parents:
        return "softmax_stream" if target.stream else "softmax"
    return ""


def _part(kind: str, row: Row, project: Row, target: Target) -> Part:
    """The statistics of a row that a formula covers."""
    if kind == "matrix":
        return _matrix(row, project)
    if kind == "dense_stream":
        return StreamDense(_matrix(row, project), beats=1)
    if kind == "conv2d":
        return Conv2d(_matrix(row, project), _window(row))
    if kind == "pool":
        return Pool(_window(row), _width(row["in_t"]))
    if kind == "move":
        sizes = _sizes(row)
        return Move(sizes["n_chan"], sizes.get("out_height", 1) * sizes["out_width"])
    total = int(row["n_in"])
    elements = _channels(row) if target.stream else total
    beats = total // elements
    if kind in ("activation", "activation_stream"):
        return Activation(
            elements=elements,
            beats=beats,
            input_width=_width(row["in_t"]),
            output_width=_width(row["out_t"]),
            rounds="RND" in row["out_t"],
            relu=row["kind"] == "relu",
            signed=_type(row["out_t"]).signed,
        )
    return Softmax(elements, beats, _width(row["in_t"]), int(row["reuse_factor"] or 1), _core(project))


def _matrix(row: Row, project: Row) -> Matrix:
    sizes = _sizes(row)
    conv = row["kind"].startswith("conv")
    nonzero = int(row["n_nonzero_q"])
    return Matrix(
        n_in=sizes.get("filt_height", 1) * sizes["filt_width"] * sizes["n_chan"] if conv else int(row["n_in"]),
        n_out=sizes["n_filt"] if conv else int(row["n_out"]),
        nonzero=nonzero,
        powers=int(row["n_pow2_q"]),
        two_digits=nonzero - int(row["n_pow2_q"]) - int(row["n_const_csd3"] or 0),
        constants=int(row["n_const_csd3_distinct_per_input"] or 0),
        weight_bits=mean_weight_bits(int(row["csd_digits_q"]), nonzero, _width(row["weight_t"])),
        input_type=_type(row["in_t"]),
        weight_type=_type(row["weight_t"]),
        accum_type=_type(row["accum_t"]),
        result_width=_width(row["out_t"]),
        strategy=row["strategy"] or "latency",
        reuse_factor=int(row["reuse_factor"]),
        core=_core(project),
    )


def _window(row: Row) -> Window:
    """The geometry of a convolution or pool; a sequence is an image of one row, a global pool's window is a pixel."""
    sizes = _sizes(row)
    if row["kind"] == "global_pool":
        return Window(1, int(row["n_in"]), 1, 1, sizes["n_filt"], 1)
    window = "filt" if row["kind"].startswith("conv") else "pool"
    return Window(
        height=sizes.get("in_height", 1),
        width=sizes["in_width"],
        rows=sizes.get(f"{window}_height", 1),
        columns=sizes[f"{window}_width"],
        channels=sizes["n_chan"] if window == "filt" else sizes["n_filt"],
        positions=sizes.get("out_height", 1) * sizes["out_width"],
    )


def _fifos(layers: Sequence[tuple[Row, LayerReport]], target: Target) -> tuple[Fifos, ...]:
    """The FIFOs behind all layers but a softmax, which is the last."""
    fifos = []
    for row, report in layers:
        if isinstance(report.part, Softmax):
            continue
        if isinstance(report.part, Conv2d | Pool):
            channels, depth = _sizes(row)["n_filt"], report.part.window.positions
        elif isinstance(report.part, Move):
            channels, depth = report.part.channels, report.part.beats
        elif isinstance(report.part, Activation):
            channels, depth = report.part.elements, report.part.beats
        else:
            channels, depth = _outputs(row), 1
        fifos.append(Fifos.of_stream(channels, _width(row["out_t"]), depth, target))
    return tuple(fifos)


def _top(layers: Sequence[tuple[Row, LayerReport]]) -> Top:
    """The registers of a project with io_parallel: the outputs of all layers but a softmax, which is the last."""
    bits = {Matrix: 0, Activation: 0, Softmax: 0}
    for row, report in layers:
        bits[type(report.part)] += _outputs(row) * _width(row["out_t"])
    return Top(bits[Matrix], bits[Activation])


def _outputs(row: Row) -> int:
    """Values that a layer without a window puts out."""
    return int(row["n_out"] or row["n_in"])


def _channels(row: Row) -> int:
    """Values in a word of the stream of results, as hls4ml's function names say."""
    return int(re.findall(r"_(\d+)u_", row["module"])[-1])


def _sizes(row: Row) -> dict[str, int]:
    """The sizes of a conv2d or pool, by hls4ml's names."""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", row["shape"])}


def _core(project: Row) -> str:
    """What the project fixes multipliers to: `dsp`, `fabric` or nothing."""
    found = re.search(r"config_op mul -impl (\w+)", project["tcl_config"])
    return found.group(1) if found else ""


def _type(text: str) -> FixedPoint:
    """The type in a report; a type wider than the flow takes is read with its widest."""
    unsigned, bits, integer = _type_parts(text)
    return FixedPoint(min(int(bits), MAX_WIDTH), int(integer), not unsigned)


def _width(text: str) -> int:
    """Bits of the type in a report."""
    return int(_type_parts(text)[1])


def _type_parts(text: str) -> tuple[str, str, str]:
    """The type in a report as "u" or nothing, bits, and integer bits."""
    match = TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f'expected ap_fixed<...> or ap_ufixed<...>, got "{text}"')
    return match.group(1), match.group(2), match.group(3)
