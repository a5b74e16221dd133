"""What others predict for the same reports: rule4ml, and the rule of effective bit operations.

rule4ml     (Rahimifar, Ezzaoui Rahali, Therrien, arXiv 2408.05314, 2024; predictors learned from the reports of
            synthetic networks) knows sizes, one precision, one reuse factor, strategy, board and versions, not the
            weights. It is made for dense networks with io_parallel: these are asked of it, and single dense layers as
            networks of one layer. Its authors give a symmetric mean error of 10 to 30 % on networks like those that it
            learned from.
EBOPs       (Sun et al., "Gradient-based automatic mixed precision quantization for neural networks on FPGA", HGQ, arXiv
            2405.00645, 2024): LUT + 55 DSP is about the sum over all multiplications of the products of the operands'
            bits, of a weight those between its first and last one. It is made for unrolled layers after place and
            route, so it is compared as it is, and times the factor that suits the reports of the other sources.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fpga_flow.errors import ToolError
from fpga_flow.resources.estimate.matrix import Matrix
from hls_reports.errors import Estimated
from hls_reports.read import LayerReport, ProjectReport

#: The LUTs that a DSP counts as much as, in the rule of effective bit operations.
LUTS_OF_A_DSP = 55
#: The versions of Vivado that rule4ml knows, and its boards by the beginnings of parts.
VIVADO = ("2019.1", "2019.2", "2020.1", "2020.2", "2021.1", "2021.2", "2022.1", "2022.2", "2023.1", "2023.2", "2024.1",
          "2024.2")  # fmt: skip
BOARDS = {"xc7": "pynq-z2", "xcu250": "alveo-u250", "xcu": "alveo-u200", "xcvu": "alveo-u200", "xc": "zcu102"}
#: What a layer's precision is taken from: rule4ml knows one for the whole network.
PRECISIONS = ("in_t", "weight_t")

Report = LayerReport | ProjectReport


def matrices(report: Report) -> list[LayerReport]:
    """The dense layers of a report, in the order of the network."""
    layers = report.layers if isinstance(report, ProjectReport) else (report,)
    return sorted((layer for layer in layers if isinstance(layer.part, Matrix)), key=_place)


def ebops(report: Report) -> float | None:
    """Effective bit operations of what is only dense layers and activations with io_parallel; None for others."""
    if report.target.stream or not (found := matrices(report)):
        return None
    return sum(layer.part.input_type.width * float(layer.row["odd_bits_q"]) for layer in found)


def by_ebops(numbers: Sequence[Estimated]) -> tuple[list[Estimated], list[Estimated]]:
    """For each report LUT + 55 DSP, as we and as the rule of effective bit operations estimate it."""
    found: dict[int, dict[str, Estimated]] = {}
    for each in numbers:
        found.setdefault(id(each.report), {})[each.name] = each
    by_us, by_rule = [], []
    for of_report in found.values():
        lut, dsp = of_report["lut"], of_report.get("dsp")
        rule = ebops(lut.report) if lut.report else None
        if rule is not None:
            reported = lut.reported + LUTS_OF_A_DSP * (dsp.reported if dsp else 0)
            ours = lut.estimated + LUTS_OF_A_DSP * (dsp.estimated if dsp else 0)
            by_us.append(replace(lut, reported=reported, estimated=ours))
            by_rule.append(replace(lut, reported=reported, estimated=rule))
    return by_us, by_rule


def scaled(numbers: Sequence[Estimated]) -> list[Estimated]:
    """The numbers times the factor that suits the other sources: the median over these of the medians."""
    made = []
    for source in {each.source for each in numbers}:
        ratios: dict[str, list[float]] = {}
        for each in numbers:
            if each.source != source and each.estimated:
                ratios.setdefault(each.source, []).append(math.log(max(each.reported, 1.0) / each.estimated))
        factor = math.exp(statistics.median(map(statistics.median, ratios.values())))
        made += [replace(each, estimated=factor * each.estimated) for each in numbers if each.source == source]
    return made


def asked(numbers: Sequence[Estimated]) -> list[Estimated]:
    """The numbers that rule4ml can be asked for: it is made for dense networks with io_parallel."""
    return [each for each in numbers if each.report and ebops(each.report) is not None]


class Rule4ml:
    """Predictions of rule4ml by a Python that has it."""

    def __init__(self, python: str) -> None:
        self.python = python

    def estimated(self, numbers: Sequence[Estimated]) -> list[Estimated]:
        """The numbers as rule4ml estimates them, with the precision that suits most of them better.

        Raises:
            ToolError: it is not there, or failed.
        """
        reports = {id(each.report): each.report for each in numbers if each.report}
        networks = {
            (name, precision): json.dumps(_network(report, precision))
            for name, report in reports.items()
            for precision in PRECISIONS
        }
        asked = list(dict.fromkeys(networks.values()))  # many reports are of the same network
        answers = dict(zip(asked, self._predict(asked), strict=True))
        tried = [
            [replace(each, estimated=answers[networks[id(each.report), precision]][each.name]) for each in numbers]
            for precision in PRECISIONS
        ]
        return min(tried, key=lambda made: statistics.median(each.percent for each in made))

    def _predict(self, networks: Sequence[str]) -> list[Mapping[str, float]]:
        script = Path(__file__).with_name("rule4ml_predict.py")
        asked = f"[{', '.join(networks)}]"
        try:
            done = subprocess.run([self.python, str(script)], input=asked, capture_output=True, text=True, check=False)
        except OSError as error:
            message = f"--rule4ml: expected a Python with rule4ml, can't run {self.python}: {error.strerror}"
            raise ToolError(message) from error
        if done.returncode:
            raise ToolError(f"--rule4ml: {self.python} {script.name} failed:\n{done.stderr[-2000:]}")
        predictions: list[Mapping[str, float]] = json.loads(done.stdout)
        return predictions


def _network(report: Report, precision: str) -> dict[str, object]:
    """A report as rule4ml_predict.py reads it."""
    layers = report.layers if isinstance(report, ProjectReport) else (report,)
    dense = matrices(report)
    first = dense[0].row
    dense_parts = [isinstance(layer.part, Matrix) for layer in layers]
    kinds = ["dense" if is_dense else layer.row["kind"] for is_dense, layer in zip(dense_parts, layers, strict=True)]
    named = sorted(zip(kinds, layers, strict=True), key=lambda each: _place(each[1]))
    return {
        "inputs": int(first["n_in"]),
        "layers": [[kind, int(each.row["n_out"] or each.row["n_in"])] for kind, each in named if kind != "linear"],
        "precision": _precision(max((layer.row for layer in dense), key=lambda row: _bits(row[precision]))[precision]),
        "board": next(board for start, board in BOARDS.items() if report.target.part.startswith(start)),
        "strategy": dense[0].part.strategy,
        "reuse_factor": int(first["reuse_factor"]),
        "hls4ml": "0.8.1" if report.target.tool == "Vivado HLS" else "1.1.0",
        "vivado": min(VIVADO, key=lambda version: abs(float(version) - float(first["tool_version"][:6]))),
    }


def _place(layer: LayerReport) -> int:
    """The place of a layer in its network: hls4ml numbers their configurations."""
    return int(re.findall(r"\d+", layer.row["config"])[-1])


def _precision(type_: str) -> str:
    bits, integer = re.findall(r"<(\d+),(-?\d+)", type_)[0]
    return f"ap_fixed<{bits}, {max(0, int(integer))}>"


def _bits(type_: str) -> int:
    return int(re.findall(r"<(\d+),", type_)[0])
