"""fpga_flow: from a YAML spec to a compressed, low-bit network and its C-simulated HLS project."""

from importlib import metadata

__version__ = metadata.version("fpga_flow")
