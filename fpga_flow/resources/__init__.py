"""What a design needs of an FPGA: the value that every source of numbers returns, and the sources."""
