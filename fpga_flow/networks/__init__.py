"""Network families: one file each, and this dict of them. A family has `Options` and `build`."""

from fpga_flow.networks import cnn, custom, imported, mlp

FAMILIES = {"mlp": mlp, "cnn": cnn, "custom": custom, "imported": imported}
