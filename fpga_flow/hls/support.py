"""Which layers and options become exact HLS code, and which are refused: the matrix that the project's tests hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fpga_flow.hls.layers.plugin import IO_TYPES, LAYERS

#: Written and held by tests/hls/test_matrix.py.
MATRIX = Path(__file__).with_name("layer_matrix.json")


def matrix() -> list[dict[str, str]]:
    """One entry per case: `case`, for `io_parallel` and `io_stream` `exact` or `refused: ` with the reason, and `from`,
    the package that the layer is from.
    """
    return [{**entry, "from": "fpga_flow"} for entry in json.loads(MATRIX.read_text(encoding="utf-8"))]


def of_plugins() -> list[dict[str, str]]:
    """The layers of plugins in the same form: `declared` exact by it for some library of types, or `refused`."""
    return [
        {"case": name, **{io_type: _declared(module, io_type) for io_type in IO_TYPES}, "from": LAYERS.origin(name)}
        for name, module in LAYERS.of_plugins().items()
    ]


def _declared(module: Any, io_type: str) -> str:
    types = [name for name, io_types in module.EXACT.items() if io_type in io_types]
    return f"declared ({', '.join(types)})" if types else "refused: the plugin has no code for it"
