"""Verilog and VHDL of a network."""
