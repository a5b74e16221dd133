"""The estimate of distributed arithmetic against da4ml's own solutions: additions of random matrices.

    python benchmarks/distributed_arithmetic.py [--quick] [--fit] [--json FILE]

Matrices of several sizes, bit widths and sparsities with normally distributed weights are solved by da4ml as hls4ml
does it; its additions are counted and compared with the estimate's. The constants are fitted to half of the matrices
(`--fit` prints them), the error is that of the others. Takes five minutes; `--quick` takes the small sizes.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path

import numpy as np
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
from helpers.result import Bar, print_bars, result, write
from numpy.typing import NDArray

from fpga_flow.resources.estimate.hardware import shared_additions
from fpga_flow.resources.estimate.layers import csd_digits

SIZES = ((9, 4), (16, 64), (27, 16), (32, 5), (32, 32), (64, 32), (64, 48), (72, 8), (144, 16), (200, 60))
SMALL = 2048
BITS, SPARSITIES = (2, 4, 6, 8), (0.0, 0.5, 0.75, 0.9)
#: Of matrices with fewer additions than this an error of one is a large one.
FEWEST = 20
#: Codes of da4ml's operations: a + b, a - b.
ADDITIONS = (0, 1)


def matrix(n_in: int, n_out: int, bits: int, sparsity: float, seed: int) -> NDArray[np.int64]:
    """Normally distributed weights of `bits` bits, a share of them zero."""
    rng = np.random.default_rng(seed)
    limit = 2 ** (bits - 1)
    values = np.clip(np.round(rng.normal(0, limit / 2.5, (n_in, n_out))), -limit, limit - 1)
    return np.asarray(values * (rng.random((n_in, n_out)) >= sparsity), np.int64)


def additions(weights: NDArray[np.int64]) -> int:
    """Additions of da4ml's solution, with the options of hls4ml's `DistributedArithmeticCodegen`, for 6-bit inputs."""
    n_in = len(weights)
    signs, integers, fractions = np.zeros(n_in, int), np.full(n_in, 2), np.full(n_in, 4)
    options = {"hard_dc": 2, "search_all_decompose_dc": True}
    inputs = FixedVariableArray.from_kif(signs, integers, fractions, HWConfig(1, -1, -1), solver_options=options)
    solution = comb_trace(inputs, inputs @ weights.astype(np.float64))
    return sum(operation.opcode in ADDITIONS for operation in solution.ops)


def fit(rows: list[tuple[NDArray[np.int64], int]]) -> NDArray[np.float64]:
    """Constant and powers of `hardware.SHARED`, by least squares of the logarithms."""
    digits = [csd_digits(weights) for weights, _ in rows]
    terms = [[1.0, np.log(each.mean()), np.log(each.shape[1])] for each in digits]
    shares = [
        np.log(found / (each.sum() - each.any(axis=0).sum()))
        for each, (_, found) in zip(digits, rows, strict=True)
    ]  # fmt: skip
    constant, *powers = np.linalg.lstsq(np.array(terms), np.array(shares), rcond=None)[0]
    return np.array([np.exp(constant), *powers])


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the small sizes")
    parser.add_argument("--fit", action="store_true", help="print the constants, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    sizes = [size for size in SIZES if not options.quick or size[0] * size[1] <= SMALL]
    rows = []
    for seed, ((n_in, n_out), bits, sparsity) in enumerate(product(sizes, BITS, SPARSITIES)):
        weights = matrix(n_in, n_out, bits, sparsity, seed)
        if (found := additions(weights)) >= FEWEST:
            rows.append((weights, found))
    if options.fit:
        print("SHARED =", tuple(fit(rows[::2]).round(3).tolist()))
    errors = [abs(shared_additions(csd_digits(weights)) / found - 1) for weights, found in rows[1::2]]
    median, most = (100 * float(np.percentile(errors, share)) for share in (50, 90))
    print(f"{len(errors)} matrices: additions off by {median:.1f} % (median), {most:.1f} % (90 % of them below)")
    bars = [
        Bar.at_most("additions, median error, %", round(median, 1), 10),
        Bar.at_most("additions, error of the 90th percentile, %", round(most, 1), 20),
    ]
    all_met = print_bars(bars)
    if options.json:
        figures = {"matrices": len(errors), "median_percent": round(median, 1), "percentile_90_percent": round(most, 1)}
        write(options.json, result("distributed_arithmetic", figures, ["da4ml", "numpy"], bars))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
