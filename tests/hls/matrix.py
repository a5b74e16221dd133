"""What becomes of a case of the matrix: refused before anything is generated, or generated, run and compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import boards, csim
from fpga_flow.hls import preflight, settings
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import generate
from fpga_flow.hls.reference import predict, predict_layers
from fpga_flow.spec.model import Hls
from tests.hls import cases

IO_TYPES = ("io_parallel", "io_stream")
EXACT = "exact"


def refusal(case: cases.Case, io_type: str) -> str:
    """Why preflight refuses a case; empty if it doesn't."""
    return refusal_of(cases.model(case), io_type)


def refusal_of(model: Any, io_type: str) -> str:
    """Why preflight refuses a network; empty if it doesn't."""
    return "; ".join(error.message for error in preflight.check(model, Hls(io_type=io_type)))


def simulate(case: cases.Case, io_type: str, folder: Path, **settings_of: Any) -> csim.CsimResult:
    """The C simulation of a case that is not refused, with more settings of a spec's `hls`, compared with the
    network.
    """
    model, hls = cases.model(case), Hls(io_type=io_type, **settings_of)
    layers = settings.apply(lower(model, io_type=io_type), hls)
    inputs = layers[0].input_type.quantize(cases.samples(case))
    own = np.asarray(model.predict(inputs, verbose=0), np.float64)
    np.testing.assert_array_equal(predict(model, layers, inputs), own)  # here QKeras itself is the reference
    np.testing.assert_array_equal(Emulator(layers).predict(inputs), own)
    expected = own.reshape(len(own), -1)
    made = settings.settings("net", hls, boards.load("pynq-z2"))
    project = generate(layers, made, inputs, expected, folder / "project")
    return csim.simulate(project, inputs, expected, layer_outputs=partial(predict_layers, layers))


def verdict(case: cases.Case, io_type: str, folder: Path) -> str:
    """`exact`, `refused: ...`, or what went wrong."""
    if why := refusal(case, io_type):
        return f"refused: {why}"
    result = simulate(case, io_type, folder)
    return EXACT if result.exact else f"different: {result.first}"
