"""The vendor's tools: where they are, and how they are started. No shell comes between."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_flow.errors import ToolError

#: The variables that name the tools where they are not on the PATH.
HLS_VARIABLE, VIVADO_HLS_VARIABLE, VIVADO_VARIABLE = "FPGA_FLOW_VITIS_HLS", "FPGA_FLOW_VIVADO_HLS", "FPGA_FLOW_VIVADO"
#: The HLS tool's names: from Vitis 2023.2 on, and before.
_HLS_NAMES = ("vitis-run", "vitis_hls")


_VITIS = "install AMD Vitis (it has Vivado with it) and source its settings64.sh"
_OLD_VIVADO = "install Xilinx Vivado of 2020.1 at the latest and source its settings64.sh"


@dataclass(frozen=True)
class Tool:
    """An executable."""

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
    return find("Vitis HLS", HLS_VARIABLE, _HLS_NAMES, _VITIS)


def vivado_hls() -> Tool:
    """The older HLS tool, the last of which was that of 2020.1: that of $FPGA_FLOW_VIVADO_HLS, else vivado_hls.

    Raises:
        ToolError: there is none.
    """
    return find("Vivado HLS", VIVADO_HLS_VARIABLE, ("vivado_hls",), _OLD_VIVADO)


def vivado() -> Tool:
    """Vivado: that of $FPGA_FLOW_VIVADO, else vivado.

    Raises:
        ToolError: there is none.
    """
    return find("Vivado", VIVADO_VARIABLE, ("vivado",), _VITIS)


def hls_command(tool: Tool, script: Path, *arguments: str) -> list[str]:
    """The command that runs a Tcl script in the HLS tool; only Vivado HLS hands `arguments` to it."""
    if tool.name.startswith("vitis-run"):
        return [tool.path, "--mode", "hls", "--tcl", str(script)]
    return [tool.path, "-f", str(script), *arguments]


def vivado_command(tool: Tool, script: str) -> list[str]:
    """The command that runs a Tcl script in Vivado, which prints everything that its own log would hold."""
    return [tool.path, "-mode", "batch", "-nojournal", "-nolog", "-source", script]


def find(what: str, variable: str, names: Sequence[str], how: str, folder: str = "") -> Tool:
    """A tool: the executable that the environment variable names, else the first of `names` that is there.

    Args:
        how: to get it, for the message.
        folder: where to look before the PATH.

    Raises:
        ToolError: there is none.
    """
    given = os.environ.get(variable)
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PATH", os.defpath)]))
    for name in [given] if given else names:
        if found := shutil.which(name, path=path):
            return Tool(str(Path(found).absolute()))
    if given:
        raise ToolError(f'expected {what} as {variable} says, but found no executable "{given}"')
    looked_for = " and no ".join(f'"{name}"' for name in names)
    raise ToolError(
        f"expected {what}, but found no {looked_for} on the PATH: {how}, or set {variable} to the executable"
    )
