"""With which headers a project can be compiled: its own, or faster ones of this package that stand for them.

`bundled`   all is the project's own
`light`     the fixed-point types are those of `light/`: AMD's on native integers, with the same results
`kernels`   with them, hls4ml's most used functions are those of `kernels/`, with the same results, too

They stand for headers that are byte for byte those of hls4ml that they were proved against, and for no others.
"""

from __future__ import annotations

from fpga_flow.csim import kernels
from fpga_flow.csim.design import Design
from fpga_flow.runs import digest, file_digest

#: Of the names and contents of all files in `firmware/ap_types`, as hls4ml 1.3 copies them into every project.
AP_TYPES = "4a0fdd7fc56fc1b4"


def able(design: Design) -> tuple[str, ...]:
    """The headers that a project can be compiled with, the fastest first."""
    if design.backend.types != "ap" or ap_types_digest(design) != AP_TYPES:
        return ("bundled",)
    if not kernels.fitting(design.folder / "firmware"):
        return ("light", "bundled")
    return ("kernels", "light", "bundled")


def ap_types_digest(design: Design) -> str:
    """A digest of a project's own fixed-point types."""
    folder = design.folder / "firmware" / "ap_types"
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return digest([[file.relative_to(folder).as_posix(), file_digest(file)] for file in files])
