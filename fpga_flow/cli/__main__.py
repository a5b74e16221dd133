"""`python -m fpga_flow.cli`, the same as `fpga-flow`."""

from fpga_flow.cli import main

main()
