"""A network on a serial line.

harness.py      the Verilog of a board's design: the network, and what receives samples and sends results
frames.py       samples as the bytes that go to the board, and results of those that come back
simulation.py   the whole design simulated, with the serial line bit by bit
"""
