"""The .fpz file against what one would use instead: speed of encoding and decoding, size.

    python benchmarks/storage.py [--quick] [--json FILE]

Layers of 10 million weights (`--quick`: 2 million) as compression passes leave them are encoded and decoded on one
core, in turn with `numpy.savez_compressed` of the float32 weights, and with zlib and lzma of the weights in whole
numbers of their type, a byte each. Medians of five rounds (lzma, which is slow, has one round). The ratio to entropy is
to that of independent weights. Also: the sizes with asymmetric numeral systems, where their package is installed. Takes
five minutes. Seconds are those of the processor, which all of them use alone. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from helpers.result import Bar, print_bars, result, write
from numpy.typing import NDArray

from fpga_flow.errors import ToolError
from fpga_flow.storage import ans, decoder, encoder
from fpga_flow.storage.bits import Reader

ROUNDS = 5
MEGABYTE = 1e6

Weights = NDArray[np.float32]


def layers(count: int) -> dict[str, tuple[Weights, float]]:
    """Layers of about `count` weights by what they are, and the step of their grid (0: none)."""
    rng = np.random.default_rng(1)
    shape = (count // 2000, 2000)
    grid = np.clip(np.round(rng.normal(0, 4, shape)), -16, 15).astype(np.float32) / 16
    mask = rng.random(shape) < 0.1
    centroids = np.sort(rng.normal(0, 1, 32)).astype(np.float32)
    numbers = np.minimum(rng.geometric(0.12, shape) - 1, 31)
    rows = rng.random(shape) < np.clip(rng.exponential(0.1, (shape[0], 1)), 0, 0.9)
    return {
        "5 bits, dense": (grid, 1 / 16),
        "5 bits, 90 % zero": (grid * mask, 1 / 16),
        "5 bits, 90 % zero, rows unlike": (grid * rows, 1 / 16),
        "32 float centroids, dense": (centroids[numbers], 0),
        "32 float centroids, 90 % zero": (centroids[numbers] * mask, 0),
        "8 bits, dense": (np.round(rng.normal(0, 25, shape)).clip(-128, 127).astype(np.float32) / 128, 1 / 128),
        "ternary, half zero": (np.sign(grid) * (np.abs(grid) > 0.17), 1),
    }


def entropy_bytes(weights: Weights) -> float:
    """What an ideal coder of independent weights needs."""
    counts = np.unique(weights, return_counts=True)[1]
    shares = counts / weights.size
    return float(-(shares * np.log2(shares)).sum() * weights.size / 8)


def savez(weights: Weights) -> bytes:
    """The weights by numpy, compressed."""
    file = io.BytesIO()
    np.savez_compressed(file, weights=weights)
    return file.getvalue()


def coders(step: float, shape: tuple[int, ...]) -> dict[str, tuple[Callable[[Weights], bytes], Callable[[bytes], Any]]]:
    """What encodes and decodes a layer, by its name."""
    made: dict[str, Any] = {
        "fpz": (encoder.encode, lambda data: decoder.decode(Reader(data)).values),
        "savez_compressed": (savez, lambda data: np.load(io.BytesIO(data))["weights"]),
    }
    if step:
        scale = np.float32(step)

        def to_bytes(weights: Weights) -> bytes:
            return (weights / scale).astype(np.int8).tobytes()

        def from_bytes(data: bytes) -> Weights:
            return (np.frombuffer(data, np.int8) * scale).reshape(shape)

        made["int8 + zlib"] = (lambda w: zlib.compress(to_bytes(w), 6), lambda d: from_bytes(zlib.decompress(d)))
        made["int8 + lzma"] = (lambda w: lzma.compress(to_bytes(w)), lambda d: from_bytes(lzma.decompress(d)))
    return made


def measure(name: str, weights: Weights, step: float) -> dict[str, Any]:
    """Size and speed of each coder on a layer, in megabytes of float32 a second."""
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    sizes: dict[str, int] = {}
    for number in range(ROUNDS):
        for coder, (encode, decode) in coders(step, weights.shape).items():
            if number and coder.endswith("lzma"):
                continue
            started = time.process_time()
            data = encode(weights)
            between = time.process_time()
            found = decode(data)
            ended = time.process_time()
            if not np.array_equal(found, weights):
                sys.exit(f"{name}: {coder} gave other weights")
            taken = seconds.setdefault(coder, ([], []))
            taken[0].append(between - started)
            taken[1].append(ended - between)
            sizes[coder] = len(data)
    speeds = {
        coder: {
            "bytes": sizes[coder],
            "encode_mb_per_s": round(weights.nbytes / MEGABYTE / statistics.median(taken[0]), 1),
            "decode_mb_per_s": round(weights.nbytes / MEGABYTE / statistics.median(taken[1]), 1),
        }
        for coder, taken in seconds.items()
    }
    row = decoder.decode(Reader(encoder.encode(weights)), with_row=True).row
    return {
        "layer": name,
        "weights": weights.size,
        "coding": row.coding,
        "bits_per_weight": round(8 * sizes["fpz"] / weights.size, 3),
        "ratio_to_float32": round(weights.nbytes / sizes["fpz"], 2),
        "ratio_to_entropy": round(sizes["fpz"] / entropy_bytes(weights), 4),
        "ans_bytes": ans_bytes(weights),
        "coders": speeds,
    }


def ans_bytes(weights: Weights) -> int | None:
    """The size with asymmetric numeral systems; None without their package."""
    try:
        ans.require()
    except ToolError:
        return None
    return len(encoder.encode(weights, coding="ans"))


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """What the rows are held against."""
    made = []
    for row in rows:
        ours = row["coders"]["fpz"]
        for what in ("encode", "decode"):
            made.append(Bar.at_least(f"{row['layer']}: {what}, MB/s of float32", ours[f"{what}_mb_per_s"], 50))
        others = [each["bytes"] for coder, each in row["coders"].items() if coder != "fpz"]
        made.append(Bar.at_least(f"{row['layer']}: times smaller than the best other", min(others) / ours["bytes"], 1))
        made.append(Bar.at_most(f"{row['layer']}: bytes to entropy of independent weights", row["ratio_to_entropy"],
                                1.05))  # fmt: skip
    return made


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 million weights a layer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    rows = []
    for name, (weights, step) in layers(2_000_000 if options.quick else 10_000_000).items():
        row = measure(name, weights, step)
        rows.append(row)
        print(f"{name}: {row['coding']}; {row['bits_per_weight']} bits a weight, {row['ratio_to_entropy']} x entropy")
        for coder, each in row["coders"].items():
            ratio = each["bytes"] / row["coders"]["fpz"]["bytes"]
            print(
                f"    {coder:<17} {each['bytes']:>11,} bytes ({ratio:.2f} x)  encode {each['encode_mb_per_s']:>6} MB/s"
                f"  decode {each['decode_mb_per_s']:>6} MB/s",
                flush=True,
            )
        if row["ans_bytes"] is not None:
            print(f"    with ANS          {row['ans_bytes']:>11,} bytes")
    made = bars(rows)
    all_met = print_bars(made)
    if options.json:
        write(options.json, result("storage", rows, ["numpy"], made))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
