"""The vendor's tools: where they are, and how they are started. No shell comes between."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.errors import ToolError

#: The variables that name the tools where they are not on the PATH.
HLS_VARIABLE, VIVADO_HLS_VARIABLE, VIVADO_VARIABLE = "FPGA_FLOW_VITIS_HLS", "FPGA_FLOW_VIVADO_HLS", "FPGA_FLOW_VIVADO"
#: The HLS tool's names: from Vitis 2023.2 on, and before.
_HLS_NAMES = ("vitis-run", "vitis_hls")


#: What comes with the tools.
_SUITES = {
    HLS_VARIABLE: "AMD Vitis (it has Vivado with it)",
    VIVADO_HLS_VARIABLE: "Xilinx Vivado of 2020.1 at the latest",
    VIVADO_VARIABLE: "AMD Vitis (it has Vivado with it)",
}


@dataclass(frozen=True)
class Tool:
    """An executable of the vendor's."""

    path: str

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.path).name


def vitis_hls() -> Tool:
    """The HLS tool: that of $FPGA_FLOW_VITIS_HLS, else vitis-run, else vitis_hls.

    Raises:
        ToolError: there is none.
    """
    return _find("Vitis HLS", HLS_VARIABLE, _HLS_NAMES)


def vivado_hls() -> Tool:
    """The older HLS tool, the last of which was that of 2020.1: that of $FPGA_FLOW_VIVADO_HLS, else vivado_hls.

    Raises:
        ToolError: there is none.
    """
    return _find("Vivado HLS", VIVADO_HLS_VARIABLE, ("vivado_hls",))


def vivado() -> Tool:
    """Vivado: that of $FPGA_FLOW_VIVADO, else vivado.

    Raises:
        ToolError: there is none.
    """
    return _find("Vivado", VIVADO_VARIABLE, ("vivado",))


def hls_command(tool: Tool, script: Path, *arguments: str) -> list[str]:
    """The command that runs a Tcl script in the HLS tool; only Vivado HLS hands `arguments` to it."""
    if tool.name.startswith("vitis-run"):
        return [tool.path, "--mode", "hls", "--tcl", str(script)]
    return [tool.path, "-f", str(script), *arguments]


def vivado_command(tool: Tool, script: str) -> list[str]:
    """The command that runs a Tcl script in Vivado, which prints everything that its own log would hold."""
    return [tool.path, "-mode", "batch", "-nojournal", "-nolog", "-source", script]


def _find(what: str, variable: str, names: tuple[str, ...]) -> Tool:
    given = os.environ.get(variable)
    for name in [given] if given else names:
        if path := shutil.which(name):
            return Tool(str(Path(path).absolute()))
    if given:
        raise ToolError(f'expected {what} as {variable} says, but found no executable "{given}"')
    looked_for = " and no ".join(f'"{name}"' for name in names)
    raise ToolError(
        f"expected {what}, but found no {looked_for} on the PATH: install {_SUITES[variable]} and source "
        f"its settings64.sh, or set {variable} to the executable"
    )
