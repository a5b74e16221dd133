"""A .fpz file's summary as tables."""

from __future__ import annotations

from fpga_flow.printing import say
from fpga_flow.storage.summary import Summary
from fpga_flow.tables import print_table


def print_summary(summary: Summary) -> None:
    """Print a row for each weight, numbered as the C decoder numbers them, then the parts of the file."""
    print_table(
        ["number", "layer", "weight", "shape", "nonzero", "bytes", "bits each", "coding"],
        [
            [
                str(number),
                layer,
                weight,
                "x".join(map(str, row.shape)),
                f"{row.nonzero:,} of {row.count:,}",
                f"{row.total:,}",
                f"{8 * row.total / row.count:.2f}" if row.count else "",
                row.coding,
            ]
            for number, (layer, weight, row) in enumerate(summary.rows)
        ],
    )
    parts = [[part, f"{size:,}", f"{size / summary.bytes_encoded:.1%}"] for part, size in summary.parts.items()]
    print_table(["part", "bytes", "share"], [*parts, ["all", f"{summary.bytes_encoded:,}", ""]])
    say(
        f"{summary.bits_per_weight:.3f} bits a weight, {summary.ratio:.1f} times smaller than float32, "
        f"{summary.ratio_to_entropy:.3f} times the entropy of its streams"
    )
