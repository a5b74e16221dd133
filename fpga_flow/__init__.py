"""fpga_flow: from a YAML spec to a compressed, low-bit network and its C-simulated HLS project.

    import fpga_flow

    outcome = fpga_flow.run(fpga_flow.load("digits_mlp", ["hls.board=kv260"]))
    outcome.record["metrics"]  # the contents of run.json
    outcome.raise_failures()   # if the C++ differs from the network, or does not fit the board

    sweep = fpga_flow.run_sweep(fpga_flow.load("digits_mlp"), fpga_flow.SweepOptions(jobs=2))
    sweep.result.front         # the numbers of the best of sweep.result.trials

Importing the package is quick; TensorFlow is loaded by what needs it.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

from fpga_flow.errors import CheckFailed, FlowError, InputError, ToolError

if TYPE_CHECKING:
    from fpga_flow.csim import CsimResult, simulate
    from fpga_flow.fixed_point import FixedPoint
    from fpga_flow.flow import Outcome, run
    from fpga_flow.hls.project import HlsProject
    from fpga_flow.spec.check import check
    from fpga_flow.spec.load import load
    from fpga_flow.stages import Ui
    from fpga_flow.sweep.engine import SweepOutcome, run_sweep
    from fpga_flow.sweep.plan import SweepOptions
    from fpga_flow.sweep.watching import SweepUi

__all__ = [
    "CheckFailed", "CsimResult", "FixedPoint", "FlowError", "HlsProject", "InputError", "Outcome", "SweepOptions",
    "SweepOutcome", "SweepUi", "ToolError", "Ui", "check", "load", "run", "run_sweep", "simulate",
]  # fmt: skip

__version__ = metadata.version("fpga_flow")

_HOMES = {
    "CsimResult": "csim",
    "FixedPoint": "fixed_point",
    "HlsProject": "hls.project",
    "Outcome": "flow",
    "SweepOptions": "sweep.plan",
    "SweepOutcome": "sweep.engine",
    "SweepUi": "sweep.watching",
    "Ui": "stages",
    "check": "spec.check",
    "load": "spec.load",
    "run": "flow",
    "run_sweep": "sweep.engine",
    "simulate": "csim",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
