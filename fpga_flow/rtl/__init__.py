"""The network as RTL: Verilog and VHDL from the lowered layers, without a vendor's tool.

Every layer becomes symbolic arithmetic of da4ml (Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural
Networks on FPGAs", arXiv 2507.04535, 2025), with the types that its HLS code has: products with constants are shared
shifts and additions, all of it is unrolled and pipelined, and a new sample can start in every clock cycle. It is
another architecture than the HLS code, and computes the same numbers, bit for bit.

Where to look, in the order in which the files use each other:

check.py        what can't become RTL, found before anything is made
arithmetic.py   conversions between types, sums and greatest values of symbolic numbers
matrix.py       the product of a vector and a constant matrix
layers.py       what each kind of layer computes
network.py      a network's layers, one after the other: `trace`
pipeline.py     where registers cut the logic, for a clock period
files.py        the texts of the Verilog and VHDL files
project.py      `RtlProject`: the folder of these files, with what the tools must know of it; `generate`
verilator.py    Verilog compiled by Verilator and a C++ compiler
simulate.py     samples in, outputs of the Verilog out
witnesses.py    the RTL against the C simulation and the network, sample by sample
"""
