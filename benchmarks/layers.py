"""The matrix of layers and options: which become exact HLS code, which are refused; and what stock hls4ml makes of
them.

    python benchmarks/layers.py [--quick] [--json FILE] [--jobs N]

Each case of tests/hls/cases.py, in both io types, is checked, generated, compiled, run on random samples and compared
bit for bit with what the network computes. The same network then goes through hls4ml alone (`config_from_keras_model`
with granularity name, Vitis backend), is compiled with the same compiler and compared with the same numbers. `--quick`
takes every tenth case. Takes about 30 minutes on 2 cores. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from helpers.result import ROOT, Bar, print_bars, result, write

sys.path.insert(0, str(ROOT))
PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]
IO_TYPES = ("io_parallel", "io_stream")


def measure(job: tuple[str, str]) -> dict[str, Any]:
    """The verdicts of a case: ours, and stock hls4ml's."""
    from tests.hls.cases import CASES
    from tests.hls.matrix import verdict

    name, io_type = job
    found = {"case": name, "io_type": io_type}
    for who, judge in (("fpga_flow", verdict), ("hls4ml", stock)):
        with tempfile.TemporaryDirectory(prefix="fpga_flow_layers_") as folder:
            try:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    found[who] = judge(CASES[name], io_type, Path(folder))
            except Exception as error:  # whatever the tool under test raises is its verdict
                said = re.sub(r"/\S*/", "", " ".join(str(error).split()))  # no paths of this machine
                found[who] = f"failed: {type(error).__name__}: {said[:200]}"
    return found


def stock(case: Any, io_type: str, folder: Path) -> str:
    """What hls4ml alone makes of a case: `exact`, `different: ...`; raises where it or the compiler fails."""
    import numpy as np

    from fpga_flow import csim
    from fpga_flow.csim import run
    from fpga_flow.fixed_point import FixedPoint
    from tests import stock_hls4ml
    from tests.hls import cases

    model = cases.model(case)
    inputs = FixedPoint(6, 3).quantize(cases.samples(case))
    expected = np.asarray(model.predict(inputs, verbose=0), np.float64)
    stock_hls4ml.write(model, folder / "project", io_type)
    got = run.run(csim.build(csim.Design.read(folder / "project"), stock_headers=True), inputs, jobs=1)
    if got.size != expected.size:
        return f"different: {got.shape[1]} values instead of {expected[0].size}"
    off = float(np.max(np.abs(got - expected.reshape(len(expected), -1))))
    return "exact" if off == 0 else f"different: by up to {off:.3g}"


def kinds(rows: Sequence[dict[str, Any]], who: str) -> Counter[str]:
    """How many of the rows are exact, refused, different, failed."""
    return Counter(row[who].partition(":")[0] for row in rows)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every tenth case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time")
    options = parser.parse_args()
    from tests.hls.cases import CASES

    names = list(CASES)[:: 10 if options.quick else 1]
    jobs = [(name, io_type) for name in names for io_type in IO_TYPES]
    rows = []
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for row in pool.map(measure, jobs):
            rows.append(row)
            print(
                f"{row['case']:<55} {row['io_type']:<12} {row['fpga_flow'][:60]:<60}  {row['hls4ml'][:60]}", flush=True
            )
    summary = {}
    for io_type in IO_TYPES:
        of_type = [row for row in rows if row["io_type"] == io_type]
        summary[io_type] = {who: dict(kinds(of_type, who)) for who in ("fpga_flow", "hls4ml")}
        print(io_type, json.dumps(summary[io_type]))
    ours, theirs = kinds(rows, "fpga_flow"), kinds(rows, "hls4ml")
    share = 100 * ours["exact"] / len(rows)
    print(f"exact: {share:.1f} %, stock hls4ml {100 * theirs['exact'] / len(rows):.1f} %")
    bars = [
        Bar.at_most("cases that are different or fail", ours["different"] + ours["failed"], 0),
        Bar.at_least("cases that are exact, %", round(share, 1), 85),
        Bar.at_least("cases", len(rows), 20 if options.quick else 200),
    ]
    all_met = print_bars(bars)
    if options.json:
        write(options.json, result("layers", {"summary": summary, "cases": rows}, PACKAGES, bars))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
