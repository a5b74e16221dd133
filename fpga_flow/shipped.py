"""The boards and example specs that come with the package, in a checkout as in an installed wheel."""

from __future__ import annotations

from pathlib import Path

#: What the JSON schemas are called, which lie beside the example specs and the boards.
SPEC_SCHEMA, BOARD_SCHEMA = "fpga_flow.schema.json", "fpga_flow_board.schema.json"

_PACKAGE = Path(__file__).parent


def folder(kind: str) -> Path:
    """The folder `boards` or `hls_configs`: inside an installed package, else beside it in the checkout."""
    installed = _PACKAGE / "shipped_files" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
