"""Numbers measured with open tools, and bitstreams for the boards that have open tools.

tools.py        where the tools are
families.py     what Yosys does for each family of FPGAs, and how its cells are counted
yosys.py        `synthesise`: RTL becomes a netlist, whose cells are counted
constraints.py  the pins of a board, as each nextpnr reads them
place_route.py  nextpnr: utilisation, and the clock that is really reached
uart/           the network on a serial line: the Verilog around it, bytes to and from a host, its simulation
bitstream.py    `bitstream`: all of these in order
results.py      what they leave beside a project
measure.py      `measure`: RTL, its simulation, synthesis and bitstream
"""
