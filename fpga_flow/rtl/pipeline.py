"""Where registers cut the logic: after so many additions in a row as fit into a clock period."""

from __future__ import annotations

import numpy as np
from da4ml.trace import to_pipeline
from da4ml.types import CombLogic, Pipeline
from numpy.typing import NDArray

#: Nanoseconds that an addition takes with the wires to it, by the parts' names; measured where place and route is open
#: (benchmarks/open_synthesis.py), guessed from the data sheets for AMD's.
ADDITION_NS = {
    ("xc7", "xa7", "xq7"): 1.6,
    ("xc", "xa", "xq"): 1.0,
    ("lfe5", "LFE5"): 3.0,
    ("ice40", "iCE40", "ICE40"): 6.0,
    ("GW",): 4.0,
}
#: For parts that are none of these.
_OTHER_NS = 2.0
#: Nanoseconds of a period that registers and the clock's own uncertainty take.
_REGISTER_NS = 0.5


def additions_per_stage(clock_ns: float, part: str) -> int:
    """Additions in a row between two registers for a clock period in ns; one at least."""
    each = next((ns for names, ns in ADDITION_NS.items() if part.startswith(names)), _OTHER_NS)
    return max(1, int((clock_ns - _REGISTER_NS) / each))


def cut(logic: CombLogic, additions: int) -> Pipeline:
    """The logic with registers after so many additions in a row, as evenly as can be."""
    return to_pipeline(logic, additions, verbose=False)


def predict(pipeline: Pipeline, samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """What da4ml's interpreter computes for samples (n, inputs), stage by stage: (n, outputs)."""
    for stage in pipeline.solutions:
        # it does not take an empty list of tables
        samples = stage._replace(lookup_tables=stage.lookup_tables or None).predict(samples)
    return samples


def latency_cycles(pipeline: Pipeline) -> int:
    """Clock cycles from an input to its output: registers stand before each stage, and behind the last."""
    return len(pipeline.solutions) + 1
