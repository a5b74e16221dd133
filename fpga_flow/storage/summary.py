"""What is to be told of a .fpz file: the bytes of its parts and of each weight, against float32 and entropy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fpga_flow.storage.decoder import Row
from fpga_flow.storage.file import Contents


@dataclass(frozen=True)
class Summary:
    """The parts of a file.

    bytes_encoded   of the whole file
    parts           bytes of each: header (shapes, codings, lengths of parts), architecture, indices, values, tables (of
                    codes, alphabets), checksums
    weights         how many values all weights have; `nonzero` of them are not zero
    bytes_entropy   what an ideal coder of the same streams would need that knows how often each symbol occurs
    rows            the layer's and the weight's name, and what the weight became
    """

    bytes_encoded: int
    parts: dict[str, int]
    weights: int
    nonzero: int
    bytes_entropy: float
    rows: tuple[tuple[str, str, Row], ...]

    @property
    def bits_per_weight(self) -> float:
        """Bits of the file for each weight, zeros too."""
        return 8 * self.bytes_encoded / self.weights if self.weights else 0.0

    @property
    def ratio(self) -> float:
        """Bytes of all weights as float32 for each byte of the file."""
        return 4 * self.weights / self.bytes_encoded

    @property
    def ratio_to_entropy(self) -> float:
        """Bytes of the coded streams and their tables for each byte of entropy."""
        coded = self.parts["indices"] + self.parts["values"] + self.parts["tables"]
        return coded / self.bytes_entropy if self.bytes_entropy else 1.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "bytes_encoded": self.bytes_encoded,
            "parts": self.parts,
            "weights": self.weights,
            "nonzero": self.nonzero,
            "bits_per_weight": round(self.bits_per_weight, 4),
            "ratio": round(self.ratio, 3),
            "bytes_entropy": round(self.bytes_entropy, 1),
            "ratio_to_entropy": round(self.ratio_to_entropy, 4),
            "layers": [
                {"name": layer, "weight": weight, **asdict(row), "bytes": row.total,
                 "shape": list(row.shape), "entropy_bits": round(row.entropy_bits, 1)}
                for layer, weight, row in self.rows
            ],
        }  # fmt: skip


def summarise(contents: Contents, names: Iterator[tuple[str, list[str]]]) -> Summary:
    """A file that was split with rows; `names` are each layer's and those of its weights."""
    rows = []
    for weights, (layer, weight_names) in zip(contents.layers, names, strict=True):
        rows += [(layer, name, each.row) for each, name in zip(weights, weight_names, strict=True) if each.row]
    known = [row for _, _, row in rows]
    parts = {
        "architecture": contents.architecture_bytes,
        "indices": sum(row.bytes_indices for row in known),
        "values": sum(row.bytes_values for row in known),
        "tables": sum(row.bytes_tables for row in known),
        "checksums": contents.checksum_bytes,
    }
    return Summary(
        contents.size,
        {"header": contents.size - sum(parts.values()), **parts},
        sum(row.count for row in known),
        sum(row.nonzero for row in known),
        sum(row.entropy_bits for row in known) / 8,
        tuple(rows),
    )
