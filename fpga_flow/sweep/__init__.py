"""Sweeps: any field of a spec against accuracy and FPGA resources, on one machine or many."""
