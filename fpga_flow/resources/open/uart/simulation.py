"""The design of a board simulated by Verilator: samples go in and results come out on its serial line, bit by bit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow import process
from fpga_flow.boards import Device
from fpga_flow.errors import ToolError
from fpga_flow.process import Deadline
from fpga_flow.resources.open import yosys
from fpga_flow.resources.open.uart import frames, harness
from fpga_flow.resources.open.uart.harness import Clock
from fpga_flow.rtl import verilator
from fpga_flow.rtl.project import RtlProject
from fpga_flow.rtl.simulate import TIMEOUT_MINUTES

_MAIN = Path(__file__).parent / "host.cpp"
#: Bits on the line between a question and the first of its answer, at most, beside the network's own cycles.
_REPLY_BITS = 20
_FAILURES = {3: "it did not answer in time", 4: "its answer is broken, or too long"}


def simulate(
    rtl: RtlProject,
    device: Device,
    samples: NDArray[np.floating],
    *,
    clock: Clock,
    baud: int = harness.BAUD,
    lost_bytes: int = 0,
    timeout_minutes: float = TIMEOUT_MINUTES,
) -> NDArray[np.float64]:
    """The results (n, outputs) that a board sends for samples (n, ...) of the input's type.

    Each takes some hundred cycles for every byte at the usual speeds: for many samples take a higher `baud`, which
    changes nothing else.

    Args:
        lost_bytes: so many of a sample that breaks off go before each one, followed by the silence that ends it.

    Raises:
        InputError: the clock makes no such speed.
        ToolError: Verilator or the compiler is missing, fails, or takes too long, or the board does not answer.
        ValueError: a value is none of the input's type.
    """
    deadline = Deadline.after(timeout_minutes)
    questions = [frames.frame(sample, rtl.input_type) for sample in samples]
    answer = frames.size(rtl.outputs, rtl.output_type)
    cycles_per_bit = 1e6 * device.oscillator_mhz / baud
    with tempfile.TemporaryDirectory(prefix="fpga_flow_uart_") as name:
        folder = Path(name)
        yosys.copy_sources(rtl, folder)
        harness.write(rtl, device, clock, baud, folder)
        sources = sorted(path.name for path in folder.glob("*.v"))
        executable = verilator.build(folder, sources, harness.TOP, _MAIN, deadline)
        (folder / "questions").write_bytes(b"".join(questions))
        halvings = 1 << clock.halvings
        most = (_REPLY_BITS + 10 * answer) * cycles_per_bit + halvings * rtl.latency_cycles
        silence = 1.1e6 * device.oscillator_mhz * harness.SILENCE_SECONDS
        numbers = len(questions), frames.size(rtl.inputs, rtl.input_type), answer, cycles_per_bit, most, lost_bytes
        command = [str(executable), "questions", "answers", *map(str, numbers), str(silence)]
        result = process.run(command, deadline, folder=folder)
        if result.code != 0:
            why = _FAILURES.get(result.code, f"exit code {result.code}: {result.said.strip()}")
            raise ToolError(f"the simulation of {rtl.folder} on a serial line failed: {why}")
        said = (folder / "answers").read_bytes()
    parts = [said[start : start + answer] for start in range(0, len(said), answer)]
    return np.array([frames.parse(part, rtl.outputs, rtl.output_type) for part in parts])
