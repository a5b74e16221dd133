"""Simulation of the RTL: samples in, outputs of the Verilog out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow import doing, process
from fpga_flow.errors import ToolError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.process import Deadline
from fpga_flow.rtl import verilator
from fpga_flow.rtl.project import RtlProject

#: Minutes after which building and running a simulation is given up.
TIMEOUT_MINUTES = 60.0
_MAIN = Path(__file__).parent / "bench" / "stream.cpp"
_NOT_VALID = 3


def simulate(
    project: RtlProject, samples: NDArray[np.floating], *, timeout_minutes: float = TIMEOUT_MINUTES
) -> NDArray[np.float64]:
    """The outputs (n, outputs) of the Verilog for samples (n, ...) of the input's type.

    Raises:
        ToolError: Verilator or the compiler is missing, fails, or takes too long, or the simulation does.
        ValueError: the samples have another number of values.
    """
    values = np.asarray(samples, np.float64).reshape(len(samples), -1)
    if values.shape[1] != project.inputs:
        raise ValueError(f"expected samples of {project.inputs} values, got {values.shape[1]}")
    deadline = Deadline.after(timeout_minutes)
    executable = verilator.build(project.folder, project.verilog, project.top, _MAIN, deadline)
    bits_in, words_out = project.inputs * project.input_type.width, _words(project.outputs, project.output_type.width)
    with tempfile.TemporaryDirectory(prefix="fpga_flow_rtl_") as name:
        inputs, outputs = Path(name) / "inputs", Path(name) / "outputs"
        inputs.write_bytes(pack(values, project.input_type).tobytes())
        numbers = len(values), bits_in, words_out, project.latency_cycles
        command = [str(executable), str(inputs), str(outputs), *map(str, numbers)]
        doing.now(f"simulating {len(values):,} samples")
        # tables are read from the working folder
        result = process.run(command, deadline, folder=project.folder / "verilog")
        if result.code == _NOT_VALID:
            raise ToolError(f"{project.folder}: out_valid does not follow after {project.latency_cycles} cycles")
        if result.code != 0:
            raise ToolError(f"the simulation of {project.folder} gave exit code {result.code}: {result.said}")
        words = np.fromfile(outputs, np.uint32).reshape(len(values), words_out)
    return unpack(words, project.outputs, project.output_type)


def pack(values: NDArray[np.float64], type_: FixedPoint) -> NDArray[np.uint32]:
    """Values (n, count) of a type as the bits of a port, in words: (n, words), the first bit the lowest."""
    count = values.shape[1]
    raw = np.rint(values / type_.step).astype(np.int64)
    bits = (raw[:, :, None] >> np.arange(type_.width)) & 1
    padded = np.zeros((len(values), 32 * _words(count, type_.width)), np.uint8)
    padded[:, : count * type_.width] = bits.reshape(len(values), -1)
    return np.asarray(np.packbits(padded, axis=1, bitorder="little").view("<u4"))


def unpack(words: NDArray[np.uint32], count: int, type_: FixedPoint) -> NDArray[np.float64]:
    """What `pack` packed: (n, count)."""
    bits = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=1, bitorder="little")
    bits = bits[:, : count * type_.width].reshape(len(words), count, type_.width).astype(np.int64)
    raw = (bits << np.arange(type_.width)).sum(axis=-1)
    raw -= (raw > type_.max / type_.step).astype(np.int64) << type_.width
    return np.asarray(raw * type_.step, np.float64)


def _words(count: int, width: int) -> int:
    return -(-count * width // 32)
